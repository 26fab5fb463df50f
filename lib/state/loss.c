/* SPDX-License-Identifier: MIT */
/*
 * Losses on their way from the thread that finds them (mostly the handler, in the midst of a fault)
 * into the queue.
 *
 * When the queue is full, a loss is folded into its region's overflow, so that none is lost, only
 * less precise. Each queued loss keeps its region's struct alive (not its mapping). Nothing here
 * waits or allocates.
 */
#include "state/loss.h"

#include "state/guard.h"
#include "state/probes.h"
#include "state/region.h"

#include <errno.h>

/* ---- What does not fit into the queue ---- */

static void lower(_Atomic uint64_t *value, uint64_t to)
{
	uint64_t now = atomic_load(value);
	while (to < now && !atomic_compare_exchange_weak(value, &now, to))
		;
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
	uint64_t now = atomic_load(value);
	while (to > now && !atomic_compare_exchange_weak(value, &now, to))
		;
}

/* model: losses add_to_overflow */
static void overflow_add(struct events *events, const struct loss *loss)
{
	struct loss_overflow *overflow = &loss->region->lifetime.overflow;
	lower(&overflow->start, loss->start);
	raise_to(&overflow->end, loss->end);
	atomic_fetch_or(&overflow->reasons, loss->reasons);
	if (loss->error)
		atomic_store(&overflow->error, loss->error);

	if (atomic_exchange(&overflow->is_listed, true)) {
		region_unref(loss->region); /* the list holds one already */
		return;
	}
	overflow->next = atomic_load(&events->overflowed);
	while (!atomic_compare_exchange_weak(&events->overflowed, &overflow->next, loss->region))
		;
}

/*
 * Off the list first: a loss that comes meanwhile is put on it again. The range only ever grows,
 * for a producer may be half way through adding to it.
 */
/* model: losses take_overflow */
struct loss loss_overflow_take(struct uffd_guard_region *region)
{
	struct loss_overflow *overflow = &region->lifetime.overflow;
	atomic_store(&overflow->is_listed, false);
	uint32_t reasons = atomic_exchange(&overflow->reasons, 0);
	return (struct loss){
		.region = region,
		.reasons = reasons,
		.error = atomic_exchange(&overflow->error, 0),
		.start = atomic_load(&overflow->start),
		.end = atomic_load(&overflow->end),
	};
}

void loss_overflow_init(struct loss_overflow *overflow)
{
	*overflow = (struct loss_overflow){ .start = UINT64_MAX };
}

/* ---- Posting ---- */

/* model: losses post, protocol report_loss */
void loss_post(const struct loss *loss)
{
	struct uffd_guard_region *region = loss->region;
	struct events *events = &region->guard->events;
	stats_add(&region->guard->stats->losses, 1);
	stats_add(&region->publication.stats->losses, 1);
	atomic_fetch_or_explicit(
		&region->publication.stats->reasons, loss->reasons, memory_order_relaxed);
	atomic_fetch_or(&region->lifetime.losses, loss->reasons);
	if (events->is_off)
		return;
	region_ref(region);
	if (!events_push(events, loss))
		overflow_add(events, loss);
	if (!atomic_load(&region->guard->is_destroyed))
		events_signal(events);
}

void region_report_loss(
	struct uffd_guard_region *region, uint64_t start, uint64_t end, uint32_t reasons, int error)
{
	end = min_u64(end, atomic_load(&region->length));
	if (start >= end)
		return;
	const struct loss loss = {
		.region = region, .start = start, .end = end, .reasons = reasons, .error = error
	};
	PROBE_LOSS(region, reasons, start, end - start);
	loss_post(&loss);
}

static uint32_t reason_of(int err)
{
	switch (err) {
	case 0:
		return UFFD_GUARD_LOST_TRUNCATED;
	case -ENOMEM:
		return UFFD_GUARD_LOST_NO_MEMORY;
	case -ETIMEDOUT:
		return UFFD_GUARD_LOST_TIMED_OUT;
	default:
		return UFFD_GUARD_LOST_IO_ERROR;
	}
}

void region_report_failure(struct uffd_guard_region *region, uint64_t start, uint64_t end, int err)
{
	const uint32_t reason = reason_of(err);
	region_report_loss(
		region, start, end, reason, reason == UFFD_GUARD_LOST_IO_ERROR ? err : 0);
}

void loss_drop_all(struct events *events)
{
	struct loss loss;
	while (events_pop(events, &loss))
		region_unref(loss.region);
	for (struct uffd_guard_region *region = atomic_load(&events->overflowed), *next; region;
		region = next) {
		next = region->lifetime.overflow.next;
		region_unref(region);
	}
}
