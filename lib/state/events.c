/* SPDX-License-Identifier: MIT */
/*
 * The queue of losses: bounded and lock-free, many producers and one consumer. A producer claims a
 * slot by position and publishes it by the slot's turn.
 */
#include "state/events.h"

#include "kernel/descriptor.h"

#include <errno.h>
#include <sys/eventfd.h>

int events_init(struct events *events, int mark)
{
	*events = (struct events){ .bell = { .fd = -1, .mark = mark }, .source = -1 };
	for (uint64_t i = 0; i < EVENTS_QUEUE; i++)
		atomic_init(&events->slots[i].turn, i);
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&events->delivery, &attr);
	pthread_mutexattr_destroy(&attr);

	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fd = descriptor_move_away(descriptor_adopt(fd < 0 ? -errno : fd, mark));
	if (fd < 0)
		return fd;
	events->source = fd;
	return bell_open(&events->bell, fd, mark);
}

/* model: losses push */
bool events_push(struct events *events, const struct loss *loss)
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

/* model: losses pop */
bool events_pop(struct events *events, struct loss *loss)
{
	struct slot *slot = &events->slots[events->head % EVENTS_QUEUE];
	if (atomic_load(&slot->turn) != events->head + 1)
		return false;
	*loss = slot->loss;
	atomic_store(&slot->turn, events->head + EVENTS_QUEUE);
	events->head++;
	return true;
}

/* model: losses signal */
void events_signal(struct events *events)
{
	if (!atomic_exchange(&events->is_signalled, true))
		bell_ring(&events->bell);
}

/* model: losses clear_signal */
void events_clear_signal(struct events *events)
{
	bell_silence(&events->bell);
	atomic_store(&events->is_signalled, false);
}

void events_finish(struct events *events)
{
	pthread_mutex_destroy(&events->delivery);
	descriptor_close(events->source, events->bell.mark);
	bell_close(&events->bell);
}
