/* SPDX-License-Identifier: MIT */
/* A library with a dlsym() of its own, as hooks of graphics have, in front of
 * libuffd_guard_mmap.so. What RTLD_NEXT means to the real one is then what comes behind this
 * library. */
#include <dlfcn.h>
#include <string.h>

__attribute__((visibility("default"))) void *dlsym(void *restrict handle, const char *restrict name)
{
	void *(*real)(void *, const char *);
	void *volatile found;
	void *address = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	if (!address)
		address = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	memcpy(&real, &address, sizeof(real));
	found = real(handle, name); /* volatile: this call must come from here */
	return found;
}
