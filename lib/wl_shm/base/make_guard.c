/* SPDX-License-Identifier: MIT */
#include "base/make_guard.h"

#include <errno.h>
#include <stddef.h>

/* With mode EAGER, so that it works even where userfaultfd is denied; there are releases of the
 * library without. */
int make_guard(guard_log_fn *log, struct uffd_guard **guard)
{
	struct uffd_guard_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER,
		.log = log,
	};
	int err = uffd_guard_create(&options, guard);
	if (err != -EOPNOTSUPP)
		return err;
	options.flags = 0;
	return uffd_guard_create(&options, guard);
}
