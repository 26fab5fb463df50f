/* SPDX-License-Identifier: MIT */
/*
 * mmap/: libuffd_guard_mmap.so. Any thread of the program comes here, and the handler's thread,
 * whose own mappings go through interpose.c too; before main() as well. The only lock is maps.lock.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* The descriptors that came over a socket and are still open. These functions may change errno. */
void arrivals_note(const struct msghdr *message);
void arrivals_forget(int fd);
bool arrivals_has(int fd);

/* True unless @fd is known to be of another kind than a regular file. */
bool arrivals_is_regular(int fd);
