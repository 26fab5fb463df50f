/* SPDX-License-Identifier: MIT */
/*
 * Files that may block: the inbox, reads in flight for a fault and for a call, deadlines, release by unmap, the handler
 * that gives up, stops, or outlives its guard. One region, one file, one read for faults, one for calls. Each step
 * stands for the function that is named beside it (package.model compares).
 *
 * The server of the file answers each read, or from some moment on none (-DSTALL).
 *
 * Checked: no invalid end (whoever waits goes on, whatever the server does); the region is not touched after unmap, nor
 * the file after it was freed; it is closed once; no caller looks at a buffer that the kernel may write to.
 * Who takes part: READERS (1 or 2, of a page each), CALLS (reads by one caller, then it unmaps and destroys the guard),
 *   -DREFRESH (it waits for fills before), -DSTALL, -DNO_DEADLINE (so far away that a lost wake-up is a hang),
 *   -DGIVE_UP, -DLOCAL (closing the file waits for nobody), -DRING_FAILS (the handler cannot wait for the ring any
 *   more, in the end), -DTURNS (there is one turn in the ring, and a stranger's file has it at first)
 * Cures taken out: -DX_..., where each stands.
 */
#define N_EPOCHS 1
#define FILLS	 0
#include "epoch.pml"

#define CALLER 0

/* ---- The kernel ---- */

bool is_mapped = true, is_registered = true, is_filled[2] = false;
bool is_waiting[2], is_queued[2];
/* Reads in the ring: asked; answered, but not looked at. */
bool fault_read, fault_answered, call_read, call_answered, close_asked, close_answered;
#ifdef TURNS
bool stranger_read = true, is_taken = true;
#else
bool stranger_read, is_taken;
#endif
bool stranger_answered;
/* Wait for their turn. */
bool fault_waits, call_waits, close_waits;
bool is_stalled = false;
bool is_rung = false; /* bell.c */

inline wake_all() {
	d_step { is_waiting[0] = 0; is_waiting[1] = 0; is_queued[0] = 0; is_queued[1] = 0 }
}

active proctype kernel() {
end:	do
	:: fault_read && !fault_answered && !is_stalled -> fault_answered = true
	:: call_read && !call_answered && !is_stalled -> call_answered = true
	:: close_asked && !close_answered -> close_answered = true
	:: stranger_read && !stranger_answered && !is_stalled -> stranger_answered = true
#ifdef STALL
	:: !is_stalled -> is_stalled = true
#endif
	od
}

/* ---- State ---- */

mtype = { IDLE, ASKED, DONE, LEFT };
mtype wait_state = IDLE;
bool caller_sleeps = false;
bool asks_read = false, asks_release = false; /* the inbox */
bool is_closed = false;

bool has_region = true;	  /* file->region */
bool file_has_fd = true; /* file->fd */
bool has_parked = false, is_waited_for = false, caller_closes = false;
byte n_in_flight = 0, fault_page, fault_ticket, file_ticket;

bool in_table = true, is_leaving = false, gave_up = false, shall_stop = false;
bool has_ended = false, may_free = false, outlives_guard = false;
byte n_reading = READERS;
/* For assertions. */
bool region_is_gone = false, file_is_freed = false, fd_is_closed = false;

inline close_fd() { atomic { assert(!fd_is_closed); fd_is_closed = true } }
inline free_file() {
	atomic {
		assert(!file_is_freed && !fault_read && !call_read && !fault_waits && !call_waits && !close_waits);
		file_is_freed = true
	}
}

inline leave_fills(ticket) {
	assert(!region_is_gone);
	leave(FILLS, ticket)
}

inline install(page) { /* lib/pages/install.c:install_all */
	atomic {
		assert(!region_is_gone);
		if :: is_mapped && is_registered -> is_filled[page] = true :: else fi;
		is_waiting[page] = false;
		is_queued[page] = false
	}
}

/* ---- Callers ---- */

inline finish_call() { /* lib/file/blocking_file.c:blocking_call_finish */
#ifdef X_FINISH
	wait_state = DONE; caller_sleeps = false
#else
	atomic {
		if
		:: wait_state == ASKED -> wait_state = DONE; caller_sleeps = false
		:: else -> wait_state = IDLE
		fi
	}
#endif
}

inline refuse() { /* lib/file/inbox.c:refuse_requests */
	atomic { refused_read = asks_read; refused_release = asks_release; asks_read = false; asks_release = false }
	if :: refused_read -> finish_call() :: else fi;
	if
	:: refused_release ->
		assert(!file_is_freed);
		has_region = false;
		leave_fills(file_ticket);
		close_fd();
#ifndef X_FD
		file_has_fd = false;
#endif
		if :: n_in_flight == 0 -> free_file() :: else fi
	:: else
	fi;
	refused_read = false; refused_release = false
}

inline post() { /* lib/file/inbox.c:inbox_post */
#ifndef X_CLOSED
	if
	:: is_closed -> refuse()
	:: else -> is_rung = true
	fi
#else
	is_rung = true
#endif
}

inline read_piece() { /* lib/file/blocking_file.c:read_piece */
	if
	:: wait_state != IDLE -> skip /* timed out */
	:: else ->
		wait_state = ASKED;
		asks_read = true;
		post();
		wait_for_call();
		if
		:: is_left -> skip
		:: else ->
			assert(!call_read && !file_is_freed); /* the copy */
			wait_state = IDLE
		fi
	fi;
	is_left = false
}

inline wait_for_call() { /* lib/file/blocking_file.c:wait_for_call */
	atomic { if :: wait_state == ASKED -> caller_sleeps = true :: else fi }
	if
	:: !caller_sleeps
#ifndef NO_DEADLINE
	:: caller_sleeps = false
#endif
	fi;
#ifdef X_LEFT
	atomic { if :: wait_state == ASKED -> wait_state = IDLE; is_left = true :: else fi }
#else
	atomic { if :: wait_state == ASKED -> wait_state = LEFT; is_left = true :: else fi }
#endif
}

inline release_file() { /* lib/file/blocking_file.c:blocking_file_release */
#ifndef X_TICKET
	enter(FILLS, file_ticket);
#endif
	asks_release = true;
	post()
}

inline end_fills() { /* lib/calls/map.c:end_fills */
	release_file();
	synchronize(FILLS, CALLER);
	if :: caller_closes -> close_fd(); free_file() :: else fi
}

inline stop() { /* daemon/handler.c:handler_stop */
	shall_stop = true;
	is_rung = true;
	has_ended;
	assert(wait_state != DONE);
	if :: outlives_guard -> may_free = true :: else fi
}

proctype caller() {
	byte n, old; short seen; bool need, is_left, refused_read, refused_release;
	do
	:: n < CALLS && !gave_up -> read_piece(); n++
	:: else -> break
	od;
#ifdef REFRESH
	synchronize(FILLS, CALLER);
#endif
	is_leaving = true;
	in_table = false;
	end_fills();
	atomic { is_mapped = false; is_filled[0] = false; is_filled[1] = false }
	region_is_gone = true;
	is_leaving = false;
	n_reading == 0; /* closing the userfaultfd would wake them */
	stop()
}

/* ---- The handler ---- */

inline begin(what) { /* daemon/blocking_reads.c:begin */
	assert(!file_is_freed);
	n_in_flight++;
	what = true
}

inline ask(what, waits) { /* daemon/turns.c:turns_ask */
#ifdef TURNS
	if
	:: !is_taken -> is_taken = true; begin(what)
	:: else -> waits = true
	fi
#else
	begin(what)
#endif
}

inline next() { /* daemon/turns.c:turns_end */
#ifdef TURNS
	is_taken = false;
#ifndef X_NEXT
	if
	:: fault_waits -> is_taken = true; fault_waits = false; begin(fault_read)
	:: call_waits -> is_taken = true; call_waits = false; begin(call_read)
	:: close_waits -> is_taken = true; close_waits = false; begin(close_asked)
	:: !fault_waits && !call_waits && !close_waits
	fi
#endif
#else
	skip
#endif
}

inline forget_turn() { /* daemon/turns.c:turns_forget */
#ifndef X_FORGET_TURN
	fault_waits = false
#else
	skip
#endif
}

inline wake_parked() { /* daemon/blocking_reads.c:wake_parked */
#ifndef X_PARKED
	if :: has_parked -> assert(!region_is_gone); has_parked = false; wake_all() :: else fi
#else
	skip
#endif
}

inline forget_waiter() { /* daemon/blocking_reads.c:forget_waiter */
	is_waited_for = false;
	forget_turn();
	leave_fills(fault_ticket)
}

inline close_when_idle() { /* daemon/blocking_reads.c:close_when_idle */
	if
	:: !has_region && n_in_flight == 0 && !close_waits -> ask(close_asked, close_waits)
	:: else
	fi
}

inline answer_later() { /* daemon/blocking_reads.c:blocking_reads_answer_later */
	if
	:: fault_read && !is_waited_for -> install(page); leave_fills(ticket) /* all are stalled */
	:: is_stalled && is_taken -> install(page); leave_fills(ticket) /* so is its server */
	:: !fault_read && !fault_waits ->
		fault_page = page; fault_ticket = ticket; is_waited_for = true;
		ask(fault_read, fault_waits)
	:: (fault_read || fault_waits) && is_waited_for -> has_parked = true; leave_fills(ticket)
	fi;
	ticket = 0
}

inline answer_fault() { /* daemon/blocking_reads.c:answer_fault */
	install(fault_page);
	forget_waiter();
	wake_parked()
}

inline complete_read() { /* daemon/blocking_reads.c:complete_read */
	if
	:: fault_answered ->
		atomic { fault_answered = false; fault_read = false; n_in_flight-- }
		next();
		if
		:: is_waited_for -> answer_fault()
		:: !is_waited_for && has_region -> wake_parked()
		:: else
		fi
	:: call_answered ->
		atomic { call_answered = false; call_read = false; n_in_flight-- }
		next();
		finish_call()
	fi;
	close_when_idle()
}

inline complete() { /* daemon/blocking_reads.c:blocking_reads_complete */
	if
	:: fault_answered || call_answered -> assert(!file_is_freed); complete_read()
	:: close_answered ->
		atomic { close_answered = false; close_asked = false; n_in_flight-- }
		next();
		if :: file_has_fd -> close_fd() :: else /* EBADF */ fi;
		free_file()
	:: stranger_answered ->
		atomic { stranger_answered = false; stranger_read = false }
		next()
	fi
}

inline release() { /* daemon/blocking_reads.c:release_file */
	if :: is_waited_for -> install(fault_page); forget_waiter() :: else fi;
	if :: call_waits -> call_waits = false; finish_call() :: else fi;
	has_parked = true;
	wake_parked();
	has_region = false;
#ifdef LOCAL
	caller_closes = (n_in_flight == 0);
#endif
	is_mine = !caller_closes;
#ifndef X_TICKET
	leave_fills(file_ticket);
#endif
	if :: is_mine -> close_when_idle() :: else fi;
	is_mine = false
}

inline take_requests() { /* daemon/blocking_reads.c:blocking_reads_take_requests */
	atomic { taken_read = asks_read; taken_release = asks_release; asks_read = false; asks_release = false }
	if
	:: taken_read && is_stalled && is_taken -> finish_call()
	:: taken_read && !(is_stalled && is_taken) -> ask(call_read, call_waits)
	:: else
	fi;
	if :: taken_release -> release() :: else fi;
	taken_read = false; taken_release = false
}

inline expire() { /* daemon/blocking_reads.c:blocking_reads_expire */
	install(fault_page);
	forget_waiter();
	wake_parked()
}

inline take_fault() { /* daemon/fault.c:enter_region */
	atomic {
		page = is_queued[1] && !is_queued[0];
		is_queued[page] = false;
		if
		:: in_table -> enter(FILLS, ticket); is_found = true
		:: else -> wake_all()
		fi
	}
	if :: is_found -> answer_later() :: else fi;
	is_found = false;
	page = 0
}

inline serve() { /* daemon/serve.c:serve_until_stopped */
	do
	:: shall_stop -> break
	:: is_queued[0] || is_queued[1] -> take_fault(); take_requests()
	:: fault_answered || call_answered || close_answered || stranger_answered -> complete(); take_requests()
	:: is_rung -> is_rung = false; take_requests()
#ifndef X_EXPIRE
	:: is_waited_for && is_stalled -> expire(); take_requests()
#endif
#ifdef GIVE_UP
	:: give_up(); break
#endif
	od
}

inline abandon() { /* daemon/blocking_reads.c:blocking_reads_abandon */
	if :: is_waited_for -> forget_waiter() :: else fi
}

inline wait_for_leaving() { /* daemon/serve.c:wait_for_leaving */
	do
	:: !is_leaving -> break
#ifndef X_LEAVING_REQUESTS
	:: is_leaving && (asks_read || asks_release) -> take_requests()
#endif
	od;
	wake_all()
}

inline give_up() { /* daemon/serve.c:serve_give_up */
	gave_up = true;
	atomic { if :: in_table -> is_registered = false; wake_all() :: else fi }
#ifndef X_ABANDON
	abandon();
#endif
	wait_for_leaving();
	atomic { is_registered = false; wake_all() }
}

inline wait_for_files(has_limit) { /* daemon/handler.c:wait_for_blocking_files */
	do
	:: n_in_flight == 0 && !stranger_read -> break
	:: (n_in_flight > 0 || stranger_read) && has_limit && shall_stop -> break
	:: !has_limit && is_stalled && ((fault_read && !fault_answered) || (call_read && !call_answered) ||
		(stranger_read && !stranger_answered)) ->
		break /* for ever */
#ifdef RING_FAILS
	:: n_in_flight > 0 || stranger_read -> break
#endif
	:: fault_answered || call_answered || close_answered || stranger_answered -> complete(); take_requests()
	:: is_rung -> is_rung = false; take_requests()
	od
}

inline drop_calls() { /* daemon/blocking_reads.c:drop_calls */
#ifndef X_DROP_CALLS
	if :: call_waits -> call_waits = false; finish_call() :: else fi
#else
	skip
#endif
}

inline close_inbox() { /* lib/file/inbox.c:inbox_close */
#ifdef X_CLOSED_LATE
	refuse();
	is_closed = true
#else
	is_closed = true;
	refuse()
#endif
}

inline finish() { /* daemon/handler.c:handler_end */
	wait_for_files(true);
	drop_calls();
	close_inbox();
	outlives_guard = (n_in_flight > 0 || stranger_read);
	has_ended = true;
	if
	:: outlives_guard ->
		may_free;
		wait_for_files(false)
	:: else
	fi
}

active proctype handler() {
	byte ticket, page;
	bool need, is_found, is_mine, taken_read, taken_release, refused_read, refused_release;
	serve();
	finish()
}

/* ---- The program ---- */

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
