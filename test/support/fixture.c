/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "tmpfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

size_t file_granularity(enum file_kind kind)
{
	return kind == FILE_HUGETLB ? HUGE_PAGE : (size_t)sysconf(_SC_PAGESIZE);
}

static int create_empty(enum file_kind kind)
{
	switch (kind) {
	case FILE_MEMFD:
		return memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	case FILE_TMPFS:
		return open_on_tmpfs(O_RDWR);
	case FILE_HUGETLB:
		return memfd_create("client", MFD_CLOEXEC | MFD_HUGETLB);
	default:
		return -1;
	}
}

/* hugetlbfs has no write(2). */
static void write_by_mapping(int fd, size_t offset, unsigned char value, size_t length)
{
	char *map = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)(offset & ~(HUGE_PAGE - 1)));
	ck_assert_ptr_ne(map, MAP_FAILED);
	memset(map + (offset & (HUGE_PAGE - 1)), value, length);
	munmap(map, HUGE_PAGE);
}

void file_write_page(int fd, size_t page, unsigned char value)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *bytes = malloc(size);
	memset(bytes, value, size);
	if (pwrite(fd, bytes, size, (off_t)(page * size)) != (ssize_t)size) {
		ck_assert_int_eq(errno, EINVAL);
		write_by_mapping(fd, page * size, value, size);
	}
	free(bytes);
}

unsigned char page_value(size_t page)
{
	return (unsigned char)(page % 255 + 1);
}

int file_create(enum file_kind kind, size_t n_pages, bool is_sparse)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE), granularity = file_granularity(kind);
	int fd = create_empty(kind);
	off_t bytes = (off_t)((n_pages * size + granularity - 1) & ~(granularity - 1));
	void *probe = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, bytes) == 0)
		probe = kind == FILE_HUGETLB ? mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
						       MAP_SHARED, fd, 0)
					     : NULL;
	if (probe == MAP_FAILED) {
		if (fd >= 0)
			close(fd);
		ck_assert_int_ne(kind, FILE_MEMFD);
		runner_skip(
			kind == FILE_TMPFS ? NO_TMPFS : "no huge pages to make a hugetlb memfd of");
		return -1;
	}
	if (probe)
		munmap(probe, (size_t)bytes);
	for (size_t i = 0; i < n_pages && !is_sparse; i++)
		file_write_page(fd, i, page_value(i));
	return fd;
}

void file_punch(int fd, size_t first, size_t n_pages)
{
	off_t size = sysconf(_SC_PAGESIZE);
	assert_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first * size,
		(off_t)n_pages * size));
}

size_t file_count_mappings(int fd)
{
	struct stat st;
	char inode[32], line[512];
	size_t n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	assert_ok(fstat(fd, &st));
	snprintf(inode, sizeof(inode), " %ju ", (uintmax_t)st.st_ino);
	while (maps && fgets(line, sizeof(line), maps))
		n += strstr(line, inode) ? 1 : 0;
	fclose(maps);
	return n;
}

size_t file_allocated_bytes(int fd)
{
	struct stat st;
	assert_ok(fstat(fd, &st));
	return (size_t)st.st_blocks * 512;
}

/* On a machine that is busy for a moment, too, no file in memory counts as one that blocks. */
#define DEADLINE_MS 3000

static struct uffd_guard *start_with_deadline(uint32_t flags, uint32_t read_deadline_ms)
{
	struct uffd_guard *guard = NULL;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = flags | runner_guard_flags(),
		.read_deadline_ms = read_deadline_ms ? read_deadline_ms : DEADLINE_MS };
	assert_ok(uffd_guard_create(&options, &guard));
	return guard;
}

struct uffd_guard *guard_start(uint32_t flags)
{
	return start_with_deadline(flags, 0);
}

/* UFFD_GUARD_MAP_SEAL does not wait: on a busy machine the region is LAZY at first. */
static void await_seal(struct uffd_guard_region *region, uint32_t flags)
{
	if (~flags & (UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL))
		return;
	for (int i = 0; i < 1000 && uffd_guard_region_mode(region) != UFFD_GUARD_MODE_DIRECT; i++) {
		usleep(1000);
		uffd_guard_region_make_direct(region, UFFD_GUARD_MAP_SEAL);
	}
}

bool fixture_start(struct fixture *f, const struct fixture_options *options)
{
	*f = (struct fixture){ .page = (size_t)sysconf(_SC_PAGESIZE) };
	f->fd = file_create(options->kind, options->n_pages, options->is_sparse);
	if (f->fd < 0)
		return false;
	f->guard = start_with_deadline(options->guard_flags, options->read_deadline_ms);
	const struct uffd_guard_map_options map = {
		.size = sizeof(map),
		.flags = options->map_flags,
		.reserve = options->reserve,
		.user_data = options->user_data,
	};
	size_t length = options->length ? options->length : options->n_pages * f->page;
	assert_ok(uffd_guard_map(f->guard, f->fd, length, &map, &f->region));
	f->data = uffd_guard_region_data(f->region);
	if (options->kind == FILE_MEMFD)
		await_seal(f->region, options->map_flags);
	return true;
}

void fixture_stop(struct fixture *f)
{
	uffd_guard_unmap(f->region);
	uffd_guard_destroy(f->guard);
	close(f->fd);
}

struct uffd_guard_region *map_at(struct uffd_guard *guard, int fd, size_t length, void *address)
{
	const struct uffd_guard_map_options options = {
		.size = sizeof(options), .flags = UFFD_GUARD_MAP_FIXED_NOREPLACE, .addr = address
	};
	struct uffd_guard_region *region;
	assert_ok(uffd_guard_map(guard, fd, length, &options, &region));
	return region;
}

void fixture_truncate(struct fixture *f, size_t n_pages)
{
	assert_ok(ftruncate(f->fd, (off_t)(n_pages * f->page)));
}

void fixture_changed(struct fixture *f)
{
	if (runner_is_eager())
		assert_ok(uffd_guard_refresh(f->region, 0, uffd_guard_region_length(f->region)));
}

void fixture_ask(struct fixture *f, size_t first, size_t n_pages)
{
	assert_ok((runner_is_eager() ? uffd_guard_refresh : uffd_guard_populate)(
		f->region, first * f->page, n_pages * f->page));
}

bool holes_are_read(void)
{
	const long cachestat = 451; /* not in Debian 12's headers */
	return runner_is_eager() && syscall(cachestat, -1, NULL, NULL, 0) < 0 && errno == ENOSYS;
}

bool skip_no_cachestat(void)
{
	if (!holes_are_read())
		return false;
	runner_skip("no cachestat(2) in this kernel");
	return true;
}

bool skip_terabyte(void)
{
	if (sizeof(size_t) < 8) {
		runner_skip("32 bits have no room for a terabyte");
		return true;
	}
	if (IS_SANITIZED) {
		runner_skip("a sanitizer leaves no room for a terabyte");
		return true;
	}
	return skip_no_cachestat();
}

enum uffd_guard_mode mode_without_direct(void)
{
	return runner_is_eager() ? UFFD_GUARD_MODE_EAGER : UFFD_GUARD_MODE_LAZY;
}

void assert_bytes_are(const struct fixture *f, size_t from, size_t to, unsigned char value)
{
	for (size_t i = from; i < to; i++) {
		if (f->data[i] != value)
			ck_abort_msg("byte %zu is %u, not %u", i, f->data[i], value);
	}
}

void assert_page_is(const struct fixture *f, size_t page, unsigned char value)
{
	assert_bytes_are(f, page * f->page, (page + 1) * f->page, value);
}

void assert_losses_eq(const struct fixture *f, uint32_t reasons)
{
	ck_assert_uint_eq(uffd_guard_region_take_losses(f->region), reasons);
}

struct uffd_guard_stats fixture_stats(const struct fixture *f)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_refresh(f->region, 0, 0)); /* the handler counts after the wake-up */
	assert_ok(uffd_guard_get_stats(f->guard, &stats));
	return stats;
}
