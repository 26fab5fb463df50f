/* SPDX-License-Identifier: MIT */
/*
 * The handler at work: messages in, pages out; and when nothing waits, reading ahead.
 *
 * It gives up when a fault cannot be answered or the userfaultfd cannot be read. Then it
 * unregisters every region, which wakes all waiters and leaves plain memory, zeros where nothing
 * was filled; each region's loss is reported before. Closing the userfaultfd alone would not do:
 * after a fork() the child holds it open. Last it waits for regions that are just being unmapped,
 * and wakes who waited there.
 */
#include "daemon/serve.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/watch.h"
#include "state/guard.h"
#include "state/loss.h"
#include "state/region.h"

#include <errno.h>

/* ---- Serving ---- */

static bool is_answered(const struct answer *answers, int n_answers, uintptr_t address)
{
	for (int i = 0; i < n_answers; i++) {
		if (address >= answers[i].start && address < answers[i].end)
			return true;
	}
	return false;
}

/* Messages of one read: what one answer has filled, the next message need not ask for again. */
static int serve_messages(struct server *server, const struct uffd_msg *messages, int n_messages)
{
	struct serving *serving = &server->serving;
	struct answer answers[LOOP_MESSAGES];
	uint64_t start = now_ns();
	int err = 0;

	for (int i = 0; i < n_messages && !err; i++) {
		uintptr_t address = page_floor(messages[i].arg.pagefault.address);
		answers[i] = (struct answer){ .start = 0 };
		if (messages[i].event != UFFD_EVENT_PAGEFAULT)
			continue; /* no other event is enabled */
		if (messages[i].arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			fault_note_store(serving, address);
		else if (!is_answered(answers, i, address))
			err = fault_answer(serving, address, &answers[i]);
		if (err != WATCH_ERR_TAKEN && !answers[i].is_later)
			stats_count_fault(serving->guard->stats, now_ns() - start);
	}
	return err;
}

static void expire(struct server *server, uint64_t now)
{
	blocking_reads_expire(&server->blocking_reads, now);
	scanned_reads_expire(&server->scanned_reads, now);
}

/* 0 is none. */
static uint64_t next_of(uint64_t one, uint64_t other)
{
	return one && other ? min_u64(one, other) : one + other;
}

/* What is not a fault: requests of callers, files that are late, reading ahead. */
static int serve_others(struct server *server, bool has_time)
{
	struct blocking_reads *reads = &server->blocking_reads;
	struct scanned_reads *scanned = &server->scanned_reads;
	struct uffd_guard *guard = server->serving.guard;
	struct watch *watch = atomic_load(&guard->has_met_scanner) ? NULL : server->serving.watch;
	if (blocking_reads_take_requests(reads, watch) == WATCH_ERR_TAKEN ||
		scanned_reads_look(scanned, watch) == WATCH_ERR_TAKEN)
		return WATCH_ERR_TAKEN;
	if (server->loop.wake_at)
		expire(server, now_ns());
	if (has_time && server->serving.ahead.n_pages > 0 &&
		fault_fill_ahead(&server->serving) == WATCH_ERR_TAKEN)
		return WATCH_ERR_TAKEN;
	server->loop.wake_at =
		next_of(blocking_reads_next_deadline(reads), scanned_reads_next_look(scanned));
	return reads->error ? reads->error : scanned->error;
}

/* Memory may be short for a moment, and a fault be gone before it is read. But for ever, that is a
 * hang. */
#define RETRY_LIMIT    1000
#define RETRY_LIMIT_NS NS_PER_S

/* A reader that goes from page to page comes back sooner than it takes to sleep and to be woken on
 * another processor. So in a series of faults the handler looks for a moment before it sleeps. A
 * fault that comes alone is followed by no look: an idle program pays nothing. */
#define LOOK_NS	  UINT64_C(20000)
#define SERIES_NS UINT64_C(100000)

static int look_for_faults(struct server *server, struct uffd_msg *messages)
{
	struct loop *loop = &server->loop;
	const uint64_t limit = now_ns() + LOOK_NS;
	int n = 0;
	while (n == 0 && now_ns() < limit && !atomic_load(&server->shall_stop))
		n = loop->ops->wait(loop, messages, false);
	return n;
}

static int look_and_wait(struct server *server, struct uffd_msg *messages)
{
	struct loop *loop = &server->loop;
	const bool shall_block = server->serving.ahead.n_pages == 0;
	const bool shall_look = shall_block && server->is_in_series;
	/* After a look that found no fault the handler does its other work before it sleeps: a
	 * caller's wake-up may have been taken meanwhile. */
	const int n = shall_look ? look_for_faults(server, messages)
				 : loop->ops->wait(loop, messages, shall_block);
	if (n == 0 && shall_look)
		server->is_in_series = false;
	if (n > 0) {
		const uint64_t now = now_ns();
		server->is_in_series = server->may_look && now - server->last_fault_ns < SERIES_NS;
		server->last_fault_ns = now;
	}
	return n;
}

static int wait_for_faults(struct server *server, struct uffd_msg *messages)
{
	int n = look_and_wait(server, messages);
	if (n != -EAGAIN) {
		server->n_retries = 0;
		return n;
	}
	if (server->n_retries++ == 0)
		server->retrying_since = now_ns();
	const bool is_hopeless = server->n_retries > RETRY_LIMIT &&
				 now_ns() - server->retrying_since > RETRY_LIMIT_NS;
	return is_hopeless ? n : 0;
}

static bool shall_go_on(struct server *server)
{
	return !atomic_load(&server->shall_stop) &&
	       !(server->loop.is_stand_in && watch_is_back(server->watch));
}

/* model: blocking serve, relief serve, scanned serve */
int serve_until_stopped(struct server *server)
{
	struct uffd_guard *guard = server->serving.guard;
	struct uffd_msg messages[LOOP_MESSAGES];
	int n = 0, err = 0;

	while (!err && shall_go_on(server)) {
		n = wait_for_faults(server, messages);
		stats_add(&guard->stats->wakeups, 1);
		err = n > 0 ? serve_messages(server, messages, n) : n;
		if (!err)
			err = serve_others(server, n == 0);
		if (!err && atomic_load(&guard->uffd.failed_to_wake))
			err = -EIO;
	}
	return err;
}

/* ---- Giving up ---- */

#define LEAVING_LIMIT_NS (10 * NS_PER_S)

/* Regions that are no more in the table, but still mapped, were not unregistered, nor what has just
 * been registered: whoever waits there is woken when that is over. Unmap may need the inbox for it.
 */
/* model: blocking wait_for_leaving, direct wait_for_leaving, protocol wait_for_leaving */
static void wait_for_leaving(struct server *server)
{
	struct uffd_guard *guard = server->serving.guard;
	const uint64_t limit = now_ns() + guard->read_deadline_ms * NS_PER_MS + LEAVING_LIMIT_NS;
	uint32_t n;
	while ((n = atomic_load(&guard->n_holders)) > 0 && now_ns() < limit) {
		blocking_reads_take_requests(&server->blocking_reads, NULL);
		futex_wait_until(&guard->n_holders, n, now_ns() + NS_PER_MS);
	}
	guard_wake_all(guard);
}

static void unregister_all(struct uffd_guard *guard)
{
	range_table_for_each (range, &guard->ranges) {
		uintptr_t start = region_address(
			region_of_range(range), region_direct_end(region_of_range(range)));
		if (start < range->end)
			uffd_unregister(&guard->uffd, start, range->end - start);
	}
}

/* Regions that appear from now on find guard->gave_up set: see mapping_make_accessible(). */
/* model: blocking give_up, direct give_up, protocol give_up, relief give_up, scanned give_up */
void serve_give_up(struct server *server)
{
	struct uffd_guard *guard = server->serving.guard;
	struct loop *loop = &server->loop;
	atomic_store(&guard->gave_up, true);

	uint32_t lookup = epoch_enter(&guard->lookups);
	range_table_for_each (range, &guard->ranges) {
		struct uffd_guard_region *region = region_of_range(range);
		region_report_loss(region, region_direct_end(region), atomic_load(&region->length),
			UFFD_GUARD_LOST_HANDLER, 0);
	}
	if (uffd_is_ours(&guard->uffd))
		unregister_all(guard);
	else
		loop->ops->abandon(loop); /* nobody else has it: that closes it */
	epoch_leave(&guard->lookups, lookup);
	blocking_reads_abandon(&server->blocking_reads);
	scanned_reads_abandon(&server->scanned_reads);
	wait_for_leaving(server);
	loop->ops->abandon(loop);
	uffd_abandon(&guard->uffd, loop->wake.read_fd);
}
