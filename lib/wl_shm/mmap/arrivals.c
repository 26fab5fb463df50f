/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that came over a socket, each with its file: another process may change it.
 *
 * Numbers of descriptors are reused, and not every close can be seen: fclose(3), close_range(2) and
 * dup2(2) close too. So device and inode are noted with the number. If the number has another file
 * later, it does not count as arrived. Copies by dup(2) are not followed: no known compositor maps
 * one.
 */
#include "mmap/arrivals.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_FDS 65536

struct identity {
	uint64_t device, inode;
};

struct arrival {
	atomic_bool is_noted;
	_Atomic uint64_t device, inode; /* written before is_noted */
};

static struct arrival arrivals[MOST_FDS]; /* the kernel gives memory only to pages that are used */

static bool is_in_range(int fd)
{
	return fd >= 0 && fd < MOST_FDS;
}

/* AT_STATX_DONT_SYNC: do not wait for the server of a network file. Device and inode do not change.
 */
static bool identify(int fd, struct identity *identity)
{
	struct statx stx;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &stx) < 0)
		return false;
	*identity = (struct identity){
		.device = (uint64_t)stx.stx_dev_major << 32 | stx.stx_dev_minor,
		.inode = stx.stx_ino,
	};
	return true;
}

bool arrivals_has(int fd)
{
	struct identity now;
	return is_in_range(fd) && atomic_load(&arrivals[fd].is_noted) && identify(fd, &now) &&
	       atomic_load(&arrivals[fd].device) == now.device &&
	       atomic_load(&arrivals[fd].inode) == now.inode;
}

void arrivals_forget(int fd)
{
	if (is_in_range(fd) && atomic_load(&arrivals[fd].is_noted))
		atomic_store(&arrivals[fd].is_noted, false);
}

static void note_fd(int fd)
{
	struct identity identity;
	if (!is_in_range(fd) || !identify(fd, &identity))
		return;
	atomic_store(&arrivals[fd].device, identity.device);
	atomic_store(&arrivals[fd].inode, identity.inode);
	atomic_store(&arrivals[fd].is_noted, true);
}

static void note_fds(const unsigned char *data, size_t length)
{
	int fd;
	for (; length >= sizeof(fd); data += sizeof(fd), length -= sizeof(fd)) {
		memcpy(&fd, data, sizeof(fd));
		note_fd(fd);
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
