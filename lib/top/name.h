/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* @size bytes, or fewer up to a 0, that someone else has chosen, made fit to be shown. @clean has
 * room for @size + 1. */
void name_clean(const char *raw, size_t size, char *clean);

/* The name of a file as the kernel shows it: a memfd without the dressing. In place. */
void name_shorten(char *name);
