/* SPDX-License-Identifier: MIT */
#include "self.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool is_resident(const volatile void *address)
{
	unsigned char answer = 0;
	assert_ok(mincore((void *)address, (size_t)sysconf(_SC_PAGESIZE), &answer));
	return answer & 1;
}

size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	size_t n = 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The number behind @name at the beginning of a line. */
static size_t number_in(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t n = 0;
	char line[512];
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			n = strtoul(line + strlen(name), NULL, 10);
	}
	fclose(f);
	ck_assert_uint_gt(n, 0);
	return n;
}

size_t count_threads(void)
{
	return number_in("/proc/self/status", "Threads:");
}

size_t count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	ck_assert_ptr_nonnull(f);
	size_t n = 0;
	char line[512];
	/* Leave out the heap, which grows by a mapping of its own after a fork. */
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "[heap]") == NULL;
	fclose(f);
	return n;
}

size_t count_anonymous_bytes(void)
{
	return number_in("/proc/self/smaps_rollup", "Anonymous:") * 1024;
}

bool loads_cost_memory(void)
{
	enum { N_PAGES = 64 };
	const size_t page = (size_t)getpagesize();
	volatile char *memory = mmap(
		NULL, N_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne((void *)memory, MAP_FAILED);
	const size_t before = count_anonymous_bytes();
	for (size_t i = 0; i < N_PAGES; i++)
		(void)memory[i * page];
	const size_t after = count_anonymous_bytes();
	munmap((void *)memory, N_PAGES * page);
	return after > before + N_PAGES / 2 * page;
}

size_t count_fds_of(const char *file)
{
	DIR *dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	size_t n = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char target[256];
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));
		n += length == (ssize_t)strlen(file) && memcmp(target, file, (size_t)length) == 0;
	}
	closedir(dir);
	return n;
}
