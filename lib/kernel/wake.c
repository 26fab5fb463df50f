/* SPDX-License-Identifier: MIT */
#include "kernel/wake.h"

#include "kernel/descriptor.h"

#include <unistd.h>

void wake_init_closed(struct wake *wake)
{
	*wake = (struct wake){ .bell = { .fd = -1 }, .read_fd = -1, .write_fd = -1 };
}

int wake_open(struct wake *wake, int source, int mark)
{
	int ends[2];
	wake_init_closed(wake);
	int err = descriptor_pipe(ends, mark);
	if (err)
		return err;
	*wake = (struct wake){ .read_fd = ends[0], .write_fd = ends[1], .mark = mark };
	err = bell_open(&wake->bell, source, mark);
	if (err)
		wake_close(wake);
	return err;
}

void wake_close(struct wake *wake)
{
	bell_close(&wake->bell);
	descriptor_close(wake->read_fd, wake->mark);
	descriptor_close(atomic_load(&wake->write_fd), wake->mark);
	wake_init_closed(wake);
}

void wake_send(struct wake *wake)
{
	int fd = atomic_load(&wake->write_fd);
	if (!bell_ring(&wake->bell) && descriptor_is_ours(fd, wake->mark) &&
		atomic_compare_exchange_strong(&wake->write_fd, &fd, -1))
		close(fd);
}

bool wake_take(const struct wake *wake)
{
	return bell_silence(&wake->bell);
}
