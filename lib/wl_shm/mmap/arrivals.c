/* SPDX-License-Identifier: MIT */
/* A bit for each descriptor: it came over a socket, so what is behind it is another's. A copy that
 * is made with dup(2) is not followed: nobody makes one to map it. */
#include "arrivals.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define MOST_FDS 65536
#define BITS	 64

static _Atomic uint64_t bits[MOST_FDS / BITS];

static bool is_in_range(int fd)
{
	return fd >= 0 && fd < MOST_FDS;
}

static uint64_t bit_of(int fd)
{
	return UINT64_C(1) << (fd % BITS);
}

bool arrivals_has(int fd)
{
	return is_in_range(fd) && atomic_load(&bits[fd / BITS]) & bit_of(fd);
}

void arrivals_forget(int fd)
{
	if (arrivals_has(fd))
		atomic_fetch_and(&bits[fd / BITS], ~bit_of(fd));
}

static void note_fds(const unsigned char *data, size_t length)
{
	int fd;
	for (; length >= sizeof(fd); data += sizeof(fd), length -= sizeof(fd)) {
		memcpy(&fd, data, sizeof(fd));
		if (is_in_range(fd))
			atomic_fetch_or(&bits[fd / BITS], bit_of(fd));
	}
}

void arrivals_note(const struct msghdr *message)
{
	struct msghdr *header = (struct msghdr *)message; /* CMSG_NXTHDR only reads it */
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
			note_fds(CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
	}
}
