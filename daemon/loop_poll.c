/* SPDX-License-Identifier: MIT */
/* Waiting with poll(2), where io_uring is denied or absent. */
#include "daemon/loop.h"

#include "kernel/descriptor.h"
#include "kernel/uffd.h"

#include <errno.h>
#include <poll.h>

#define STAND_IN_MS 10

static int poll_start(struct loop *loop)
{
	(void)loop;
	return 0;
}

/* poll() works with numbers, so they must be ours each time. */
static bool poll_prepare(struct loop *loop, struct pollfd fds[2])
{
	const struct wake *wake = &loop->wake;
	loop->is_deaf = loop->is_deaf || !descriptor_is_ours(wake->read_fd, wake->mark);
	fds[0] =
		(struct pollfd){ .fd = loop->is_abandoned ? -1 : loop->uffd->fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = loop->is_deaf ? -1 : wake->read_fd, .events = POLLIN };
	return loop->is_abandoned || !loop->is_deaf;
}

static int read_faults(const struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES])
{
	if (!uffd_is_ours(loop->uffd))
		return -EBADF;
	return uffd_read(loop->uffd, messages, LOOP_MESSAGES);
}

static int poll_wait(struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block)
{
	struct pollfd fds[2];
	if (!poll_prepare(loop, fds))
		return -EBADF;
	if (poll(fds, 2, !shall_block ? 0 : loop->is_stand_in ? STAND_IN_MS : -1) < 0)
		return errno == EINTR ? 0 : errno == ENOMEM ? -EAGAIN : -errno;
	if (fds[1].revents && !wake_take(&loop->wake)) {
		loop->is_deaf = true;
		return -EBADF;
	}
	if (fds[0].revents & (POLLERR | POLLNVAL))
		return -EIO;
	return fds[0].revents & POLLIN ? read_faults(loop, messages) : 0;
}

static void poll_abandon(struct loop *loop)
{
	loop->is_abandoned = true;
}

static void poll_finish(struct loop *loop)
{
	(void)loop;
}

const struct loop_ops loop_poll = {
	.start = poll_start, .wait = poll_wait, .abandon = poll_abandon, .finish = poll_finish
};
