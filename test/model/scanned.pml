/* SPDX-License-Identifier: MIT */
/*
 * Files on a tmpfs that workers of the kernel read for the handler, as long as it is not known that no scanner of files
 * is asked: faults, a caller's question, what becomes of them when a worker does not return, the handler that gives up
 * or outlives its guard. One region of two pages, one read in the ring. Each step stands for the function that is named
 * beside it (package.model compares).
 *
 * A scanner holds up reads from some moment on, and lets them go later, or never. There is no clock: any read may be
 * found to take too long. What the handler finds out by a read of its own is true for one fault (relief.pml has what
 * happens if the scanner holds up that).
 *
 * Checked: no invalid end (whoever waits goes on, whatever the scanner does; only the handler may linger); a ticket is
 * given back once, and its region not touched after; the buffer is not read into by two reads, nor freed while it is; no
 * page is filled with what was read for another.
 * Who takes part: READERS (1 or 2, of a page each); a caller that unmaps at any time, and destroys the guard when the
 *   readers have gone on; -DASKS (it asks before, and does not wait for the answer), -DGIVE_UP
 * Cures taken out: -DX_..., where each stands.
 */
#define N_EPOCHS  2
#define FILLS	  0
#define INQUIRIES 1 /* under_way of lib/file/inquiry.h */
#include "epoch.pml"

#define CALLER 0

/* ---- The kernel ---- */

bool is_mapped = true, is_registered = true, is_filled[2], is_waiting[2], is_queued[2];
bool is_held = false;		   /* reads are */
bool in_flight, is_answered;	   /* the read in the ring, as the handler knows it */
bool is_read_into;		   /* the buffer, by the kernel */
byte read_page;			   /* that the buffer is read into for */
bool is_rung = false;

inline wake_all() {
	d_step { is_waiting[0] = 0; is_waiting[1] = 0; is_queued[0] = 0; is_queued[1] = 0 }
}

active proctype scanner() {
	is_held = true;
	if :: is_held = false :: skip fi
}

active proctype worker() {
end:	do
	:: atomic { is_read_into && !is_held -> is_read_into = false; is_answered = true }
	od
}

/* ---- State ---- */

mtype = { UNKNOWN, ASKED, FREE };
mtype inquiry = UNKNOWN; /* inquiry.state; FREE holds for one fault */
bool in_table = true, gave_up = false, shall_stop = false, has_met_scanner = false;
bool has_ended = false, may_free = false, outlives_guard = false;
byte n_reading = READERS;

/* Of the read: who waits for it. */
bool has_region, has_inquiry, has_parked;
byte waited_page, fault_ticket, inquiry_ticket;
/* Lists of inquiries. */
bool posted, is_closed, waits_for_read, is_back;

/* For assertions. */
bool region_is_gone = false, handler_is_freed = false;

inline leave_fills(ticket) {
	assert(!region_is_gone);
	leave(FILLS, ticket)
}

inline leave_inquiry() {
	assert(!region_is_gone);
	inquiry = UNKNOWN;
	leave(INQUIRIES, inquiry_ticket)
}

inline install(page) {
	atomic {
		assert(!region_is_gone);
		if :: is_mapped && is_registered -> is_filled[page] = true :: else fi;
		is_waiting[page] = false;
		is_queued[page] = false
	}
}

/* ---- Inquiries ---- */

inline begin_inquiry(is_mine) { /* lib/file/inquiry.c:inquiry_begin */
	atomic { is_mine = (inquiry == UNKNOWN); if :: is_mine -> inquiry = ASKED :: else fi }
	if :: is_mine -> enter(INQUIRIES, inquiry_ticket) :: else fi
}

inline refuse_posted() {
	if :: atomic { posted -> posted = false } leave_inquiry() :: else fi
}

/* ---- Reads in the ring ---- */

inline begin() { /* daemon/scanned_reads.c:begin */
	atomic { assert(!in_flight && !is_read_into); in_flight = true; is_read_into = true }
}

inline ask_worker() { /* daemon/scanned_reads.c:scanned_reads_ask */
	if
	:: in_flight -> waits_for_read = true
	:: else -> has_inquiry = true; begin()
	fi
}

inline answer_later() { /* daemon/scanned_reads.c:scanned_reads_answer_later */
	if
	:: in_flight -> has_parked = true; leave_fills(ticket)
	:: else ->
		has_region = true; waited_page = page; read_page = page; fault_ticket = ticket;
		begin()
	fi
}

inline wake_parked() {
#ifndef X_PARKED
	if :: has_parked -> has_parked = false; wake_all() :: else fi
#else
	skip
#endif
}

inline answer_fault() { /* daemon/scanned_reads.c:answer_fault */
	assert(read_page == waited_page);
	install(waited_page);
#ifdef X_BEGIN_LATE
	has_region = false;
	leave_fills(fault_ticket);
	begin_inquiry(is_mine)
#else
	begin_inquiry(is_mine);
	has_region = false;
	leave_fills(fault_ticket)
#endif
	if :: is_mine -> assert(!is_back); is_back = true :: else fi;
	is_mine = false
}

inline complete() { /* daemon/scanned_reads.c:scanned_reads_complete */
	atomic { in_flight = false; is_answered = false }
	if
#ifdef X_STAYS
	:: true -> answer_fault()
#else
	:: has_region -> answer_fault()
	:: !has_region && has_inquiry -> has_inquiry = false; is_back = true
	:: else
#endif
	fi;
	if :: waits_for_read -> waits_for_read = false; ask_worker() :: else fi;
	wake_parked()
}

/* The handler's own read, which is not held up here. */
inline look() { /* daemon/scanned_reads.c:scanned_reads_look */
	is_back = false;
	assert(!region_is_gone);
	inquiry = FREE;
	leave(INQUIRIES, inquiry_ticket)
}

inline refuse_inquiries() {
	if
	:: has_inquiry || waits_for_read || is_back ->
		has_inquiry = false; waits_for_read = false; is_back = false;
		leave_inquiry()
	:: else
	fi
}

inline pass() { /* daemon/scanned_reads.c:scanned_reads_pass */
	has_met_scanner = true;
	if
	:: has_region ->
		install(waited_page);
#ifndef X_STAYS
		has_region = false;
#endif
		leave_fills(fault_ticket)
	:: else
	fi;
#ifdef X_FREED_EARLY
	atomic { in_flight = false; is_answered = false }
#endif
#ifndef X_REFUSES
	refuse_inquiries();
#endif
	wake_parked()
}

inline expire() { /* daemon/scanned_reads.c:scanned_reads_expire */
	pass()
}

inline abandon() { /* daemon/scanned_reads.c:scanned_reads_abandon */
#ifndef X_ABANDON
	if :: has_region -> has_region = false; leave_fills(fault_ticket) :: else fi;
	refuse_inquiries()
#else
	skip
#endif
}

/* ---- The handler ---- */

inline take_fault() {
	atomic {
		page = is_queued[1] && !is_queued[0];
		is_queued[page] = false;
		is_found = in_table;
		if :: is_found -> enter(FILLS, ticket) :: else -> wake_all() fi
	}
	if
	:: is_found && has_met_scanner -> install(page); leave_fills(ticket)
	:: is_found && !has_met_scanner && inquiry == FREE ->
		inquiry = UNKNOWN; /* a second later */
		install(page);
		leave_fills(ticket)
	:: is_found && !has_met_scanner && inquiry != FREE -> answer_later()
	:: else
	fi;
	atomic { is_found = false; page = 0; ticket = 0 }
}

inline take_request() {
	posted = false;
	if
	:: has_met_scanner -> leave_inquiry()
	:: else -> ask_worker()
	fi
}

inline serve() { /* daemon/serve.c:serve_until_stopped */
	do
	:: shall_stop -> break
	:: is_queued[0] || is_queued[1] -> take_fault()
	:: is_answered -> complete()
	:: is_back -> look()
	:: posted -> take_request()
#ifndef X_EXPIRE
	:: in_flight && (has_region || has_inquiry) -> expire()
#endif
#ifdef GIVE_UP
	:: has_failed = true; break
#endif
	od
}

inline give_up() { /* daemon/serve.c:serve_give_up */
	gave_up = true;
	atomic { is_registered = false; wake_all() }
	abandon();
	/* Unmap may need the inbox for it, which is in blocking.pml. */
	do
	:: posted -> posted = false; leave_inquiry()
	:: shall_stop -> break
	:: is_answered -> complete()
	od
}

inline end() { /* daemon/handler.c:handler_end */
	do
	:: !in_flight -> break
	:: is_answered -> complete()
	:: in_flight && !is_answered -> break /* too long */
	od;
	is_closed = true;
	refuse_posted();
	outlives_guard = in_flight;
	has_ended = true;
	if
	:: outlives_guard ->
		may_free;
end_held:	is_answered;
		complete()
	:: else
	fi
}

active proctype handler() { /* daemon/handler.c:handler_run */
	byte ticket, page;
	bool need, is_found, is_mine, has_failed;
	serve();
	if :: has_failed -> give_up() :: else fi;
	end();
	assert(!is_read_into);
	handler_is_freed = true
}

/* ---- The program ---- */

proctype caller() {
	byte old; short seen; bool need;
#ifdef ASKS
	bool is_mine;
	begin_inquiry(is_mine);
	if
	:: is_mine ->
		posted = true;
		if :: is_closed -> refuse_posted() :: else fi
	:: else
	fi;
#endif
	in_table = false;
	synchronize(FILLS, CALLER);
#ifndef X_FINISH_INQUIRY
	synchronize(INQUIRIES, CALLER);
#endif
	atomic { is_mapped = false; is_filled[0] = false; is_filled[1] = false }
	region_is_gone = true;
	n_reading == 0; /* closing the userfaultfd would wake them */
	shall_stop = true;
	has_ended;
	if :: outlives_guard -> may_free = true :: else fi
}

proctype reader(byte id) {
	do
	:: atomic { !is_mapped || is_filled[id] || !is_registered -> break }
	:: atomic { is_mapped && !is_filled[id] && is_registered -> is_waiting[id] = true; is_queued[id] = true }
		!is_waiting[id]
	od;
	n_reading--
}

init {
	byte i;
	atomic {
		do :: i < READERS -> run reader(i); i++ :: else -> break od;
		run caller()
	}
}
