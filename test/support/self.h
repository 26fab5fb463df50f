/* SPDX-License-Identifier: MIT */
/* Count what this process holds, to find leaks. */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#define assert_ok(call) ck_assert_int_eq((call), 0)

/* All open descriptors; those whose link in /proc/self/fd is @file, such as
 * "anon_inode:[userfaultfd]". */
size_t count_fds(void);
size_t count_fds_of(const char *file);
size_t count_threads(void);
size_t count_mappings(void); /* without that of the heap */

/* Exact, and without files. What statm and status say may be off by dozens of pages for each
 * processor. */
size_t count_anonymous_bytes(void);

/* Whether a load of memory that was never stored to takes a page, as in a kernel that has no page
 * of zeros to share. Then it takes one for a moment as well where a userfaultfd is asked. */
bool loads_cost_memory(void);

/* Whether a page is in memory, without touching it. */
bool is_resident(const volatile void *address);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0 /* 1: the sanitizer maps and unmaps by itself */
#endif
