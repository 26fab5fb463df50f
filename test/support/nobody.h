/* SPDX-License-Identifier: MIT */
/* Give up root for an ordinary user. */
#pragma once

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

/* 0, or a negative errno. */
static inline int become_user(uid_t user)
{
	if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user))
		return -errno;
	prctl(PR_SET_DUMPABLE, 1); /* else /proc/self is root's until exec */
	return 0;
}
