/* SPDX-License-Identifier: MIT */
/* Deny to one thread what containers deny. */
#include "deny.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define NEW_REQUEST _IO(UFFDIO, 0x00) /* of /dev/userfaultfd */

static int deny_call(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(userfaultfd), 0);
}

static int deny_device(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
		SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, NEW_REQUEST));
}

int deny_userfaultfd(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? deny_call(filter) : -ENOMEM;
	if (!err)
		err = deny_device(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
