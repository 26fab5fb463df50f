/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>
#include <stdbool.h>

/* True if the file is a program for this machine that needs a library whose name begins with
 * @prefix, itself and not through other libraries. */
bool elf_needs(const char *path, const char *prefix);

/* True if it has a dynamic symbol @name, its own or another file's. */
bool elf_names(const char *path, const char *name);

/* True if it is a program or library for some machine. */
bool elf_is_any(const char *path);

/* Get the program that loads it. False: it is no program for this machine, or needs none. */
bool elf_loader(const char *path, char loader[PATH_MAX]);

/* True if it is a program that the loader loads no library for. */
bool elf_is_static(const char *path);
