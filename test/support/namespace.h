/* SPDX-License-Identifier: MIT */
/* Namespaces that end with the process, for mounts that only it sees. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool namespace_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return is_written;
}

/* A user is root there. Of users that have no number in it, FUSE and tmpfs take no mount. */
static inline bool enter_user_namespace(void)
{
	char users[32], groups[32];
	snprintf(users, sizeof(users), "0 %u 1", geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1", getegid());
	return unshare(CLONE_NEWUSER) == 0 && namespace_write("/proc/self/uid_map", users) &&
	       namespace_write("/proc/self/setgroups", "deny") &&
	       namespace_write("/proc/self/gid_map", groups);
}

static inline bool enter_mount_namespace(void)
{
	if (geteuid() != 0 && !enter_user_namespace())
		return false;
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}
