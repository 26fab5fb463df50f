/* SPDX-License-Identifier: MIT */
/*
 * Children of the helper. Each makes a guard over a client's file, which the client goes on
 * attacking, and then does to its own process what daemons and service managers do.
 */
#include "host_helper.h"

#include "../support/time_ns.h"

#include <uffd_guard.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_READERS 2

static int found(char *text, const char *what, int64_t answer)
{
	snprintf(text, HELPER_TEXT, "%s; it answered %lld", what, (long long)answer);
	return 1;
}

/* ---- A guard that is being read ---- */

struct scene {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	uint64_t length;
	pthread_t readers[N_READERS];
	atomic_bool shall_stop;
};

static void *read_and_discard(void *data)
{
	struct scene *scene = data;
	const volatile unsigned char *bytes = uffd_guard_region_data(scene->region);
	while (!atomic_load(&scene->shall_stop)) {
		for (uint64_t at = 0; at < scene->length; at += 4096)
			(void)bytes[at];
		uffd_guard_discard(scene->region, 0, scene->length);
	}
	return NULL;
}

static uint32_t random_guard_flags(struct rng *rng)
{
	return (rng_one_in(rng, 2) ? UFFD_GUARD_NO_IO_URING : 0) |
	       (rng_one_in(rng, 4) ? UFFD_GUARD_NO_SANDBOX : 0) |
	       (rng_one_in(rng, 4) ? UFFD_GUARD_USER_FAULTS_ONLY : 0);
}

static int create_guard(struct rng *rng, struct uffd_guard **guard)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = random_guard_flags(rng) };
	return uffd_guard_create(&options, guard);
}

/* ---- close ---- */

#define N_STRANGERS   48
#define STRANGER_BYTE 'S'

/* What the program opens in place of what it has closed. */
static bool open_strangers(ino_t inodes[N_STRANGERS])
{
	char bytes[64];
	struct stat st;
	memset(bytes, STRANGER_BYTE, sizeof(bytes));
	for (int i = 0; i < N_STRANGERS; i++) {
		const int fd = memfd_create("stranger", MFD_CLOEXEC);
		if (fd != 3 + i || fstat(fd, &st) < 0 ||
			write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
			return false;
		inodes[i] = st.st_ino;
	}
	return true;
}

/* NULL: nobody has touched it. */
static const char *find_touch(int fd, ino_t inode)
{
	char bytes[65];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return "closed";
	if (st.st_ino != inode)
		return "replaced";
	if (pread(fd, bytes, sizeof(bytes), 0) != 64)
		return "written to, and another length";
	if (bytes[0] != STRANGER_BYTE || memcmp(bytes, bytes + 1, 63) != 0)
		return "written to";
	return lseek(fd, 0, SEEK_CUR) == 64 ? NULL : "read from";
}

static int start_readers(struct scene *scene)
{
	for (int i = 0; i < N_READERS; i++) {
		if (pthread_create(&scene->readers[i], NULL, read_and_discard, scene))
			return -EAGAIN;
	}
	return 0;
}

/* What does not come back is ended by the helper, which tells what was waited for. */
static int judge_closed(struct scene *scene, const ino_t inodes[N_STRANGERS], char *text)
{
	found(text, "all descriptors are closed, and there is no LOST_HANDLER", 0);
	while (!(uffd_guard_region_take_losses(scene->region) & UFFD_GUARD_LOST_HANDLER))
		clock_sleep(NS_PER_MS);
	found(text, "all descriptors are closed, and a reader or a call does not return", 0);
	atomic_store(&scene->shall_stop, true);
	for (int i = 0; i < N_READERS; i++)
		pthread_join(scene->readers[i], NULL);
	int err = uffd_guard_refresh(scene->region, 0, scene->length);
	if (err && err != -EIO)
		return found(text, "refresh after the descriptors were closed", err);
	uffd_guard_unmap(scene->region);
	uffd_guard_destroy(scene->guard);
	for (int i = 0; i < N_STRANGERS; i++) {
		const char *touch = find_touch(3 + i, inodes[i]);
		if (touch) {
			snprintf(text, HELPER_TEXT,
				"a file that the program opened later was %s: descriptor %d", touch,
				3 + i);
			return 1;
		}
	}
	return 0;
}

int child_closes(struct rng *rng, const struct helper_file *file, char *text)
{
	static struct scene scene;
	ino_t inodes[N_STRANGERS];
	scene.length = file->length;
	int err = create_guard(rng, &scene.guard);
	if (!err)
		err = uffd_guard_map(scene.guard, file->fd, scene.length, NULL, &scene.region);
	if (!err)
		err = start_readers(&scene);
	if (err)
		return found(text, "a guard of a child's own", err);
	clock_sleep(rng_below(rng, 5) * NS_PER_MS);
	syscall(SYS_close_range, 3, ~0u, 0);
	if (!open_strangers(inodes))
		return found(text, "cannot open files in place of what was closed", errno);
	return judge_closed(&scene, inodes, text);
}

/* ---- limits ---- */

struct limit {
	int resource;
	const char *name;
	rlim_t values[4];
};

static const struct limit limits[] = {
	{ RLIMIT_NOFILE, "NOFILE", { 3, 8, 16, 64 } },
	{ RLIMIT_NPROC, "NPROC", { 0, 1, 2, 8 } },
	{ RLIMIT_FSIZE, "FSIZE", { 0, 1, 4096, 65536 } },
	{ RLIMIT_STACK, "STACK", { 16384, 65536, 1 << 20, 8 << 20 } },
};
#define N_LIMITS (sizeof(limits) / sizeof(limits[0]))

static const struct limit *lower_a_limit(struct rng *rng)
{
	const struct limit *limit = &limits[rng_below(rng, N_LIMITS)];
	const rlim_t value = limit->values[rng_below(rng, 4)];
	const struct rlimit both = { value, value };
	setrlimit(limit->resource, &both);
	return limit;
}

static bool is_documented(int err)
{
	switch (err) {
	case 0:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EAGAIN:
	case -EFBIG:
		return true;
	default:
		return false;
	}
}

/* Everything that a server does, with bytes of the client's file that nobody judges here. */
static int use_region(struct uffd_guard_region *region, uint64_t length)
{
	static char buffer[4096];
	const volatile unsigned char *bytes = uffd_guard_region_data(region);
	const struct uffd_guard_rect rect = { 0, 4096, 100, 1 };
	for (uint64_t at = 0; at < length; at += 4096)
		(void)bytes[at];
	int err = uffd_guard_refresh(region, 0, length);
	if (!err)
		err = uffd_guard_discard(region, 0, length);
	if (!err)
		err = uffd_guard_update(region, 0, length);
	if (!err)
		err = uffd_guard_mark_rects(region, &rect, 1);
	if (!err)
		err = uffd_guard_ensure(region, 0, length);
	const ssize_t n = err ? err : uffd_guard_read(region, 0, buffer, sizeof(buffer));
	return n < 0 ? (int)n : 0;
}

/* Whether a quarter of all descriptors is more than what is open by now. */
static bool has_a_quarter(void)
{
	struct rlimit limit;
	const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return fd >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd < limit.rlim_cur / 4;
}

/* Map the file until no more is to be had. Then the program still has descriptors left. */
static int map_all(struct uffd_guard *guard, const struct helper_file *file, char *text)
{
	struct uffd_guard_region *regions[200];
	unsigned n = 0;
	const bool expects_some = has_a_quarter();
	int err = 0;
	while (n < 200 && !(err = uffd_guard_map(guard, file->fd, file->length, NULL, &regions[n])))
		n++;
	if (!is_documented(err))
		return found(text, "map with a limit", err);
	const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 && expects_some)
		return found(text, "all descriptors are the regions': the program has none", n);
	close(fd);
	for (unsigned i = 0; i < n; i++) {
		err = i == 0 ? use_region(regions[i], file->length) : 0;
		if (!is_documented(err))
			return found(text, "a call with a limit", err);
	}
	const uint32_t losses = n > 0 ? uffd_guard_region_take_losses(regions[0]) : 0;
	while (n > 0)
		uffd_guard_unmap(regions[--n]);
	if (losses & ~(UFFD_GUARD_LOST_TRUNCATED | UFFD_GUARD_LOST_NO_MEMORY))
		return found(text, "losses with a limit", losses);
	return 0;
}

int child_lowers_limits(struct rng *rng, const struct helper_file *file, char *text)
{
	struct uffd_guard *guard;
	char what[HELPER_TEXT / 2];
	const bool is_first = rng_one_in(rng, 2);
	const struct limit *limit = is_first ? lower_a_limit(rng) : NULL;
	int err = create_guard(rng, &guard);
	if (!is_documented(err)) {
		snprintf(what, sizeof(what), "create with a limit of %s",
			limit ? limit->name : "nothing");
		return found(text, what, err);
	}
	if (err)
		return 0;
	lower_a_limit(rng);
	err = map_all(guard, file, text);
	uffd_guard_destroy(guard);
	return err;
}
