/* SPDX-License-Identifier: MIT */
/* Waiting with poll(2), where io_uring is denied or absent. */
#include "daemon/loop.h"

#include "kernel/descriptor.h"
#include "kernel/uffd.h"

#include <errno.h>
#include <poll.h>

#define LEAST_MS 10
#define MOST_MS	 10000

static int poll_start(struct loop *loop)
{
	(void)loop;
	return 0;
}

enum polled { POLLED_FAULTS, POLLED_WAKE, POLLED_HANGUP, N_POLLED };

/* poll() works with numbers, so they must be ours each time. */
static bool poll_prepare(struct loop *loop, struct pollfd fds[N_POLLED])
{
	const struct wake *wake = &loop->wake;
	loop->is_deaf = loop->is_deaf || !descriptor_is_ours(wake->bell.fd, wake->mark) ||
			!descriptor_is_ours(wake->read_fd, wake->mark);
	fds[POLLED_FAULTS] =
		(struct pollfd){ .fd = loop->is_abandoned ? -1 : loop->uffd->fd, .events = POLLIN };
	fds[POLLED_WAKE] =
		(struct pollfd){ .fd = loop->is_deaf ? -1 : wake->bell.fd, .events = POLLIN };
	fds[POLLED_HANGUP] = (struct pollfd){ .fd = loop->is_deaf ? -1 : wake->read_fd };
	return loop->is_abandoned || !loop->is_deaf;
}

static int read_faults(const struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES])
{
	if (!uffd_is_ours(loop->uffd))
		return -EBADF;
	return uffd_read(loop->uffd, messages, LOOP_MESSAGES);
}

/* The program may have closed our descriptors since poll_prepare() has looked at them, and opened
 * other files there: poll() would wait for these, and nobody could call the handler away. So it
 * looks again, soon at first. */
static int time_limit(const struct loop *loop, bool shall_block)
{
	if (!shall_block)
		return 0;
	return loop->is_stand_in || !loop->patience_ms ? LEAST_MS : loop->patience_ms;
}

static void note_vain(struct loop *loop, bool is_vain)
{
	const int longer = loop->patience_ms ? loop->patience_ms * 10 : LEAST_MS * 10;
	loop->patience_ms = !is_vain ? 0 : longer < MOST_MS ? longer : MOST_MS;
}

static int poll_wait(struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block)
{
	struct pollfd fds[N_POLLED];
	if (!poll_prepare(loop, fds))
		return -EBADF;
	const int n = poll(fds, N_POLLED, time_limit(loop, shall_block));
	note_vain(loop, shall_block && n == 0);
	if (n < 0)
		return errno == EINTR ? 0 : errno == ENOMEM ? -EAGAIN : -errno;
	if (fds[POLLED_HANGUP].revents || (fds[POLLED_WAKE].revents && !wake_take(&loop->wake))) {
		loop->is_deaf = true;
		return -EBADF;
	}
	if (fds[POLLED_FAULTS].revents & (POLLERR | POLLNVAL))
		return -EIO;
	return fds[POLLED_FAULTS].revents & POLLIN ? read_faults(loop, messages) : 0;
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
