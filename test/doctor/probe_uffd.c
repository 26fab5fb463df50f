/* SPDX-License-Identifier: MIT */
/*
 * Find out what of userfaultfd is allowed here, from the kernel itself: the doctor looks below the
 * library. Three ways lead to a userfaultfd. They are tried one by one, because they are denied for
 * different reasons.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some are newer than the headers of Debian 12. */
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_MOVE (UINT64_C(1) << 16)
struct move {
	uint64_t dst, src, len, mode;
	int64_t move;
};
#define REQUEST_MOVE _IOWR(UFFDIO, 0x05, struct move)

#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK)

/* ---- Getting one ---- */

static int open_device(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	return device < 0 ? -errno : device;
}

static int open_by_device(void)
{
	int device = open_device();
	if (device < 0)
		return device;
	int fd = ioctl(device, USERFAULTFD_IOC_NEW, OPEN_FLAGS);
	return fd < 0 ? -errno : fd;
}

static int open_by_syscall(int flags)
{
	int fd = (int)syscall(SYS_userfaultfd, OPEN_FLAGS | flags);
	return fd < 0 ? -errno : fd;
}

/* A userfaultfd refuses all other ioctls before UFFDIO_API. */
static int shake_hands(int uffd, uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API };
	if (uffd < 0)
		return uffd;
	if (ioctl(uffd, UFFDIO_API, &api) < 0)
		return -errno;
	*features = api.features;
	return 0;
}

int probe_device_open(struct facts *facts)
{
	(void)facts;
	int device = open_device();
	return device < 0 ? device : 0;
}

int probe_device(struct facts *facts)
{
	return shake_hands(open_by_device(), &facts->uffd_features);
}

int probe_syscall(struct facts *facts)
{
	return shake_hands(open_by_syscall(0), &facts->uffd_features);
}

int probe_syscall_user(struct facts *facts)
{
	return shake_hands(open_by_syscall(UFFD_USER_MODE_ONLY), &facts->uffd_features);
}

int probe_open_best(uint64_t *features)
{
	int uffd = open_by_device();
	if (uffd < 0)
		uffd = open_by_syscall(0);
	if (uffd < 0)
		uffd = open_by_syscall(UFFD_USER_MODE_ONLY);
	int err = shake_hands(uffd, features);
	return err ? err : uffd;
}

int probe_open_user_mode(void)
{
	uint64_t features;
	const int uffd = open_by_syscall(UFFD_USER_MODE_ONLY);
	const int err = shake_hands(uffd, &features);
	return err ? err : uffd;
}

/* ---- Using it ---- */

void *probe_memory(size_t length)
{
	void *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

int probe_register(int uffd, void *start, size_t length)
{
	struct uffdio_register op = {
		.range = { .start = (uintptr_t)start, .len = length },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	return ioctl(uffd, UFFDIO_REGISTER, &op) < 0 ? -errno : 0;
}

int probe_zero(int uffd, void *page, size_t length)
{
	struct uffdio_zeropage op = { .range = { .start = (uintptr_t)page, .len = length } };
	return ioctl(uffd, UFFDIO_ZEROPAGE, &op) < 0 ? -errno : 0;
}

static int copy(int uffd, void *page, const void *source, size_t length)
{
	struct uffdio_copy op = { .dst = (uintptr_t)page, .src = (uintptr_t)source, .len = length };
	return ioctl(uffd, UFFDIO_COPY, &op) < 0 ? -errno : 0;
}

static int move(int uffd, void *page, const void *source, size_t length)
{
	struct move op = { .dst = (uintptr_t)page, .src = (uintptr_t)source, .len = length };
	return ioctl(uffd, REQUEST_MOVE, &op) < 0 ? -errno : 0;
}

static int wake(int uffd, void *page, size_t length)
{
	struct uffdio_range op = { .start = (uintptr_t)page, .len = length };
	return ioctl(uffd, UFFDIO_WAKE, &op) < 0 ? -errno : 0;
}

/* Two registered pages, and one that is filled with sevens. */
struct pages {
	int uffd;
	uint64_t features;
	size_t size;
	char *registered, *filled;
};

static int prepare(struct pages *pages)
{
	pages->size = (size_t)sysconf(_SC_PAGESIZE);
	pages->uffd = probe_open_best(&pages->features);
	if (pages->uffd < 0)
		return pages->uffd;
	pages->registered = probe_memory(2 * pages->size);
	pages->filled = probe_memory(pages->size);
	if (!pages->registered || !pages->filled)
		return -ENOMEM;
	memset(pages->filled, 7, pages->size);
	return probe_register(pages->uffd, pages->registered, 2 * pages->size);
}

static int look_at_first(const struct pages *pages)
{
	return pages->registered[pages->size - 1] == 7 ? 0 : -EBADMSG;
}

int probe_fill(struct facts *facts)
{
	struct pages pages;
	(void)facts;
	int err = prepare(&pages);
	if (!err)
		err = copy(pages.uffd, pages.registered, pages.filled, pages.size);
	if (!err)
		err = probe_zero(pages.uffd, pages.registered + pages.size, pages.size);
	if (!err)
		err = wake(pages.uffd, pages.registered, 2 * pages.size);
	return err ? err : look_at_first(&pages);
}

int probe_move(struct facts *facts)
{
	struct pages pages;
	(void)facts;
	int err = prepare(&pages);
	if (!err && !(pages.features & FEATURE_MOVE))
		err = -EOPNOTSUPP;
	if (!err)
		err = move(pages.uffd, pages.registered, pages.filled, pages.size);
	return err ? err : look_at_first(&pages);
}
