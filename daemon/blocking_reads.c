/* SPDX-License-Identifier: MIT */
/*
 * Files that may block, on the handler's side: reads in flight, for faults and for callers.
 *
 * Each file has a few reads of its own, each with a buffer that lives until the kernel has
 * answered, so a file that stalls holds up nobody else, and not even its own region beyond the
 * deadline: then the page becomes zeros, and the loss is reported.
 *
 * A read that is overdue stays in flight. When all of a file's are, it counts as stalled and is not
 * asked again until one returns: faults are answered with zeros at once.
 *
 * The file's struct outlives its region while the kernel may still write to a buffer. It is closed
 * by the ring too: close(2) of such a file may ask its server.
 */
#include "daemon/blocking_reads.h"

#include "base/clock.h"
#include "daemon/loop.h"
#include "pages/fill.h"
#include "pages/install.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

/* In a tag, beside the file's address: it is the close that was answered, not a read. */
#define TAG_CLOSE UINT64_C(1)

/* ---- Reads in flight ---- */

void blocking_reads_init(struct blocking_reads *reads, struct loop *loop)
{
	*reads = (struct blocking_reads){ .loop = loop };
	atomic_init(&reads->inbox.latest, NULL);
}

/* model: blocking close_when_idle */
static void close_when_idle(struct blocking_reads *reads, struct blocking_file *file)
{
	if (file->region || file->n_in_flight > 0)
		return;
	if (reads->loop->is_deaf) { /* the program has closed it */
		blocking_file_destroy(file);
		return;
	}
	file->n_in_flight++;
	reads->n_in_flight++;
	loop_uring_close(reads->loop, file->fd, (uintptr_t)file | TAG_CLOSE);
}

static void submit_read(struct blocking_reads *reads, struct blocking_read *read)
{
	read->file->n_in_flight++;
	reads->n_in_flight++;
	loop_uring_read(reads->loop, read->file->fd, read->buffer + read->from,
		read->length - read->from, read->position + read->from, (uintptr_t)read);
}

/* Whether the file may have more. As in source_read(): from the beginning of the page it stopped
 * in. */
static bool take_result(struct blocking_read *read, int result)
{
	read->error = result < 0 ? result : 0;
	const size_t before = read->got;
	if (result >= 0)
		read->got = max_u64(before, read->from + (size_t)result);
	if (result < 0 || read->got <= before || read->got == read->length)
		return false;
	read->from = page_floor(read->got);
	return true;
}

/* model: blocking forget_waiter */
static void forget_waiter(struct blocking_reads *reads, struct blocking_read *read)
{
	struct blocking_read **at = &reads->waited_for;
	while (*at != read)
		at = &(*at)->next;
	*at = read->next;
	read->is_waited_for = false;
	epoch_leave(read->file->fills, read->ticket);
}

/* Wake parked faults: they fault again and get a free read slot. (A region whose mmap failed has no
 * addresses and no waiters.) */
/* model: blocking wake_parked */
static void wake_parked(struct blocking_file *file)
{
	struct uffd_guard_region *region = file->region;
	const size_t size = region->range.end - region->range.start;
	if (!file->has_parked || size == 0)
		return;
	file->has_parked = false;
	uffd_wake(&region->guard->uffd, region->range.start, size);
}

/* model: blocking answer_fault */
static void answer_fault(struct blocking_reads *reads, struct blocking_read *read)
{
	struct blocking_file *file = read->file;
	struct uffd_guard_region *region = file->region;
	struct fill fill = {
		.region = region, .asked = ASKED_PAGE, .page = read->page, .is_handler = true
	};
	int err = fill_with(&fill, read->page, page_ceil(read->length) / page_size(), read->buffer,
		read->length, read->got, read->error);
	reads->error = err ? err : reads->error;
	stats_count_fault(region->guard->stats, now_ns() - read->start);
	forget_waiter(reads, read);
	wake_parked(file);
}

static void finish_read(struct blocking_reads *reads, struct blocking_read *read)
{
	struct blocking_file *file = read->file;
	if (read == &file->call) {
		blocking_call_finish(read);
		return;
	}
	read->is_in_flight = false;
	if (read->is_waited_for)
		answer_fault(reads, read);
	else if (file->region)
		wake_parked(file);
}

static bool is_wanted(const struct blocking_read *read)
{
	const struct blocking_file *file = read->file;
	return read == &file->call ? atomic_load(&read->wait_state) == WAIT_ASKED
				   : read->is_waited_for;
}

/* model: blocking complete_read */
static void complete_read(struct blocking_reads *reads, struct blocking_read *read, int result)
{
	struct blocking_file *file = read->file;
	file->n_in_flight--;
	if (take_result(read, result) && is_wanted(read))
		submit_read(reads, read);
	else
		finish_read(reads, read);
	close_when_idle(reads, file);
}

/* model: blocking complete */
void blocking_reads_complete(struct blocking_reads *reads, uint64_t tag, int result)
{
	reads->n_in_flight--;
	if (tag & TAG_CLOSE)
		blocking_file_destroy((struct blocking_file *)(uintptr_t)(tag & ~TAG_CLOSE));
	else
		complete_read(reads, (struct blocking_read *)(uintptr_t)tag, result);
}

/* ---- Requests of callers ---- */

/* model: blocking release */
static void release_file(struct blocking_reads *reads, struct blocking_file *file)
{
	struct uffd_guard_region *region = file->region;
	size_t done;
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		struct blocking_read *read = &file->faults[i];
		if (!read->is_waited_for)
			continue;
		install_zeros(region->guard, region_address(region, read->page * page_size()),
			page_size(), &done);
		forget_waiter(reads, read);
	}
	file->has_parked = true; /* for all we know */
	wake_parked(file);
	file->region = NULL;
	/* Closing a file on a disk waits for nobody: unmap does it, and is done with it. */
	const bool caller_closes = file->n_in_flight == 0 && region->source.kind != SOURCE_REMOTE;
	region->source.caller_closes = caller_closes;
	epoch_leave(file->fills, file->ticket); /* the region may be gone after this */
	if (!caller_closes)
		close_when_idle(reads, file);
}

/* model: blocking take_requests */
void blocking_reads_take_requests(struct blocking_reads *reads)
{
	struct blocking_request *request = blocking_inbox_take(&reads->inbox), *next;
	for (; request; request = next) {
		next = request->next; /* it may be gone after this */
		if (request->kind == REQUEST_READ)
			submit_read(reads, (struct blocking_read *)request);
		else
			release_file(reads, (struct blocking_file *)request);
	}
}

/* ---- Faults ---- */

static struct blocking_read *find_free(struct blocking_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_in_flight)
			return &file->faults[i];
	}
	return NULL;
}

static bool is_stalled(const struct blocking_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_in_flight || file->faults[i].is_waited_for)
			return false;
	}
	return true;
}

/* Zeros; @wanted bytes of them instead of the file's, which did not answer. */
static void answer_with_zeros(
	struct blocking_reads *reads, struct uffd_guard_region *region, size_t page, size_t wanted)
{
	struct fill fill = {
		.region = region, .asked = ASKED_PAGE, .page = page, .is_handler = true
	};
	int err = fill_with(&fill, page, 1, NULL, wanted, 0, -ETIMEDOUT);
	reads->error = err ? err : reads->error;
}

/* model: blocking answer_later */
void blocking_reads_answer_later(struct blocking_reads *reads, struct uffd_guard_region *region,
	size_t page, size_t n_pages, uint32_t ticket)
{
	struct blocking_file *file = region->source.blocking;
	struct blocking_read *read = find_free(file);
	const uint64_t start = page * page_size(), length = atomic_load(&region->length);
	if (start >= length) {
		answer_with_zeros(
			reads, region, page, 0); /* up to the reserve: zeros, and nothing lost */
		epoch_leave(&region->fills, ticket);
		return;
	}
	if (!read) {
		if (is_stalled(file))
			answer_with_zeros(
				reads, region, page, min_u64(page_size(), length - start));
		else
			file->has_parked = true;
		epoch_leave(&region->fills, ticket);
		return;
	}
	const uint64_t now = now_ns();
	read->position = region->source.offset + start;
	read->length = min_u64(min_u64(n_pages * page_size(), FAULT_BYTES), length - start);
	read->got = read->from = 0;
	read->page = page;
	read->start = now;
	read->deadline = now + file->deadline_ns;
	read->ticket = ticket;
	read->is_in_flight = read->is_waited_for = true;
	read->next = reads->waited_for;
	reads->waited_for = read;
	submit_read(reads, read);
}

uint64_t blocking_reads_next_deadline(const struct blocking_reads *reads)
{
	uint64_t next = 0;
	for (const struct blocking_read *read = reads->waited_for; read; read = read->next) {
		if (next == 0 || read->deadline < next)
			next = read->deadline;
	}
	return next;
}

/* model: blocking expire */
void blocking_reads_expire(struct blocking_reads *reads, uint64_t now)
{
	struct blocking_read *read = reads->waited_for, *next;
	for (; read; read = next) {
		next = read->next;
		if (read->deadline > now)
			continue;
		answer_with_zeros(
			reads, read->file->region, read->page, min_u64(page_size(), read->length));
		stats_count_fault(read->file->region->guard->stats, now - read->start);
		forget_waiter(reads, read);
		wake_parked(read->file);
	}
}

/* model: blocking abandon */
void blocking_reads_abandon(struct blocking_reads *reads)
{
	while (reads->waited_for)
		forget_waiter(reads, reads->waited_for);
}

void blocking_reads_close(struct blocking_reads *reads)
{
	blocking_inbox_close(&reads->inbox);
}
