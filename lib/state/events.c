/* SPDX-License-Identifier: MIT */
/*
 * Losses on their way from whoever finds them (mostly the handler, in the midst of a fault) to the
 * program's event loop.
 *
 * The queue is bounded and lock-free: a producer claims a slot by position and publishes it by the
 * slot's turn. When it is full, a loss is folded into its region's overflow, so that none is lost,
 * only less precise. Each queued loss keeps its region's struct alive (not its mapping); an
 * unmapped region's losses are skipped.
 */
#include "state/events.h"

#include "base/page.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int events_init(struct events *events)
{
	*events = (struct events){ .fd = -1 };
	for (uint64_t i = 0; i < EVENTS_QUEUE; i++)
		atomic_init(&events->slots[i].turn, i);
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&events->delivery, &attr);
	pthread_mutexattr_destroy(&attr);

	events->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return events->fd < 0 ? -errno : 0;
}

static bool queue_push(struct events *events, const struct loss *loss)
{
	uint64_t position = atomic_load(&events->tail);
	for (;;) {
		struct slot *slot = &events->slots[position % EVENTS_QUEUE];
		uint64_t turn = atomic_load(&slot->turn);
		if (turn < position)
			return false; /* not emptied since the last time round */
		if (turn > position) {
			position = atomic_load(&events->tail);
		} else if (atomic_compare_exchange_weak(&events->tail, &position, position + 1)) {
			slot->loss = *loss;
			atomic_store(&slot->turn, position + 1);
			return true;
		}
	}
}

static bool queue_pop(struct events *events, struct loss *loss)
{
	struct slot *slot = &events->slots[events->head % EVENTS_QUEUE];
	if (atomic_load(&slot->turn) != events->head + 1)
		return false;
	*loss = slot->loss;
	atomic_store(&slot->turn, events->head + EVENTS_QUEUE);
	events->head++;
	return true;
}

static void lower(_Atomic uint64_t *value, uint64_t to)
{
	for (uint64_t now = atomic_load(value);
		to < now && !atomic_compare_exchange_weak(value, &now, to);)
		;
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
	for (uint64_t now = atomic_load(value);
		to > now && !atomic_compare_exchange_weak(value, &now, to);)
		;
}

static void overflow_add(struct events *events, const struct loss *loss)
{
	struct loss_overflow *overflow = &loss->region->overflow;
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
static struct loss overflow_take(struct uffd_guard_region *region)
{
	struct loss_overflow *overflow = &region->overflow;
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

static void signal_waiting(struct events *events)
{
	if (!atomic_exchange(&events->is_signalled, true))
		eventfd_write(events->fd, 1);
}

void events_post(struct events *events, const struct loss *loss)
{
	struct uffd_guard_region *region = loss->region;
	stats_add(&region->guard->stats->losses, 1);
	stats_add(&region->stats->losses, 1);
	atomic_fetch_or_explicit(&region->stats->reasons, loss->reasons, memory_order_relaxed);
	atomic_fetch_or(&region->losses, loss->reasons);
	region_ref(region);
	if (!queue_push(events, loss))
		overflow_add(events, loss);
	signal_waiting(events);
}

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
static int deliver(const struct loss *loss, on_event_fn *on_event, void *data)
{
	struct uffd_guard_region *region = loss->region;
	int n_delivered = 0;

	if (!atomic_load(&region->is_unmapped) && loss->reasons) {
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

static int deliver_overflowed(struct events *events, on_event_fn *on_event, void *data)
{
	int n_delivered = 0;
	struct uffd_guard_region *region = atomic_exchange(&events->overflowed, NULL);
	while (region) {
		struct uffd_guard_region *next = region->overflow.next;
		struct loss loss = overflow_take(region);
		n_delivered += deliver(&loss, on_event, data);
		region = next;
	}
	return n_delivered;
}

static void clear_signal(struct events *events)
{
	eventfd_t count;
	eventfd_read(events->fd, &count);
	atomic_store(&events->is_signalled, false);
}

int uffd_guard_dispatch(struct uffd_guard *guard, on_event_fn *on_event, void *data)
{
	if (!guard || !on_event)
		return -EINVAL;
	if (guard_is_in_child(guard))
		return -ECHILD;

	struct loss *losses = malloc(EVENTS_QUEUE * sizeof(*losses));
	if (!losses)
		return -ENOMEM;

	struct events *events = &guard->events;
	pthread_mutex_lock(&events->delivery);
	clear_signal(events);
	size_t n = 0;
	while (n < EVENTS_QUEUE && queue_pop(events, &losses[n]))
		n++;
	n = merge_losses(losses, n);

	int n_delivered = 0;
	for (size_t i = 0; i < n; i++)
		n_delivered += deliver(&losses[i], on_event, data);
	n_delivered += deliver_overflowed(events, on_event, data);
	pthread_mutex_unlock(&events->delivery);
	free(losses);
	return n_delivered;
}

int uffd_guard_get_fd(const struct uffd_guard *guard)
{
	if (!guard)
		return -EINVAL;
	return guard_is_in_child(guard) ? -ECHILD : guard->events.fd;
}

void events_forget_region(struct events *events, struct uffd_guard_region *region)
{
	atomic_store(&region->is_unmapped, true);
	if (atomic_load(&region->references) == 1)
		return; /* nothing queued, nothing being delivered */
	pthread_mutex_lock(&events->delivery);
	pthread_mutex_unlock(&events->delivery);
}

void events_finish(struct events *events)
{
	struct loss loss;
	while (queue_pop(events, &loss))
		region_unref(loss.region);
	for (struct uffd_guard_region *region = atomic_load(&events->overflowed), *next; region;
		region = next) {
		next = region->overflow.next;
		region_unref(region);
	}
	pthread_mutex_destroy(&events->delivery);
	if (events->fd >= 0)
		close(events->fd);
}
