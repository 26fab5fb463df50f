/* SPDX-License-Identifier: MIT */
/*
 * A handler that a scanner of files holds up in a read, and the thread that stands in for it: it takes over what the
 * handler had in hand, and gives it back, or leaves it when the guard ends before. Two pages: only the file of page 0
 * may be scanned. (They share an epoch, as one region does.) Each step stands for the function that is named beside it
 * (package.model compares).
 *
 * The handler takes all faults that are there in one go. A scanner holds up reads of page 0 from some moment on, and
 * lets them go later, or never. There is no clock: any read may be found to take too long.
 *
 * Checked: no invalid end (readers, unmap and the end of the guard wait for no scanner; only the handler does, perhaps
 * for ever); the server, and the memory that is read into, are one thread's at a time; a ticket is given back once, and
 * its region not touched after; the handler ends once, and is freed once, when nobody touches it any more.
 * Who takes part: READERS (1 or 2, of a page each); a caller that unmaps at any time, and destroys the guard when the
 *   readers have gone on; -DAHEAD (the handler also reads page 0 for nobody), -DGIVE_UP (serving may end with an error);
 *   -DMADE=n (1 or 2: callers have the handler find out whether page 0 is scanned, and do not wait for the answer)
 * Cures taken out: -DX_..., where each stands.
 */
#define N_EPOCHS  2
#define FILLS	  0
#define INQUIRIES 1 /* about the file: under_way of lib/file/inquiry.h */
#include "epoch.pml"

#define CALLER 0

#ifndef MADE
#define MADE 0
#endif

mtype = { IDLE, READING, TAKEN, BACK, LEFT, ASLEEP, AWAKE, END, NOBODY, HANDLER, RELIEF };

/* ---- The kernel ---- */

bool is_mapped = true, is_registered = true, is_filled[2], is_waiting[2], is_queued[2];
bool is_held = false; /* reads of page 0 are */

inline wake_all() {
	d_step { is_waiting[0] = 0; is_waiting[1] = 0; is_queued[0] = 0; is_queued[1] = 0 }
}

active proctype scanner() {
	is_held = true;
	if :: is_held = false :: skip fi
}

/* ---- State ---- */

bool in_table = true, shall_stop = false, has_met_scanner = false;
bool has_ended = false, may_free = false, outlives_guard = false;
byte n_reading = READERS;

/* Of the watch. */
mtype state = IDLE, look = AWAKE;
bool handler_sleeps = false, relief_sleeps = false;
byte read_ticket, read_epoch;
bool is_asked = false;
#ifdef AHEAD
bool may_read_ahead = true;
#else
bool may_read_ahead = false;
#endif

/* Of the server. */
bool is_over = false;
mtype staging = HANDLER;

/* Of the inbox, and of the server: inquiries that it has taken and not done. */
bool posted[2], taken[2], is_closed = false;
byte inquiry_ticket[2], in_hand;

/* For assertions. */
bool is_answered[2];
mtype server_user = HANDLER; /* who may touch it */
mtype in_staging[2] = NOBODY;
bool region_is_gone = false, handler_is_freed = false, relief_has_ended = false, handler_has_ended = false;

inline touch_server(who) { assert(!handler_is_freed && server_user == who) }

inline leave_fills(ticket) {
	assert(!region_is_gone);
	leave(FILLS, ticket)
}

inline install(page) {
	atomic {
		assert(!region_is_gone);
		if :: is_mapped && is_registered -> is_filled[page] = true :: else fi;
		is_waiting[page] = false;
		is_queued[page] = false
	}
}

/* ---- The watch, for the reader ---- */

inline watch_begin() { /* lib/base/watch.h:watch_begin */
	atomic { state = READING; server_user = NOBODY }
#ifndef X_BEGIN_WAKES
	if
	:: look == ASLEEP -> atomic { if :: look == ASLEEP -> look = AWAKE; relief_sleeps = false :: else fi }
	:: else
	fi
#endif
}

inline watch_end() { /* lib/base/watch.h:watch_end */
#ifdef X_END
	atomic { state = IDLE; is_mine = true; server_user = HANDLER }
#else
	atomic { if :: state == READING -> state = IDLE; is_mine = true; server_user = HANDLER :: else fi }
#endif
}

inline come_back() { /* lib/base/watch.h:watch_come_back */
	atomic { if :: state == TAKEN -> state = BACK :: else fi }
	do
	:: state == BACK ->
		atomic { if :: state == BACK -> handler_sleeps = true :: else fi }
		!handler_sleeps
	:: else -> break
	od
}

/* ---- The watch, for the other thread ---- */

inline give_back() { /* lib/base/watch.h:watch_give_back */
	atomic { state = IDLE; server_user = HANDLER }
#ifndef X_GIVE_BACK_WAKES
	handler_sleeps = false
#endif
}

inline leave_handler() { /* daemon/relief.c:leave_handler */
#ifdef X_LEAVE_BACK
	atomic { state = LEFT; is_left = true }
#else
	atomic { if :: state == TAKEN -> state = LEFT; is_left = true :: else fi }
#endif
}

inline sleep_until_called() { /* daemon/relief.c:sleep_until_called */
	atomic { is_asleep = (look == AWAKE); if :: is_asleep -> look = ASLEEP :: else fi }
	do
#ifdef X_LOOK_AGAIN
	:: is_asleep && look == ASLEEP ->
#else
	:: is_asleep && look == ASLEEP && state != READING ->
#endif
		atomic { if :: look == ASLEEP -> relief_sleeps = true :: else fi }
		!relief_sleeps
	:: else -> break
	od;
	atomic { if :: look == ASLEEP -> look = AWAKE :: else fi }
	is_asleep = false
}

/* ---- Faults ---- */

/* Of page 0 the handler's alone are watched. */
inline read_page(who) { /* lib/file/source.c:read_once */
	touch_server(who);
	atomic { assert(in_staging[staging == RELIEF] == NOBODY); in_staging[staging == RELIEF] = who }
	into = staging;
	if :: page == 0 && who == HANDLER -> watch_begin() :: else fi;
	if
	:: page == 0 ->
end_held:	!is_held
	:: else
	fi;
	in_staging[into == RELIEF] = NOBODY;
	if :: page == 0 && who == HANDLER -> is_mine = false; watch_end() :: else fi
}

inline answer(who) { /* daemon/fault.c:fault_answer */
	touch_server(who);
	atomic { is_found = in_table; if :: is_found -> enter(FILLS, ticket) :: else -> wake_all() fi }
	if
	:: is_found ->
		if :: who == HANDLER -> read_ticket = ticket; read_epoch = FILLS; is_asked = asked :: else fi;
		if
#ifndef X_ASKS_NOBODY
		:: page == 0 && has_met_scanner
		:: !(page == 0 && has_met_scanner) -> read_page(who)
#else
		:: read_page(who)
#endif
		fi;
		if :: is_mine -> install(page); leave_fills(ticket) :: else fi
	:: else
	fi;
	atomic { is_found = false; ticket = 0; page = 0; asked = false }
}

/* ---- Inquiries ---- */

inline leave_inquiry(n) {
	atomic { assert(!region_is_gone && !is_answered[n]); is_answered[n] = true }
	leave(INQUIRIES, inquiry_ticket[n])
}

inline refuse(n) { /* lib/file/inquiry.c:refuse */
	leave_inquiry(n)
}

inline refuse_posted() {
	if :: atomic { posted[0] -> posted[0] = false } refuse(0) :: else fi;
	if :: atomic { posted[1] -> posted[1] = false } refuse(1) :: else fi
}

inline ask(n) { /* lib/file/inquiry.c:inquiry_begin */
	enter(INQUIRIES, inquiry_ticket[n]);
	posted[n] = true;
	if :: is_closed -> refuse_posted() :: else fi
}

inline close_inbox() { /* lib/file/inbox.c:inbox_close */
	is_closed = true;
	refuse_posted()
}

inline inquire(n) { /* lib/file/inquiry.c:inquiry_make */
	in_hand = n;
	atomic { read_ticket = inquiry_ticket[n]; read_epoch = INQUIRIES; is_asked = false }
	watch_begin();
end_inquiry:
	!is_held;
	is_mine = false;
	watch_end();
	if :: is_mine -> leave_inquiry(n) :: else fi
}

inline take_requests(who) { /* daemon/blocking_reads.c:blocking_reads_take_requests */
	touch_server(who);
	atomic {
		if
		:: !taken[0] && !taken[1] -> taken[0] = posted[0]; taken[1] = posted[1]; posted[0] = 0; posted[1] = 0
		:: else
		fi
	}
	do
	:: is_mine && (taken[0] || taken[1]) ->
		atomic { request = (taken[0] -> 0 : 1); taken[request] = false }
		if
		:: who == HANDLER && !has_met_scanner -> inquire(request)
		:: else -> refuse(request)
		fi
	:: else -> break
	od;
	request = 0
}

/* By the other thread, when it takes over. */
inline take_rest() {
	do
	:: taken[0] -> taken[0] = false; refuse(0)
	:: taken[1] -> taken[1] = false; refuse(1)
	:: else -> break
	od
}

/* The faults of one go are in batch. */
inline serve(who) { /* daemon/serve.c:serve_until_stopped */
	do
	:: shall_stop && !batch[0] && !batch[1] -> break
	:: who == RELIEF && state == BACK && !batch[0] && !batch[1] -> break
	:: atomic { (is_queued[0] || is_queued[1]) && !batch[0] && !batch[1] ->
			batch[0] = is_queued[0]; batch[1] = is_queued[1]; is_queued[0] = 0; is_queued[1] = 0 }
	:: atomic { batch[0] || batch[1] || (may_read_ahead && who == HANDLER) ->
			if
			:: batch[0] -> batch[0] = false; page = 0; asked = true
			:: !batch[0] && batch[1] -> batch[1] = false; page = 1; asked = true
			:: else -> may_read_ahead = false
			fi }
		answer(who);
		if :: !is_mine -> batch[0] = false; batch[1] = false; break :: else fi
#if MADE > 0
	:: !batch[0] && !batch[1] && (posted[0] || posted[1] || taken[0] || taken[1]) ->
		take_requests(who);
		if :: !is_mine -> break :: else fi
#endif
#ifdef GIVE_UP
	:: !batch[0] && !batch[1] -> has_failed = true; break
#endif
	od
}

inline give_up(who) { /* daemon/serve.c:serve_give_up */
	touch_server(who);
	atomic { is_registered = false; wake_all() }
}

/* ---- The handler ---- */

/* On the other thread. */
inline end_without_handler() { /* daemon/handler.c:end_without_handler */
	outlives_guard = true;
	atomic { touch_server(RELIEF); assert(!has_ended); server_user = HANDLER; has_ended = true }
}

inline linger() { /* daemon/handler.c:linger_after_scanner */
#ifndef X_MAY_FREE
	may_free;
#endif
	touch_server(HANDLER);
	handler_is_freed = true
}

inline end() { /* daemon/handler.c:handler_end */
	touch_server(HANDLER);
	close_inbox();
	atomic { assert(!has_ended); has_ended = true }
}

inline serve_or_come_back() { /* daemon/handler.c:serve */
	do
	:: is_mine = true;
		serve(HANDLER);
		if
		:: is_mine -> break
		:: else ->
			come_back();
			is_left = (state == LEFT);
			if :: is_left || is_over -> break :: else fi
		fi
	od
}

active proctype handler() { /* daemon/handler.c:handler_run */
	byte ticket, page; mtype into = NOBODY;
	bool need, is_found, is_mine, asked, is_left, has_failed, batch[2];
	byte request;
	serve_or_come_back();
	if
	:: is_left -> linger()
	:: else ->
		if :: has_failed -> give_up(HANDLER) :: else fi;
		end()
	fi;
	handler_has_ended = true
}

/* ---- The other thread ---- */

inline take_over() { /* daemon/relief.c:take_over */
	touch_server(RELIEF);
#ifndef X_STAGING
	staging = RELIEF;
#endif
	has_met_scanner = true;
	if :: is_asked -> install(0) :: else fi;
#ifndef X_LEAVES_FILLS
#ifdef X_INSIDE
	leave_fills(read_ticket);
#else
	if :: read_epoch == FILLS -> leave_fills(read_ticket) :: else -> leave_inquiry(in_hand) fi;
#endif
#endif
#ifndef X_TAKES_REST
	take_rest();
#endif
#ifndef X_WAKES_ALL
	wake_all()
#else
	skip
#endif
}

inline restore() { /* daemon/relief.c:restore */
	touch_server(RELIEF);
	staging = HANDLER
}

inline stand_in() { /* daemon/relief.c:stand_in */
	take_over();
	serve(RELIEF);
	if :: has_failed -> give_up(RELIEF) :: else fi;
	now_over = has_failed || shall_stop;
#ifndef X_LEAVES_HANDLER
	if :: now_over -> leave_handler() :: else fi;
#endif
	if
	:: is_left -> close_inbox(); restore(); end_without_handler()
	:: else ->
#ifdef X_RESTORE_LATE
		is_over = now_over;
		give_back();
		restore()
#else
		is_over = now_over;
		restore();
		give_back()
#endif
	fi
}

inline look_once() { /* daemon/relief.c:look */
	assert(!handler_is_freed);
	if
	:: state == READING ->
		atomic { is_taken = (state == READING);
			if :: is_taken -> state = TAKEN; assert(server_user == NOBODY); server_user = RELIEF
			   :: else fi }
		if :: is_taken -> stand_in() :: else fi;
		is_taken = false
	:: else -> sleep_until_called()
	fi
}

active proctype relief() { /* daemon/relief.c:relief_run */
	byte ticket, page; mtype into = NOBODY;
	bool need, is_found, is_mine = true, asked, is_left, has_failed, batch[2];
	byte request;
	bool is_taken, is_asleep, now_over;
	do
	:: look == END -> break
	:: else -> look_once()
	od;
	relief_has_ended = true
}

/* ---- The program ---- */

inline stop_relief() { /* daemon/relief.c:relief_stop */
	assert(!handler_is_freed);
	atomic { look = END; relief_sleeps = false }
	relief_has_ended
}

inline stop() { /* daemon/handler.c:handler_stop */
	shall_stop = true;
	has_ended;
#ifdef X_STOP_ORDER
	if :: outlives_guard -> may_free = true :: else -> handler_has_ended; handler_is_freed = true fi;
	stop_relief()
#else
	stop_relief();
	if
	:: outlives_guard -> may_free = true
	:: else -> handler_has_ended; assert(!handler_is_freed); handler_is_freed = true
	fi
#endif
}

proctype caller() {
	byte old; short seen; bool need;
#if MADE > 0
	ask(0);
#endif
#if MADE > 1
	ask(1);
#endif
	in_table = false;
	synchronize(FILLS, CALLER);
#ifndef X_FINISH_INQUIRY
	synchronize(INQUIRIES, CALLER);
#endif
	atomic { is_mapped = false; is_filled[0] = false; is_filled[1] = false }
	region_is_gone = true;
	n_reading == 0; /* closing the userfaultfd would wake them */
	stop()
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
