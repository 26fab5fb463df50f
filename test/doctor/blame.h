/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

#include <stddef.h>

/* Who denies something. */
enum blame {
	BLAME_NOBODY, /* it is not denied */
	BLAME_KERNEL, /* too old, or built without it */
	BLAME_SYSCTL,
	BLAME_SECCOMP,
	BLAME_SECURITY_MODULE,
	BLAME_FILE_MODE, /* of the device */
	BLAME_NO_NODE,	 /* the kernel has the device, /dev has not */
	BLAME_CGROUP,	 /* of devices */
	BLAME_LIMIT,
	BLAME_UNKNOWN
};

enum blame blame_for_device(const struct facts *facts);
enum blame blame_for_userfaultfd(const struct facts *facts);   /* userfaultfd(2), for anything */
enum blame blame_for_kernel_faults(const struct facts *facts); /* userfaultfd(2), for all faults */
enum blame blame_for_io_uring(const struct facts *facts);

/* Write what follows "denied": "by a seccomp filter (...)". */
const char *blame_text_userfaultfd(const struct facts *facts, char *text, size_t size);
const char *blame_text_io_uring(const struct facts *facts, char *text, size_t size);

/* The name of a negative errno: "EPERM". */
const char *error_name(int err);
/* Write how an attempt ended: an errno, a signal, or not at all. */
const char *attempt_text(const struct attempt *attempt, char *text, size_t size);
