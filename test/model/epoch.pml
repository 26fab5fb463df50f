/* SPDX-License-Identifier: MIT */
/*
 * Epochs, to the word: included by the other models, and checked alone. Each step stands for the function that is named
 * beside it (package.model compares).
 *
 * The including file defines N_EPOCHS. Whoever synchronizes has a number below 4, its place to sleep, and declares
 * `byte old; short seen;`; whoever leaves declares `bool need`.
 *
 * Alone (-DALONE): FILLS threads (1 or 2) that enter and leave TIMES each, and CALLERS threads that synchronize.
 * Taken out: -DX_TURNING (two that turn the epoch over at once), -DX_WAKE_QUEUE (the next one sleeps on)
 */
#ifdef ALONE
#define N_EPOCHS 1
#endif

/* Parity, "someone synchronizes", "the next one waits", two counters of three bits. */
#define PARITY	   1
#define IS_TURNING 2
#define HAS_QUEUE  4
#define parity(word)	   ((word) & PARITY)
#define one(side)	   (8 << (3 * (side)))
#define inside(word, side) (((word) >> (3 + 3 * (side))) & 7)

short epoch[N_EPOCHS];
bool asleep[4 * N_EPOCHS];

inline futex_wait(e, expected, who) { /* lib/base/futex.h:futex_wait */
	atomic { if :: epoch[e] == expected -> asleep[4 * e + who] = true :: else fi }
	!asleep[4 * e + who]
}

inline futex_wake(e) { /* lib/base/futex.h:futex_wake */
	d_step {
		asleep[4 * e] = false; asleep[4 * e + 1] = false; asleep[4 * e + 2] = false; asleep[4 * e + 3] = false
	}
}

inline enter(e, ticket) { /* lib/base/epoch.c:epoch_enter */
	atomic { ticket = parity(epoch[e]); assert(inside(epoch[e], ticket) < 7); epoch[e] = epoch[e] + one(ticket) }
}

inline leave(e, ticket) { /* lib/base/epoch.c:epoch_leave */
	atomic {
		assert(inside(epoch[e], ticket) > 0);
		epoch[e] = epoch[e] - one(ticket);
		need = (parity(epoch[e]) != ticket && inside(epoch[e], ticket) == 0)
	}
	if :: need -> futex_wake(e) :: else fi;
	need = false
}

inline turn_over(e, who) { /* lib/base/epoch.c:turn_over */
	do
#ifdef X_TURNING
	:: atomic { old = parity(epoch[e]); epoch[e] = (epoch[e] ^ PARITY) | IS_TURNING; break }
#else
	:: atomic { !(epoch[e] & IS_TURNING) ->
			old = parity(epoch[e]); epoch[e] = (epoch[e] ^ PARITY) | IS_TURNING; break }
	:: atomic { epoch[e] & IS_TURNING -> epoch[e] = epoch[e] | HAS_QUEUE; seen = epoch[e] }
		futex_wait(e, seen, who);
		seen = 0
#endif
	od
}

inline synchronize(e, who) { /* lib/base/epoch.c:epoch_synchronize */
	turn_over(e, who);
	do
	:: atomic { seen = epoch[e]; if :: inside(seen, old) == 0 -> break :: else fi }
		futex_wait(e, seen, who)
	od;
	atomic { seen = epoch[e] & HAS_QUEUE; epoch[e] = epoch[e] & ~(IS_TURNING | HAS_QUEUE) }
#ifndef X_WAKE_QUEUE
	if :: seen != 0 -> futex_wake(e) :: else fi;
#endif
	old = 0;
	seen = 0
}

#ifdef ALONE
byte n_entered[2], n_left[2];

proctype fill(byte i) {
	byte ticket, n; bool need;
	do
	:: n < TIMES ->
		atomic { enter(0, ticket); n_entered[i]++ }
		n_left[i]++;
		leave(0, ticket);
		n++
	:: else -> break
	od
}

proctype caller(byte who) {
	byte old, before0, before1; short seen;
	atomic { before0 = n_entered[0]; before1 = n_entered[1] }
	synchronize(0, who);
	assert(n_left[0] >= before0 && n_left[1] >= before1)
}

init {
	byte i;
	atomic {
		run fill(0);
		if :: FILLS > 1 -> run fill(1) :: else fi;
		do :: i < CALLERS -> run caller(i); i++ :: else -> break od
	}
}
#endif
