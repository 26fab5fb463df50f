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

#include "mmap/real.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct identity {
	uint64_t device, inode;
	bool is_regular;
};

struct arrival {
	atomic_bool is_noted;
	_Atomic uint64_t device, inode; /* written before is_noted; 0, 0: it could not be told */
};

/* A descriptor is any int. So they are in chunks, which are mapped with their first arrival. */
#define CHUNK 65536
static _Atomic(struct arrival *) chunks[INT_MAX / CHUNK + 1];
static atomic_bool is_incomplete; /* a chunk could not be mapped */

static struct arrival *chunk_create(int fd)
{
	struct arrival *expected = NULL,
		       *chunk = real_mmap(NULL, CHUNK * sizeof(*chunk), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chunk == MAP_FAILED) {
		atomic_store(&is_incomplete, true);
		return NULL;
	}
	if (atomic_compare_exchange_strong(&chunks[fd / CHUNK], &expected, chunk))
		return chunk;
	real_munmap(chunk, CHUNK * sizeof(*chunk));
	return expected;
}

/* NULL if nothing was noted near @fd. */
static struct arrival *arrival_of(int fd)
{
	struct arrival *chunk = fd >= 0 ? atomic_load(&chunks[fd / CHUNK]) : NULL;
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

/* AT_STATX_DONT_SYNC: do not wait for the server of a network file. Device, inode and kind do not
 * change. Where statx(2) is denied, as by older containers, fstat(2) is not; that may wait. */
static bool identify(int fd, struct identity *identity)
{
	struct statx stx;
	struct stat st;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &stx) == 0) {
		*identity = (struct identity){
			.device = makedev(stx.stx_dev_major, stx.stx_dev_minor),
			.inode = stx.stx_ino,
			.is_regular = S_ISREG(stx.stx_mode),
		};
		return true;
	}
	if (fstat(fd, &st) < 0)
		return false;
	*identity = (struct identity){
		.device = st.st_dev, .inode = st.st_ino, .is_regular = S_ISREG(st.st_mode)
	};
	return true;
}

/* If it cannot be told whether the file is another one, it counts as the one that arrived. */
static bool is_same(const struct arrival *arrival, int fd)
{
	const uint64_t device = atomic_load(&arrival->device), inode = atomic_load(&arrival->inode);
	struct identity now;
	return (device == 0 && inode == 0) || !identify(fd, &now) ||
	       (device == now.device && inode == now.inode);
}

bool arrivals_has(int fd)
{
	const struct arrival *arrival = arrival_of(fd);
	if (!arrival)
		return fd >= 0 && atomic_load(&is_incomplete);
	return atomic_load(&arrival->is_noted) && is_same(arrival, fd);
}

bool arrivals_is_regular(int fd)
{
	struct identity identity;
	return !identify(fd, &identity) || identity.is_regular;
}

void arrivals_forget(int fd)
{
	struct arrival *arrival = arrival_of(fd);
	if (arrival && atomic_load(&arrival->is_noted))
		atomic_store(&arrival->is_noted, false);
}

static void note_fd(int fd)
{
	struct arrival *arrival = arrival_of(fd);
	if (fd >= 0 && !arrival && chunk_create(fd))
		arrival = arrival_of(fd);
	if (!arrival)
		return;
	struct identity identity = { 0 };
	identify(fd, &identity);
	atomic_store(&arrival->device, identity.device);
	atomic_store(&arrival->inode, identity.inode);
	atomic_store(&arrival->is_noted, true);
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
