/* SPDX-License-Identifier: MIT */
/*
 * A read that may not return for a long time, and a thread that notices (daemon/relief.c): the
 * reader says that it begins and that it has ended, the other one looks now and then. If it finds
 * the same read under way for too long, it takes over what the reader had in hand, and the reader
 * touches nothing of that until it is given back.
 */
#pragma once

#include "base/futex.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoch;
struct uffd_guard_region;

enum watch_kind {
	WATCH_IDLE,
	WATCH_READING,
	WATCH_TAKEN, /* over, by the other thread */
	WATCH_BACK,  /* the reader has returned, and waits to be given it back */
	WATCH_LEFT,  /* never to be given back */
	WATCH_KINDS
};

/* Of who looks; a futex. */
enum watch_look { LOOK_ASLEEP, LOOK_AWAKE, LOOK_END };

/* What a read answers that was taken over; no errno. */
#define WATCH_ERR_TAKEN (-4096)

struct watch {
	/* The read's number * WATCH_KINDS + enum watch_kind; a futex. */
	_Atomic uint32_t state;
	_Atomic uint32_t look;
	/* What is read for, written before the read begins: an epoch that the reader is inside,
	 * with a ticket; and @is_asked, a page that a thread waits for. */
	struct epoch *inside;
	uint32_t ticket;
	struct uffd_guard_region *region;
	size_t page;
	bool is_asked;
};

static inline void watch_init(struct watch *watch)
{
	*watch = (struct watch){ .region = NULL };
	atomic_init(
		&watch->look, LOOK_AWAKE); /* there is nobody as yet who would have to be woken */
}

static inline enum watch_kind watch_kind_of(uint32_t state)
{
	return (enum watch_kind)(state % WATCH_KINDS);
}

/* False: it was another state meanwhile. */
static inline bool watch_move(struct watch *watch, uint32_t state, enum watch_kind to)
{
	return atomic_compare_exchange_strong(
		&watch->state, &state, state - state % WATCH_KINDS + (uint32_t)to);
}

/* ---- For the reader ---- */

/* model: relief watch_begin */
static inline void watch_begin(struct watch *watch)
{
	const uint32_t before = atomic_load_explicit(&watch->state, memory_order_relaxed);
	uint32_t asleep = LOOK_ASLEEP;
	atomic_store(&watch->state,
		before - before % WATCH_KINDS + WATCH_KINDS + (uint32_t)WATCH_READING);
	if (atomic_load(&watch->look) == LOOK_ASLEEP &&
		atomic_compare_exchange_strong(&watch->look, &asleep, LOOK_AWAKE))
		futex_wake(&watch->look);
}

/* False: what the read was for is not the reader's any more. */
/* model: relief watch_end */
static inline bool watch_end(struct watch *watch)
{
	const uint32_t state = atomic_load(&watch->state);
	return watch_kind_of(state) == WATCH_READING && watch_move(watch, state, WATCH_IDLE);
}

/* After a read that was taken over: wait until all is given back. False: it will not be. */
/* model: relief come_back */
static inline bool watch_come_back(struct watch *watch)
{
	uint32_t state = atomic_load(&watch->state);
	if (watch_kind_of(state) == WATCH_TAKEN && watch_move(watch, state, WATCH_BACK))
		state += WATCH_BACK - WATCH_TAKEN;
	else
		state = atomic_load(&watch->state);
	while (watch_kind_of(state) == WATCH_BACK) {
		futex_wait(&watch->state, state);
		state = atomic_load(&watch->state);
	}
	return watch_kind_of(state) != WATCH_LEFT;
}

/* ---- For the other thread, once it has taken over ---- */

static inline bool watch_is_back(const struct watch *watch)
{
	return watch_kind_of(atomic_load(&((struct watch *)watch)->state)) == WATCH_BACK;
}

/* The reader goes on. */
/* model: relief give_back */
static inline void watch_give_back(struct watch *watch)
{
	const uint32_t state = atomic_load(&watch->state);
	watch_move(watch, state, WATCH_IDLE);
	futex_wake(&watch->state);
}
