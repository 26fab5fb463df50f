/* SPDX-License-Identifier: MIT */
/* A file that shrinks while it is guarded. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <uffd_guard.h>
#include <unistd.h>

#define LENGTH 65536

int main(void)
{
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	int fd = memfd_create("client", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, LENGTH) < 0 || pwrite(fd, "x", 1, 0) != 1)
		return 1;
	if (uffd_guard_create(NULL, &guard) < 0 ||
		uffd_guard_map(guard, fd, LENGTH, NULL, &region) < 0)
		return 2;

	const volatile char *data = uffd_guard_region_data(region);
	if (data[0] != 'x')
		return 3;
	if (ftruncate(fd, 0) < 0 || data[LENGTH - 1] != 0)
		return 4;
	if (uffd_guard_region_take_losses(region) != UFFD_GUARD_LOST_TRUNCATED)
		return 5;
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	puts("guarded");
	return 0;
}
