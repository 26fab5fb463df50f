/* SPDX-License-Identifier: MIT */
/* Files without a name on tmpfs. In a container or a chroot, /dev/shm may be closed to ordinary
 * users, or a directory of the disk. */
#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NO_TMPFS "no tmpfs in /dev/shm that may be written to"

/* A descriptor, or -1: skip with NO_TMPFS. @access is O_RDWR or O_WRONLY. */
static inline int open_on_tmpfs(int access)
{
	struct statfs fs;
	const int fd = open("/dev/shm", O_TMPFILE | O_CLOEXEC | access, 0600);
	if (fd < 0 || (fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC))
		return fd;
	close(fd);
	return -1;
}
