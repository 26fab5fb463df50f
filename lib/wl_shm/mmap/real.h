/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The system calls themselves, past the functions of interpose.c; errno is set as by libc. They
 * need no set-up: dlsym() itself may call them. */
void *real_mmap(void *address, size_t length, int prot, int flags, int fd, off64_t offset);
int real_munmap(void *address, size_t length);
void *real_mremap(void *address, size_t old_length, size_t length, int flags, void *to);
