/* SPDX-License-Identifier: MIT */
#include "kernel/wake.h"

#include "kernel/descriptor.h"

#include <errno.h>
#include <unistd.h>

int wake_open(struct wake *wake, int mark)
{
	int ends[2];
	int err = descriptor_pipe(ends, mark);
	*wake = (struct wake){ .read_fd = ends[0], .write_fd = ends[1], .mark = mark };
	return err;
}

void wake_close(struct wake *wake)
{
	descriptor_close(wake->read_fd, wake->mark);
	descriptor_close(atomic_load(&wake->write_fd), wake->mark);
	*wake = (struct wake){ .read_fd = -1, .write_fd = -1 };
}

void wake_send(struct wake *wake)
{
	int fd = atomic_load(&wake->write_fd);
	if (!descriptor_is_ours(fd, wake->mark))
		return;
	/* To a pipe that nobody reads, a write would be a signal. EAGAIN: it is full, and will wake
	 * the handler. */
	if (descriptor_is_ours(wake->read_fd, wake->mark) &&
		(write(fd, "", 1) == 1 || errno == EAGAIN))
		return;
	if (atomic_compare_exchange_strong(&wake->write_fd, &fd, -1))
		close(fd);
}

bool wake_take(const struct wake *wake)
{
	char bytes[64];
	if (!descriptor_is_ours(wake->read_fd, wake->mark))
		return false;
	ssize_t n = read(wake->read_fd, bytes, sizeof(bytes));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}
