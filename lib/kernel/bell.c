/* SPDX-License-Identifier: MIT */
#include "kernel/bell.h"

#include "kernel/descriptor.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>

#define MOST_LOOKS 8 /* whoever waits for a level hears it all the same */

static bool wait_for(const struct bell *bell, int fd, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events };
	return epoll_ctl(fd, operation, bell->source, &event) == 0;
}

static int create_epoll(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int bell_open(struct bell *bell, int source, int mark)
{
	*bell = (struct bell){ .fd = -1, .source = source, .mark = mark };
	const int fd = descriptor_adopt(create_epoll(), mark);
	if (fd < 0)
		return fd;
	if (!wait_for(bell, fd, EPOLL_CTL_ADD, 0)) {
		const int err = -errno;
		descriptor_close(fd, mark);
		return err;
	}
	bell->fd = fd;
	return 0;
}

void bell_close(struct bell *bell)
{
	descriptor_close(bell->fd, bell->mark);
	bell->fd = -1;
}

static bool change(const struct bell *bell, uint32_t events)
{
	return descriptor_is_ours(bell->fd, bell->mark) &&
	       wait_for(bell, bell->fd, EPOLL_CTL_MOD, events);
}

bool bell_ring(const struct bell *bell)
{
	return change(bell, EPOLLOUT);
}

/* The kernel strikes the source off its list of what is ready only when somebody looks, and as long
 * as it is on the list nobody who waits edge-triggered is woken. That it was rung meanwhile is no
 * matter: the caller looks for the reason afterwards. */
bool bell_silence(const struct bell *bell)
{
	struct pollfd look = { .fd = bell->fd, .events = POLLIN };
	bool is_silent = change(bell, 0);
	for (int i = 0; i < MOST_LOOKS && is_silent && poll(&look, 1, 0) == 1; i++)
		is_silent = change(bell, 0);
	return is_silent;
}
