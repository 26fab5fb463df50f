/* SPDX-License-Identifier: MIT */
/*
 * Files that may block: on a disk, a network, or a file system that the client serves itself.
 *
 * All their reads go through the handler's ring, also those of callers, because a thread that has
 * asked the kernel for a page of such a file cannot leave before it comes, not even to exit. The
 * kernel's own workers wait instead. Each file has a few reads of its own, each with a buffer that
 * lives until the kernel has answered, so a file that stalls holds up nobody else, and not even its
 * own region beyond the deadline: then the page becomes zeros, and the loss is reported.
 *
 * A read that is overdue stays in flight. When all of a file's are, it counts as stalled and is not
 * asked again until one returns: faults are answered with zeros at once.
 *
 * The file's struct outlives its region while the kernel may still write to a buffer. It is closed
 * by the ring too: close(2) of such a file may ask its server.
 */
#include "daemon/slow.h"

#include "daemon/loop.h"

#include "base/clock.h"
#include "base/futex.h"
#include "kernel/copy.h"
#include "pages/fill.h"
#include "pages/install.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_FAULT_READS 3
#define FAULT_BYTES   ((size_t)64 << 10)
#define CALL_BYTES    ((size_t)256 << 10)

/* In a tag, beside the file's address: it is the close that was answered, not a read. */
#define TAG_CLOSE UINT64_C(1)

enum request_kind { REQUEST_READ, REQUEST_RELEASE };

struct slow_request {
	struct slow_request *next;
	enum request_kind kind;
};

/* Of a caller's read; a futex. */
enum call_state {
	CALL_IDLE,
	CALL_ASKED, /* in flight, and the caller waits */
	CALL_DONE,
	CALL_LEFT, /* in flight, and nobody waits */
};

struct slow_read {
	struct slow_request request; /* callers' only */
	struct slow_file *file;
	char *buffer;
	uint64_t position;     /* in the file */
	size_t length, got;    /* wanted; there */
	size_t from;	       /* where the part begins that is in flight now */
	int error;	       /* that ended it, or 0 */
	_Atomic uint32_t call; /* callers' only: enum call_state */

	/* Faults' only. */
	bool is_in_flight, is_waited_for;
	size_t page; /* that is waited for */
	uint64_t start, deadline;
	uint32_t ticket; /* of region->fills */
	struct slow_read *next;
};

struct slow_file {
	struct slow_request release;
	struct slow *slow;
	int fd;
	uint64_t deadline_ns;
	struct uffd_guard_region *region; /* until released */
	uint32_t ticket;	      /* of region->fills, held from release until it was done */
	bool is_released, has_parked; /* faults were left for when a read returns */
	unsigned n_in_flight;
	struct slow_read faults[N_FAULT_READS];

	pthread_mutex_t lock; /* one call at a time; the handler takes no part. After region.lock */
	uint64_t call_deadline;
	struct slow_read call;
	size_t size; /* of the mapping, with the buffers */
};

/* ---- Callers: asking ---- */

static void free_file(struct slow_file *file)
{
	munmap(file, file->size);
}

static void finish_call(struct slow_read *read)
{
	uint32_t asked = CALL_ASKED;
	if (atomic_compare_exchange_strong(&read->call, &asked, CALL_DONE))
		futex_wake(&read->call);
	else
		atomic_store(&read->call, CALL_IDLE);
}

/* The handler is gone. What the kernel may still write to stays. */
static void refuse_requests(struct slow *slow)
{
	struct slow_request *request = atomic_exchange(&slow->inbox, NULL), *next;
	for (; request; request = next) {
		next = request->next;
		if (request->kind == REQUEST_READ) {
			struct slow_read *read = (struct slow_read *)request;
			read->error = -EIO;
			finish_call(read);
			continue;
		}
		struct slow_file *file = (struct slow_file *)request;
		file->is_released = true;
		epoch_leave(&file->region->fills, file->ticket);
		file->region = NULL;
		close(file->fd);
		if (file->n_in_flight == 0)
			free_file(file);
	}
}

static void ask(struct slow *slow, struct slow_request *request, enum request_kind kind)
{
	request->kind = kind;
	request->next = atomic_load(&slow->inbox);
	while (!atomic_compare_exchange_weak(&slow->inbox, &request->next, request))
		;
	if (atomic_load(&slow->is_closed))
		refuse_requests(slow);
	else
		eventfd_write(slow->loop->wake_fd, 1);
}

struct slow_file *slow_create(
	struct slow *slow, unsigned deadline_ms, struct uffd_guard_region *region)
{
	const size_t head = page_ceil(sizeof(struct slow_file));
	const size_t size = head + CALL_BYTES + N_FAULT_READS * FAULT_BYTES;
	struct slow_file *file =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file == MAP_FAILED)
		return NULL;
	madvise(file, size, MADV_DONTFORK);

	char *buffer = (char *)file + head;
	file->slow = slow;
	file->fd = -1;
	file->deadline_ns = deadline_ms * NS_PER_MS;
	file->region = region;
	file->size = size;
	pthread_mutex_init(&file->lock, NULL);
	file->call = (struct slow_read){ .file = file, .buffer = buffer };
	for (size_t i = 0; i < N_FAULT_READS; i++)
		file->faults[i] = (struct slow_read){ .file = file,
			.buffer = buffer + CALL_BYTES + i * FAULT_BYTES };
	return file;
}

void slow_adopt_fd(struct slow_file *file, int fd)
{
	file->fd = fd;
}

void slow_destroy(struct slow_file *file)
{
	if (file)
		free_file(file);
}

void slow_release(struct slow_file *file)
{
	file->ticket = epoch_enter(&file->region->fills);
	ask(file->slow, &file->release, REQUEST_RELEASE);
}

void slow_begin_call(struct slow_file *file)
{
	pthread_mutex_lock(&file->lock);
	file->call_deadline = now_ns() + file->deadline_ns;
}

void slow_end_call(struct slow_file *file)
{
	pthread_mutex_unlock(&file->lock);
}

/* False: the deadline has come first. */
static bool wait_for_call(struct slow_read *read, uint64_t deadline)
{
	while (atomic_load(&read->call) == CALL_ASKED &&
		futex_wait_until(&read->call, CALL_ASKED, deadline))
		;
	uint32_t asked = CALL_ASKED;
	return !atomic_compare_exchange_strong(&read->call, &asked, CALL_LEFT);
}

/* By the kernel, which minds what the program has done to the memory. */
static int copy_out(void *to, const char *from, size_t length)
{
	size_t done;
	int err = copy_checked(to, from, length, &done);
	if (!err || (err != -EPERM && err != -ENOSYS))
		return err;
	memcpy(to, from, length); /* the system call is denied */
	return 0;
}

static int read_piece(
	struct slow_file *file, uint64_t position, void *buffer, size_t length, size_t *got)
{
	struct slow_read *read = &file->call;
	*got = 0;
	if (atomic_load(&read->call) != CALL_IDLE || now_ns() >= file->call_deadline)
		return -ETIMEDOUT;
	read->position = position;
	read->length = length;
	read->got = read->from = 0;
	atomic_store(&read->call, CALL_ASKED);
	ask(file->slow, &read->request, REQUEST_READ);
	if (!wait_for_call(read, file->call_deadline))
		return -ETIMEDOUT;

	int err = copy_out(buffer, read->buffer, read->got);
	*got = err ? 0 : read->got;
	err = err ? err : read->error;
	atomic_store(&read->call, CALL_IDLE);
	return err;
}

int slow_read(struct slow_file *file, uint64_t position, void *buffer, size_t length, size_t *got)
{
	int err = 0;
	*got = 0;
	for (size_t n, done; *got < length && !err; *got += done) {
		n = min_u64(length - *got, CALL_BYTES);
		err = read_piece(file, position + *got, (char *)buffer + *got, n, &done);
		if (done < n) {
			*got += done;
			break;
		}
	}
	return err;
}

/* ---- The handler: reads in flight ---- */

void slow_init(struct slow *slow, struct loop *loop)
{
	*slow = (struct slow){ .loop = loop };
	atomic_init(&slow->inbox, NULL);
}

static void close_when_idle(struct slow *slow, struct slow_file *file)
{
	if (!file->is_released || file->n_in_flight > 0)
		return;
	file->n_in_flight++;
	slow->n_in_flight++;
	loop_uring_close(slow->loop, file->fd, (uintptr_t)file | TAG_CLOSE);
}

static void submit(struct slow *slow, struct slow_read *read)
{
	read->file->n_in_flight++;
	slow->n_in_flight++;
	loop_uring_read(slow->loop, read->file->fd, read->buffer + read->from,
		read->length - read->from, read->position + read->from, (uintptr_t)read);
}

/* Whether the file may have more. As in source_read(): from the beginning of the page it stopped
 * in. */
static bool take_result(struct slow_read *read, int result)
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

static void forget_waiter(struct slow *slow, struct slow_read *read)
{
	struct slow_read **at = &slow->waited_for;
	while (*at != read)
		at = &(*at)->next;
	*at = read->next;
	read->is_waited_for = false;
	epoch_leave(&read->file->region->fills, read->ticket);
}

/* Who was left lying comes again, and finds a read that is free. Nobody waits in a region that
 * never got its addresses. */
static void wake_parked(struct slow_file *file)
{
	struct uffd_guard_region *region = file->region;
	const size_t size = region->range.end - region->range.start;
	if (!file->has_parked || size == 0)
		return;
	file->has_parked = false;
	uffd_wake(&region->guard->uffd, region->range.start, size);
}

static void answer(struct slow *slow, struct slow_read *read)
{
	struct slow_file *file = read->file;
	struct uffd_guard_region *region = file->region;
	struct fill fill = { .region = region, .asked = read->page, .is_handler = true };
	int err = fill_with(&fill, read->page, page_ceil(read->length) / page_size(), read->buffer,
		read->length, read->got, read->error);
	slow->error = err ? err : slow->error;
	stats_count_fault(region->guard->stats, now_ns() - read->start);
	forget_waiter(slow, read);
	wake_parked(file);
}

static void finish_read(struct slow *slow, struct slow_read *read)
{
	struct slow_file *file = read->file;
	if (read == &file->call) {
		finish_call(read);
		return;
	}
	read->is_in_flight = false;
	if (read->is_waited_for)
		answer(slow, read);
	else if (!file->is_released)
		wake_parked(file);
}

static bool is_wanted(const struct slow_read *read)
{
	const struct slow_file *file = read->file;
	return read == &file->call ? atomic_load(&read->call) == CALL_ASKED : read->is_waited_for;
}

static void complete_read(struct slow *slow, struct slow_read *read, int result)
{
	struct slow_file *file = read->file;
	file->n_in_flight--;
	if (take_result(read, result) && is_wanted(read))
		submit(slow, read);
	else
		finish_read(slow, read);
	close_when_idle(slow, file);
}

void slow_complete(struct slow *slow, uint64_t tag, int result)
{
	slow->n_in_flight--;
	if (tag & TAG_CLOSE)
		free_file((struct slow_file *)(uintptr_t)(tag & ~TAG_CLOSE));
	else
		complete_read(slow, (struct slow_read *)(uintptr_t)tag, result);
}

/* ---- The handler: requests ---- */

static void release(struct slow *slow, struct slow_file *file)
{
	struct uffd_guard_region *region = file->region;
	size_t done;
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		struct slow_read *read = &file->faults[i];
		if (!read->is_waited_for)
			continue;
		install_zeros(region->guard, region_address(region, read->page * page_size()),
			page_size(), &done);
		forget_waiter(slow, read);
	}
	file->has_parked = true; /* for all we know */
	wake_parked(file);
	file->is_released = true;
	file->region = NULL;
	/* Closing a file on a disk waits for nobody: unmap does it, and is done with it. */
	const bool is_left = file->n_in_flight == 0 && !region->source.is_remote;
	region->source.is_left = is_left;
	epoch_leave(&region->fills, file->ticket); /* the region may be gone after this */
	if (!is_left)
		close_when_idle(slow, file);
}

/* In the order they came: a file's release is its last. */
static struct slow_request *take_inbox(struct slow *slow)
{
	struct slow_request *latest = atomic_exchange(&slow->inbox, NULL), *first = NULL;
	while (latest) {
		struct slow_request *before = latest->next;
		latest->next = first;
		first = latest;
		latest = before;
	}
	return first;
}

void slow_take_requests(struct slow *slow)
{
	if (!atomic_load_explicit(&slow->inbox, memory_order_relaxed))
		return;
	struct slow_request *request = take_inbox(slow), *next;
	for (; request; request = next) {
		next = request->next; /* it may be gone after this */
		if (request->kind == REQUEST_READ)
			submit(slow, (struct slow_read *)request);
		else
			release(slow, (struct slow_file *)request);
	}
}

/* ---- The handler: faults ---- */

static struct slow_read *find_free(struct slow_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_in_flight)
			return &file->faults[i];
	}
	return NULL;
}

static bool is_stalled(const struct slow_file *file)
{
	for (size_t i = 0; i < N_FAULT_READS; i++) {
		if (!file->faults[i].is_in_flight || file->faults[i].is_waited_for)
			return false;
	}
	return true;
}

/* Zeros; @wanted bytes of them instead of the file's, which did not answer. */
static void give(struct slow *slow, struct uffd_guard_region *region, size_t page, size_t wanted)
{
	struct fill fill = { .region = region, .asked = page, .is_handler = true };
	int err = fill_with(&fill, page, 1, NULL, wanted, 0, -ETIMEDOUT);
	slow->error = err ? err : slow->error;
}

void slow_answer_later(struct slow *slow, struct uffd_guard_region *region, size_t page,
	size_t n_pages, uint32_t ticket)
{
	struct slow_file *file = region->source.slow;
	struct slow_read *read = find_free(file);
	const uint64_t start = page * page_size(), length = atomic_load(&region->length);
	if (start >= length) {
		give(slow, region, page, 0); /* up to the reserve: zeros, and nothing lost */
		epoch_leave(&region->fills, ticket);
		return;
	}
	if (!read) {
		if (is_stalled(file))
			give(slow, region, page, min_u64(page_size(), length - start));
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
	read->next = slow->waited_for;
	slow->waited_for = read;
	submit(slow, read);
}

uint64_t slow_next_deadline(const struct slow *slow)
{
	uint64_t next = 0;
	for (const struct slow_read *read = slow->waited_for; read; read = read->next) {
		if (next == 0 || read->deadline < next)
			next = read->deadline;
	}
	return next;
}

void slow_expire(struct slow *slow, uint64_t now)
{
	struct slow_read *read = slow->waited_for, *next;
	for (; read; read = next) {
		next = read->next;
		if (read->deadline > now)
			continue;
		give(slow, read->file->region, read->page, min_u64(page_size(), read->length));
		stats_count_fault(read->file->region->guard->stats, now - read->start);
		forget_waiter(slow, read);
		wake_parked(read->file);
	}
}

void slow_abandon(struct slow *slow)
{
	while (slow->waited_for)
		forget_waiter(slow, slow->waited_for);
}

void slow_close(struct slow *slow)
{
	atomic_store(&slow->is_closed, true);
	refuse_requests(slow);
}
