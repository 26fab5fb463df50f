/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* Make the first @size bytes of @raw, or fewer up to a 0, fit to be shown. @clean has room for
 * @size + 1 bytes. */
void name_clean(const char *raw, size_t size, char *clean);

/* Shorten, in place, the name of a file as /proc shows it: "/memfd:x (deleted)" becomes "memfd:x".
 */
void name_shorten(char *name);
