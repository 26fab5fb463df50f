/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <sys/mman.h>

/* A free range of addresses, or MAP_FAILED. What others map later comes into the highest gap that
 * is large enough: this is at the bottom of one that takes all they map during a test. */
static inline void *find_room(size_t length)
{
	const size_t size = length + ((size_t)256 << 20);
	void *room =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room != MAP_FAILED)
		munmap(room, size);
	return room;
}
