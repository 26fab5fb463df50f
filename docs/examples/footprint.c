/* SPDX-License-Identifier: MIT */
/*
 * What a guard and its regions take of a process: threads, descriptors, mappings, memory.
 *
 *     cc -D_GNU_SOURCE -o footprint footprint.c $(pkg-config --cflags --libs uffd_guard) &&
 * ./footprint
 */
#include <uffd_guard.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_REGIONS 500
#define LENGTH	  ((size_t)64 << 10)

struct footprint {
	long threads, descriptors, mappings, kib;
};

static long count_entries(const char *path)
{
	DIR *directory = opendir(path);
	long n = -2; /* "." and ".." */
	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

/* Lines, or the sum of the numbers of those that begin with @key. */
static long read_lines(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[512];
	long sum = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (!key)
			sum++;
		else if (strncmp(line, key, strlen(key)) == 0)
			sum += strtol(line + strlen(key), NULL, 10);
	}
	if (file)
		fclose(file);
	return sum;
}

static struct footprint look(void)
{
	return (struct footprint){
		.threads = count_entries("/proc/self/task"),
		.descriptors = count_entries("/proc/self/fd") - 1, /* of the directory itself */
		.mappings = read_lines("/proc/self/maps", NULL),
		.kib = read_lines("/proc/self/smaps", "Private_Dirty:"),
	};
}

/* Say what came since @before, for each of @n things, and look again. */
static struct footprint tell(const char *what, struct footprint before, long n)
{
	const struct footprint now = look();
	printf("%-34s %7.2f threads %7.2f descriptors %7.2f mappings %8.2f KiB\n", what,
		(double)(now.threads - before.threads) / (double)n,
		(double)(now.descriptors - before.descriptors) / (double)n,
		(double)(now.mappings - before.mappings) / (double)n,
		(double)(now.kib - before.kib) / (double)n);
	return look();
}

static int map_regions(struct uffd_guard *guard, int seals, struct uffd_guard_region **regions)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_DIRECT };
	for (int i = 0; i < N_REGIONS; i++) {
		const int fd = memfd_create("footprint", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0 || ftruncate(fd, (off_t)LENGTH) < 0 || pwrite(fd, "x", 1, 0) != 1 ||
			fcntl(fd, F_ADD_SEALS, seals) < 0)
			return -1;
		const int err = uffd_guard_map(guard, fd, LENGTH, &options, &regions[i]);
		close(fd);
		if (err) {
			fprintf(stderr, "region %d: %s\n", i, strerror(-err));
			return err;
		}
	}
	return 0;
}

int main(void)
{
	static struct uffd_guard_region *regions[N_REGIONS], *sealed[N_REGIONS];
	static const struct uffd_guard_options no_sandbox = { .size = sizeof(no_sandbox),
		.flags = UFFD_GUARD_NO_SANDBOX | UFFD_GUARD_NO_IO_URING };
	struct uffd_guard *guard, *second, *third;
	struct footprint at = look();
	at = look(); /* stdio has its buffers by now */
	if (uffd_guard_create(NULL, &guard))
		return 1;
	at = tell("the first guard", at, 1);
	if (uffd_guard_create(NULL, &second))
		return 1;
	at = tell("a second guard", at, 1);
	if (uffd_guard_create(&no_sandbox, &third))
		return 1;
	at = tell("one without io_uring and sandbox", at, 1);
	if (map_regions(guard, 0, regions))
		return 1;
	at = tell("a region of 64 KiB, not touched", at, N_REGIONS);
	for (int i = 0; i < N_REGIONS; i++)
		(void)*(const volatile char *)uffd_guard_region_data(regions[i]);
	at = tell("its first page of 4 KiB, read", at, N_REGIONS);
	if (map_regions(guard, F_SEAL_SHRINK, sealed))
		return 1;
	tell("one of a file that is sealed", at, N_REGIONS);
	for (int i = 0; i < N_REGIONS; i++) {
		uffd_guard_unmap(sealed[i]);
		uffd_guard_unmap(regions[i]);
	}
	uffd_guard_destroy(third);
	uffd_guard_destroy(second);
	uffd_guard_destroy(guard);
	return 0;
}
