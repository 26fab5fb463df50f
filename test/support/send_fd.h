/* SPDX-License-Identifier: MIT */
/* A message with a descriptor, as clients send one to their server. */
#pragma once

#include <string.h>
#include <sys/socket.h>

/* As sendmsg() answers. @fd below 0: none. */
static inline ssize_t send_fd(int socket, const void *bytes, size_t length, int fd)
{
	long control[CMSG_SPACE(sizeof(fd)) / sizeof(long)] = { 0 };
	struct iovec body = { (void *)bytes, length };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1 };
	if (fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}
