/* SPDX-License-Identifier: MIT */
/* The library in a plug-in: loaded, used and unloaded by dlopen(3) and dlclose(3). This program is
 * not linked with it. */
#include "../support/runner.h"
#include "../support/self.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <uffd_guard.h>
#include <unistd.h>

/* Before privileges are dropped: the way to it may be closed to others. */
static char library_path[64];

__attribute__((constructor)) static void find_library(void)
{
	int fd = open(UFFD_GUARD_LIBRARY, O_PATH | O_CLOEXEC);
	if (fd < 0) /* in another kernel it is where the loader looks */
		snprintf(library_path, sizeof(library_path), "libuffd_guard.so.0");
	else
		snprintf(library_path, sizeof(library_path), "/proc/self/fd/%d", fd);
}

struct library {
	void *handle;
	__typeof__(&uffd_guard_create) create;
	__typeof__(&uffd_guard_destroy) destroy;
	__typeof__(&uffd_guard_map) map;
	__typeof__(&uffd_guard_unmap) unmap;
	__typeof__(&uffd_guard_region_data) region_data;
};

static void *find(const struct library *library, const char *name)
{
	void *symbol = dlsym(library->handle, name);
	ck_assert_msg(symbol != NULL, "%s", dlerror());
	return symbol;
}

static struct library library_load(void)
{
	struct library l = { .handle = dlopen(library_path, RTLD_NOW | RTLD_LOCAL) };
	ck_assert_msg(l.handle != NULL, "%s", dlerror());
	/* ISO C has no cast from an object's address to a function's. */
	*(void **)&l.create = find(&l, "uffd_guard_create");
	*(void **)&l.destroy = find(&l, "uffd_guard_destroy");
	*(void **)&l.map = find(&l, "uffd_guard_map");
	*(void **)&l.unmap = find(&l, "uffd_guard_unmap");
	*(void **)&l.region_data = find(&l, "uffd_guard_region_data");
	return l;
}

static int create_file(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("client", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	assert_ok(ftruncate(fd, (off_t)(4 * page)));
	ck_assert_int_eq(pwrite(fd, "\x42", 1, (off_t)(3 * page)), 1);
	return fd;
}

struct guarded {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	volatile unsigned char *last_page;
};

static struct guarded guard_file(const struct library *library, int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = runner_guard_flags() };
	struct guarded g = { .guard = NULL };
	assert_ok(library->create(&options, &g.guard));
	assert_ok(library->map(g.guard, fd, 4 * page, NULL, &g.region));
	g.last_page = (unsigned char *)library->region_data(g.region) + 3 * page;
	return g;
}

static void use_once(int fd)
{
	struct library library = library_load();
	struct guarded g = guard_file(&library, fd);
	ck_assert_uint_eq(g.last_page[0], 0x42);
	library.unmap(g.region);
	library.destroy(g.guard);
	assert_ok(dlclose(library.handle));
}

START_TEST(library_is_loaded_used_and_unloaded_a_hundred_times)
{
	int fd = create_file();
	use_once(fd); /* what the C library makes once is made now */
	use_once(fd);
	size_t fds = count_fds(), mappings = count_mappings();
	for (int i = 0; i < 100; i++)
		use_once(fd);
	ck_assert_uint_eq(count_fds(), fds);
	if (!IS_SANITIZED)
		ck_assert_uint_eq(count_mappings(), mappings);
	close(fd);
}
END_TEST

/* Its thread cannot go on in code that is no longer there. */
START_TEST(library_unloaded_with_a_guard_alive_goes_on_guarding)
{
	int fd = create_file();
	struct library library = library_load();
	struct guarded g = guard_file(&library, fd);
	assert_ok(dlclose(library.handle));
	ck_assert_uint_eq(g.last_page[0], 0x42);
	library = library_load();
	library.unmap(g.region);
	library.destroy(g.guard);
	assert_ok(dlclose(library.handle));
	close(fd);
}
END_TEST

static TCase *unload_case(void)
{
	TCase *tcase = tcase_create("unload");
	tcase_add_test(tcase, library_is_loaded_used_and_unloaded_a_hundred_times);
	tcase_add_test(tcase, library_unloaded_with_a_guard_alive_goes_on_guarding);
	return tcase;
}

RUNNER_MAIN("unload", unload_case)
