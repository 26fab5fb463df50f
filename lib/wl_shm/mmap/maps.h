/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A guarded region in place of a mapping of @fd; NULL if it cannot be, and a plain one must do. */
void *maps_create(int fd, size_t length, off_t offset);

/* True if [address, address + length) lies in a guarded region; it is then dealt with. A region
 * goes when all of it was unmapped, in however many parts. */
bool maps_unmap(void *address, size_t length);

/* Something else is mapped over [address, address + length), or nothing any more: it is no longer
 * ours to unmap. */
void maps_abandon(void *address, size_t length);

bool maps_has(const void *address);
