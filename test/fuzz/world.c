/* SPDX-License-Identifier: MIT */
/* The regions and files that there are, and the guard's events. */
#include "world.h"

#include "trace.h"

#include <poll.h>

struct view *world_view(const struct world *world, uint8_t slot)
{
	for (uint8_t i = 0; i < N_SLOTS; i++) {
		if (world->views[(slot + i) % N_SLOTS])
			return world->views[(slot + i) % N_SLOTS];
	}
	return NULL;
}

struct file *world_file(const struct world *world, uint8_t slot)
{
	for (uint8_t i = 0; i < N_SLOTS; i++) {
		if (world->slots[(slot + i) % N_SLOTS])
			return world->slots[(slot + i) % N_SLOTS];
	}
	return NULL;
}

struct uffd_guard_stats stats_of(const struct fuzzed_guard *guard)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	if (uffd_guard_get_stats(guard->guard, &stats))
		fail("get_stats fails");
	return stats;
}

/* ---- Events ---- */

#define QUEUE 1024 /* of the library; what comes beyond is reported less precisely */

struct dispatching {
	struct world *world;
	size_t guard;
	enum while_dispatching what;
	bool may_be_too_much;
	int n_events;
};

static struct view *view_of_event(const struct world *world, size_t guard,
	const struct uffd_guard_event *event, uint8_t *slot)
{
	for (*slot = 0; *slot < N_SLOTS; ++*slot) {
		struct view *view = world->views[*slot];
		if (view && view->region == event->region && view->guard == guard)
			return view;
	}
	fail("there is an event of region %p, which is not mapped", (void *)event->region);
}

static void on_event(const struct uffd_guard_event *event, void *data)
{
	struct dispatching *dispatching = data;
	struct world *world = dispatching->world;
	uint8_t slot;
	struct view *view = view_of_event(world, dispatching->guard, event, &slot);
	dispatching->n_events++;
	losses_note_event(view, event, dispatching->may_be_too_much);

	struct dispatching within = *dispatching;
	within.what = JUST_NOTE;
	switch (dispatching->what) {
	case UNMAP_REGION:
		world_unmap(world, slot);
		break;
	case REFRESH_REGION:
		if (uffd_guard_refresh(view->region, 0, view->length))
			fail("refresh fails in on_event");
		view_note_refreshed(view, 0, view->length);
		view_forget_marks(view, 0, view->length);
		break;
	case DISPATCH_WITHIN:
		uffd_guard_dispatch(world->guards[dispatching->guard].guard, on_event, &within);
		break;
	default:
		break;
	}
}

static bool is_readable(const struct fuzzed_guard *guard)
{
	struct pollfd fd = { .fd = uffd_guard_get_fd(guard->guard), .events = POLLIN };
	return poll(&fd, 1, 0) == 1 && fd.revents & POLLIN;
}

static void dispatch(struct world *world, size_t number, enum while_dispatching what)
{
	struct fuzzed_guard *guard = &world->guards[number];
	const uint64_t losses = stats_of(guard).losses;
	struct dispatching dispatching = {
		.world = world,
		.guard = number,
		.what = what,
		.may_be_too_much = losses - guard->losses_dispatched >= QUEUE,
	};
	const bool was_readable = is_readable(guard);
	int n = uffd_guard_dispatch(guard->guard, on_event, &dispatching);
	guard->losses_dispatched = losses;
	if (n != dispatching.n_events)
		fail("dispatch answers %d, but has delivered %d", n, dispatching.n_events);
	if (n > 0 && guard->tells_no_events)
		fail("there were events, but none are wanted");
	if (n > 0 && !was_readable)
		fail("there were events, but the descriptor was not readable");
}

void world_dispatch(struct world *world, enum while_dispatching what)
{
	size_t n_owed[N_SLOTS];
	for (size_t i = 0; i < N_SLOTS; i++)
		n_owed[i] = world->views[i] ? world->views[i]->n_owed : 0;
	trace("dispatch, way %d", what);
	losses_begin_dispatch();
	for (size_t i = 0; i < world->n_guards; i++) {
		if (world->guards[i].guard)
			dispatch(world, i, what);
	}
	for (size_t i = 0; i < N_SLOTS; i++) {
		if (world->views[i])
			losses_end_dispatch(world->views[i], n_owed[i]);
	}
}
