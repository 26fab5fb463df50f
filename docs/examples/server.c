/* SPDX-License-Identifier: MIT */
/* Sums up a client's memory, and again at each message. The client is the socket on standard input;
 * its first message is the length in bytes, and carries the descriptor. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uffd_guard.h>

int main(void)
{
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	uint32_t length, sum;
	int fd;

	long control[CMSG_SPACE(sizeof(fd)) / sizeof(long)];
	struct iovec body = { &length, sizeof(length) };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control };
	message.msg_controllen = CMSG_LEN(sizeof(fd)); /* room for one descriptor */
	if (recvmsg(0, &message, 0) != sizeof(length) || !CMSG_FIRSTHDR(&message)) {
		fputs("standard input must be a client's socket\n", stderr);
		return 1;
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));

	if (uffd_guard_create(NULL, &guard) || uffd_guard_map(guard, fd, length, NULL, &region))
		return 2;
	const unsigned char *data = uffd_guard_region_data(region);
	do {
		sum = 0;
		for (uint32_t i = 0; i < length; i++) /* the client may truncate its file now */
			sum = sum * 31 + data[i];
		uint32_t lost = uffd_guard_region_take_losses(region);
		printf("%08x%s\n", sum, lost ? ", bytes are missing" : "");
		fflush(stdout);
	} while (recv(0, &(uint32_t){ 0 }, sizeof(uint32_t), 0) > 0 &&
		 uffd_guard_refresh(region, 0, length) == 0);

	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	return 0;
}
