/* SPDX-License-Identifier: MIT */
/* A mapping of the client's file for stores, kept from one to the next. Callers' threads, no lock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_window {
	atomic_bool is_taken; /* by the one store that uses it; what follows is that thread's */
	unsigned n_stores;    /* so many were made without it: there will be more */
	char *memory;	      /* NULL: none */
	size_t length;
};

/* The file from @position on, a page's border, at least @length bytes of it: for the caller alone,
 * until it gives it back. NULL: there is none, so make a mapping for this store. @at_once: have one
 * with the first store */
char *store_window_take(
	struct store_window *window, int fd, uint64_t position, size_t length, bool at_once);
void store_window_give(struct store_window *window);

/* Unmap it, unless somebody stores through it now. */
void store_window_drop(struct store_window *window);
