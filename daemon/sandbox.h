/* SPDX-License-Identifier: MIT */
/* What the handler thread may do. Written on a caller's thread, entered on the handler's. */
#pragma once

#include <linux/filter.h>

struct bell;
struct uffd;

#define SANDBOX_LENGTH 256 /* instructions; some 70 are used */

struct sandbox {
	unsigned short length; /* 0: none */
	struct sock_filter program[SANDBOX_LENGTH];
};

/* On a caller's thread: it allocates. @wake and @events are silenced and rung by the handler. 0, or
 * a negative errno, and then there is none. */
int sandbox_prepare(struct sandbox *sandbox, const struct uffd *uffd, const struct bell *wake,
	const struct bell *events);

/*
 * Confine the calling thread, and it alone. 0, or a negative errno where the process may not do
 * that; then the thread is as it was.
 */
int sandbox_enter(const struct sandbox *sandbox);
