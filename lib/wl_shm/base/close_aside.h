/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Close a descriptor that a client has sent, without waiting for the file: on a thread of its own,
 * unless the file is memory. False if there are very many to wait for already; it is closed
 * nevertheless. Any thread. */
bool close_aside(int fd);
