/* SPDX-License-Identifier: MIT */
/*
 * The handler reads files on a tmpfs by pread(2), since nothing is as fast, and nothing as little
 * in a client's hands. (With a ring, only those about which nobody was asked a moment ago:
 * scanned_reads.c.) But if a scanner of files watches the mount (fanotify(7), FAN_ACCESS_PERM),
 * the kernel asks it first, and a thread that waits for its answer cannot be called away. So a
 * second thread is ready before the handler reads the first such file. It sleeps; while reads go
 * on it looks some times a second whether one of them takes too long (base/watch.h). Then it stands
 * in:
 *
 * - The page that was read for becomes zeros, with the loss TIMED_OUT, and the region's epoch is
 *   left: its readers go on, and it can be refreshed and unmapped.
 * - A caller's question about a scanner (file/inquiry.c) gets no answer: that goes on by itself.
 * - All other threads that wait are woken. They fault again, and that is how messages come again
 *   which the handler had taken off the userfaultfd and not answered.
 * - It serves, with the handler's server, but its own staging, and by poll: the ring is the
 *   handler's alone. What is to be asked of files that may block is put into the ring, where turns
 *   (turns.c) leave room enough for it, and is asked when the handler is back; until then they
 *   count as stalled once the deadline has passed.
 *
 * From then on neither thread asks a scanner for this guard: so no more than one thread is ever
 * held up, and the one that stands in never is. Files on a tmpfs are read through a mapping
 * (file/view.c), which callers make (calls/scanners.c); pages that are touched before are
 * zeros, and TIMED_OUT.
 *
 * When the handler's read returns, it drops what it has read, which is in its own staging, asks for
 * the server, and goes on where the other is. If the guard ends before, the handler's thread frees
 * itself, as one does that waits for a file that may block: handler.c.
 *
 * A thread that is ready to run but has no processor looks like one that is held up. So time is not
 * taken from a clock alone: the read has to be found under way by so many looks, and between two of
 * them this thread has slept and got a processor again.
 */
#include "daemon/relief.h"

#include "daemon/sandbox.h"
#include "daemon/serve.h"
#include "daemon/stack.h"
#include "daemon/thread.h"

#include "base/clock.h"
#include "base/watch.h"
#include "kernel/staging.h"
#include "pages/fill.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <stdlib.h>

#define LOOKS 5

struct relief {
	struct relief_options options;
	pthread_t thread;
	struct staging *staging;

	/* The handler's, while this thread stands in. */
	const struct loop_ops *ops;
	struct staging *handlers_staging;
};

static struct watch *watch_of(const struct relief *relief)
{
	return relief->options.server->watch;
}

/* ---- Standing in ---- */

/* What the handler had in hand. */
static int answer_fault(struct uffd_guard_region *region, size_t page)
{
	struct fill fill = {
		.region = region, .asked = ASKED_PAGE, .page = page, .is_handler = true
	};
	const uint64_t start = page * page_size();
	const uint64_t length = max_u64(atomic_load(&region->length), start);
	if (page_is_present(&region->presence, page))
		return 0;
	return fill_with(&fill, page, 1, NULL, min_u64(page_size(), length - start), 0, -ETIMEDOUT);
}

static int answer_for_handler(const struct watch *watch)
{
	const int err = watch->is_asked ? answer_fault(watch->region, watch->page) : 0;
	epoch_leave(watch->inside, watch->ticket);
	return err;
}

/* model: relief take_over */
static int take_over(struct relief *relief)
{
	struct server *server = relief->options.server;
	struct uffd_guard *guard = server->serving.guard;
	relief->ops = server->loop.ops;
	relief->handlers_staging = server->serving.staging;
	server->loop.ops = &loop_poll;
	server->loop.is_stand_in = true;
	server->serving.staging = relief->staging;
	server->serving.watch = NULL;
	server->serving.ahead.n_pages = 0;
	scanned_reads_pass(&server->scanned_reads);

	int err = answer_for_handler(server->watch);
	blocking_reads_take_requests(&server->blocking_reads, NULL); /* what it had taken, too */
	blocking_reads_expire(&server->blocking_reads, now_ns());
	guard_wake_all(guard);
	return err;
}

/* model: relief restore */
static void restore(struct relief *relief)
{
	struct server *server = relief->options.server;
	server->loop.ops = relief->ops;
	server->loop.is_stand_in = false;
	server->serving.staging = relief->handlers_staging;
	server->serving.watch = server->watch;
}

/* Whether the handler is still held up, and is left there. */
/* model: relief leave_handler */
static bool leave_handler(struct watch *watch)
{
	const uint32_t state = atomic_load(&watch->state);
	return watch_kind_of(state) == WATCH_TAKEN && watch_move(watch, state, WATCH_LEFT);
}

/* model: relief stand_in */
static void stand_in(struct relief *relief)
{
	struct server *server = relief->options.server;
	struct watch *watch = watch_of(relief);
	int err = take_over(relief);
	if (!err)
		err = serve_until_stopped(server);
	if (err)
		serve_give_up(server);

	const bool is_over = err || atomic_load(&server->shall_stop);
	if (is_over && leave_handler(watch)) {
		blocking_reads_close(&server->blocking_reads);
		restore(relief);
		relief->options.end(relief->options.handler);
		return;
	}
	server->is_over = is_over;
	restore(relief);
	watch_give_back(watch);
}

/* ---- Looking ---- */

static bool has_ended(struct watch *watch)
{
	return atomic_load(&watch->look) == LOOK_END;
}

/* Until the handler reads again. */
/* model: relief sleep_until_called */
static void sleep_until_called(struct watch *watch)
{
	uint32_t awake = LOOK_AWAKE;
	if (!atomic_compare_exchange_strong(&watch->look, &awake, LOOK_ASLEEP))
		return;
	while (atomic_load(&watch->look) == LOOK_ASLEEP &&
		watch_kind_of(atomic_load(&watch->state)) != WATCH_READING)
		futex_wait(&watch->look, LOOK_ASLEEP);
	uint32_t asleep = LOOK_ASLEEP;
	atomic_compare_exchange_strong(&watch->look, &asleep, LOOK_AWAKE);
}

static void sleep_until_next_look(const struct relief *relief)
{
	struct watch *watch = watch_of(relief);
	const uint64_t next = now_ns() + relief->options.patience_ns / (LOOKS - 1);
	while (!has_ended(watch) && now_ns() < next)
		futex_wait_until(&watch->look, LOOK_AWAKE, next);
}

/* One look: how many have found the same read under way, up to now. */
/* model: relief look_once */
static unsigned look(struct relief *relief, uint32_t *last, unsigned n_looks)
{
	struct watch *watch = watch_of(relief);
	const uint32_t state = atomic_load(&watch->state);
	const bool is_same = state == *last, is_read = watch_kind_of(state) == WATCH_READING;
	*last = state;
	if (!is_same)
		return is_read ? 1 : 0;
	if (!is_read)
		sleep_until_called(watch);
	else if (n_looks + 1 < LOOKS)
		return n_looks + 1;
	else if (watch_move(watch, state, WATCH_TAKEN))
		stand_in(relief);
	return 0;
}

/* model: relief relief */
static void *relief_run(void *data)
{
	struct relief *relief = data;
	struct watch *watch = watch_of(relief);
	uint32_t last = atomic_load(&watch->state);
	unsigned n_looks = 0;

	stack_touch();
	scheduling_take_over(relief->options.scheduling);
	sandbox_enter(relief->options.sandbox);
	while (!has_ended(watch)) {
		n_looks = look(relief, &last, n_looks);
		sleep_until_next_look(relief);
	}
	return NULL;
}

/* ---- Start and stop ---- */

static void relief_free(struct relief *relief)
{
	staging_destroy(relief->staging);
	free(relief);
}

struct relief *relief_start(const struct relief_options *options)
{
	struct relief *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->options = *options;
	fresh->staging = staging_create();
	if (fresh->staging &&
		thread_start(&fresh->thread, "uffd-guard-aid", relief_run, fresh) == 0)
		return fresh;
	relief_free(fresh);
	return NULL;
}

/* model: relief stop_relief */
void relief_stop(struct relief *relief)
{
	if (!relief)
		return;
	struct watch *watch = watch_of(relief);
	atomic_store(&watch->look, LOOK_END);
	futex_wake(&watch->look);
	pthread_join(relief->thread, NULL);
	relief_free(relief);
}
