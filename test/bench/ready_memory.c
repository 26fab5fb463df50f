/* SPDX-License-Identifier: MIT */
/*
 * In a virtual machine whose balloon reports free pages (VIRTIO_BALLOON_F_REPORTING), memory that
 * was free for two seconds is no longer the machine's: the host has to find and clear it anew when
 * it is touched, which takes many times as long as the copy into it. It reports free memory in
 * pieces of a huge page, and so strikes whoever asks for huge pages, and hardly ever those who take
 * small ones from lists that are not reported. By chance, too, for it depends on what else has used
 * the memory meanwhile. So before each sample that needs fresh memory as much of it is used and
 * freed: what was freed last is what the kernel gives first.
 */
#include "ready_memory.h"

#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void ready_memory(size_t length)
{
	char *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	madvise(memory, length, MADV_HUGEPAGE);
	/* Before Linux 5.14 it is not done: then a row may scatter. */
	madvise(memory, length, MADV_POPULATE_WRITE);
	munmap(memory, length);
}
