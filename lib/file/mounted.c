/* SPDX-License-Identifier: MIT */
/*
 * fstatfs(2) would tell which file system a file is on, but asks that of a FUSE file for its
 * server. statmount(2) asks the kernel (Linux 6.8); before, nothing does that a client could not
 * make long.
 */
#include "file/mounted.h"

#include "base/missing.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in linux/mount.h and linux/stat.h, which Debian 12 has without these. */
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#define MNT_ID_UNIQUE 0x4000u /* STATX_MNT_ID_UNIQUE */
#define SUPERBLOCK    1u      /* STATMOUNT_SB_BASIC */
#define MOUNT_ID_AT   144     /* of stx_mnt_id, which musl 1.2.5 has without a name */

struct mount_request {
	uint32_t size, spare;
	uint64_t mount, what;
};

struct mount_answer {
	uint32_t size, spare;
	uint64_t what;
	uint32_t device_major, device_minor;
	uint64_t magic;
	uint64_t rest[64];
};

static uint64_t mount_id(const struct statx *stx)
{
	uint64_t id;
	memcpy(&id, (const char *)stx + MOUNT_ID_AT, sizeof(id));
	return id;
}

bool is_on_ramfs(int fd)
{
	struct statx stx;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MNT_ID_UNIQUE, &stx) < 0 ||
		!(stx.stx_mask & MNT_ID_UNIQUE))
		return false;
	const struct mount_request request = {
		.size = sizeof(request), .mount = mount_id(&stx), .what = SUPERBLOCK
	};
	struct mount_answer answer = { .size = 0 };
	return syscall(SYS_statmount, &request, &answer, sizeof(answer), 0) == 0 &&
	       answer.what & SUPERBLOCK && answer.magic == RAMFS_MAGIC;
}
