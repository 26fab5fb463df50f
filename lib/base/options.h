/* SPDX-License-Identifier: MIT */
/* Size-first structs of callers. Any thread, no lock. */
#pragma once

#include <stddef.h>

/*
 * Read a size-first struct of the caller into ours, which may be older or newer: fields the caller
 * does not know are 0. A NULL @from is all defaults. -EINVAL: no size in it; -E2BIG: something set
 * that we do not know.
 */
int options_read(void *to, size_t size, const void *from);

/* Write a size-first struct of ours into the caller's, as far as both know it. */
int options_write(void *to, const void *from, size_t size);
