/* SPDX-License-Identifier: MIT */
/* make_direct: look again whether the region can be the file itself. */
#include "base/cancel.h"
#include "pages/change.h"
#include "pages/direct.h"
#include "state/publish.h"
#include "state/refuse.h"
#include "state/region.h"

#include <errno.h>

/* model: direct make_direct */
int uffd_guard_region_make_direct(struct uffd_guard_region *region, uint32_t flags)
{
	UNCANCELLED;
	int err = region_check_range(region, 0, 0);
	if (!err)
		err = region_check_source(region);
	if (err)
		return err;
	if (flags & ~UFFD_GUARD_MAP_SEAL)
		return refuse(region->guard, -EINVAL,
			"uffd_guard_region_make_direct: flags is neither 0 nor "
			"UFFD_GUARD_MAP_SEAL");
	change_begin(region);
	region->direct_flags |= UFFD_GUARD_MAP_DIRECT | flags;
	direct_extend(region);
	const bool is_direct = region_direct_end(region) >= atomic_load(&region->length);
	publish_shape(region);
	change_end(region);
	return is_direct;
}
