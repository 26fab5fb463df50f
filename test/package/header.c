/* SPDX-License-Identifier: MIT */
/* Both headers need nothing before them, and may be included twice. C and C++. */
#include <uffd_guard_wayland.h>

#include <uffd_guard.h>

#include <uffd_guard.h>
#include <uffd_guard_wayland.h>

int header_compiles(struct uffd_guard *guard, struct uffd_guard_region **region);

int header_compiles(struct uffd_guard *guard, struct uffd_guard_region **region)
{
	const struct uffd_guard_map_options options = { sizeof(options),
		UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_FIXED_NOREPLACE, NULL, 0, 0, 0, NULL };
	return uffd_guard_map(guard, 0, 1, &options, region);
}
