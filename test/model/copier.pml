/* SPDX-License-Identifier: MIT */
/*
 * Work shared with the copier: chunks that a caller and the copier claim from one counter, one caller's work at a time.
 * Each step stands for the function that is named beside it (package.model compares).
 *
 * CALLERS threads (1 or 2) with work of CHUNKS chunks each, done TIMES times; the copier. A caller whose work nobody
 * shares does it alone. FAILS: a chunk comes short. No chunk is done twice, nor by the copier after the call has
 * returned; and the caller finds done what it is told is done.
 * Taken out: -DX_WAIT (nobody waits for the copier), -DX_WAKE (the copier wakes nobody), -DX_TAKEN (two callers at once)
 */
#define NOBODY 9

bool is_taken, is_open, asleep[2], is_done[CALLERS * CHUNKS], is_begun[CALLERS * CHUNKS], is_returned[CALLERS];
byte next, failed, n_inside, owner = NOBODY, n_calls, n_finished;

inline claim() { /* lib/base/shared_work.c:claim_chunks */
	do
	:: atomic { chunk = next; whose = owner; if :: next <= CHUNKS -> next++ :: else fi }
		if
		:: chunk >= CHUNKS -> break
		:: else ->
			/* Reading into the caller's memory begins, and ends. */
			assert(!is_returned[whose]);
			atomic { assert(!is_begun[whose * CHUNKS + chunk]); is_begun[whose * CHUNKS + chunk] = true }
			assert(!is_returned[whose]);
			if
			:: is_done[whose * CHUNKS + chunk] = true
#ifdef FAILS
			:: atomic { if :: chunk < failed -> failed = chunk :: else fi; next = CHUNKS }
#endif
			fi
		fi
	od;
	chunk = 0
}

inline help() { /* lib/base/shared_work.c:shared_work_help */
	n_inside++;
	saw = is_open;
	if :: saw -> claim() :: else fi;
	atomic { n_inside--; saw = (n_inside == 0) }
#ifndef X_WAKE
	if :: saw && !is_open -> d_step { asleep[0] = false; asleep[1] = false } :: else fi;
#endif
	saw = false
}

inline wait_for(who) { /* lib/base/shared_work.c:wait_for_copier */
#ifndef X_WAIT
	do
	:: n_inside == 0 -> break
	:: else ->
		atomic { if :: n_inside > 0 -> asleep[who] = true :: else fi }
		!asleep[who]
	od
#else
	skip
#endif
}

inline share(who) { /* lib/base/shared_work.c:shared_work_do */
#ifdef X_TAKEN
	may = true;
#else
	atomic { may = !is_taken; is_taken = true };
#endif
	if
	:: may ->
		owner = who;
		failed = CHUNKS;
		next = 0;
		is_open = true;
		n_calls++;
		claim();
		is_open = false;
		wait_for(who);
		n_told = failed;
		owner = NOBODY;
		is_taken = false
	:: else -> n_told = 0
	fi
}

proctype caller(byte who) {
	byte chunk, whose, n_told, i, n; bool may;
	do
	:: n < TIMES ->
		share(who);
		d_step {
			i = 0;
			do :: i < n_told -> assert(is_done[who * CHUNKS + i]); i++ :: else -> break od;
			i = 0
		}
		/* The call returns, and the next one begins. */
		is_returned[who] = true;
		d_step {
			do :: i < CHUNKS -> is_done[who * CHUNKS + i] = false; is_begun[who * CHUNKS + i] = false; i++
			:: else -> break od;
			i = 0;
			n_told = 0
		}
		n++;
		if :: n < TIMES -> is_returned[who] = false :: else fi
	:: else -> break
	od;
	n_finished++
}

proctype copier() {
	byte chunk, whose, seen; bool saw;
	do
	:: seen = n_calls;
		help();
		n_calls != seen || n_finished == CALLERS;
		if :: n_finished == CALLERS -> break :: else fi
	od
}

init {
	byte i;
	atomic {
		run copier();
		do :: i < CALLERS -> run caller(i); i++ :: else -> break od
	}
}
