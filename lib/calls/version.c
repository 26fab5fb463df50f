/* SPDX-License-Identifier: MIT */
#include <uffd_guard.h>

uint32_t uffd_guard_version(void)
{
	return UFFD_GUARD_VERSION_NUMBER(
		UFFD_GUARD_VERSION_MAJOR, UFFD_GUARD_VERSION_MINOR, UFFD_GUARD_VERSION_PATCH);
}
