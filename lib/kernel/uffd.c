/* SPDX-License-Identifier: MIT */
/*
 * The only file that calls userfaultfd(2) or an UFFDIO_ ioctl. It turns errno into return values
 * and decides nothing.
 *
 * No feature is asked for in UFFDIO_API. Event features (fork, remap, remove, unmap) would block
 * the threads that do these things until the handler has read the event, and let fills fail with
 * "mappings are changing"; a library that owns its mappings needs none of them.
 */
#include "kernel/uffd.h"

#include "kernel/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* Without O_NONBLOCK, poll() on a userfaultfd answers POLLERR. */
#define UFFD_OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK)

static int open_by_device(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;

	int fd = ioctl(device, USERFAULTFD_IOC_NEW, UFFD_OPEN_FLAGS);
	int err = fd < 0 ? -errno : fd;
	close(device);
	return err;
}

static int open_by_syscall(int flags)
{
	int fd = (int)syscall(SYS_userfaultfd, UFFD_OPEN_FLAGS | flags);
	return fd < 0 ? -errno : fd;
}

static int open_best(struct uffd *uffd, enum uffd_want want)
{
	if (want != UFFD_WANT_USER_FAULTS_ONLY) {
		int fd = open_by_device();
		if (fd < 0)
			fd = open_by_syscall(0);
		uffd->kernel_faults = fd >= 0;
		if (fd >= 0 || want == UFFD_WANT_KERNEL_FAULTS)
			return fd;
	}
	uffd->kernel_faults = false;
	return open_by_syscall(UFFD_USER_MODE_ONLY);
}

int uffd_open(struct uffd *uffd, enum uffd_want want)
{
	int fd = descriptor_adopt(open_best(uffd, want), uffd->mark);
	if (fd < 0)
		return fd;

	struct uffdio_api api = { .api = UFFD_API };
	if (ioctl(fd, UFFDIO_API, &api) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	uffd->fd = fd;
	uffd->features = api.features;
	return 0;
}

void uffd_close(struct uffd *uffd)
{
	descriptor_close(uffd->fd, uffd->mark);
	uffd->fd = -1;
}

bool uffd_is_ours(const struct uffd *uffd)
{
	return descriptor_is_ours(uffd->fd, uffd->mark);
}

void uffd_abandon(struct uffd *uffd, int harmless)
{
	/* Needs no new descriptor, so a limit on these is no matter. */
	if (uffd_is_ours(uffd) && descriptor_is_ours(harmless, uffd->mark))
		dup3(harmless, uffd->fd, O_CLOEXEC);
}

int uffd_register(const struct uffd *uffd, uintptr_t start, size_t length, bool tells_stores)
{
	struct uffdio_register op = {
		.range = { .start = start, .len = length },
		.mode = UFFDIO_REGISTER_MODE_MISSING | (tells_stores ? UFFDIO_REGISTER_MODE_WP : 0),
	};
	return ioctl(uffd->fd, UFFDIO_REGISTER, &op) < 0 ? -errno : 0;
}

int uffd_unregister(const struct uffd *uffd, uintptr_t start, size_t length)
{
	struct uffdio_range op = { .start = start, .len = length };
	return ioctl(uffd->fd, UFFDIO_UNREGISTER, &op) < 0 ? -errno : 0;
}

/* model: direct wake_all, protocol wake_all */
void uffd_wake(struct uffd *uffd, uintptr_t start, size_t length)
{
	struct uffdio_range op = { .start = start, .len = length };
	/* Without a userfaultfd, in EAGER, no thread waits. */
	if (uffd->fd >= 0 && ioctl(uffd->fd, UFFDIO_WAKE, &op) < 0)
		atomic_store(&uffd->failed_to_wake, true);
}

/* The kernel counts bytes in a signed field that also carries the error when nothing was done. */
static size_t bytes_done(int64_t field)
{
	return field > 0 ? (size_t)field : 0;
}

int uffd_copy(const struct uffd *uffd, uintptr_t start, const void *source, size_t length,
	bool is_protected, size_t *done)
{
	struct uffdio_copy op = {
		.dst = start,
		.src = (uintptr_t)source,
		.len = length,
		.mode = is_protected ? UFFDIO_COPY_MODE_WP : 0,
		.copy = 0, /* kernels before 6.15 leave it alone on some errors */
	};
	int err = ioctl(uffd->fd, UFFDIO_COPY, &op) < 0 ? -errno : 0;
	*done = bytes_done(op.copy);
	return err;
}

int uffd_zero(const struct uffd *uffd, uintptr_t start, size_t length, size_t *done)
{
	struct uffdio_zeropage op = { .range = { .start = start, .len = length }, .zeropage = 0 };
	int err = ioctl(uffd->fd, UFFDIO_ZEROPAGE, &op) < 0 ? -errno : 0;
	*done = bytes_done(op.zeropage);
	return err;
}

int uffd_move(
	const struct uffd *uffd, uintptr_t start, const void *source, size_t length, size_t *done)
{
	struct uffdio_move op = { .dst = start, .src = (uintptr_t)source, .len = length };
	int err = ioctl(uffd->fd, UFFDIO_MOVE, &op) < 0 ? -errno : 0;
	*done = bytes_done(op.move);
	return err;
}

int uffd_protect(const struct uffd *uffd, uintptr_t start, size_t length, bool is_protected)
{
	struct uffdio_writeprotect op = {
		.range = { .start = start, .len = length },
		.mode = is_protected ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};
	return ioctl(uffd->fd, UFFDIO_WRITEPROTECT, &op) < 0 ? -errno : 0;
}

int uffd_read(const struct uffd *uffd, struct uffd_msg *messages, size_t n_messages)
{
	ssize_t n = read(uffd->fd, messages, n_messages * sizeof(*messages));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return (int)((size_t)n / sizeof(*messages));
}
