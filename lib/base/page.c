/* SPDX-License-Identifier: MIT */
#include "base/page.h"

#include <string.h>
#include <sys/mman.h>

bool bytes_are_zero(const char *bytes, size_t length)
{
	/* Equal to itself, shifted by a word, and the first word is 0. */
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word == 0 && memcmp(bytes, bytes + sizeof(word), length - sizeof(word)) == 0;
}

static void *map_anonymous(size_t size, int protection)
{
	void *memory =
		mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void *map_aligned(size_t size, size_t alignment, int protection)
{
	/* Kernels from 6.7 on align a mapping that is large enough for a huge page. */
	char *memory = map_anonymous(size, protection);
	if (!memory || (uintptr_t)memory % alignment == 0)
		return memory;
	munmap(memory, size);

	memory = map_anonymous(size + alignment, protection);
	if (!memory)
		return NULL;
	size_t before = (alignment - (uintptr_t)memory % alignment) % alignment;
	if (before)
		munmap(memory, before);
	munmap(memory + before + size, alignment - before);
	return memory + before;
}
