/* SPDX-License-Identifier: MIT */
/*
 * A thread that reads a file on a tmpfs may have to wait for a scanner of files (fanotify(7),
 * FAN_ACCESS_PERM), and no signal reaches it there: setuid() and its like, which the C library has
 * every thread repeat by a signal, would wait with it. So as long as it is not known that no
 * scanner is asked, a worker of the kernel reads for the handler: no thread of the C library's, and
 * the handler waits for the ring alone. The worker is asked once in a second about a file
 * (file/inquiry.c), and otherwise the handler reads by pread(2), since nothing is as fast.
 *
 * - A fault is answered with the page that the worker has read: no more, since a client can hold up
 *   each for some time (file/patience.c). Another one in the same region meanwhile is left, and
 * comes again when the read has returned.
 * - For a caller's question the worker reads no byte.
 * - A worker that has returned may have asked a scanner that answers. That a thread knows of itself
 *   only, so the handler looks, with another thread ready to stand in for it (daemon/relief.c).
 *
 * If a worker does not return, whoever waits goes on: the page becomes zeros, with the loss
 * TIMED_OUT, and no scanner is asked for this guard any more, so that no more workers are held up.
 * It stays in the ring, with its buffer, until the kernel has answered.
 *
 * As with relief.c, time is not taken from a clock alone: a process that was stopped, or a thread
 * that is ready to run but has no processor, would look like one that is held up. So the read has
 * to be found under way by so many looks, between which the handler has slept and got a processor
 * again.
 */
#include "daemon/scanned_reads.h"

#include "base/clock.h"
#include "base/watch.h"
#include "daemon/loop.h"
#include "file/short_read.h"
#include "pages/fill.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <sys/mman.h>

#define LOOKS		  5
#define LEAST_PATIENCE_NS (200 * NS_PER_MS)

void scanned_reads_init(struct scanned_reads *reads, struct uffd_guard *guard, struct loop *loop)
{
	*reads = (struct scanned_reads){
		.guard = guard,
		.loop = loop,
		.patience_ns = max_u64(guard->read_deadline_ms * NS_PER_MS, LEAST_PATIENCE_NS),
	};
}

void scanned_reads_prepare(struct scanned_reads *reads)
{
	const size_t size = N_SCANNED_READS * page_size();
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	madvise(memory, size, MADV_DONTFORK);
	atomic_store(&reads->buffers, memory);
}

void scanned_reads_finish(struct scanned_reads *reads)
{
	char *memory = atomic_load(&reads->buffers);
	if (memory)
		munmap(memory, N_SCANNED_READS * page_size());
}

bool scanned_reads_are_for(
	const struct scanned_reads *reads, const struct uffd_guard_region *region, size_t page)
{
	return reads && source_may_be_scanned(&region->source) &&
	       !atomic_load(&region->guard->has_met_scanner) &&
	       !inquiry_is_free(&region->source.inquiry) && atomic_load(&reads->buffers) &&
	       !patience_is_lost(&region->source.patience) &&
	       page * page_size() < atomic_load(&region->length);
}

/* ---- Lists ---- */

static void put(struct inquiry_list *list, struct inquiry *inquiry)
{
	inquiry->next = NULL;
	*(list->last ? &list->last->next : &list->first) = inquiry;
	list->last = inquiry;
}

static struct inquiry *take(struct inquiry_list *list)
{
	struct inquiry *first = list->first;
	list->first = first ? first->next : NULL;
	if (!list->first)
		list->last = NULL;
	return first;
}

/* ---- Reads in flight ---- */

/* One for a region at a time, so that it takes no other's. */
static struct scanned_read *find_free(
	struct scanned_reads *reads, const struct uffd_guard_region *region)
{
	struct scanned_read *found = NULL;
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		struct scanned_read *read = &reads->reads[i];
		if (region && read->region == region)
			return NULL;
		found = read->is_in_flight ? found : read;
	}
	return found;
}

/* model: scanned begin */
static void begin(struct scanned_reads *reads, struct scanned_read *read)
{
	if (!reads->next_look)
		reads->next_look = now_ns() + reads->patience_ns / (LOOKS - 1);
	read->is_in_flight = true;
	reads->n_in_flight++;
	char *rest = read->buffer ? read->buffer + read->from : NULL; /* an inquiry has none */
	loop_uring_read(reads->loop, read->fd, rest, read->length - read->from,
		read->position + read->from, (uintptr_t)read);
}

static char *buffer_of(const struct scanned_reads *reads, const struct scanned_read *read)
{
	char *memory = atomic_load(&reads->buffers);
	return memory ? memory + (size_t)(read - reads->reads) * page_size() : NULL;
}

/* model: scanned answer_later */
void scanned_reads_answer_later(
	struct scanned_reads *reads, struct uffd_guard_region *region, size_t page, uint32_t ticket)
{
	struct scanned_read *read = find_free(reads, region);
	const uint64_t start = page * page_size(), length = atomic_load(&region->length);
	if (!read) {
		reads->has_parked = true;
		epoch_leave(&region->fills, ticket);
		return;
	}
	*read = (struct scanned_read){
		.region = region,
		.fd = region->source.fd,
		.buffer = buffer_of(reads, read),
		.position = region->source.offset + start,
		.length = min_u64(page_size(), max_u64(length, start) - start),
		.page = page,
		.ticket = ticket,
		.start = now_ns(),
	};
	begin(reads, read);
}

/* model: scanned ask_worker */
void scanned_reads_ask(struct scanned_reads *reads, struct inquiry *inquiry)
{
	struct scanned_read *read = find_free(reads, NULL);
	if (!read) {
		put(&reads->waiting, inquiry);
		return;
	}
	*read = (struct scanned_read){ .inquiry = inquiry, .fd = inquiry->fd };
	begin(reads, read);
}

/* ---- Answers ---- */

/* Whether the file may have more. */
static bool take_result(struct scanned_read *read, int result)
{
	if (result == -EINTR)
		return true;
	/* It is the buffer that the kernel has no page for. */
	read->error = result == -EFAULT ? -ENOMEM : result < 0 ? result : 0;
	return short_read_goes_on(&read->from, &read->got, read->length, result);
}

static void fill_waited_for(struct scanned_reads *reads, const struct scanned_read *read, int error)
{
	struct uffd_guard_region *region = read->region;
	struct fill fill = {
		.region = region, .asked = ASKED_PAGE, .page = read->page, .is_handler = true
	};
	char *bytes = error == -ETIMEDOUT ? NULL : read->buffer;
	int err =
		fill_with(&fill, read->page, 1, bytes, read->length, bytes ? read->got : 0, error);
	reads->error = err ? err : reads->error;
	stats_count_fault(region->guard->stats, now_ns() - read->start);
}

/* The region may be gone after this. */
static void forget_waiter(struct scanned_read *read)
{
	struct uffd_guard_region *region = read->region;
	read->region = NULL;
	epoch_leave(&region->fills, read->ticket);
}

/* model: scanned answer_fault */
static void answer_fault(struct scanned_reads *reads, struct scanned_read *read)
{
	struct source *source = &read->region->source;
	fill_waited_for(reads, read, read->error);
	if (inquiry_begin(&source->inquiry, source->fd)) /* unmap waits for it, once it is here */
		put(&reads->returned, &source->inquiry);
	forget_waiter(read);
}

static void complete_fault(struct scanned_reads *reads, struct scanned_read *read, int result)
{
	if (take_result(read, result))
		begin(reads, read);
	else
		answer_fault(reads, read);
}

static void complete_inquiry(struct scanned_reads *reads, struct scanned_read *read)
{
	put(&reads->returned, read->inquiry);
	read->inquiry = NULL;
}

/* They fault again. */
static void wake_parked(struct scanned_reads *reads)
{
	if (reads->has_parked)
		guard_wake_all(reads->guard);
	reads->has_parked = false;
}

static struct scanned_read *find_by_tag(struct scanned_reads *reads, uint64_t tag)
{
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		if ((uintptr_t)&reads->reads[i] == tag)
			return &reads->reads[i];
	}
	return NULL;
}

/* model: scanned complete */
bool scanned_reads_complete(struct scanned_reads *reads, uint64_t tag, int result)
{
	struct scanned_read *read = find_by_tag(reads, tag);
	if (!read)
		return false;
	read->is_in_flight = false;
	reads->n_in_flight--;
	if (read->region)
		complete_fault(reads, read, result);
	else if (read->inquiry)
		complete_inquiry(reads, read);
	if (!read->is_in_flight && reads->waiting.first)
		scanned_reads_ask(reads, take(&reads->waiting));
	wake_parked(reads);
	return true;
}

/* model: scanned look */
int scanned_reads_look(struct scanned_reads *reads, struct watch *watch)
{
	int err = 0;
	struct inquiry *inquiry;
	while (!err && (inquiry = take(&reads->returned)))
		err = inquiry_make(inquiry, watch); /* it may be gone after this */
	return err;
}

/* ---- Scanners that do not answer ---- */

static void refuse_all(struct inquiry_list *list)
{
	struct inquiry *inquiry;
	while ((inquiry = take(list)))
		inquiry->request.refuse(&inquiry->request);
}

static void refuse_inquiries(struct scanned_reads *reads)
{
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		struct inquiry *inquiry = reads->reads[i].inquiry;
		reads->reads[i].inquiry = NULL;
		if (inquiry)
			inquiry->request.refuse(&inquiry->request);
	}
	refuse_all(&reads->waiting);
	refuse_all(&reads->returned);
}

static void let_fault_go(struct scanned_reads *reads, struct scanned_read *read)
{
	fill_waited_for(reads, read, -ETIMEDOUT);
	forget_waiter(read);
}

/* model: scanned pass */
void scanned_reads_pass(struct scanned_reads *reads)
{
	atomic_store(&reads->guard->has_met_scanner, true);
	atomic_store(&reads->guard->has_views, true);
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		if (reads->reads[i].region)
			let_fault_go(reads, &reads->reads[i]);
	}
	refuse_inquiries(reads);
	reads->next_look = 0;
	wake_parked(reads);
}

uint64_t scanned_reads_next_look(const struct scanned_reads *reads)
{
	return reads->next_look;
}

/* Whether one was found for the last time. */
static bool look_once(struct scanned_reads *reads, bool *are_waited_for)
{
	bool is_held_up = false;
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		struct scanned_read *read = &reads->reads[i];
		if (!read->is_in_flight || !(read->region || read->inquiry))
			continue;
		*are_waited_for = true;
		is_held_up = ++read->n_looks >= LOOKS || is_held_up;
	}
	return is_held_up;
}

/* model: scanned expire */
void scanned_reads_expire(struct scanned_reads *reads, uint64_t now)
{
	bool are_waited_for = false;
	if (!reads->next_look || now < reads->next_look)
		return;
	if (look_once(reads, &are_waited_for))
		scanned_reads_pass(reads);
	else
		reads->next_look = are_waited_for ? now + reads->patience_ns / (LOOKS - 1) : 0;
}

/* model: scanned abandon */
void scanned_reads_abandon(struct scanned_reads *reads)
{
	for (size_t i = 0; i < N_SCANNED_READS; i++) {
		if (reads->reads[i].region)
			forget_waiter(&reads->reads[i]);
	}
	refuse_inquiries(reads);
	reads->next_look = 0;
}
