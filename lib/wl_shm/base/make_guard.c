/* SPDX-License-Identifier: MIT */
#include "base/make_guard.h"

int make_guard(guard_log_fn *log, uint32_t max_regions, struct uffd_guard **guard)
{
	const struct uffd_guard_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER,
		.log = log,
		.max_regions = max_regions,
	};
	return uffd_guard_create(&options, guard);
}
