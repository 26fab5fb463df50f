/* SPDX-License-Identifier: MIT */
/*
 * In one copy by process_vm_readv(2), which looks up each page of what is read: a huge page in one
 * step, where process_vm_writev(2) would look up each page of the client's file. Of a device's
 * memory it knows no pages, so that goes by process_vm_writev(2).
 *
 * Sandboxes deny both, for they are also for other processes; then through a pipe, in two copies:
 * write(2) and read(2) look at memory as well.
 */
#include "kernel/copy.h"

#include "kernel/descriptor.h"

#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIPE_BYTES ((size_t)64 << 10) /* what a pipe holds, if it is not fewer */

/* What a read or write has not done, memory did not bear. */
static int copy_piece(const int ends[2], char *to, const char *from, size_t length, size_t *done)
{
	*done = 0;
	const ssize_t n_in = write(ends[1], from, length);
	if (n_in <= 0)
		return n_in < 0 ? -errno : -EFAULT;
	const ssize_t n_out = read(ends[0], to, (size_t)n_in);
	if (n_out < 0)
		return -errno;
	*done = (size_t)n_out;
	return n_out < n_in ? -EFAULT : 0;
}

static int copy_by_pipe(char *to, const char *from, size_t length, size_t *done)
{
	const int mark = descriptor_new_mark();
	int ends[2];
	int err = descriptor_pipe(ends, mark);
	for (size_t n; !err && *done < length; *done += n) {
		const size_t rest = length - *done;
		err = copy_piece(
			ends, to + *done, from + *done, rest < PIPE_BYTES ? rest : PIPE_BYTES, &n);
	}
	descriptor_close(ends[0], mark);
	descriptor_close(ends[1], mark);
	return err;
}

static ssize_t copy_once(const struct iovec *to, int n_to, const struct iovec *from, int n_from)
{
	return process_vm_readv(getpid(), to, (unsigned long)n_to, from, (unsigned long)n_from, 0);
}

int copy_checked(void *to, const void *from, size_t length, size_t *done)
{
	const struct iovec source = { .iov_base = (void *)from, .iov_len = length };
	const struct iovec place = { .iov_base = to, .iov_len = length };
	ssize_t n = copy_once(&place, 1, &source, 1);
	if (n < 0)
		n = process_vm_writev(getpid(), &source, 1, &place, 1, 0);
	*done = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return errno == EFAULT ? -EFAULT : copy_by_pipe(to, from, length, done);
	return *done < length ? -EFAULT : 0;
}

bool copy_parts(const struct iovec *places, const struct iovec *parts, int n_parts)
{
	ssize_t length = 0;
	for (int i = 0; i < n_parts; i++)
		length += (ssize_t)parts[i].iov_len;
	return copy_once(places, n_parts, parts, n_parts) == length ||
	       process_vm_writev(getpid(), parts, (unsigned long)n_parts, places,
		       (unsigned long)n_parts, 0) == length;
}
