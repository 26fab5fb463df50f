/* SPDX-License-Identifier: MIT */
/*
 * A region that becomes the file itself, and stops being it: make_direct, the seal that comes late, resize; beside
 * faults, populate, refresh, eviction and a handler that gives up. One region, one page, which is the last. Each step
 * stands for the function that is named beside it (package.model compares).
 *
 * The client cuts and grows its file, as long as it is not sealed; it may seal it, and so may the library (-DSEAL).
 *
 * Checked: no load finds a page of the file that the file has lost (SIGBUS); what the caller is told is DIRECT shows the
 * file, and nothing is noted of it; a copy that a store has made there stays, whoever evicts; nothing is older than a
 * refresh; a seal that has come is used by the next refresh; and no invalid end.
 * Who takes part: -DREADERS=n, -DMAKE (make_direct), -DSEAL (by the library; a child adds the seal), -DREFRESH,
 *   -DPOPULATE, -DEVICT, -DSTORE (in what is DIRECT), -DRESIZE=0 (the page leaves) or 2 (leaves, and comes again),
 *   -DGIVE_UP, -DCHILD (of fork, holds the userfaultfd), -DREFUSED (the kernel may refuse to map the file), -DBEGUN (the
 *   region is DIRECT at first)
 * Cures taken out: -DX_..., where each stands.
 */
#ifndef READERS
#define READERS 1
#endif
#define N_EPOCHS  2
#define FILLS	  0
#define UNDER_WAY 1
#include "epoch.pml"

/* Places to sleep in an epoch. */
#define MAKER	  0
#define REFRESHER 1
#define RESIZER	  2

/* ---- The kernel, and the client's file; is_direct: direct_end is behind the page ---- */

mtype = { REGISTERED, PLAIN, SHOWS_FILE };
#ifdef BEGUN
mtype mapping = SHOWS_FILE;
bool is_direct = true, wants_direct = true, is_sealed = true;
#else
mtype mapping = REGISTERED;
bool is_direct = false, wants_direct = false, is_sealed = false;
#endif
byte page_version = 0; /* of an anonymous page; 0: absent */
#define ZEROS 99       /* a version */
bool is_copy = false;  /* the file's page was stored to: the program's own from then on */
bool is_waiting[3], is_queued[3];
bool is_abandoned = false;

bool file_has_page = true;
byte file_version = 1;

inline wake_all() { /* lib/kernel/uffd.c:uffd_wake */
	d_step {
		is_waiting[0] = 0; is_waiting[1] = 0; is_waiting[2] = 0;
		is_queued[0] = 0; is_queued[1] = 0; is_queued[2] = 0
	}
}

/* ---- The library's state ---- */

bool is_within = true, is_present = false;
bool region_lock, gave_up = false, all_done = false;
byte n_leaving = 0;
bool has_sealing = false, sealing_has_ended = false, child_adds_seal = false;
bool is_told = false;	 /* the program knows that the region is DIRECT */

inline touch(id) {
	do
	:: atomic { mapping == SHOWS_FILE -> assert(file_has_page); break } /* or SIGBUS */
	:: atomic { mapping != SHOWS_FILE && page_version != 0 -> assert(!is_told); break }
	:: atomic { mapping == PLAIN && page_version == 0 -> assert(!is_told); page_version = ZEROS; break }
	:: atomic { mapping == REGISTERED && page_version == 0 -> is_waiting[id] = true; is_queued[id] = true }
		!is_waiting[id]
	od
}

/* ---- Pages ---- */

inline take_page() { /* lib/pages/mapping.c:mapping_drop */
	atomic { page_version = 0; is_copy = false }
}

inline drop() { /* lib/pages/resident.c:resident_drop */
	is_present = false;
	take_page()
}

inline evict() { /* lib/pages/evict.c:sweep */
	enter(UNDER_WAY, eviction);
	if :: is_present -> drop() :: else fi;
	leave(UNDER_WAY, eviction);
	eviction = 0
}

inline read_file() { /* lib/pages/fill.c:fill_run */
	atomic { version = (file_has_page && is_within -> file_version : ZEROS) }
}

inline install() { /* lib/pages/install.c:install_all */
	atomic {
		if
		:: mapping == REGISTERED && page_version == 0 -> page_version = version; is_installed = true
		:: mapping == REGISTERED && page_version != 0 -> is_installed = true /* EEXIST */
		:: else /* ENOENT */
		fi;
		wake_all()
	}
}

inline put() { /* lib/pages/fill.c:put_copies */
	install();
	if :: is_installed -> is_present = true :: else fi;
	is_installed = false; version = 0;
	leave(FILLS, ticket);
	ticket = 0
}

inline change_begin() { /* lib/pages/change.c:change_begin */
	atomic { !region_lock -> region_lock = true }
}

inline change_end(who) { /* lib/pages/change.c:change_end */
#ifdef EVICT
#ifndef X_DIRECT_EVICTIONS
	synchronize(UNDER_WAY, who);
#endif
#endif
	region_lock = false
}

/* ---- The file in place of copies ---- */

inline make_accessible() { /* lib/pages/mapping.c:mapping_make_accessible */
#ifndef X_LET_GO
	n_leaving++;
#endif
	atomic { ok = !is_abandoned; if :: ok -> mapping = REGISTERED :: else fi }
	if :: gave_up && ok -> ok = false;
#ifndef X_LET_GO
			atomic { mapping = PLAIN; wake_all() }
#endif
	:: else
	fi;
#ifndef X_LET_GO
	n_leaving--
#endif
}

inline map_file_over() { /* lib/pages/direct.c:map_file_over */
	atomic {
		if
		:: mapping = SHOWS_FILE; page_version = 0; is_copy = false; ok = true
#ifdef REFUSED
		:: ok = false
#endif
		fi
	}
}

inline extend_to(who) { /* lib/pages/direct.c:extend_to */
	map_file_over();
	if
	:: ok ->
		is_direct = true;
#ifndef X_DIRECT_FILLS
		synchronize(FILLS, who);
#endif
#ifndef X_DIRECT_NOTES
		is_present = false
#endif
	:: else
	fi;
	ok = false
}

/* sealing_wait() looks for a moment only, and may see it end or not. */
inline seal() { /* lib/pages/direct.c:seal */
	if
	:: !has_sealing && !is_sealed -> has_sealing = true; sealing_has_ended = false; child_adds_seal = true
	:: else
	fi;
	if :: has_sealing && sealing_has_ended -> has_sealing = false :: has_sealing :: !has_sealing fi
}

inline extend(who) { /* lib/pages/direct.c:direct_extend */
	if
	:: wants_direct ->
#ifdef SEAL
		seal();
#endif
#ifdef X_SEAL_LATE
		covers = file_has_page;
		if :: covers && is_sealed && is_within && !is_direct -> extend_to(who) :: else fi;
#else
		if
		:: is_sealed ->
			covers = file_has_page;
			if :: covers && is_within && !is_direct -> extend_to(who) :: else fi
		:: else
		fi;
#endif
		covers = false
	:: else
	fi
}

inline settle(who) { /* lib/pages/direct.c:direct_settle */
#ifndef X_SETTLE
	if :: has_sealing && sealing_has_ended -> extend(who) :: else fi
#else
	skip
#endif
}

inline retract() { /* lib/pages/direct.c:direct_retract */
	if
	:: is_direct && !is_within ->
		atomic { mapping = PLAIN; page_version = 0; is_copy = false }
		is_direct = false;
		make_accessible();
		if
		:: !ok ->
			map_file_over();
			if :: ok -> is_direct = true :: else fi;
			is_refused = true
		:: else
		fi;
		ok = false
	:: else
	fi
}

/* ---- Calls ---- */

inline make_direct() { /* lib/calls/make_direct.c:uffd_guard_region_make_direct */
	change_begin();
	wants_direct = true;
	extend(MAKER);
	was_direct = is_direct;
	change_end(MAKER)
}

inline refresh() { /* lib/calls/update.c:bring_over_locked */
	asked = file_version;
	change_begin();
	had_ended = has_sealing && sealing_has_ended;
	settle(REFRESHER);
	synchronize(FILLS, REFRESHER);
	if
	:: !is_direct && is_present ->
		atomic { if :: page_version != 0 -> page_version = (file_has_page && is_within -> file_version : ZEROS)
			 :: else fi }
	:: else
	fi;
	atomic {
		assert(!had_ended || is_direct || !file_has_page || !is_within || !is_sealed);
		assert(!had_ended || is_sealed); /* who says that it has come, has it */
	}
	change_end(REFRESHER);
	atomic { assert(mapping == SHOWS_FILE || page_version == 0 || page_version >= asked); asked = 0; had_ended = false }
}

inline populate() { /* lib/pages/pieces.c:fill_piece */
	enter(FILLS, ticket);
	if :: !is_present -> read_file(); put() :: else -> leave(FILLS, ticket) fi
}

inline drop_synced() { /* lib/pages/resident.c:resident_drop_synced */
	drop();
	synchronize(FILLS, RESIZER);
	if :: is_present -> drop(); synchronize(FILLS, RESIZER) :: else fi
}

inline resize(to) { /* lib/calls/resize.c:resize_locked */
	is_within = to;
	synchronize(FILLS, RESIZER);
	retract();
	if
	:: is_refused -> is_within = true; is_refused = false /* keeps its length */
	:: else ->
#ifndef X_RETRACT_DROP
		if :: !is_direct -> drop_synced() :: else fi;
#endif
		extend(RESIZER)
	fi
}

/* ---- Threads ---- */

inline answer() { /* daemon/fault.c:fault_answer */
	enter(FILLS, ticket);
	read_file();
	put()
}

inline wait_for_leaving() { /* daemon/serve.c:wait_for_leaving */
	n_leaving == 0;
	wake_all()
}

inline give_up() { /* daemon/serve.c:serve_give_up */
	gave_up = true;
	atomic { if :: !is_direct && mapping == REGISTERED -> mapping = PLAIN; wake_all() :: else fi }
	wait_for_leaving();
#ifdef CHILD
	is_abandoned = true
#else
	atomic { is_abandoned = true; if :: mapping == REGISTERED -> mapping = PLAIN :: else fi; wake_all() }
#endif
}

active proctype handler() {
	byte ticket, version; bool need, is_installed;
	do
	:: atomic { (is_queued[0] || is_queued[1] || is_queued[2]) && !gave_up ->
			is_queued[0] = 0; is_queued[1] = 0; is_queued[2] = 0 }
		answer()
#ifdef GIVE_UP
	:: !gave_up && !all_done -> give_up(); break
#endif
	:: atomic { all_done && !(is_queued[0] || is_queued[1] || is_queued[2]) -> break }
	od
}

byte n_running;
bool made = false;

inline finished() { atomic { n_running--; if :: n_running == 0 -> all_done = true :: else fi } }

proctype reader(byte id) {
	touch(id);
	touch(id);
	finished()
}

active proctype client() {
	do
	:: atomic { !is_sealed && file_has_page -> file_has_page = false } break
	:: atomic { !is_sealed && !file_has_page -> file_has_page = true }
#ifndef SEAL
	:: is_sealed = true
#endif
	:: break
	od;
#ifndef SEAL
	if :: is_sealed = true :: skip fi
#endif
}

#ifdef SEAL
active proctype child() { /* lib/file/aside.c:make_call */
end:	child_adds_seal;
	child_adds_seal = false;
#ifdef X_ENDED_EARLY
	sealing_has_ended = true;
	is_sealed = true
#else
	is_sealed = true;
	sealing_has_ended = true
#endif
}
#endif

proctype maker() {
	byte old; short seen; bool need, ok, covers, was_direct;
	make_direct();
#ifndef RESIZE
	atomic { assert(!was_direct || !is_present); is_told = was_direct }
#endif
	made = true;
	finished()
}

#ifdef REFRESH
proctype refresher() {
	byte old, asked; short seen; bool need, ok, covers, had_ended;
	file_version = 2; /* the client writes, and says so */
	refresh();
	finished()
}
#endif

#ifdef POPULATE
proctype populater() {
	byte ticket, version; bool need, is_installed;
	populate();
	finished()
}
#endif

#ifdef EVICT
proctype evicter() {
	byte eviction; bool need;
	evict();
	evict();
	finished()
}
#endif

#ifdef STORE
proctype storer() {
	made;
	if
	:: is_told ->
		atomic { assert(mapping == SHOWS_FILE); is_copy = true }
		all_done || n_running == 1;
		assert(is_copy)
	:: else
	fi;
	finished()
}
#endif

#ifdef RESIZE
proctype resizer() {
	byte old; short seen; bool need, ok, covers, is_refused;
	change_begin();
	resize(false);
	change_end(RESIZER);
#if RESIZE == 2
	change_begin();
	resize(true);
	atomic { assert(mapping == SHOWS_FILE || page_version != ZEROS || gave_up || !file_has_page ||
			!(is_sealed)) }
	change_end(RESIZER);
#endif
	finished()
}
#endif

init {
	byte i;
	atomic {
		do :: i < READERS -> n_running++; run reader(i); i++ :: else -> break od;
#ifdef MAKE
		n_running++; run maker();
#endif
#ifdef REFRESH
		n_running++; run refresher();
#endif
#ifdef POPULATE
		n_running++; run populater();
#endif
#ifdef EVICT
		n_running++; run evicter();
#endif
#ifdef STORE
		n_running++; run storer();
#endif
#ifdef RESIZE
		n_running++; run resizer();
#endif
	}
}
