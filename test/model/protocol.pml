/* SPDX-License-Identifier: MIT */
/*
 * Fault, fill, refresh, eviction, resize, unmap, loss of the handler: one guard, one address, one page. Regions: 1, and
 * 2, which is mapped at the same address after 1 was unmapped. Each step stands for the function that is named
 * beside it (package.model compares).
 *
 * The kernel: a mapping, its registration, the page, threads that wait. A wake makes them try again; munmap wakes
 * nobody.
 *
 * Checked: no invalid end (a deadlock, a fault that nobody answers, a wake-up that is lost), and the assertions.
 * Who takes part: -DREADERS=n -DREFRESH -DPOPULATE -DDISCARD -DEVICT -DUNMAP -DGIVE_UP, -DCHILD (of fork, holds
 *   the userfaultfd), -DRESIZE=1 (grows) or 0 (shrinks), -DPART (the page is partly within both lengths), -DEVENT=1
 *   (on_event refreshes), 2 (unmaps), 3 (does nothing), -DUNTOUCHED (nobody touches region 2, which would wake others)
 * Cures taken out: -DX_..., where each stands.
 * Not needed, says the model: -DX_MAP_LOOKUPS (who finds no region is woken, and faults again)
 *   (epoch.pml: any number may synchronize)
 */
#ifndef READERS
#define READERS 1
#endif
#define NONE	0
#define N_EPOCHS 5 /* 0: the guard's lookups; 1, 2: the fills of the regions; 3, 4: who evicts from them */
#define LOOKUPS 0
#define UNDER_WAY(g) (2 + (g))
#include "epoch.pml"

/* Places to sleep in an epoch. */
#define REFRESHER  0
#define UNMAPPER   1
#define DISPATCHER 2
#define ANOTHER	   3

/* ---- The kernel ---- */

byte mapping = 1;	    /* whose mapping is at the address */
bool is_registered = true;
byte page_version = 0;	    /* 0: absent */
byte page_of = 0;	    /* whose content */
bool page_tail;		    /* its last bytes are the file's, not zeros */
byte file_version[3] = 1;
bool is_waiting[4];	    /* a thread, in a fault */
bool is_queued[4];	    /* its message was not read yet */
bool is_abandoned = false;  /* nobody can register */
#define PLAIN 99	    /* a version: zeros of plain memory */

inline wake_all() { /* lib/kernel/uffd.c:uffd_wake */
	d_step {
		is_waiting[0] = 0; is_waiting[1] = 0; is_waiting[2] = 0; is_waiting[3] = 0;
		is_queued[0] = 0; is_queued[1] = 0; is_queued[2] = 0; is_queued[3] = 0
	}
}

/* A load, or the kernel's store in a system call, in region g. ok: false if its mapping is gone. */
inline touch(id, g, ok) {
	do
	:: atomic { mapping != g -> ok = false; break }
	:: atomic { mapping == g && page_version != 0 -> assert(page_of == g); ok = true; break }
	:: atomic { mapping == g && page_version == 0 && !is_registered ->
			page_version = PLAIN; page_of = g; ok = true; break }
	:: atomic { mapping == g && page_version == 0 && is_registered -> is_waiting[id] = true; is_queued[id] = true }
		!is_waiting[id]
	od
}

/* ---- The library's state ---- */

byte table = 1;		      /* which region the range table has at the address */
bool is_present[3], is_freed[3];
bool is_within[3] = true;     /* the last bytes of the page are within the length */
bool is_unmapped[3], is_gone[3]; /* is_gone: the struct */
byte references[3] = 1;
byte n_losses[3];	      /* queued */
byte n_leaving;
bool guard_lock, region_lock[3], gave_up;
byte delivery = 0, depth = 0; /* a recursive lock: by whom, how often */
bool all_done = false;

inline lock(l) { atomic { !l -> l = true } }
inline unlock(l) { l = false }
inline lock_delivery(me) { atomic { (delivery == 0 || delivery == me) -> delivery = me; depth++ } }
inline unlock_delivery() { atomic { depth--; if :: depth == 0 -> delivery = 0 :: else fi } }

inline unref(g) { /* lib/state/region.c:region_unref */
	atomic { assert(!is_gone[g]); references[g]--; if :: references[g] == 0 -> is_gone[g] = true :: else fi }
}

/* ---- lib/pages ---- */

inline take_page(g) { /* lib/pages/mapping.c:mapping_drop */
	atomic {
		assert(mapping == g || mapping == NONE);
		if :: mapping == g -> page_version = 0 :: else fi
	}
}

inline drop(g) { /* lib/pages/resident.c:resident_drop */
	assert(!is_freed[g]);
#ifdef X_DROP_FIRST
	take_page(g);
	is_present[g] = false
#else
	is_present[g] = false;
	take_page(g)
#endif
}

inline drop_synced(g, who) { /* lib/pages/resident.c:resident_drop_synced */
	tries = 0;
	do
	:: tries < 2 -> drop(g); synchronize(g, who); tries++; if :: !is_present[g] -> break :: else fi
	:: else -> break
	od;
	tries = 0
}

inline evict() { /* lib/pages/evict.c:sweep */
	enter(LOOKUPS, lookup);
	evicted = table;
	if
	:: evicted != NONE -> enter(UNDER_WAY(evicted), eviction)
	:: else
	fi;
	leave(LOOKUPS, lookup);
	if
	:: evicted != NONE ->
		if
		:: is_present[evicted] -> drop(evicted)
		:: else
		fi;
		leave(UNDER_WAY(evicted), eviction)
	:: else
	fi;
	evicted = 0; eviction = 0
}

inline change_begin(g) { /* lib/pages/change.c:change_begin */
	lock(region_lock[g])
}

inline change_end(g, who) { /* lib/pages/change.c:change_end */
#if defined(EVICT) && !defined(X_EVICTIONS)
	synchronize(UNDER_WAY(g), who);
#endif
	unlock(region_lock[g])
}

inline read_file(g, version, tail) { /* lib/pages/fill.c:fill_run */
	atomic { version = file_version[g]; tail = is_within[g] }
}

inline install(g, version, tail) { /* lib/pages/install.c:install_all */
	atomic {
		assert(mapping == g || mapping == NONE); /* not into another region's mapping */
		assert(!is_freed[g]);
		if
		:: mapping == g && is_registered && page_version == 0 ->
			page_version = version; page_of = g; page_tail = tail
		:: else /* EEXIST, ENOENT: woken all the same */
		fi;
		wake_all()
	}
}

inline put(g, version, tail, ticket) { /* lib/pages/fill.c:put_copies */
#ifdef X_PRESENCE_LATE
	install(g, version, tail); leave(g, ticket); is_present[g] = true
#else
	install(g, version, tail); is_present[g] = true; leave(g, ticket)
#endif
}

/* A loss is told before the page is there. */
inline report_loss(g) { /* lib/state/loss.c:loss_post */
	if
	:: n_losses[g] < 1 -> atomic { references[g]++; n_losses[g]++ }
	:: true
	fi
}

/* ---- The handler ---- */

inline enter_region() { /* daemon/fault.c:enter_region */
	enter(LOOKUPS, lookup);
	g = table;
	if
	:: g != NONE -> enter(g, ticket)
	:: else ->
#ifndef X_WAKE_NOBODY
		wake_all()
#else
		skip
#endif
	fi;
	leave(LOOKUPS, lookup)
}

inline answer() { /* daemon/fault.c:fault_answer */
	enter_region();
	if
	:: g != NONE ->
		read_file(g, version, tail);
#ifdef EVICT
		if :: evict() :: skip fi;
#endif
#ifdef EVENT
		report_loss(g);
#endif
		put(g, version, tail, ticket)
	:: else
	fi;
	g = 0; version = 0; tail = 0; ticket = 0; lookup = 0
}

inline wait_for_leaving() { /* daemon/serve.c:wait_for_leaving */
#ifndef X_LEAVING
	n_leaving == 0;
	wake_all()
#else
	skip
#endif
}

inline give_up() { /* daemon/serve.c:serve_give_up */
	gave_up = true;
	enter(LOOKUPS, lookup);
	atomic { if :: table != NONE -> is_registered = false; wake_all() :: else fi }
	leave(LOOKUPS, lookup);
	wait_for_leaving();
#ifdef CHILD
	is_abandoned = true
#else
	atomic { is_registered = false; is_abandoned = true; wake_all() } /* the last close wakes all */
#endif
}

active proctype handler() {
	byte g, lookup, eviction, ticket, version, evicted; bool need, tail;
	do
	:: atomic { (is_queued[0] || is_queued[1] || is_queued[2] || is_queued[3]) && !gave_up ->
			is_queued[0] = 0; is_queued[1] = 0; is_queued[2] = 0; is_queued[3] = 0 }
		answer()
#ifdef GIVE_UP
	:: !gave_up && !all_done -> give_up(); break
#endif
	:: atomic { all_done && !(is_queued[0] || is_queued[1] || is_queued[2] || is_queued[3]) -> break }
	od
}

/* ---- Calls ---- */

/* What is there is overwritten in place, by a system call that may fault. */
inline refresh_filled(g, id) { /* lib/calls/refresh.c:refresh_filled */
	assert(!is_freed[g]);
	if
	:: is_present[g] ->
		touch(id, g, ok);
		if
		:: ok -> atomic {
				if
				:: mapping == g && page_version != 0 ->
					page_version = file_version[g]; page_of = g; page_tail = is_within[g]
				:: else
				fi
			}
		:: else -> assert(false) /* into a mapping that is gone */
		fi
	:: else
	fi;
	ok = 0
}

inline refresh(g, me, id, who) { /* lib/calls/update.c:bring_over_locked */
	asked = file_version[g];
	change_begin(g);
#ifndef X_REFRESH_FILLS
	synchronize(g, who);
#endif
	refresh_filled(g, id);
	change_end(g, who);
	atomic { assert(mapping != g || page_version == 0 || page_version >= asked); asked = 0 } /* P5 */
}

inline discard(g, me, who) { /* lib/calls/discard.c:uffd_guard_discard */
	change_begin(g);
	synchronize(g, who);
	drop_synced(g, who);
	change_end(g, who)
}

inline populate(g) { /* lib/pages/pieces.c:fill_piece */
	enter(g, ticket);
	if
	:: !is_present[g] -> read_file(g, version, tail); put(g, version, tail, ticket)
	:: else -> leave(g, ticket)
	fi;
	version = 0; tail = 0; ticket = 0
}

inline resize(g, to, who) { /* lib/calls/resize.c:resize_locked */
#ifndef X_RESIZE_LATE
	is_within[g] = to;
#endif
#ifndef X_RESIZE_FILLS
	synchronize(g, who);
#endif
#ifdef X_RESIZE_LATE
	is_within[g] = to;
#endif
#ifdef PART
	refresh_filled(g, ANOTHER);
#else
	drop_synced(g, who);
#endif
	atomic { assert(page_version == 0 || page_version == PLAIN || page_tail == to) }
}

/* Nothing more of the region is delivered, and nothing is being delivered; but on this thread. */
inline forget(g, me) { /* lib/calls/dispatch.c:dispatch_forget_region */
#ifdef X_FORGET_REFERENCES
	if
	:: references[g] > 1 -> is_unmapped[g] = true; lock_delivery(me); unlock_delivery()
	:: else -> is_unmapped[g] = true
	fi
#else
	is_unmapped[g] = true;
	if :: references[g] > 1 -> lock_delivery(me); unlock_delivery() :: else fi
#endif
}

inline end_fills(g, who) { /* lib/calls/map.c:end_fills */
#ifndef X_UNMAP_FILLS
	synchronize(g, who);
#endif
#if defined(EVICT) && !defined(X_UNMAP_EVICTIONS)
	synchronize(UNDER_WAY(g), who);
#endif
	skip
}

inline delist(g, who) { /* lib/calls/map.c:delist */
	lock(guard_lock);
	table = NONE;
#ifndef X_UNMAP_LOOKUPS
	synchronize(LOOKUPS, who);
#endif
	unlock(guard_lock);
	end_fills(g, who)
}

inline release_mapping() { /* lib/pages/mapping.c:mapping_release */
	atomic { mapping = NONE; is_registered = false; page_version = 0 }
}

inline take_away(g, who) { /* lib/calls/map.c:take_away */
	n_leaving++;
	delist(g, who);
	release_mapping();
	n_leaving--
}

inline unmap(g, me, who) { /* lib/calls/map.c:uffd_guard_unmap */
#ifdef X_FORGET_LATE
	take_away(g, who);
	is_freed[g] = true;
	forget(g, me);
#else
	forget(g, me);
	take_away(g, who);
	is_freed[g] = true;
#endif
	unref(g)
}

inline enlist(g, who) { /* lib/calls/map.c:enlist */
	lock(guard_lock);
	table = g;
#ifndef X_MAP_LOOKUPS
	synchronize(LOOKUPS, who);
#endif
	unlock(guard_lock)
}

inline make_accessible() { /* lib/pages/mapping.c:mapping_make_accessible */
	atomic { ok = !is_abandoned; is_registered = ok }
#ifdef GIVE_UP
#ifndef X_MAP_GAVE_UP
	if :: gave_up -> ok = false :: else fi
#endif
#endif
}

inline deliver(g) { /* lib/calls/dispatch.c:deliver_loss */
	assert(!is_gone[g]);
	if
	:: !is_unmapped[g] ->
#if EVENT == 1
		refresh(g, 6, 2, DISPATCHER)
#elif EVENT == 2
		if
		:: atomic { !unmap_was_called -> unmap_was_called = true } unmap(g, 9, DISPATCHER)
		:: else
		fi
#else
		assert(!is_freed[g])
#endif
	:: else
	fi;
	unref(g)
}

/* ---- The program ---- */

byte n_running;
bool was_refreshed = false, unmap_was_called = false;

inline finished() { atomic { n_running--; if :: n_running == 0 -> all_done = true :: else fi } }

proctype reader(byte id) {
	bool ok;
	touch(id, 1, ok);
	if :: ok -> touch(id, 1, ok) :: else fi;
	finished()
}

proctype refresher() {
	byte asked, old; short seen; bool ok, need;
	file_version[1] = 2; /* the client writes, and says so */
	refresh(1, 2, 2, REFRESHER);
	was_refreshed = true;
	finished()
}

proctype populater() {
	byte ticket, version; bool need, tail;
	populate(1);
	finished()
}

proctype discarder() {
	byte old, tries; short seen; bool need;
	discard(1, 4, ANOTHER);
	finished()
}

#ifdef RESIZE
proctype resizer() {
	byte old, tries; short seen; bool need, ok;
	change_begin(1);
	resize(1, RESIZE, ANOTHER);
	change_end(1, ANOTHER);
	finished()
}
#endif

proctype evicter() { /* populates some other region */
	byte lookup, eviction, evicted; bool need;
	evict();
	finished()
}

proctype unmapper() {
	byte old; short seen; bool need, ok;
#ifdef REFRESH
	was_refreshed; /* a program unmaps no region that is in use by a call of its own; on_event is another matter */
#endif
	atomic { if :: !unmap_was_called -> unmap_was_called = true :: else -> goto out fi }
	unmap(1, 7, UNMAPPER);
	atomic { mapping = 2; is_registered = false; page_version = 0 } /* the kernel gives out the address again */
	enlist(2, UNMAPPER);
	make_accessible();
	if :: !ok -> goto out :: else fi;
#ifndef UNTOUCHED
	touch(3, 2, ok);
	assert(ok);
#endif
out:
	finished()
}

#ifdef EVENT
proctype dispatcher() { /* lib/calls/dispatch.c:uffd_guard_dispatch */
	byte asked, old, n; short seen; bool ok, need;
	do
	:: n < 2 ->
		n++;
		lock_delivery(9);
		if
		:: n_losses[1] > 0 -> atomic { n_losses[1]--; assert(!is_gone[1]) } deliver(1)
		:: else
		fi;
		unlock_delivery()
	:: else -> break
	od;
	finished()
}
#endif

init {
	byte i;
	atomic {
#ifdef RESIZE
		is_within[1] = 1 - RESIZE;
#endif
		do :: i < READERS -> n_running++; run reader(i); i++ :: else -> break od;
#ifdef REFRESH
		n_running++; run refresher();
#endif
#ifdef POPULATE
		n_running++; run populater();
#endif
#ifdef DISCARD
		n_running++; run discarder();
#endif
#ifdef RESIZE
		n_running++; run resizer();
#endif
#ifdef EVICT
		n_running++; run evicter();
#endif
#ifdef UNMAP
		n_running++; run unmapper();
#endif
#ifdef EVENT
		n_running++; run dispatcher();
#endif
	}
}
