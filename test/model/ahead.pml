/* SPDX-License-Identifier: MIT */
/*
 * Windows ahead of a reader, which the handler offers, and which it and the copier fill; and faults in the copier's
 * window, which the handler puts off, but has to see to. One region of three windows, of a page each, counted from 1.
 * Each step stands for the function that is named beside it (package.model compares).
 *
 * There is no clock: a fault that was put off may at any time have been so for too long.
 *
 * Checked: no invalid end (no reader waits for ever, whatever the copier does; unmap and the end of the guard come); no
 * window is filled ahead by both; a ticket is given back once, and the region not touched after unmap.
 * Who takes part: READERS (1 or 2: the first reads one window after the other, the second the last but one), -DUNMAP
 *   (by a caller, at any time), -DDISCARD (of the second window), -DFAILS (a window filled ahead may come short),
 *   -DSTALL (the copier may stop, wherever it is, until all readers are done), -DTAKEN (a thread that stands in for the
 *   handler takes over, as in relief.pml, where the handler had put faults off), -DGIVE_UP
 * Cures taken out: -DX_..., where each stands. -DNONE_SKIPPED: see claim().
 */
#define WINDOWS	 3
#define N_EPOCHS 1
#define FILLS	 0
#include "epoch.pml"

#define UNMAPPER  0
#define DISCARDER 1

/* ---- The kernel ---- */

bool is_mapped = true, is_registered = true, is_there[WINDOWS + 1];
byte waits_for[2];
bool is_queued[2];

inline wake(window) {
	d_step {
		if :: waits_for[0] == window -> waits_for[0] = 0; is_queued[0] = false :: else fi;
		if :: waits_for[1] == window -> waits_for[1] = 0; is_queued[1] = false :: else fi
	}
}

inline wake_all() {
	d_step { waits_for[0] = 0; waits_for[1] = 0; is_queued[0] = false; is_queued[1] = false }
}

/* ---- State ---- */

byte left_at = 0, left_n = 0, under_way = 0;
bool is_present[WINDOWS + 1], is_owed[WINDOWS + 1];
byte n_reading = READERS;
bool in_table = true, shall_stop = false, all_done = false;
/* For assertions. */
bool region_is_gone = false, copier_has_ended = false, is_filled_ahead[WINDOWS + 1];
byte copiers = 0; /* the window that it has claimed */

inline leave_fills(ticket) {
	assert(!region_is_gone);
	leave(FILLS, ticket)
}

/* ---- Windows ahead ---- */

inline offer(start) { /* lib/base/ahead.c:ahead_offer */
	atomic {
		if
		:: start <= WINDOWS -> left_at = start; left_n = (start < WINDOWS -> 2 : 1)
		:: else -> left_at = 0; left_n = 0
		fi
	}
}

inline stop_ahead() { /* lib/base/ahead.c:ahead_stop */
	atomic { left_at = 0; left_n = 0 }
}

inline exchange() {
	if
	:: left_at == at && left_n == n && n > 0 ->
		left_n--;
		left_at = (left_n > 0 -> at + 1 : 0);
		is_claimed = true
	:: else
	fi
}

/* A window may be left to nobody: the copier has said that it is about to fill it, and its claim fails because of this
 * one, which sees what was said. Then it is read when its reader comes (-DNONE_SKIPPED finds it). */
inline claim() { /* lib/base/ahead.c:ahead_claim */
	do
	:: atomic { at = left_at; n = left_n; is_claimed = false }
		if :: n == 0 -> at = 0; break :: else fi;
		atomic { exchange() }
		if
#ifdef X_UNDER_WAY
		:: is_claimed -> break
#else
		:: atomic { is_claimed && under_way != at -> break }
		:: atomic { is_claimed && under_way == at ->
#ifdef NONE_SKIPPED
				assert(copiers == at)
#else
				skip
#endif
			}
#endif
		:: !is_claimed
		fi
	od;
	n = 0; is_claimed = false
}

inline begin() { /* lib/base/ahead.c:ahead_begin */
	do
	:: atomic { at = left_at; n = left_n; is_claimed = false }
		if :: n == 0 -> at = 0; under_way = 0; break :: else fi;
#ifdef X_SAYS_LATE
		atomic { exchange(); if :: is_claimed -> copiers = at :: else fi }
		if :: is_claimed -> under_way = at; break :: else fi
#else
		under_way = at;
			atomic { exchange(); if :: is_claimed -> copiers = at; break :: else fi }
#endif
	od;
	n = 0; is_claimed = false
}

/* ---- Filling ---- */

inline enter_region(window) { /* daemon/fault.c:enter_region */
	atomic { is_found = in_table; if :: is_found -> enter(FILLS, ticket) :: else -> wake(window) fi }
}

inline install(window) { /* lib/pages/install.c:install_all */
	atomic {
		assert(!region_is_gone);
		is_installed = is_mapped && is_registered;
		if :: is_installed -> is_there[window] = true :: else fi;
		wake(window)
	}
}

inline put(window) { /* lib/pages/fill.c:put_copies */
	install(window);
	if :: is_installed -> is_present[window] = true :: else fi;
	is_installed = false
}

/* Present pages stay as they are. */
inline fill_window(window) { /* daemon/fault.c:fill_window */
	atomic { assert(!is_filled_ahead[window]); is_filled_ahead[window] = true }
	if
	:: is_present[window]
	:: !is_present[window] -> put(window)
#ifdef FAILS
	:: !is_present[window] -> skip
#endif
	fi;
	if :: window < WINDOWS && is_present[window] -> skip :: else -> stop_ahead() fi;
	is_filled_ahead[window] = false;
	leave_fills(ticket)
}

/* ---- The handler ---- */

inline answer() { /* daemon/fault.c:fault_answer */
	enter_region(page);
	if
	:: is_found -> put(page); offer(page + 1); leave_fills(ticket)
	:: else
	fi;
	is_found = false
}

inline is_on_its_way() { /* daemon/fault.c:fault_is_on_its_way */
	is_late = (under_way == page);
	if
	:: is_late && left_n == 0 ->
		enter_region(page);
		if :: is_found -> offer(page + 1); leave_fills(ticket) :: else fi;
		is_found = false
	:: else
	fi
}

inline answer_late() { /* daemon/fault.c:fault_answer_late */
	enter_region(page);
	if
	:: is_found ->
		is_late = is_present[page];
#ifndef X_LATE_WAKES
		if :: is_late -> wake(page) :: else fi;
#endif
		leave_fills(ticket);
#ifndef X_LATE_ANSWERS
		is_found = false;
		if :: !is_late -> answer() :: else fi
#endif
	:: else
	fi;
	is_found = false
}

inline owe() { /* daemon/serve.c:owe */
	is_on_its_way();
#ifndef X_OWED
	if :: is_late -> is_owed[page] = true :: else fi
#else
	skip
#endif
}

/* One that is not on its way any more, or for too long. */
inline settle_owed() { /* daemon/serve.c:settle_owed */
	is_owed[page] = false;
	answer_late()
}

inline fill_ahead_or_stop() { /* daemon/fault.c:fault_fill_ahead */
	enter_region(at);
	if :: is_found -> fill_window(at) :: else -> stop_ahead() fi;
	is_found = false
}

inline fill_ahead() { /* daemon/serve.c:fill_ahead */
	claim();
	if :: at != 0 -> fill_ahead_or_stop() :: else fi;
	at = 0
}

inline take_fault() { /* daemon/serve.c:serve_messages */
	owe();
	if :: !is_late -> answer() :: else fi
}

/* From another thread's view: all but the answer to what the handler had in hand (relief.pml). */
inline take_over() { /* daemon/relief.c:take_over */
	d_step { page = 1; do :: page <= WINDOWS -> is_owed[page] = false; page++ :: else -> break od }
	stop_ahead();
#ifndef X_OWED_WAKES
	wake_all()
#else
	skip
#endif
}

inline give_up() { /* daemon/serve.c:serve_give_up */
	atomic { is_registered = false; wake_all() }
}

#ifdef X_OWED_FOR_EVER
#define is_too_long false
#else
#define is_too_long true
#endif
#define is_settled(window) (is_owed[window] && (under_way != window || is_too_long))

/* One of them. */
inline choose_settled() {
	if
	:: is_settled(1) -> page = 1
	:: is_settled(2) -> page = 2
	:: is_settled(3) -> page = 3
	fi
}

active proctype handler() { /* daemon/serve.c:serve_until_stopped */
	byte ticket, page, at, n; bool need, is_found, is_installed, is_claimed, is_late, may_be_taken = true;
	do
	:: atomic { is_queued[0] -> is_queued[0] = false; page = waits_for[0] }
		take_fault();
		atomic { page = 0; is_late = false }
	:: atomic { is_queued[1] -> is_queued[1] = false; page = waits_for[1] }
		take_fault();
		atomic { page = 0; is_late = false }
	:: atomic { is_settled(1) || is_settled(2) || is_settled(3) -> choose_settled() }
		settle_owed();
		atomic { page = 0; is_late = false }
	:: left_n > 0 && !is_queued[0] && !is_queued[1] -> fill_ahead()
#ifdef TAKEN
	:: may_be_taken -> take_over(); may_be_taken = false
#endif
#ifdef GIVE_UP
	:: give_up(); break
#endif
	:: all_done -> break
	od
}

/* ---- The copier ---- */

inline help_ahead() { /* daemon/fault.c:fault_help_ahead */
	enter_region(at);
	if :: is_found -> fill_window(at) :: else fi;
	is_found = false
}

inline end_ahead() { /* lib/base/ahead.c:ahead_end */
	atomic { under_way = 0; copiers = 0 }
}

inline fill_one() { /* daemon/copier.c:fill_ahead */
	begin();
	if :: at != 0 -> help_ahead(); end_ahead() :: else fi;
	at = 0
}

#ifdef STALL
bool is_stalled = false;
active proctype processor() { is_stalled = true }
#define MAY_RUN provided(!is_stalled || n_reading == 0)
#else
#define MAY_RUN
#endif

active proctype copier() MAY_RUN { /* daemon/copier.c:copier_run */
	byte ticket, at, n; bool need, is_found, is_installed, is_claimed;
	do
	:: shall_stop -> break
	:: left_n > 0 && !shall_stop -> fill_one()
	od;
	copier_has_ended = true
}

/* ---- The program ---- */

inline touch(id, window) {
	do
	:: atomic { !is_mapped || !is_registered || is_there[window] -> break }
	:: atomic { is_mapped && is_registered && !is_there[window] -> waits_for[id] = window; is_queued[id] = true }
		waits_for[id] == 0
	od
}

inline finished() { atomic { n_running--; if :: n_running == 0 -> all_finished = true :: else fi } }

byte n_running = 0;
bool all_finished = false;

proctype reader(byte id) {
	byte window = (id == 0 -> 1 : WINDOWS - 1);
	do
	:: window <= WINDOWS && (id == 0 || window == WINDOWS - 1) -> touch(id, window); window++
	:: else -> break
	od;
	n_reading--;
	finished()
}

#ifdef UNMAP
proctype unmapper() {
	byte old; short seen; bool need;
	in_table = false;
	synchronize(FILLS, UNMAPPER);
	d_step { is_mapped = false; is_there[1] = false; is_there[2] = false; is_there[3] = false }
	region_is_gone = true;
	finished()
}
#endif

#ifdef DISCARD
inline drop(window) { /* lib/pages/resident.c:resident_drop */
	is_present[window] = false;
	is_there[window] = false
}

proctype discarder() {
	byte old; short seen; bool need;
	drop(2);
	synchronize(FILLS, DISCARDER);
	if :: is_present[2] -> drop(2); synchronize(FILLS, DISCARDER) :: else fi;
	finished()
}
#endif

/* The end of the guard: the copier's first. */
active proctype destroyer() { /* lib/calls/create.c:guard_unref */
	all_finished;
	shall_stop = true;
	copier_has_ended;
	all_done = true
}

init {
	byte i;
	atomic {
		do :: i < READERS -> n_running++; run reader(i); i++ :: else -> break od;
#ifdef UNMAP
		n_running++; run unmapper();
#endif
#ifdef DISCARD
		n_running++; run discarder();
#endif
		skip
	}
}
