/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The system calls behind the functions that interpose.c puts itself in front of. Any thread. They
 * may be called before anything is set up, also by dlsym() itself. errno as theirs. */
void *real_mmap(void *address, size_t length, int prot, int flags, int fd, off64_t offset);
int real_munmap(void *address, size_t length);
void *real_mremap(void *address, size_t old_length, size_t length, int flags, void *to);
