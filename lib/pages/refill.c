/* SPDX-License-Identifier: MIT */
#include "pages/refill.h"
#include "base/lock.h"

#include "kernel/staging.h"
#include "pages/eager.h"
#include "pages/pieces.h"
#include "pages/resident.h"
#include "state/guard.h"
#include "state/region.h"

#include <errno.h>

int refill_pages(struct uffd_guard_region *region, size_t first, size_t n_pages)
{
	check(lock_is_held(&region->lock));
	if (guard_is_eager(region->guard)) {
		resident_note_absent(region, first, n_pages);
		return eager_fill(region, first, n_pages);
	}
	struct staging *staging = staging_borrow(&region->guard->staging);
	if (!staging)
		return -ENOMEM;
	int err = fill_in_pieces(region, staging, first, n_pages, true);
	staging_return(&region->guard->staging, staging);
	return err;
}
