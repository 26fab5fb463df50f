/* SPDX-License-Identifier: MIT */
/*
 * Files that may block: on a disk, a network, or a file system that the client serves itself.
 *
 * All their reads go through the handler's ring, also those of callers, because a thread that has
 * asked the kernel for a page of such a file cannot leave before it comes, not even to exit. The
 * kernel's own workers wait instead. A caller leaves a request in the inbox, sleeps on a futex, and
 * goes on without the answer when its deadline has passed. The read stays in flight then, with a
 * buffer that lives until the kernel has answered.
 */
#include "file/blocking_file.h"
#include "base/lock.h"

#include "base/clock.h"
#include "base/epoch.h"
#include "base/futex.h"
#include "base/page.h"
#include "kernel/copy.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CALL_BYTES ((size_t)256 << 10)

/* ---- Unclosed ---- */

/* Files without a region whose descriptor is still there, since its server does not answer the
 * close: of each server (two of those with the same number count together), and of all. Process
 * wide, as descriptors are. */
#define N_SERVERS      64
#define MOST_OF_SERVER 64
#define SHARE_OF_LIMIT 8 /* all of them have no more of RLIMIT_NOFILE than one in so many */
static atomic_uint n_unclosed[N_SERVERS], n_all_unclosed;

static atomic_uint *unclosed_of(const struct descriptor_file *identity)
{
	return &n_unclosed[(identity->device ^ identity->device >> 8) % N_SERVERS];
}

static void count_unclosed(struct blocking_file *file)
{
	atomic_fetch_add(unclosed_of(&file->identity), 1);
	atomic_fetch_add(&n_all_unclosed, 1);
	file->is_unclosed = true;
}

static void note_closed(struct blocking_file *file)
{
	if (!file->is_unclosed)
		return;
	atomic_fetch_sub(unclosed_of(&file->identity), 1);
	atomic_fetch_sub(&n_all_unclosed, 1);
	file->is_unclosed = false;
}

/* A disk is not in want because servers do not answer. */
bool blocking_file_may_be_had(const struct descriptor_file *identity, bool is_remote)
{
	struct rlimit limit;
	return atomic_load(unclosed_of(identity)) < MOST_OF_SERVER &&
	       (!is_remote || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		       atomic_load(&n_all_unclosed) <= limit.rlim_cur / SHARE_OF_LIMIT);
}

/* ---- Files ---- */

static void free_file(struct blocking_file *file)
{
	note_closed(file);
	munmap(file, file->size);
}

/* model: blocking finish_call */
void blocking_call_finish(struct blocking_read *read)
{
	uint32_t asked = WAIT_ASKED;
	if (atomic_compare_exchange_strong(&read->wait_state, &asked, WAIT_DONE))
		futex_wake(&read->wait_state);
	else
		atomic_store(&read->wait_state, WAIT_IDLE);
}

static void refuse_read(struct request *request)
{
	struct blocking_read *read = (struct blocking_read *)request;
	read->error = -EIO;
	blocking_call_finish(read);
}

/* What the kernel may still write to stays. */
static void refuse_release(struct request *request)
{
	struct blocking_file *file = (struct blocking_file *)request;
	file->region = NULL;
	epoch_leave(file->fills, file->ticket); /* the region may be gone after this */
	if (descriptor_is_of(file->fd, &file->identity))
		close(file->fd);
	note_closed(file);
	file->fd = -1; /* the number may be another's when the last read is answered */
	if (file->n_in_flight == 0)
		free_file(file);
}

struct blocking_file *blocking_file_create(struct inbox *inbox, unsigned deadline_ms,
	struct uffd_guard_region *region, struct epoch *fills)
{
	const size_t head = page_ceil(sizeof(struct blocking_file));
	const size_t size = head + CALL_BYTES + N_FAULT_READS * FAULT_BYTES;
	struct blocking_file *file =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file == MAP_FAILED)
		return NULL;
	madvise(file, size, MADV_DONTFORK);

	char *buffer = (char *)file + head;
	file->inbox = inbox;
	file->fd = -1;
	file->deadline_ns = deadline_ms * NS_PER_MS;
	file->region = region;
	file->fills = fills;
	file->size = size;
	lock_init(&file->lock);
	file->closing.file = file;
	file->release = (struct request){ .kind = REQUEST_RELEASE, .refuse = refuse_release };
	file->call =
		(struct blocking_read){ .request = { .kind = REQUEST_READ, .refuse = refuse_read },
			.turn.file = file,
			.file = file,
			.buffer = buffer };
	for (size_t i = 0; i < N_FAULT_READS; i++)
		file->faults[i] = (struct blocking_read){ .turn.file = file,
			.file = file,
			.buffer = buffer + CALL_BYTES + i * FAULT_BYTES };
	return file;
}

void blocking_file_adopt_fd(
	struct blocking_file *file, int fd, const struct descriptor_file *identity, bool is_remote)
{
	file->fd = fd;
	file->identity = *identity;
	file->is_remote = is_remote;
}

void blocking_file_destroy(struct blocking_file *file)
{
	if (file)
		free_file(file);
}

/* model: blocking release_file */
void blocking_file_release(struct blocking_file *file)
{
	count_unclosed(file);
	file->ticket = epoch_enter(file->fills);
	inbox_post(file->inbox, &file->release);
}

void blocking_file_begin_call(struct blocking_file *file)
{
	lock_take(&file->lock);
	file->call_deadline = now_ns() + file->deadline_ns;
}

void blocking_file_end_call(struct blocking_file *file)
{
	lock_give(&file->lock);
}

/* False: the deadline has come first. */
/* model: blocking wait_for_call */
static bool wait_for_call(struct blocking_read *read, uint64_t deadline)
{
	while (atomic_load(&read->wait_state) == WAIT_ASKED &&
		futex_wait_until(&read->wait_state, WAIT_ASKED, deadline))
		;
	uint32_t asked = WAIT_ASKED;
	return !atomic_compare_exchange_strong(&read->wait_state, &asked, WAIT_LEFT);
}

/* model: blocking read_piece */
static int read_piece(
	struct blocking_file *file, uint64_t position, void *buffer, size_t length, size_t *got)
{
	struct blocking_read *read = &file->call;
	*got = 0;
	if (atomic_load(&read->wait_state) != WAIT_IDLE || now_ns() >= file->call_deadline)
		return -ETIMEDOUT;
	read->position = position;
	read->length = length;
	read->got = read->from = 0;
	atomic_store(&read->wait_state, WAIT_ASKED);
	inbox_post(file->inbox, &read->request);
	if (!wait_for_call(read, file->call_deadline))
		return -ETIMEDOUT;

	int err = copy_checked(buffer, read->buffer, read->got, got);
	err = err ? err : read->error;
	atomic_store(&read->wait_state, WAIT_IDLE);
	return err;
}

int blocking_file_read(
	struct blocking_file *file, uint64_t position, void *buffer, size_t length, size_t *got)
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
