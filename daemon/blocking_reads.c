/* SPDX-License-Identifier: MIT */
/*
 * Files that may block, on the handler's side: reads in flight, for faults and for callers.
 *
 * Each file has a few reads of its own, each with a buffer that lives until the kernel has
 * answered, so a file that stalls holds up nobody else, and not even its own region beyond the
 * deadline: then the page becomes zeros, and the loss is reported.
 *
 * Few are in flight at a time (turns.c); others wait for their turn. A read that is overdue stays
 * in flight, or is not made if it has not had its turn. When all of a file's are overdue, or all
 * turns of its server, the file counts as stalled and is not asked again until one returns: faults
 * are answered with zeros at once.
 *
 * The file's struct outlives its region while the kernel may still write to a buffer. It is closed
 * by the ring too: close(2) of such a file may ask its server.
 */
#include "daemon/blocking_reads.h"

#include "base/clock.h"
#include "daemon/loop.h"
#include "daemon/scanned_reads.h"
#include "file/inquiry.h"
#include "file/short_read.h"
#include "pages/fill.h"
#include "pages/install.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <stddef.h>

/* ---- Reads in flight ---- */

void blocking_reads_init(struct blocking_reads *reads, struct loop *loop)
{
	*reads = (struct blocking_reads){ .loop = loop };
	turns_init(&reads->turns);
	atomic_init(&reads->inbox.latest, NULL);
}

static struct blocking_read *read_of(struct blocking_turn *turn)
{
	return (struct blocking_read *)((char *)turn - offsetof(struct blocking_read, turn));
}

/* It has its turn. */
/* model: blocking begin */
static void begin(struct blocking_reads *reads, struct blocking_turn *turn)
{
	struct blocking_file *file = turn->file;
	file->n_in_flight++;
	reads->n_in_flight++;
	if (turn == &file->closing) {
		loop_uring_close(reads->loop, file->fd, (uintptr_t)turn);
		return;
	}
	const struct blocking_read *read = read_of(turn);
	loop_uring_read(reads->loop, file->fd, read->buffer + read->from, read->length - read->from,
		read->position + read->from, (uintptr_t)turn);
}

static void ask(struct blocking_reads *reads, struct blocking_turn *turn)
{
	if (turns_ask(&reads->turns, turn))
		begin(reads, turn);
}

static bool is_stalled(const struct blocking_reads *reads, const struct blocking_file *file)
{
	const uint64_t now = now_ns();
	return turns_are_stalled(
		&reads->turns, file, now > file->deadline_ns ? now - file->deadline_ns : 0);
}

/* model: blocking close_when_idle */
static void close_when_idle(struct blocking_reads *reads, struct blocking_file *file)
{
	if (file->region || file->n_in_flight > 0 || file->closing.list)
		return;
	if (reads->loop->is_deaf) /* the program has closed it */
		blocking_file_destroy(file);
	else
		ask(reads, &file->closing);
}

/* Whether the file may have more. */
static bool take_result(struct blocking_read *read, int result)
{
	read->error = result < 0 ? result : 0;
	return short_read_goes_on(&read->from, &read->got, read->length, result);
}

/* All files of a guard have the same deadline. */
static void wait_for(struct waited_for *list, struct blocking_read *read)
{
	read->next = NULL;
	read->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = read;
	list->last = read;
}

/* model: blocking forget_waiter */
static void forget_waiter(struct blocking_reads *reads, struct blocking_read *read)
{
	struct waited_for *list = &reads->waited_for;
	*(read->previous ? &read->previous->next : &list->first) = read->next;
	*(read->next ? &read->next->previous : &list->last) = read->previous;
	read->is_waited_for = false;
	if (read->turn.list) { /* not made, if it has not had its turn */
		turns_forget(&read->turn);
		read->is_asked = false;
	}
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
	read->is_asked = false;
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
	const bool goes_on = take_result(read, result) && is_wanted(read);
	const bool is_closed = atomic_load(&reads->inbox.is_closed);
	if (goes_on && !is_closed) {
		ask(reads, &read->turn);
	} else {
		read->error = goes_on ? -EIO : read->error;
		finish_read(reads, read);
	}
	close_when_idle(reads, file);
}

/* model: blocking complete */
void blocking_reads_complete(struct blocking_reads *reads, uint64_t tag, int result)
{
	struct blocking_turn *turn = (struct blocking_turn *)(uintptr_t)tag,
			     *next = turns_end(&reads->turns, turn);
	struct blocking_file *file = turn->file;
	file->n_in_flight--;
	reads->n_in_flight--;
	if (next)
		begin(reads, next);
	if (turn == &file->closing)
		blocking_file_destroy(file);
	else
		complete_read(reads, read_of(turn), result);
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
	if (file->call.turn.list) { /* its caller has gone on without it */
		turns_forget(&file->call.turn);
		blocking_call_finish(&file->call);
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

static void take_call(struct blocking_reads *reads, struct blocking_read *read)
{
	if (!is_stalled(reads, read->file)) {
		ask(reads, &read->turn);
		return;
	}
	read->error = -ETIMEDOUT;
	blocking_call_finish(read);
}

static int take_inquiry(struct blocking_reads *reads, struct inquiry *inquiry, struct watch *watch)
{
	if (watch && !reads->scanned)
		return inquiry_make(inquiry, watch);
	if (watch)
		scanned_reads_ask(reads->scanned, inquiry);
	else
		inquiry->request.refuse(&inquiry->request);
	return 0;
}

static int take_request(struct blocking_reads *reads, struct request *request, struct watch *watch)
{
	switch (request->kind) {
	case REQUEST_READ:
		take_call(reads, (struct blocking_read *)request);
		break;
	case REQUEST_RELEASE:
		release_file(reads, (struct blocking_file *)request);
		break;
	case REQUEST_INQUIRY:
		return take_inquiry(reads, (struct inquiry *)request, watch);
	}
	return 0;
}

/* If an inquiry holds the handler up, the thread that stands in goes on with the next request. */
/* model: blocking take_requests, relief take_requests */
int blocking_reads_take_requests(struct blocking_reads *reads, struct watch *watch)
{
	int err = 0;
	if (!reads->taken)
		reads->taken = inbox_take(&reads->inbox);
	while (!err && reads->taken) {
		struct request *request = reads->taken;
		reads->taken = request->next; /* it may be gone after this */
		err = take_request(reads, request, watch);
	}
	return err;
}

/* ---- Faults ---- */

static struct blocking_read *find_free(struct blocking_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_asked)
			return &file->faults[i];
	}
	return NULL;
}

static bool are_overdue(const struct blocking_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_asked || file->faults[i].is_waited_for)
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
	if (are_overdue(file) || is_stalled(reads, file)) {
		answer_with_zeros(reads, region, page, min_u64(page_size(), length - start));
		epoch_leave(&region->fills, ticket);
		return;
	}
	if (!read) {
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
	read->is_asked = read->is_waited_for = true;
	wait_for(&reads->waited_for, read);
	ask(reads, &read->turn);
}

uint64_t blocking_reads_next_deadline(const struct blocking_reads *reads)
{
	return reads->waited_for.first ? reads->waited_for.first->deadline : 0;
}

/* model: blocking expire */
void blocking_reads_expire(struct blocking_reads *reads, uint64_t now)
{
	struct blocking_read *read;
	while ((read = reads->waited_for.first) && read->deadline <= now) {
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
	while (reads->waited_for.first)
		forget_waiter(reads, reads->waited_for.first);
}

/* Callers free files themselves from now on, which must not be waiting for a turn then. */
/* model: blocking drop_calls */
static void drop_calls(struct blocking_reads *reads)
{
	struct blocking_turn *closings = NULL, *turn;
	while ((turn = turns_any_waiting(&reads->turns))) {
		turns_forget(turn);
		if (turn == &turn->file->closing) {
			turn->next = closings;
			closings = turn;
			continue;
		}
		read_of(turn)->error = -EIO;
		blocking_call_finish(read_of(turn));
	}
	while ((turn = closings)) {
		closings = turn->next;
		ask(reads, turn);
	}
}

void blocking_reads_close(struct blocking_reads *reads)
{
	drop_calls(reads);
	inbox_close(&reads->inbox);
}
