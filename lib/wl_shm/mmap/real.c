/* SPDX-License-Identifier: MIT */
#include "mmap/real.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MMAP2_UNIT 4096 /* whatever the page size is */

void *real_mmap(void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
#if defined(__s390__)
	unsigned long all[] = { (unsigned long)address, length, (unsigned long)prot,
		(unsigned long)flags, (unsigned long)fd, (unsigned long)offset };
	return (void *)syscall(SYS_mmap, all);
#elif defined(SYS_mmap2) /* 32 bits: SYS_mmap, if there is one, is an older call */
	if (offset % MMAP2_UNIT) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap2, address, length, prot, flags, fd, offset / MMAP2_UNIT);
#else
	return (void *)syscall(SYS_mmap, address, length, prot, flags, fd, offset);
#endif
}

int real_munmap(void *address, size_t length)
{
	return (int)syscall(SYS_munmap, address, length);
}

void *real_mremap(void *address, size_t old_length, size_t length, int flags, void *to)
{
	return (void *)syscall(SYS_mremap, address, old_length, length, flags, to);
}
