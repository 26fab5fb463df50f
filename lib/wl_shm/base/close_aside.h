/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* @owner, here and below: any number for whose descriptor it is. What one owner has waiting leaves
 * room for what others have. */

/* Close a descriptor that a client has sent, without waiting for the file: on a thread of its
 * owner's, unless the file is memory. False if very many wait there already. Any thread. */
bool close_aside(int fd, uint64_t owner);

/* Call before the mapping of @fd and @fd itself are given up, and close_aside_release() after that:
 * if they were the last of a large file in memory, its pages are freed on a thread of its own.
 * Answers what to release; -1: nothing. */
int close_aside_hold(int fd, uint64_t owner);
void close_aside_release(int held, uint64_t owner);

/* Call in a child of fork(2): what waits there waits in the parent only, whose threads these are.
 */
void close_aside_begin_anew(void);

/* True if close(2) of @fd may ask the file's server, or wait for the other end of a connection.
 * False of pipes and of sockets within this machine, whose other end waits for the close. */
bool close_would_wait(int fd);
