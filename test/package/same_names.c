/* SPDX-License-Identifier: MIT */
/* A program that has functions of the same names as some of the library's own. */
#include <uffd_guard.h>

#include <stdio.h>

int region_ref(void);
int region_ref(void)
{
	return 1;
}

int events_init(void);
int events_init(void)
{
	return 2;
}

int main(void)
{
	struct uffd_guard *guard;
	struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER };
	const int err = uffd_guard_create(&options, &guard);
	if (err) {
		printf("uffd_guard_create: %d\n", err);
		return 1;
	}
	uffd_guard_destroy(guard);
	return region_ref() + events_init() == 3 ? 0 : 1;
}
