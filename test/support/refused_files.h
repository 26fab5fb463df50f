/* SPDX-License-Identifier: MIT */
/* Open things that are not files that a client could share. The caller closes the descriptor. */
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A descriptor, or -1. */
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
