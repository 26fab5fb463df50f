/* SPDX-License-Identifier: MIT */
#include "kernel/copy.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

int copy_checked(void *to, const void *from, size_t length, size_t *done)
{
	const struct iovec local = { .iov_base = (void *)from, .iov_len = length };
	const struct iovec remote = { .iov_base = to, .iov_len = length };
	const ssize_t n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	*done = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return -errno;
	return *done < length ? -EFAULT : 0;
}
