/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Close a descriptor that a client has sent, without waiting for the file: on a thread of its own,
 * unless the file is memory. False if that thread has very many to close already. Any thread. */
bool close_aside(int fd);

/* Call in a child of fork(2): what waits there waits in the parent only, whose thread it is. */
void close_aside_begin_anew(void);

/* True if close(2) of @fd may ask the file's server. False of pipes and sockets, whose other end
 * waits for it. */
bool close_would_wait(int fd);
