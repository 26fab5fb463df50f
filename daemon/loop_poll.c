/* SPDX-License-Identifier: MIT */
/* Waiting with poll(2), where io_uring is denied or absent. */
#include "daemon/loop.h"

#include "kernel/uffd.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

static int start(struct loop *loop)
{
	(void)loop;
	return 0;
}

static int wait_for_faults(
	struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block)
{
	struct pollfd fds[] = {
		{ .fd = loop->uffd->fd, .events = POLLIN },
		{ .fd = loop->wake_fd, .events = POLLIN },
	};
	if (poll(fds, 2, shall_block ? -1 : 0) < 0)
		return errno == EINTR ? 0 : errno == ENOMEM ? -EAGAIN : -errno;
	if (fds[1].revents & POLLIN) {
		eventfd_t count;
		eventfd_read(loop->wake_fd, &count);
	}
	if (fds[0].revents & (POLLERR | POLLNVAL))
		return -EIO;
	return fds[0].revents & POLLIN ? uffd_read(loop->uffd, messages, LOOP_MESSAGES) : 0;
}

static void finish(struct loop *loop)
{
	(void)loop;
}

const struct loop_ops loop_poll = { .start = start, .wait = wait_for_faults, .finish = finish };
