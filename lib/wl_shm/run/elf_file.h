/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* True if the file is a program for this machine that needs a library whose name begins with
 * @prefix, itself and not through other libraries. */
bool elf_needs(const char *path, const char *prefix);

/* True if it is a program that the loader loads no library for. */
bool elf_is_static(const char *path);
