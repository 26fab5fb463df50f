/* SPDX-License-Identifier: MIT */
/*
 * Before each read(2) of a file on a mount that a scanner watches (fanotify(7), FAN_ACCESS_PERM),
 * the kernel asks that scanner and waits for its answer. It asks nobody when a page of a mapping is
 * faulted in. So such a file is read through a mapping, by process_vm_readv(2), for which the
 * file's end is -EFAULT and no signal.
 *
 * A hole that is read through a mapping gets a page of the client's file. So the mapping is
 * registered with a userfaultfd of faults in user mode, of which there are none: a fault of the
 * kernel on a page that is missing is then -EFAULT as well. Which of the two it was is asked by
 * statx(2) and cachestat(2), which wait for nobody.
 *
 * Without a userfaultfd, in EAGER, cachestat(2) is asked first, and only what is all data is
 * copied. A client that makes a hole of it between the two gets a page there.
 *
 * All this is for who asks for it (UFFD_GUARD_PAST_SCANNERS), and for guards that have met a
 * scanner (calls/scanners.c), since a mapping of a client's file is worse where clients are
 * hostile. A client that maps its file 100,000 times and makes holes in it holds up, for some
 * tenths of a second each time, whoever maps the file, with mmap_lock, and so all of the process;
 * and whoever faults its pages. pread(2) waits for a page's lock only (patience.c).
 *
 * The mapping is private, so that a read-only descriptor will do. Nobody stores to it, so it shows
 * what the file has.
 */
#include "file/view.h"

#include "base/page.h"
#include "file/cached.h"
#include "kernel/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h> /* musl has neither the call nor its struct */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

const char view_no_name[1];

/* ---- The mapping ---- */

static ssize_t copy(const struct iovec *to, int n_parts, const struct iovec *from, int n_from)
{
	const ssize_t n = process_vm_readv(
		getpid(), to, (unsigned long)n_parts, from, (unsigned long)n_from, 0);
	return n < 0 ? -errno : n;
}

int view_prepare(struct uffd *holes)
{
	char byte, other = 0;
	const struct iovec to = { &byte, 1 }, from = { &other, 1 };
	const ssize_t n = copy(&to, 1, &from, 1);
	return n < 0 ? (int)n : uffd_open(holes, UFFD_WANT_USER_FAULTS_ONLY);
}

/* Without access at first: what is accessible under mlockall(MCL_FUTURE) has no holes left. Not for
 * a child of fork(), nor for a core dump. */
static bool make_readable(const struct uffd *holes, void *memory, size_t length)
{
	return uffd_register(holes, (uintptr_t)memory, length, false) == 0 &&
	       munlock(memory, length) == 0 && madvise(memory, length, MADV_DONTFORK) == 0 &&
	       madvise(memory, length, MADV_DONTDUMP) == 0 &&
	       mprotect(memory, length, PROT_READ) == 0;
}

static char *map(int fd, uint64_t position, size_t length, int protection)
{
	void *memory =
		mmap(NULL, length, protection, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)position);
	return memory == MAP_FAILED ? NULL : memory;
}

static void set(struct view *view, char *memory, size_t length, int fd, uint64_t position)
{
	view->memory = memory;
	view->length = length;
	view->fd = fd;
	view->position = position;
}

void view_open(
	struct view *view, const struct uffd *holes, int fd, uint64_t position, size_t length)
{
	if (atomic_exchange(&view->is_claimed, true))
		return;
	char *memory = map(fd, position, length, PROT_NONE);
	if (memory && !make_readable(holes, memory, length)) {
		munmap(memory, length);
		memory = NULL;
	}
	set(view, memory, length, fd, position);
	atomic_store(&view->is_there, memory != NULL);
	atomic_store(&view->is_claimed, memory != NULL);
}

void view_open_without_faults(struct view *view, int fd, uint64_t position, size_t length)
{
	if (atomic_exchange(&view->is_claimed, true))
		return;
	const bool can_be_asked = cached_pages(fd, position, length) >= 0;
	set(view, NULL, length, fd, position);
	atomic_store(&view->is_there, can_be_asked);
	atomic_store(&view->is_claimed, can_be_asked);
}

void view_close(struct view *view)
{
	if (view->memory)
		munmap(view->memory, view->length);
	view->memory = NULL;
	atomic_store(&view->is_there, false);
}

/* ---- Reading ---- */

/* Bytes of the file from @offset on, as it is now; where that is not told, as many as can be. */
static uint64_t length_from(const struct view *view, uint64_t offset)
{
	struct statx stx;
	const uint64_t at = view->position + offset;
	if (syscall(SYS_statx, view->fd, view_no_name, AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		    STATX_SIZE, &stx) < 0)
		return UINT64_MAX;
	return stx.stx_size > at ? stx.stx_size - at : 0;
}

static int64_t count_data(const struct view *view, uint64_t start, uint64_t length)
{
	return cached_pages(view->fd, view->position + start, length);
}

/* Bytes of the hole that the page of @offset is, at most @length: twice as many pages each time, as
 * long as all of them are hole. */
static size_t hole_length(const struct view *view, uint64_t offset, size_t length)
{
	const uint64_t limit = page_ceil(offset + length);
	uint64_t end = page_floor(offset) + page_size();
	for (uint64_t step = page_size(); end < limit; step *= 2) {
		const uint64_t n = min_u64(step, limit - end);
		if (count_data(view, end, n) != 0)
			break;
		end += n;
	}
	return min_u64(end - offset, length);
}

#define MOST_ZEROS 64 /* pages at a time */

/* By the kernel: the buffer may be a bad one. */
static ssize_t put_zeros(char *buffer, size_t length)
{
	static const char zeros[4096];
	struct iovec from[MOST_ZEROS];
	const struct iovec to = { buffer, min_u64(length, MOST_ZEROS * sizeof(zeros)) };
	int n = 0;
	for (size_t at = 0; at < to.iov_len; at += sizeof(zeros))
		from[n++] =
			(struct iovec){ (char *)zeros, min_u64(sizeof(zeros), to.iov_len - at) };
	return copy(&to, 1, from, n);
}

static int zero(char *buffer, size_t length)
{
	ssize_t n = 0;
	for (size_t at = 0; at < length && n >= 0; at += (size_t)n)
		n = put_zeros(buffer + at, length - at);
	return n < 0 ? (int)n : 0;
}

/* All of it is data. */
static ssize_t copy_piece(const struct view *view, uint64_t offset, const struct iovec *to)
{
	const uint64_t start = page_floor(offset), size = page_ceil(offset + to->iov_len) - start;
	char *piece = map(view->fd, view->position + start, size, PROT_READ);
	if (!piece)
		return -ENOMEM; /* also of the copier, whose sandbox denies it: its caller can */
	const struct iovec from = { piece + (offset - start), to->iov_len };
	const ssize_t n = copy(to, 1, &from, 1);
	munmap(piece, size);
	return n;
}

static ssize_t copy_file(const struct view *view, uint64_t offset, char *buffer, size_t length)
{
	const struct iovec to = { buffer, length }, from = { view->memory + offset, length };
	return view->memory ? copy(&to, 1, &from, 1) : copy_piece(view, offset, &to);
}

static bool is_readable(const struct view *view, uint64_t offset)
{
	char byte;
	return copy_file(view, offset, &byte, 1) == 1;
}

/* Like read_some(), without faults. */
static ssize_t read_known(const struct view *view, uint64_t offset, char *buffer, size_t length)
{
	const uint64_t start = page_floor(offset);
	for (;;) {
		const uint64_t size = page_ceil(offset + length) - start;
		const int64_t n_data = count_data(view, start, size);
		if (n_data < 0)
			return -ENOSYS;
		if ((uint64_t)n_data * page_size() >= size) {
			const ssize_t n = copy_file(view, offset, buffer, length);
			return n == -EFAULT ? -EAGAIN : n;
		}
		if (n_data == 0)
			break;
		length = start + page_ceil(size / 2) - offset;
	}
	if (length_from(view, offset) == 0)
		return 0;
	const int err = zero(buffer, length);
	return err ? err : (ssize_t)length;
}

/* Bytes copied from the file, or zeros put for a hole; 0 at the end; -EAGAIN: there is data, but it
 * was not to be had. */
static ssize_t read_some(const struct view *view, uint64_t offset, char *buffer, size_t length)
{
	ssize_t n = copy_file(view, offset, buffer, length);
	if (n != -EFAULT || length_from(view, offset) == 0)
		return n == -EFAULT ? 0 : n;
	const int64_t n_data = count_data(view, page_floor(offset), page_size());
	if (n_data > 0 || (n_data < 0 && is_readable(view, offset)))
		return -EAGAIN;
	n = (ssize_t)(n_data < 0 ? min_u64(length, page_ceil(offset + 1) - offset)
				 : hole_length(view, offset, length));
	const int err = zero(buffer, (size_t)n);
	return err ? err : n;
}

/* Pages come and go; more often than this between two looks is no chance. */
#define TRIES 4

typedef ssize_t read_fn(const struct view *view, uint64_t offset, char *buffer, size_t length);

static int read_view(
	const struct view *view, uint64_t offset, char *buffer, size_t length, size_t *got)
{
	read_fn *const some = view->memory ? read_some : read_known;
	for (unsigned n_vain = 0; *got < length && n_vain < TRIES; n_vain++) {
		const ssize_t n = some(view, offset + *got, buffer + *got, length - *got);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return (int)n;
		if (n > 0) {
			*got += (size_t)n;
			n_vain = 0;
		}
	}
	if (*got == length)
		return 0;
	return is_readable(view, offset + *got) ? -EFAULT : -EIO;
}

int view_read(const struct view *view, uint64_t offset, char *buffer, size_t length, size_t *got)
{
	*got = 0;
	const int err = read_view(view, offset, buffer, length, got);
	/* What a page has behind the file's end is no byte of the file. */
	if (*got > 0)
		*got = min_u64(*got, length_from(view, offset));
	return err;
}

bool view_read_parts(
	const struct view *view, uint64_t offset, const struct iovec *parts, int n_parts)
{
	size_t length = 0;
	for (int i = 0; i < n_parts; i++)
		length += parts[i].iov_len;
	const struct iovec from = { view->memory + offset, length };
	return view->memory && copy(parts, n_parts, &from, 1) == (ssize_t)length &&
	       length_from(view, offset) >= length;
}
