/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Call once, before the first map. In a child of fork(2), maps up to 4 MiB stay as plain memory,
 * and the child gets a guard of its own. */
void maps_watch_forks(void);

/* Create a region instead of a mapping of @fd. 0 or a negative errno: -ENODEV if no guard takes
 * such files, and others if it just cannot be had now. */
int maps_create(int fd, size_t length, off64_t offset, void **address);

/* Unmap the region with exactly these pages. False if there is none. */
bool maps_unmap(void *address, size_t length);

/* Turn regions that have a part of [address, address + length) into plain memory with the same
 * bytes. Call it before the kernel changes mappings there. False without memory: the remaining
 * regions are as before. */
bool maps_make_plain(void *address, size_t length);

/* True for the region that maps_make_plain() handles on this thread: the library unmaps it, but the
 * plain memory at its addresses must stay. */
bool maps_keeps_mapped(const void *address);

/* True if a region has a byte of [address, address + length). */
bool maps_has(const void *address, size_t length);
