/* SPDX-License-Identifier: MIT */
#include "kernel/huge_memory.h"

#include "base/page.h"

#include <sys/mman.h>

static void advise(char *memory)
{
	madvise(memory, STAGING_SIZE, MADV_HUGEPAGE);
	madvise(memory, STAGING_SIZE, MADV_DONTFORK);
	munlock(memory, STAGING_SIZE); /* as regions are: between locked and unlocked memory nothing
					  is moved */
}

char *huge_memory_map(void)
{
	char *memory = map_aligned(STAGING_SIZE, STAGING_SIZE, PROT_READ | PROT_WRITE);
	if (memory)
		advise(memory);
	return memory;
}

bool huge_memory_map_again(char *memory)
{
	/* Page tables go too. With those of small pages the kernel would not make a huge one here
	 * again. */
	if (mmap(memory, STAGING_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	advise(memory);
	return true;
}
