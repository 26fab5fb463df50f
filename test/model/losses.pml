/* SPDX-License-Identifier: MIT */
/*
 * Losses from the threads that find them to on_event: the bounded queue, what overflows it, the descriptor, delivery,
 * unmap; and the end of the guard. Two regions; a queue of two. Each step stands for the function that is named beside
 * it (package.model compares).
 *
 * Checked: no loss is lost, none is delivered twice or after unmap, the dispatcher is told of each, and no struct is
 * touched after it was freed; and no invalid end.
 * Who takes part: PRODUCERS (1 or 2) that post LOSSES each, in region 0 and, with -DTWO, in region 1; a dispatcher that
 *   waits for the descriptor; -DUNMAP (of region 0, while its producers are inside fills); -DTWO; -DDESTROY (on_event
 *   destroys the guard, or the dispatcher does in the end)
 * Cures taken out: -DX_..., where each stands.
 */
#define QUEUE	2
#define N_BITS	(PRODUCERS * LOSSES)
#define ALL	((1 << N_BITS) - 1)
#define REGIONS 2
#define NONE	7

/* ---- State: one bit a loss stands for its range and reasons ---- */

byte turn[QUEUE], slot_bits[QUEUE], slot_region[QUEUE];
byte tail = 0, head = 0;
bool is_signalled = false, is_readable = false;
bool delivery = false;

byte overflow_bits[REGIONS];
bool is_listed[REGIONS];
byte next[REGIONS] = NONE;
byte overflowed = NONE;

byte references[REGIONS] = 1;
bool is_unmapped[REGIONS], was_unmapped[REGIONS], is_gone[REGIONS];
byte n_inside = 0; /* fills of region 0 */

byte posted = 0, delivered = 0, skipped = 0;
byte n_producing = PRODUCERS;

byte guard_references = 2; /* the program's, and region 0's */
bool is_destroyed = false, guard_is_freed = false;

inline ref(g) { /* lib/state/region.c:region_ref */
	atomic { assert(!is_gone[g]); references[g]++ }
}

inline unref(g) { /* lib/state/region.c:region_unref */
	atomic { assert(!is_gone[g] && references[g] > 0); references[g]--;
		if :: references[g] == 0 -> is_gone[g] = true :: else fi }
}

/* Touches the guard. */
#define guard_is_there() assert(!guard_is_freed)

/* Nobody posts any more: no region is left. Who still waits in the queue goes with it. */
inline free_guard() { /* lib/calls/create.c:guard_unref */
	guard_is_there();
	atomic { guard_references--; is_last = (guard_references == 0) }
	if
	:: is_last ->
		assert(n_inside == 0);
		atomic {
			do
			:: turn[head % QUEUE] == head + 1 -> unref(slot_region[head % QUEUE]); head++
			:: else -> break
			od;
			if :: overflowed != NONE -> unref(overflowed) :: else fi;
			guard_is_freed = true;
			assert(is_gone[0])
		}
	:: else
	fi
}

inline destroy() { /* lib/calls/create.c:uffd_guard_destroy */
	guard_is_there();
	is_destroyed = true;
	clear_signal();
	free_guard()
}

/* ---- Posting: neither waits nor allocates ---- */

inline push(g, loss, is_in) { /* lib/state/events.c:events_push */
	position = tail;
	do
	:: now = turn[position % QUEUE];
		if
		:: now < position -> is_in = false; break /* full: not emptied since the last time round */
		:: now > position -> position = tail
		:: else ->
			atomic { if :: tail == position -> tail++; is_in = true :: else -> position = tail; is_in = false fi }
			if
			:: is_in ->
#ifdef X_TURN_EARLY
				turn[position % QUEUE] = position + 1;
#endif
				slot_region[position % QUEUE] = g;
				slot_bits[position % QUEUE] = loss;
#ifndef X_TURN_EARLY
				turn[position % QUEUE] = position + 1;
#endif
				break
			:: else
			fi
		fi
	od;
	position = 0; now = 0
}

inline add_to_overflow(g, loss) { /* lib/state/loss.c:overflow_add */
#ifndef X_OVERFLOW_LATE
	overflow_bits[g] = overflow_bits[g] | loss;
#endif
	atomic { was_listed = is_listed[g]; is_listed[g] = true }
	if
	:: was_listed -> unref(g) /* the list holds one already */
	:: else ->
		now = overflowed;
		next[g] = now;
		do
		:: atomic { overflowed == now -> overflowed = g; break }
		:: atomic { overflowed != now -> now = overflowed; next[g] = now }
		od;
		now = 0
	fi;
#ifdef X_OVERFLOW_LATE
	overflow_bits[g] = overflow_bits[g] | loss;
#endif
	was_listed = false
}

inline signal() { /* lib/state/events.c:events_signal */
	atomic { was_signalled = is_signalled; is_signalled = true }
	if :: !was_signalled -> is_readable = true :: else fi;
	was_signalled = false
}

inline post(g, loss) { /* lib/state/loss.c:loss_post */
#ifndef X_REFERENCE
	ref(g);
#endif
	push(g, loss, is_in);
	if :: !is_in -> add_to_overflow(g, loss) :: else fi;
	is_in = false;
	guard_is_there();
	if :: !is_destroyed -> signal() :: else fi
}

/* ---- Taking ---- */

inline clear_signal() { /* lib/state/events.c:events_clear_signal */
	is_readable = false;
	is_signalled = false
}

inline pop(is_there) { /* lib/state/events.c:events_pop */
	if
	:: turn[head % QUEUE] == head + 1 ->
		g = slot_region[head % QUEUE];
		bits = slot_bits[head % QUEUE];
		atomic { slot_bits[head % QUEUE] = 0; turn[head % QUEUE] = head + QUEUE; head++ }
		is_there = true
	:: else -> is_there = false
	fi
}

inline take_overflow(g) { /* lib/state/loss.c:loss_overflow_take */
#ifdef X_LISTED_LATE
	atomic { bits = overflow_bits[g]; overflow_bits[g] = 0 }
	is_listed[g] = false
#else
	is_listed[g] = false;
	atomic { bits = overflow_bits[g]; overflow_bits[g] = 0 }
#endif
}

inline deliver(g) { /* lib/calls/dispatch.c:deliver_loss */
	assert(!is_gone[g]);
	if
	:: !is_unmapped[g] && !is_destroyed ->
		atomic { assert((delivered & bits) == 0); delivered = delivered | bits }
		assert(!was_unmapped[g]); /* on_event, at work on it */
#ifdef DESTROY
		if :: destroy() :: skip fi
#endif
	:: else -> skipped = skipped | bits
	fi;
#ifndef X_REFERENCE
	unref(g);
#endif
	bits = 0
}

inline deliver_overflowed() { /* lib/calls/dispatch.c:deliver_overflowed */
	atomic { g = overflowed; overflowed = NONE }
	do
	:: g == NONE -> break
	:: else ->
#ifdef X_NEXT_LATE
		take_overflow(g);
		after = next[g];
#else
		after = next[g];
		take_overflow(g);
#endif
		deliver(g);
		g = after
	od;
	g = 0; after = 0
}

inline dispatch() { /* lib/calls/dispatch.c:uffd_guard_dispatch */
#ifndef X_DISPATCH_GUARD
	atomic { guard_is_there(); guard_references++ }
#endif
	atomic { !delivery -> delivery = true }
#ifndef X_SIGNAL_LATE
	clear_signal();
#endif
	do
	:: pop(is_there); if :: is_there -> deliver(g) :: else -> break fi
	od;
	deliver_overflowed();
#ifdef X_SIGNAL_LATE
	clear_signal();
#endif
	guard_is_there();
	delivery = false;
#ifndef X_DISPATCH_GUARD
	free_guard()
#endif
}

/* ---- Unmap ---- */

inline forget(g) { /* lib/calls/dispatch.c:dispatch_forget_region */
#ifdef X_FORGET_REFERENCES
	if
	:: references[g] > 1 -> is_unmapped[g] = true; atomic { !delivery -> delivery = true } delivery = false
	:: else -> is_unmapped[g] = true
	fi
#else
	is_unmapped[g] = true;
	if :: references[g] > 1 -> atomic { !delivery -> delivery = true } delivery = false :: else fi
#endif
}

/* ---- The program ---- */

#ifdef TWO
#define region_of(i) ((i) % 2)
#else
#define region_of(i) 0
#endif

/* A fill is inside its region's epoch. Unmap waits for it after it has ended deliveries. */
proctype producer(byte i) {
	byte position, now, n, own, loss; bool is_in, was_listed, was_signalled;
	own = region_of(i);
	do
	:: n < LOSSES ->
		atomic {
			if :: is_unmapped[own] -> break :: else fi;
			n_inside = n_inside + (own == 0);
			loss = 1 << (i * LOSSES + n);
			posted = posted | loss
		}
		post(own, loss);
		atomic { n_inside = n_inside - (own == 0); n++; loss = 0 }
	:: else -> break
	od;
	n_producing--
}

proctype dispatcher() {
	byte bits, g, after; bool is_there, is_last;
	do
	:: is_readable && !is_destroyed -> dispatch()
#ifdef DESTROY
	:: !is_destroyed -> destroy()
	:: is_destroyed -> break
#endif
	:: n_producing == 0 && !is_readable && (is_unmapped[0] == was_unmapped[0]) ->
		/* all was told: nothing is left behind */
		assert(is_destroyed || (delivered | skipped) == posted);
		break
	od
}

#ifdef UNMAP
proctype unmapper() {
	bool is_last;
	guard_is_there();
	forget(0);
	n_inside == 0; /* end_fills(): see protocol.pml */
	was_unmapped[0] = true;
	unref(0);
#ifndef X_REGION_GUARD
	free_guard()
#endif
}
#endif

init {
	byte i;
	atomic {
#ifdef X_REGION_GUARD
		guard_references = 1;
#endif
		do :: i < QUEUE -> turn[i] = i; i++ :: else -> break od;
		i = 0;
		do :: i < PRODUCERS -> run producer(i); i++ :: else -> break od;
		run dispatcher();
#ifdef UNMAP
		run unmapper();
#endif
	}
}
