/* SPDX-License-Identifier: MIT */
/*
 * What is marked, begun by the copier in portions, and ensured. Two marks of one region; the file's content is a number
 * for each, which the client raises before it says so. Each step stands for the function that is named beside it
 * (package.model compares).
 *
 * A server's thread marks what the client says, begins, and ensures, ROUNDS times: after ensure no content is older than
 * its latest mark. LATER: it marks once more after begin. OTHER: another thread ensures beside it. SHORT: the copier
 * cannot do a portion. UNMAP: the server unmaps in the end, perhaps without ensure; the copier must not touch the region
 * afterwards.
 * Taken out: -DX_TAKEN (marks that were taken and not settled count for nothing), -DX_SETTLE (a portion that came short
 * is not marked again), -DX_TAKE_LATE (the file is read before the mark is taken off), -DX_UNLINK (unmap leaves the
 * region where the copier finds it), -DX_LOCK (unmap does not wait for the portion)
 */
#define N 2

byte file[N], page[N], latest[N]; /* latest: what the file had when it was marked last */
bool is_marked[N], is_locked, is_queued, is_gone, is_over;
byte n_takers;

inline lock() { atomic { !is_locked -> is_locked = true } }
inline unlock() { is_locked = false }

inline take(which) { /* lib/base/marks.c:marks_take_some */
	atomic {
		n_takers++;
		if
		:: is_marked[0] -> which = 0; is_marked[0] = false
		:: is_marked[1] -> which = 1; is_marked[1] = false
		:: !is_marked[0] && !is_marked[1] -> which = N
		fi
	}
}

inline settle(which, is_done) { /* lib/base/marks.c:marks_settle */
	atomic {
		n_takers--;
		if :: which < N && !is_done -> is_marked[which] = true :: else fi
	}
}

inline mark(which) { /* lib/calls/mark.c:uffd_guard_mark_rects */
	file[which]++;
	atomic { is_marked[which] = true; latest[which] = file[which] }
}

inline begin() { /* lib/calls/mark.c:uffd_guard_begin */
	is_queued = true
}

inline read_row(which) {
	value = file[which];
	page[which] = value
}

inline ensure() { /* lib/calls/mark.c:uffd_guard_ensure */
	atomic { least0 = latest[0]; least1 = latest[1] }
	/* model of marks_are_pending() */
#ifdef X_TAKEN
	if :: is_marked[0] || is_marked[1] ->
#else
	if :: is_marked[0] || is_marked[1] || n_takers > 0 ->
#endif
		lock();
		do
		:: take(i);
			if :: i == N -> settle(N, true); break :: else fi;
			read_row(i);
			settle(i, true)
		od;
		unlock()
	:: else
	fi;
	assert(page[0] >= least0 && page[1] >= least1)
}

/* One turn of the copier. */
inline bring_some() { /* lib/pages/begun.c:begun_bring_some */
	atomic { if :: is_queued && !is_locked -> is_locked = true; has = true :: else has = false fi };
	if
	:: has ->
		assert(!is_gone);
#ifdef X_TAKE_LATE
		value = file[0];
		take(i);
		if :: i == 0 -> page[0] = value :: i == 1 -> read_row(1) :: else fi;
		lacks = false;
#else
		take(i);
		lacks = false;
		if
		:: i < N ->
			if
			:: read_row(i)
#ifdef SHORT
			:: lacks = true
#endif
			fi
		:: else
		fi;
#endif
#ifdef X_SETTLE
		settle(i, true);
#else
		settle(i, !lacks);
#endif
		assert(!is_gone);
		if :: i == N || lacks -> is_queued = false :: else fi;
		unlock()
	:: else
	fi
}

inline forget() { /* lib/pages/begun.c:begun_forget */
#ifndef X_UNLINK
	is_queued = false;
#endif
#ifndef X_LOCK
	lock();
	unlock()
#endif
}

proctype copier() {
	byte i, value; bool has, lacks;
	do
	:: is_queued && !is_locked -> bring_some(); i = 0; value = 0
	:: is_over -> break
	od
}

proctype other() {
	byte i, value, least0, least1;
	ensure()
}

proctype server() {
	byte round, i, value, least0, least1;
	do
	:: round < ROUNDS ->
		mark(0);
		if :: mark(1) :: skip fi;
		begin();
#ifdef LATER
		mark(0);
#endif
		if
		:: ensure()
#ifdef UNMAP
		:: skip
#endif
		fi;
		round++
	:: else -> break
	od;
#ifdef UNMAP
	forget();
	is_gone = true;
#endif
	is_over = true
}

init {
	atomic {
		run copier();
		run server();
#ifdef OTHER
		run other();
#endif
	}
}
