/* SPDX-License-Identifier: MIT */
/* Descriptors of what is no file that a client could share. Yours to close. */
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* -1 where there is no pipe to be had. */
static inline int open_pipe(void)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	close(fds[1]);
	return fds[0];
}

static inline int open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static inline int open_directory(void)
{
	return open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline int open_device(void)
{
	return open("/dev/zero", O_RDWR | O_CLOEXEC);
}
