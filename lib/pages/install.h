/* SPDX-License-Identifier: MIT */
/* Making pages. Handler or callers, inside region->fills; takes no lock, allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uffd_guard;

/*
 * Make pages, whole ones (@is_protected: against stores, see uffd_protect()), and wake the threads
 * that wait for them. Pages that are there already stay as they are, and their waiters are woken
 * too. *done is the bytes that are in place afterwards, whatever is returned: 0, or
 *
 * - -ENOENT: the rest of the range is mapped no more; the threads that wait there were woken
 * - -ENOMEM: no memory for the next page
 * - whatever else the kernel may find
 */
int install_copy(struct uffd_guard *guard, uintptr_t start, const void *source, size_t length,
	bool is_protected, size_t *done);
int install_zeros(struct uffd_guard *guard, uintptr_t start, size_t length, size_t *done);

/* Make one huge page of the staging's, which has been filled to the last byte. The bytes that are
 * in place afterwards, and gone from the staging: all of it, or what install_copy() has to go on
 * behind. */
size_t install_huge(struct uffd_guard *guard, uintptr_t start, const void *staging);
