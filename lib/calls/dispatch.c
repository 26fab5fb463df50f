/* SPDX-License-Identifier: MIT */
/*
 * Losses on their way to the program: take them off the queue, join those that touch, call
 * on_event.
 *
 * Losses of an unmapped region are skipped. Unmap waits until a delivery under way on another
 * thread is over.
 */
#include "calls/dispatch.h"

#include "calls/create.h"

#include "base/cancel.h"
#include "base/page.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"

#include <errno.h>
#include <stdlib.h>

static int compare_losses(const void *left, const void *right)
{
	const struct loss *a = left, *b = right;
	if (a->region != b->region)
		return a->region < b->region ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

/* Sorts, joins what touches, and answers how many are left. */
static size_t merge_losses(struct loss *losses, size_t n)
{
	if (n == 0)
		return 0;
	qsort(losses, n, sizeof(*losses), compare_losses);

	size_t last = 0;
	for (size_t i = 1; i < n; i++) {
		struct loss *into = &losses[last], *loss = &losses[i];
		if (loss->region == into->region && loss->start <= into->end &&
			loss->reasons == into->reasons && loss->error == into->error) {
			into->end = max_u64(into->end, loss->end);
			region_unref(loss->region);
		} else {
			losses[++last] = *loss;
		}
	}
	return last + 1;
}

typedef void on_event_fn(const struct uffd_guard_event *event, void *data);

/* Answers the number of events delivered. Gives the loss's reference up. */
/* model: losses deliver, protocol deliver */
static int deliver_loss(const struct loss *loss, on_event_fn *on_event, void *data)
{
	struct uffd_guard_region *region = loss->region;
	int n_delivered = 0;

	/* on_event may have ended either. */
	if (!atomic_load(&region->lifetime.is_unmapped) &&
		!atomic_load(&region->guard->is_destroyed) && loss->reasons) {
		struct uffd_guard_event event = {
			.region = region,
			.user_data = region->user_data,
			.reasons = loss->reasons,
			.error = loss->error,
			.offset = loss->start,
			.length = loss->end - loss->start,
		};
		stats_add(&region->guard->stats->events, 1);
		on_event(&event, data);
		n_delivered = 1;
	}
	region_unref(region);
	return n_delivered;
}

/* model: losses deliver_overflowed */
static int deliver_overflowed(struct events *events, on_event_fn *on_event, void *data)
{
	int n_delivered = 0;
	struct uffd_guard_region *region = atomic_exchange(&events->overflowed, NULL);
	while (region) {
		struct uffd_guard_region *next = region->lifetime.overflow.next;
		struct loss loss = loss_overflow_take(region);
		n_delivered += deliver_loss(&loss, on_event, data);
		region = next;
	}
	return n_delivered;
}

/* model: losses dispatch, protocol dispatcher */
int uffd_guard_dispatch(struct uffd_guard *guard, on_event_fn *on_event, void *data)
{
	UNCANCELLED;
	if (!guard || !on_event)
		return -EINVAL;
	if (guard_is_in_child(guard))
		return -ECHILD;

	struct loss *losses = malloc(EVENTS_QUEUE * sizeof(*losses));
	if (!losses)
		return -ENOMEM;

	struct events *events = &guard->events;
	guard_ref(guard);
	pthread_mutex_lock(&events->delivery);
	events_clear_signal(events);
	size_t n = 0;
	while (n < EVENTS_QUEUE && events_pop(events, &losses[n]))
		n++;
	n = merge_losses(losses, n);

	int n_delivered = 0;
	for (size_t i = 0; i < n; i++)
		n_delivered += deliver_loss(&losses[i], on_event, data);
	n_delivered += deliver_overflowed(events, on_event, data);
	pthread_mutex_unlock(&events->delivery);
	guard_unref(guard);
	free(losses);
	return n_delivered;
}

int uffd_guard_get_fd(const struct uffd_guard *guard)
{
	if (!guard)
		return -EINVAL;
	return guard_is_in_child(guard) ? -ECHILD : guard->events.bell.fd;
}

uint32_t uffd_guard_region_take_losses(struct uffd_guard_region *region)
{
	return region ? atomic_exchange(&region->lifetime.losses, 0) : 0;
}

/* model: losses forget, protocol forget */
void dispatch_forget_region(struct uffd_guard_region *region)
{
	struct events *events = &region->guard->events;
	atomic_store(&region->lifetime.is_unmapped, true);
	if (atomic_load(&region->lifetime.references) == 1)
		return; /* nothing queued, nothing being delivered */
	pthread_mutex_lock(&events->delivery);
	pthread_mutex_unlock(&events->delivery);
}
