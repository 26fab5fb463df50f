/* SPDX-License-Identifier: MIT */
/*
 * The client's file twice: in the kernel, and in the model as the history of each page and of the
 * size. The kernel is asked first; what it has refused has not happened. Bytes behind the end are
 * zeros in the model too, so a page past the end is a page of zeros.
 */
#include "file.h"

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

struct version {
	const struct block *block;
	struct version *older;
	uint8_t from;
};

struct size_version {
	uint64_t size;
	struct size_version *older;
	uint8_t from;
};

static uint8_t moment;

uint8_t moment_now(void)
{
	return moment;
}

void moment_reset(void)
{
	moment = 0;
}

bool moment_is_last(void)
{
	return moment >= MOST_MOMENT;
}

/* ---- History ---- */

void file_note_page(struct file *file, size_t page, const struct block *block)
{
	if (page >= FILE_PAGES || file_block(file, page) == block)
		return;
	struct version *version = arena_take(sizeof(*version));
	*version = (struct version){ .block = block, .older = file->pages[page], .from = moment };
	file->pages[page] = version;
}

static void note_size(struct file *file, uint64_t size)
{
	struct size_version *version = arena_take(sizeof(*version));
	*version = (struct size_version){ .size = size, .older = file->sizes, .from = moment };
	file->sizes = version;
	file->size = size;
}

static void note_bytes(
	struct file *file, uint64_t offset, uint64_t length, const struct block *pattern)
{
	for (uint64_t end = offset + length, next; offset < end; offset = next) {
		const size_t page = offset / PAGE;
		next = MIN((page + 1) * PAGE, end);
		file_note_page(file, page,
			next - offset == PAGE ? pattern
					      : block_patched(file_block(file, page), pattern,
							offset % PAGE, (next - 1) % PAGE + 1));
	}
}

void file_note_allocated(struct file *file)
{
	struct stat st;
	if (fstat(file->fd, &st) == 0)
		file->n_blocks = (uint64_t)st.st_blocks;
}

void file_note_change(void)
{
	moment++;
}

void file_note_stored(
	struct file *file, uint64_t offset, uint64_t length, const struct block *pattern)
{
	moment++;
	note_bytes(file, offset, length, pattern);
}

void file_note_written(
	struct file *file, uint64_t offset, uint64_t length, const struct block *pattern)
{
	note_bytes(file, offset, length, pattern);
	file_note_allocated(file);
}

const struct block *file_block(const struct file *file, uint64_t page)
{
	return page < FILE_PAGES && file->pages[page] ? file->pages[page]->block : block_of_zeros();
}

/*
 * Goes through what a page was at moments from @since to @until, newest first. A page without a
 * version, and each before its first one, is zeros.
 */
struct look_back {
	const struct version *version;
	uint8_t since, until;
	bool is_over;
};

static struct look_back look_back(
	const struct file *file, uint64_t page, uint8_t since, uint8_t until)
{
	return (struct look_back){ .version = page < FILE_PAGES ? file->pages[page] : NULL,
		.since = since,
		.until = until };
}

static const struct block *look_further(struct look_back *look)
{
	while (look->version && look->version->from > look->until)
		look->version = look->version->older;
	if (look->is_over)
		return NULL;
	const struct version *version = look->version;
	if (!version || version->from <= look->since)
		look->is_over = true;
	else
		look->version = version->older;
	return version ? version->block : block_of_zeros();
}

const struct block *file_find_block(const struct file *file, uint64_t page, const uint8_t *bytes,
	size_t length, uint8_t since, uint8_t until)
{
	struct look_back look = look_back(file, page, since, until);
	for (const struct block *block; (block = look_further(&look));) {
		if (memcmp(block->bytes, bytes, length) == 0)
			return block;
	}
	return NULL;
}

bool file_had_byte(const struct file *file, uint64_t page, size_t place, uint8_t byte,
	uint8_t since, uint8_t until)
{
	struct look_back look = look_back(file, page, since, until);
	for (const struct block *block; (block = look_further(&look));) {
		if (block->bytes[place] == byte)
			return true;
	}
	return false;
}

static void size_bounds(
	const struct file *file, uint8_t since, uint8_t until, uint64_t *least, uint64_t *most)
{
	*least = UINT64_MAX;
	*most = 0;
	for (const struct size_version *at = file->sizes; at; at = at->older) {
		if (at->from > until)
			continue;
		*least = MIN(*least, at->size);
		*most = MAX(*most, at->size);
		if (at->from <= since)
			break;
	}
}

uint64_t file_least_size(const struct file *file, uint8_t since, uint8_t until)
{
	uint64_t least, most;
	size_bounds(file, since, until, &least, &most);
	return least;
}

uint64_t file_most_size(const struct file *file, uint8_t since, uint8_t until)
{
	uint64_t least, most;
	size_bounds(file, since, until, &least, &most);
	return most;
}

/* ---- The client's calls ---- */

static bool may_change(const struct file *file)
{
	return !file->is_closed && !moment_is_last();
}

/* Bytes written, as far as the kernel went along. */
static uint64_t write_pattern(int fd, uint64_t offset, uint64_t length, const struct block *pattern)
{
	static struct iovec parts[FILE_PAGES + 1];
	int n = 0;
	for (uint64_t at = offset, end = offset + length, next; at < end; at = next) {
		next = MIN((at / PAGE + 1) * PAGE, end);
		parts[n++] = (struct iovec){ .iov_base = (void *)(pattern->bytes + at % PAGE),
			.iov_len = next - at };
	}
	ssize_t done = pwritev(fd, parts, n, (off_t)offset);
	return done > 0 ? (uint64_t)done : 0;
}

void file_write(struct file *file, uint64_t offset, uint64_t length, const struct block *pattern)
{
	if (!may_change(file) || offset + length > FILE_PAGES * PAGE)
		return;
	uint64_t done = write_pattern(file->fd, offset, length, pattern);
	trace("	client writes %llu of [%llu, %llu), tag %d", (unsigned long long)done,
		(unsigned long long)offset, (unsigned long long)(offset + length),
		tag_of_byte(0, pattern->bytes[0]));
	if (done == 0)
		return;
	moment++;
	note_bytes(file, offset, done, pattern);
	if (offset + done > file->size)
		note_size(file, offset + done);
	file_note_allocated(file);
}

static void note_cut(struct file *file, uint64_t size)
{
	const size_t first = size / PAGE;
	if (size % PAGE)
		file_note_page(file, first,
			block_patched(
				file_block(file, first), block_of_zeros(), size % PAGE, PAGE));
	for (size_t page = first + (size % PAGE > 0); page < FILE_PAGES; page++)
		file_note_page(file, page, block_of_zeros());
}

void file_truncate(struct file *file, uint64_t size)
{
	if (!may_change(file) || size > FILE_PAGES * PAGE)
		return;
	int err = ftruncate(file->fd, (off_t)size);
	trace("	client truncates to %llu%s", (unsigned long long)size, err ? ": refused" : "");
	if (err)
		return;
	moment++;
	if (size < file->size)
		note_cut(file, size);
	note_size(file, size);
	file_note_allocated(file);
}

void file_punch(struct file *file, uint64_t offset, uint64_t length)
{
	if (!may_change(file) || length == 0)
		return;
	int err = fallocate(
		file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
	trace("	client punches [%llu, %llu)%s", (unsigned long long)offset,
		(unsigned long long)(offset + length), err ? ": refused" : "");
	if (err)
		return;
	moment++;
	const uint64_t end = MIN(offset + length, FILE_PAGES * PAGE);
	if (offset < end)
		note_bytes(file, offset, end - offset, block_of_zeros());
	file_note_allocated(file);
}

void file_allocate(struct file *file, uint64_t offset, uint64_t length)
{
	if (!may_change(file) || length == 0 || offset + length > FILE_PAGES * PAGE)
		return;
	int err = fallocate(file->fd, 0, (off_t)offset, (off_t)length);
	trace("	client allocates [%llu, %llu)%s", (unsigned long long)offset,
		(unsigned long long)(offset + length), err ? ": refused" : "");
	if (err)
		return;
	moment++;
	if (offset + length > file->size)
		note_size(file, offset + length);
	file_note_allocated(file);
}

void file_seal(struct file *file, int seals)
{
	if (file->is_closed)
		return;
	int err = fcntl(file->fd, F_ADD_SEALS, seals);
	trace("	client seals %#x%s", (unsigned)seals, err ? ": refused" : "");
}

void file_close(struct file *file)
{
	int ours = fcntl(file->fd, F_DUPFD_CLOEXEC, file->fd + 1);
	if (ours < 0)
		return;
	close(file->fd);
	file->fd = ours;
	file->is_closed = true;
}

int file_seals(const struct file *file)
{
	int seals = fcntl(file->fd, F_GET_SEALS);
	return seals < 0 ? 0 : seals;
}

/* ---- Life ---- */

static int open_file(enum file_kind kind)
{
	switch (kind) {
	case FILE_MEMFD:
		return memfd_create("fuzzed", MFD_CLOEXEC);
	case FILE_MEMFD_SEALABLE:
		return memfd_create("fuzzed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	case FILE_SHM:
		return open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	case FILE_DISK:
		return open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	default:
		return -1;
	}
}

static bool is_on_tmpfs(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static const struct block *first_content(enum file_fill fill, size_t page)
{
	switch (fill) {
	case FILL_ZEROS:
		return block_of_zeros();
	case FILL_HOLE:
		return NULL;
	case FILL_EVERY_OTHER:
		return page % 2 ? NULL : block_of_next_tag();
	default:
		return block_of_next_tag();
	}
}

static void fill_file(struct file *file, enum file_fill fill)
{
	for (uint64_t at = 0; at < file->size; at += PAGE) {
		const struct block *pattern = first_content(fill, at / PAGE);
		uint64_t length = MIN(PAGE, file->size - at);
		if (!pattern)
			continue;
		if (write_pattern(file->fd, at, length, pattern) != length)
			fail("a new file cannot be written to: %s", strerror(errno));
		note_bytes(file, at, length, pattern);
	}
}

#define SOME_POSITION 5

struct file *file_create(enum file_kind kind, uint64_t size, enum file_fill fill)
{
	int fd = open_file(kind);
	if (fd < 0)
		return NULL;
	size = MIN(size, FILE_PAGES * PAGE);
	struct file *file = arena_take(sizeof(*file));
	*file = (struct file){ .fd = fd, .is_tmpfs = is_on_tmpfs(fd) };
	if (ftruncate(fd, (off_t)size) < 0 || lseek(fd, SOME_POSITION, SEEK_SET) < 0)
		fail("a new file cannot be made: %s", strerror(errno));
	note_size(file, size);
	fill_file(file, fill);
	file_note_allocated(file);
	return file;
}

void file_destroy(struct file *file)
{
	if (lseek(file->fd, 0, SEEK_CUR) != SOME_POSITION)
		fail("the client's file offset was moved");
	close(file->fd);
}

void file_check(const struct file *file)
{
	struct stat st;
	if (fstat(file->fd, &st) < 0)
		fail("the client's descriptor is gone");
	if ((uint64_t)st.st_size != file->size)
		fail("the client's file is %lld bytes long, and should be %llu",
			(long long)st.st_size, (unsigned long long)file->size);
	if (file->is_tmpfs && !file->was_direct && (uint64_t)st.st_blocks > file->n_blocks)
		fail("memory was allocated in the client's file: %lld blocks, before %llu",
			(long long)st.st_blocks, (unsigned long long)file->n_blocks);
}
