/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Once, before the first map: a child of fork(2) has what was small, as plain memory. */
void maps_watch_forks(void);

/* A guarded region in place of a mapping of @fd; NULL if it cannot be, and a plain one must do. */
void *maps_create(int fd, size_t length, off64_t offset);

/* True if [address, address + length) was a guarded region, no more and no less. It is gone. */
bool maps_unmap(void *address, size_t length);

/* Something is about to happen to [address, address + length): regions that have a part there
 * become plain memory with the same bytes. False if there is no memory for that; they are then as
 * before. */
bool maps_make_plain(void *address, size_t length);

/* True on a thread that is in maps_make_plain(): what the library unmaps there is to stay. */
bool maps_keeps_mapped(const void *address);

bool maps_has(const void *address, size_t length);
