/* SPDX-License-Identifier: MIT */
/* System calls that the kernel has had for long, and older C libraries lack: musl before 1.2.5. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef STATX_TYPE
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int statx(int fd, const char *path, int flags, unsigned mask, struct statx *stx)
{
	return (int)syscall(SYS_statx, fd, path, flags, mask, stx);
}
#endif

#ifndef RWF_NOWAIT
#include <sys/syscall.h>
#include <unistd.h>

#define RWF_NOWAIT 0x8

/* The kernel takes the offset in two halves; where long has 64 bits, the first is all of it. */
static inline ssize_t preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	return syscall(
		SYS_preadv2, fd, parts, n, (long)offset, (long)((uint64_t)offset >> 32), flags);
}
#endif
