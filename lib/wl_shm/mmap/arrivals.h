/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* Descriptors that came over a socket and are still open. errno may change. */
void arrivals_note(const struct msghdr *message);
void arrivals_forget(int fd);
bool arrivals_has(int fd);
