/* SPDX-License-Identifier: MIT */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *const file_kind_names[N_FILE_KINDS] = {
	[FILE_MEMFD] = "memfd",
	[FILE_MEMFD_SEALED] = "sealed",
	[FILE_MEMFD_SEAL_SEAL] = "seal-seal",
	[FILE_SHM_OPEN] = "shm_open",
	[FILE_TMPFS] = "tmpfs",
	[FILE_DISK] = "disk",
	[FILE_HUGETLB] = "hugetlb",
};

static const char *disk_directory = ".";

void file_set_directory(const char *path)
{
	disk_directory = path;
}

static int make_with_shm_open(void)
{
	char name[64];
	snprintf(name, sizeof(name), "/uffd-guard-%d", getpid());
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	shm_unlink(name);
	return fd;
}

static int make_in(const char *directory)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/uffd-guard-XXXXXX", directory);
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int make_on_disk(void)
{
	struct statfs fs;
	if (statfs(disk_directory, &fs) < 0)
		return -errno;
	return fs.f_type == TMPFS_MAGIC ? -ENOTBLK : make_in(disk_directory);
}

static int make_memfd(unsigned flags)
{
	int fd = memfd_create("uffd-guard", MFD_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

/* A memfd of them can be made without, but not be mapped. */
static bool has_huge_pages(void)
{
	unsigned n = 0;
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	if (file && fscanf(file, "%u", &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n >= 4;
}

int file_make(enum file_kind kind)
{
	switch (kind) {
	case FILE_MEMFD:
	case FILE_MEMFD_SEALED:
		return make_memfd(MFD_ALLOW_SEALING);
	case FILE_MEMFD_SEAL_SEAL:
		return make_memfd(0);
	case FILE_SHM_OPEN:
		return make_with_shm_open();
	case FILE_TMPFS:
		return make_in("/dev/shm");
	case FILE_DISK:
		return make_on_disk();
	case FILE_HUGETLB:
		return has_huge_pages() ? make_memfd(MFD_HUGETLB) : -ENXIO;
	case N_FILE_KINDS:
		break;
	}
	return -EINVAL;
}

int file_make_sized(enum file_kind kind, off_t size)
{
	int fd = file_make(kind);
	if (fd < 0)
		return fd;
	if (kind == FILE_HUGETLB)
		size = (size + FILE_HUGE_PAGE - 1) & ~((off_t)FILE_HUGE_PAGE - 1);
	if (ftruncate(fd, size) < 0 ||
		(kind == FILE_MEMFD_SEALED && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Huge pages cannot be written to otherwise. Only their owner does this, so nobody cuts them. */
static bool store(int fd, const uint32_t *pixels, size_t length, off_t offset)
{
	const off_t start = offset & ~((off_t)FILE_HUGE_PAGE - 1);
	const size_t size = 2 * FILE_HUGE_PAGE;
	struct stat status;
	if (fstat(fd, &status) < 0 || offset + (off_t)length > status.st_size)
		return false;
	char *to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
	if (to == MAP_FAILED)
		return false;
	memcpy(to + (offset - start), pixels, length);
	munmap(to, size);
	return true;
}

void file_paint(int fd, off_t offset, size_t n_pixels, uint32_t colour)
{
	uint32_t pixels[1024];
	const size_t n = sizeof(pixels) / sizeof(pixels[0]);
	for (size_t i = 0; i < n; i++)
		pixels[i] = colour;
	while (n_pixels > 0) {
		size_t n_now = n_pixels < n ? n_pixels : n;
		if (pwrite(fd, pixels, n_now * sizeof(pixels[0]), offset) < 0 &&
			!(errno == EINVAL && store(fd, pixels, n_now * sizeof(pixels[0]), offset)))
			return; /* the disk is full, or a seal is: it is read as it is */
		offset += (off_t)(n_now * sizeof(pixels[0]));
		n_pixels -= n_now;
	}
}
