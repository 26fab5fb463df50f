/* SPDX-License-Identifier: MIT */
/*
 * The client's file: which kinds we take, and reading and storing to it so that nothing the client
 * does to it hurts.
 *
 * A file that is not memory of the kernel's own (tmpfs, hugetlbfs) may block: it is on a disk, a
 * network, or a file system that the client serves. It is taken only if asked for, and read through
 * blocking_file.c; not even its size is asked of it.
 *
 * Memory is read with pread(2): at its end that is a short read, and a hole is zeros. Through a
 * mapping, the end would be a signal and a hole a page allocated in the client's file and charged
 * to us. Only where pread(2) might have to wait for a scanner of files is there a mapping that does
 * neither (view.c).
 *
 * The lock of a page that is being taken out of the file is what a client can make long all the
 * same, so calls are timed (patience.c).
 *
 * Of memory, nothing here waits for the inode's lock, which a client may hold for ever: write(2)
 * keeps it while it reads the writer's memory, and that may be a file that the client serves
 * itself. pread(2), fstat(2) and reading seals do not take it; looking for holes with lseek(2) and
 * adding a seal do (seal.c).
 *
 * It is stored to through a mapping: pwrite(2) past the end would make the file grow, and no look
 * at the size before it can exclude that. The bytes go there by the kernel (copy.c), for which the
 * end is -EFAULT.
 */
#include "file/source.h"

#include "base/missing.h"
#include "base/page.h"
#include "base/watch.h"
#include "kernel/copy.h"

#include "file/blocking_file.h"
#include "file/mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

static int check_access(int fd, int *flags)
{
	*flags = fcntl(fd, F_GETFL);
	if (*flags < 0)
		return -errno;
	if (*flags & O_PATH)
		return -EBADF;
	return (*flags & O_ACCMODE) == O_WRONLY ? -EACCES : 0;
}

/* tmpfs and hugetlbfs: whatever is asked of them is answered at once. */
static int open_memory(struct source *source, int fd)
{
	struct stat st;
	struct statfs fs;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	source->kind = (unsigned long)fs.f_type == HUGETLBFS_MAGIC ? SOURCE_HUGETLB : SOURCE_MEMORY;
	/* A tmpfs names the size of its huge pages too, but maps by the page. */
	source->block_size = source->kind == SOURCE_HUGETLB ? (size_t)st.st_blksize : page_size();
	return 0;
}

/* Of other files nothing is asked that might go to a server: of the file's kind, what the kernel
 * knows; and to read a byte only if that needs no waiting. */
static int open_blocking(struct source *source, int fd)
{
	struct statx stx;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0)
		return -errno;
	if (!S_ISREG(stx.stx_mode))
		return -ENODEV;

	char byte;
	struct iovec one = { .iov_base = &byte, .iov_len = 1 };
	const bool is_unknown = preadv2(fd, &one, 1, 0, RWF_NOWAIT) < 0;
	/* memfd_secret, dma-buf: nothing can be read from it, and newer kernels (6.18) say that it
	 * has no positions either. */
	if (is_unknown && (errno == EINVAL || errno == ESPIPE))
		return -ENODEV;
	source->kind = SOURCE_DISK;
	if (is_unknown && errno == EOPNOTSUPP)
		source->kind = is_on_ramfs(fd) ? SOURCE_MEMORY : SOURCE_REMOTE;
	source->block_size = page_size();
	return 0;
}

static bool has_holes(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

int source_open(struct source *source, int fd, uint64_t offset, int blocking_error)
{
	int flags;
	int err = check_access(fd, &flags);
	if (err)
		return err;
	*source = (struct source){
		.fd = -1, .offset = offset, .writable = (flags & O_ACCMODE) == O_RDWR
	};
	/* Only files that are memory have seals. */
	if (fcntl(fd, F_GET_SEALS) >= 0)
		err = open_memory(source, fd);
	else
		err = errno == EINVAL ? open_blocking(source, fd) : -errno;
	if (!err && source_may_block(source))
		err = blocking_error;
	if (err)
		return err;
	err = descriptor_find_file(fd, source_may_block(source), &source->file);
	if (!err && source_may_block(source) &&
		!blocking_file_may_be_had(&source->file, source->kind == SOURCE_REMOTE))
		err = -ENFILE; /* before there is one more that nobody can close */
	if (err)
		return err;
	int fresh = descriptor_duplicate(fd);
	source->fd = fresh < 0 ? -1 : fresh;
	return fresh < 0 ? fresh : 0;
}

void source_find_mount(struct source *source, dev_t memfds)
{
	source->is_on_mount = source->kind == SOURCE_MEMORY && source->file.device != memfds;
}

static bool has_own_descriptor(const struct source *source)
{
	return descriptor_is_of(source->fd, &source->file);
}

bool source_is_ours(const struct source *source)
{
	return source->memory || has_own_descriptor(source);
}

static void close_descriptor(struct source *source)
{
	if (has_own_descriptor(source))
		close(source->fd);
	source->fd = -1;
}

void source_close(struct source *source)
{
	view_close(&source->view);
	close_descriptor(source);
	store_window_drop(&source->window);
	if (source->memory)
		munmap(source->memory, source->memory_length);
	source->memory = NULL;
}

void source_use_mapping(struct source *source, void *memory, size_t length)
{
	source->store_error = source_check_store(source);
	close_descriptor(source);
	source->memory = memory;
	source->memory_length = length;
}

void source_begin_call(const struct source *source)
{
	if (source->blocking)
		blocking_file_begin_call(source->blocking);
}

void source_end_call(const struct source *source)
{
	if (source->blocking)
		blocking_file_end_call(source->blocking);
}

bool source_cannot_shrink(const struct source *source)
{
	if (source->memory)
		return true;
	int seals = fcntl(source->fd, F_GET_SEALS);
	return source->kind == SOURCE_MEMORY && seals >= 0 && seals & F_SEAL_SHRINK;
}

static struct patience *patience_of(const struct source *source)
{
	return (struct patience *)&source->patience;
}

bool source_is_lost(const struct source *source)
{
	return patience_is_lost(&source->patience);
}

static bool is_doubtful(const struct source *source)
{
	return patience_is_doubtful(&source->patience);
}

/* A scanner of files is slow for its own reasons. */
static void end_wait(const struct source *source, const struct patience_look *look)
{
	if (!source_may_be_scanned(source) || inquiry_is_free(&source->inquiry))
		patience_end(patience_of(source), look);
}

/* How much is read at once, so that little is waited for before somebody looks: twice as much each
 * time. */
#define FIRST_STEP ((size_t)16 << 10)
#define MOST_STEP  ((size_t)128 << 10)

struct steps {
	struct patience_look look;
	size_t length;
};

static size_t next_step(
	const struct source *source, struct steps *steps, uint64_t offset, size_t length)
{
	const size_t most = is_doubtful(source) ? FIRST_STEP : steps->length;
	const uint64_t end = page_ceil(offset + most);
	steps->length = min_u64(steps->length * 2, MOST_STEP);
	return min_u64(length, end - offset);
}

/* Bytes or a negative errno; with @watch perhaps WATCH_ERR_TAKEN: then @source is not to be looked
 * at any more. */
/* model: relief read_page */
static ssize_t read_once(const struct source *source, struct watch *watch, uint64_t offset,
	void *buffer, size_t length)
{
	const int fd = source->fd;
	const off_t position = (off_t)(source->offset + offset);
	if (watch)
		watch_begin(watch);
	const ssize_t n = pread(fd, buffer, length, position);
	const int err = n < 0 ? -errno : 0;
	if (watch && !watch_end(watch))
		return WATCH_ERR_TAKEN;
	return err ? err : n;
}

static ssize_t read_step(const struct source *source, struct watch *watch, struct steps *steps,
	uint64_t offset, void *buffer, size_t length)
{
	if (source_is_lost(source))
		return -ETIMEDOUT;
	patience_begin(&source->patience, &steps->look);
	const ssize_t n =
		read_once(source, watch, offset, buffer, next_step(source, steps, offset, length));
	if (n != WATCH_ERR_TAKEN)
		end_wait(source, &steps->look);
	return n;
}

/*
 * A short read is asked again: it is the end of the file only if nothing more comes. Asked again
 * from the beginning of the page it stopped in, for a copy that starts at an odd byte would tear
 * words that the client writes whole.
 */
static int read_by_descriptor(const struct source *source, struct watch *watch, uint64_t offset,
	void *buffer, size_t length, size_t *got)
{
	struct steps steps = { .length = FIRST_STEP };
	*got = 0;
	for (size_t from = 0; *got < length;) {
		const ssize_t n = read_step(
			source, watch, &steps, offset + from, (char *)buffer + from, length - from);
		if (n < 0 && n != -EINTR)
			return (int)n;
		const size_t before = *got;
		if (n >= 0)
			*got = from + (size_t)n;
		if (n >= 0 && *got <= before) {
			/* The end, or a bad buffer from there on? */
			const ssize_t byte =
				read_once(source, watch, offset + *got, (char *)buffer + *got, 1);
			if (byte <= 0)
				return (int)byte;
		}
		from = max_u64(page_floor(offset + *got), offset) - offset;
	}
	return 0;
}

static int read_by_view(
	const struct source *source, uint64_t offset, void *buffer, size_t length, size_t *got)
{
	struct patience_look look = { .first = 0 };
	if (source_is_lost(source))
		return -ETIMEDOUT;
	patience_begin(&source->patience, &look);
	const int err = view_read(&source->view, offset, buffer, length, got);
	end_wait(source, &look);
	return err;
}

static int read_file(const struct source *source, struct watch *watch, uint64_t offset,
	void *buffer, size_t length, size_t *got)
{
	*got = 0;
	if (source->blocking)
		return blocking_file_read(
			source->blocking, source->offset + offset, buffer, length, got);
	if (source->view.is_there) {
		const int err = read_by_view(source, offset, buffer, length, got);
		if (err != -EPERM && err != -ENOSYS) /* by a filter that came later */
			return err;
	}
	if (!watch && atomic_load(&source->is_held_up))
		return -ETIMEDOUT;
	return read_by_descriptor(source, watch, offset, buffer, length, got);
}

int source_read(
	const struct source *source, uint64_t offset, void *buffer, size_t length, size_t *got)
{
	*got = 0;
	if (source->memory)
		return copy_checked(buffer, source->memory + offset,
			min_u64(length, source_length_from(source, offset)), got);
	return read_file(source, NULL, offset, buffer, length, got);
}

int source_read_own(const struct source *source, struct watch *watch, uint64_t offset, void *buffer,
	size_t length, size_t *got)
{
	if (!source->memory)
		return read_file(source, watch, offset, buffer, length, got);
	*got = min_u64(length, source_length_from(source, offset));
	memcpy(buffer, source->memory + offset, *got);
	return 0;
}

/* The first parts, as many as are one step, but one at least. */
static int count_in_step(
	const struct source *source, const struct iovec *parts, int n_parts, size_t *length)
{
	const size_t most = is_doubtful(source) ? FIRST_STEP : MOST_STEP;
	int n = 0;
	*length = 0;
	do
		*length += parts[n++].iov_len;
	while (n < n_parts && *length + parts[n].iov_len <= most);
	return n;
}

static bool read_parts_by_descriptor(
	const struct source *source, uint64_t offset, const struct iovec *parts, int n_parts)
{
	struct patience_look look = { .first = 0 };
	size_t length;
	for (int i = 0, n; i < n_parts; i += n, offset += length) {
		n = count_in_step(source, parts + i, n_parts - i, &length);
		if (source_is_lost(source))
			return false;
		patience_begin(&source->patience, &look);
		const ssize_t got =
			preadv(source->fd, parts + i, n, (off_t)(source->offset + offset));
		end_wait(source, &look);
		if (got != (ssize_t)length)
			return false;
	}
	return true;
}

bool source_read_parts(
	const struct source *source, uint64_t offset, const struct iovec *parts, int n_parts)
{
	if (source->memory)
		return false; /* there is no call to spare: each is a copy */
	if (source->view.is_there)
		return view_read_parts(&source->view, offset, parts, n_parts);
	if (atomic_load(&source->is_held_up))
		return false;
	if (n_parts > 1 || parts[0].iov_len <= MOST_STEP)
		return read_parts_by_descriptor(source, offset, parts, n_parts);
	size_t got;
	return read_by_descriptor(
		       source, NULL, offset, parts[0].iov_base, parts[0].iov_len, &got) == 0 &&
	       got == parts[0].iov_len;
}

uint64_t source_length_from(const struct source *source, uint64_t offset)
{
	struct stat st;
	uint64_t at = source->offset + offset;
	if (source->memory)
		return source->memory_length - min_u64(offset, source->memory_length);
	if (source->kind == SOURCE_REMOTE)
		return UINT64_MAX;
	return fstat(source->fd, &st) == 0 && (uint64_t)st.st_size > at ? (uint64_t)st.st_size - at
									: 0;
}

bool source_is_sparse(const struct source *source)
{
	struct stat st;
	return !source_may_block(source) && !source->memory && fstat(source->fd, &st) == 0 &&
	       has_holes(&st);
}

/* Files of ramfs have memory that fstat(2) does not tell of; they have no seals. */
bool source_is_all_hole(const struct source *source, uint64_t end)
{
	struct stat st;
	return source->kind == SOURCE_MEMORY && !source->memory &&
	       fcntl(source->fd, F_GET_SEALS) >= 0 && fstat(source->fd, &st) == 0 &&
	       st.st_blocks == 0 && (uint64_t)st.st_size >= source->offset + end;
}

int source_check_store(const struct source *source)
{
	if (source->memory)
		return source->store_error;
	if (!source->writable)
		return -EBADF;
	if (source->kind == SOURCE_REMOTE)
		return -EOPNOTSUPP;
	int seals = fcntl(source->fd, F_GET_SEALS);
	return seals >= 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) ? -EPERM : 0;
}

/* One mapping at a time, so that a large store needs no large mapping. */
#define STORE_CHUNK ((size_t)4 << 20)

char *source_take_place(struct source *source, uint64_t end)
{
	if (source->memory || source->kind != SOURCE_MEMORY)
		return source->memory;
	char *place = store_window_take(
		&source->window, source->fd, source->offset, end, is_doubtful(source));
	if (!place || source_is_ours(source))
		return place;
	store_window_give(&source->window);
	store_window_drop(&source->window);
	return NULL;
}

void source_give_place(struct source *source)
{
	if (!source->memory)
		store_window_give(&source->window);
}

/* What is mapped is looked at afterwards: before that, the number may become another file's at any
 * moment. NULL, and *err says why. */
static char *map_for_stores(
	const struct source *source, uint64_t position, size_t size, int flags, int *err)
{
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags,
		source->fd, (off_t)position);
	*err = map == MAP_FAILED ? -errno : 0;
	if (!*err && !source_is_ours(source)) {
		munmap(map, size);
		*err = -EIO;
	}
	return *err ? NULL : map;
}

/* All of it is stored to: its pages at once, which is cheaper than a fault for each. */
static int store_by_mapping(const struct source *source, uint64_t position, const void *bytes,
	size_t length, size_t *stored)
{
	const size_t alignment = source->block_size;
	const uint64_t skip = position & (alignment - 1);
	const size_t size = (skip + length + alignment - 1) & ~(alignment - 1);
	int err;
	char *map = map_for_stores(source, position - skip, size, MAP_POPULATE, &err);
	if (!map)
		return err;
	err = copy_checked(map + skip, bytes, length, stored);
	munmap(map, size);
	return err;
}

static int store_chunk(
	struct source *source, uint64_t offset, const void *bytes, size_t length, size_t *stored)
{
	*stored = 0;
	if (source_is_lost(source))
		return -ETIMEDOUT;
	char *place = source_take_place(source, offset + length);
	if (!place)
		return store_by_mapping(source, source->offset + offset, bytes, length, stored);
	int err = copy_checked(place + offset, bytes, length, stored);
	source_give_place(source);
	return err;
}

/* A file cut at the wrong moment may have grown again by the next look; more often than this is no
 * chance. */
#define STORE_TRIES 100

/* Nothing could be stored, though the file had not ended: the bytes cannot be read, or it is the
 * file that gets no page for them, or only seems to have had an end for a moment. 0: try again. */
static int explain_refusal(const void *bytes, unsigned n_vain)
{
	char byte;
	size_t done;
	if (copy_checked(&byte, bytes, 1, &done))
		return -EFAULT;
	return n_vain < STORE_TRIES ? 0 : -ENOSPC;
}

int source_store(
	struct source *source, uint64_t offset, const void *bytes, size_t length, size_t *stored)
{
	int err = 0;
	*stored = 0;
	for (unsigned n_vain = 0; *stored < length && !err;) {
		uint64_t rest = source_length_from(source, offset + *stored);
		if (rest == 0)
			return 0;

		/* Up to the end as it is now: what a mapping has behind it must not fill up with
		 * our bytes. */
		const char *from = (const char *)bytes + *stored;
		size_t n = min_u64(min_u64(length - *stored, STORE_CHUNK), rest), done;
		err = store_chunk(source, offset + *stored, from, n, &done);
		*stored += done;
		n_vain = done ? 0 : n_vain + 1;
		if (err == -EFAULT)
			err = done ? 0 : explain_refusal(from, n_vain);
	}
	return err;
}

/* Parts of one mapping. What lies between them is not touched: it may be a hole. */
static bool store_parts_at(char *start, uint64_t stride, const struct iovec *parts, int n_parts)
{
	struct iovec places[SOURCE_MOST_PARTS];
	for (int i = 0; i < n_parts; i++)
		places[i] = (struct iovec){ start + (size_t)i * stride, parts[i].iov_len };
	return copy_parts(places, parts, n_parts);
}

static bool store_parts_by_mapping(const struct source *source, uint64_t position, size_t length,
	uint64_t stride, const struct iovec *parts, int n_parts)
{
	const uint64_t skip = position & (source->block_size - 1);
	const size_t size = (skip + length + source->block_size - 1) & ~(source->block_size - 1);
	if (length > STORE_CHUNK)
		return false;
	int err;
	char *all = map_for_stores(source, position - skip, size, 0, &err);
	if (!all)
		return false;
	const bool is_done = store_parts_at(all + skip, stride, parts, n_parts);
	munmap(all, size);
	return is_done;
}

bool source_store_parts(struct source *source, uint64_t offset, uint64_t stride,
	const struct iovec *parts, int n_parts)
{
	const size_t length = (size_t)(n_parts - 1) * stride + parts[n_parts - 1].iov_len;
	if (source_length_from(source, offset) < length || source_is_lost(source))
		return false;
	char *place = source_take_place(source, offset + length);
	if (!place)
		return store_parts_by_mapping(
			source, source->offset + offset, length, stride, parts, n_parts);
	const bool is_done = store_parts_at(place + offset, stride, parts, n_parts);
	source_give_place(source);
	return is_done;
}
