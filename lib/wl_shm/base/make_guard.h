/* SPDX-License-Identifier: MIT */
#pragma once

#include <uffd_guard.h>

typedef void guard_log_fn(int level, const char *message, void *data);

/* Create a guard, in mode EAGER where userfaultfd is denied. @log may be NULL. 0 or a negative
 * errno. */
int make_guard(guard_log_fn *log, struct uffd_guard **guard);
