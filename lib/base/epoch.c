/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: how refresh, unmap and the like stay out of the way of fills without ever making a
 * fill wait.
 *
 * A fill enters before it looks at the file and leaves when its pages are in. A thread that is
 * about to change what fills work from turns the epoch over and waits for those inside the old one;
 * fills that enter later see the change, and are not waited for. So a fill that read old content
 * has installed it, and is known to presence.c, before refresh looks for pages to overwrite.
 *
 * All of it is one word: bit 31 is the epoch's parity, the lowest 28 are two counters of those
 * inside, one for each parity. One word, because who leaves must not touch the memory again after
 * the last count is gone: it may have been freed.
 *
 * One at a time turns the epoch over: two flips would bring the parity back, and the last to leave
 * the first one's would wake nobody. So there is a bit for "someone synchronizes", which the next
 * one waits for, and a bit for "and the next one waits".
 */
#include "base/epoch.h"
#include "base/check.h"

#include "base/futex.h"

#define PARITY	     (1u << 31)
#define IS_TURNING   (1u << 30)
#define HAS_QUEUE    (1u << 29)
#define COUNTER_BITS 14
#define COUNTER_MASK ((1u << COUNTER_BITS) - 1)

static unsigned counter_shift(uint32_t parity)
{
	return parity ? COUNTER_BITS : 0;
}

static uint32_t count_inside(uint32_t state, uint32_t parity)
{
	return (state >> counter_shift(parity)) & COUNTER_MASK;
}

/* model: epoch enter */
uint32_t epoch_enter(struct epoch *epoch)
{
	uint32_t state = atomic_load(&epoch->state);
	check(count_inside(state, state & PARITY) < COUNTER_MASK);
	while (!atomic_compare_exchange_weak(
		&epoch->state, &state, state + (1u << counter_shift(state & PARITY))))
		;
	return state & PARITY;
}

/* model: epoch leave */
void epoch_leave(struct epoch *epoch, uint32_t ticket)
{
	uint32_t before = atomic_fetch_sub(&epoch->state, 1u << counter_shift(ticket));
	check(count_inside(before, ticket) > 0);

	if ((before & PARITY) != ticket && count_inside(before, ticket) == 1)
		futex_wake(&epoch->state);
}

bool epoch_is_entered(struct epoch *epoch)
{
	const uint32_t state = atomic_load(&epoch->state);
	return count_inside(state, 0) + count_inside(state, PARITY) > 0;
}

/* Answers the state before. */
/* model: epoch turn_over */
static uint32_t turn_over(struct epoch *epoch)
{
	uint32_t state = atomic_load(&epoch->state);
	for (;;) {
		if (!(state & IS_TURNING)) {
			if (atomic_compare_exchange_weak(
				    &epoch->state, &state, (state ^ PARITY) | IS_TURNING))
				return state;
		} else if (state & HAS_QUEUE ||
			   atomic_compare_exchange_weak(&epoch->state, &state, state | HAS_QUEUE)) {
			futex_wait(&epoch->state, state | HAS_QUEUE);
			state = atomic_load(&epoch->state);
		}
	}
}

/* model: epoch synchronize */
void epoch_synchronize(struct epoch *epoch)
{
	const uint32_t old = turn_over(epoch) & PARITY;
	for (uint32_t state = atomic_load(&epoch->state); count_inside(state, old) > 0;
		state = atomic_load(&epoch->state))
		futex_wait(&epoch->state, state);
	if (atomic_fetch_and(&epoch->state, ~(IS_TURNING | HAS_QUEUE)) & HAS_QUEUE)
		futex_wake(&epoch->state);
}
