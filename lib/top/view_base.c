/* SPDX-License-Identifier: MIT */
#include "view_base.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

int view_milliseconds_until(uint64_t until_ns)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	return until_ns > now_ns ? (int)((until_ns - now_ns + 999999) / 1000000) : 0;
}

enum wish view_wait(const struct process *process, uint64_t until_ns, struct options *options)
{
	(void)options;
	struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };
	int n;
	do
		n = poll(&fd, 1, view_milliseconds_until(until_ns));
	while (n < 0 && errno == EINTR);
	return n > 0 ? WISH_ENDED : WISH_NEXT;
}
