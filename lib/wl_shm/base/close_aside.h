/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Close a descriptor that a client has sent, without waiting for the file: on a thread of its own,
 * unless the file is memory. False if that thread has very many to close already. Any thread. */
bool close_aside(int fd);

/* Call before the mapping of @fd and @fd itself are given up, and close_aside_release() after that:
 * if they were the last of a large file in memory, its pages are freed on a thread of its own.
 * Answers what to release; -1: nothing. */
int close_aside_hold(int fd);
void close_aside_release(int held);

/* Call in a child of fork(2): what waits there waits in the parent only, whose thread it is. */
void close_aside_begin_anew(void);

/* True if close(2) of @fd may ask the file's server. False of pipes and sockets, whose other end
 * waits for it. */
bool close_would_wait(int fd);
