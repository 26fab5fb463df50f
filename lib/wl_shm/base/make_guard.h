/* SPDX-License-Identifier: MIT */
#pragma once

#include <uffd_guard.h>

typedef void guard_log_fn(int level, const char *message, void *data);

/* Create a guard, in mode EAGER where userfaultfd is denied. @log may be NULL. @max_regions is that
 * of struct uffd_guard_options. 0 or a negative errno. */
int make_guard(guard_log_fn *log, uint32_t max_regions, struct uffd_guard **guard);
