/* SPDX-License-Identifier: MIT */
/* How a pool's file is mapped: with addresses for all that it may become, or fewer where these are
 * scarce. */
#include "content/pool_map.h"

#include "base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A pool has INT32_MAX bytes at most. Further planes of a buffer that ends there may need half of
 * that again, or twice as much: can_be_read() in regions/buffer_requests.c refuses what lies beyond
 * the addresses. A process has 128 TiB of them with 64 bits. */
#if UINTPTR_MAX > UINT32_MAX
#define RESERVE ((size_t)4 << 30)
#else
#define RESERVE ((size_t)64 << 20)
#endif
#define LEAST_BEHIND ((size_t)64 << 10)

int pool_check_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	if (flags < 0)
		return -errno;
	if ((flags & O_ACCMODE) != O_RDWR)
		return -EACCES;
	return seals > 0 && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -EPERM : 0;
}

/* Network file systems and FUSE have no device of their own. Does not wait for their servers. */
static bool has_server(int fd)
{
	struct statx stx;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 ||
	       stx.stx_dev_major == 0;
}

uint32_t pool_map_any_file(const struct shm_client *client, int fd)
{
	const struct forgiveness *of_all = &client->display->forgiveness;
	return program_is_in_disgrace(client->program, of_all, has_server(fd))
		       ? 0
		       : UFFD_GUARD_MAP_ANY_FILE;
}

/* The guard seals eight files at a time, and a client that holds its file's lock can hold a seal up
 * for as long as it likes. So nobody has more than half of them: the rest is copied. On a busy
 * machine the seals of a few pools come late that are made one after the other.
 */
#define MOST_UNSEALED 4

static bool may_have_sealed(struct shm_program *program)
{
	struct wl_shm_pool *pool, *next;
	unsigned n = program->n_left_unsealed;
	wl_list_for_each_safe (pool, next, &program->unsealed, unsealed) {
		if (pool_is_sealed(pool)) {
			wl_list_remove(&pool->unsealed);
			wl_list_init(&pool->unsealed);
		} else {
			n++;
		}
	}
	return n < MOST_UNSEALED;
}

static void note_unsealed(struct wl_shm_pool *pool, int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && !(seals & (F_SEAL_SEAL | F_SEAL_SHRINK)))
		wl_list_insert(&pool->client->program->unsealed, &pool->unsealed);
}

static int pool_map_reserving(struct wl_shm_pool *pool, int fd, uint32_t flags, size_t reserve)
{
	struct shm_client *client = pool->client;
	struct uffd_guard *guard = client->display->guard;
	struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = flags,
		.reserve = reserve,
		.user_data = pool,
	};
	/* Nobody touches regions beside shadows: EAGER fills as little as it can. */
	if (client->display->batch && !(uffd_guard_features(guard) & UFFD_GUARD_FEATURE_LAZY))
		options.max_resident = 1;
	if (!pool_map_any_file(client, fd))
		options.flags &= ~UFFD_GUARD_MAP_ANY_FILE; /* files that cannot block only */
	const size_t length = (size_t)pool->size;
	pool->reserve = reserve;
	int err = uffd_guard_map(guard, fd, length, &options, &pool->region);
	if (err == -EOPNOTSUPP) { /* the file is on a disk, and there is no io_uring to read it */
		options.flags &= ~UFFD_GUARD_MAP_ANY_FILE;
		err = uffd_guard_map(guard, fd, length, &options, &pool->region);
	}
	return err;
}

/* Reserve less where addresses are scarce (RLIMIT_AS, 32 bits) or is_memory_counted. A resize
 * beyond that is an error, as in libwayland if the kernel has no room. Three times the size is
 * enough for all planes of any buffer. */
int pool_map(struct wl_shm_pool *pool, int fd, uint32_t flags)
{
	const size_t size = (size_t)pool->size, least = size + LEAST_BEHIND;
	const size_t reserves[] = { RESERVE, least + 2 * size, least + size, least };
	const bool is_counted = settings()->is_memory_counted;
	if (!may_have_sealed(pool->client->program))
		flags &= ~UFFD_GUARD_MAP_SEAL;
	int err = -ENOMEM;
	for (unsigned i = is_counted ? 2 : 0; i < 4 && err == -ENOMEM; i++) {
		if (reserves[i] >= least)
			err = pool_map_reserving(pool, fd, flags, reserves[i]);
	}
	if (!err && flags & UFFD_GUARD_MAP_SEAL &&
		uffd_guard_region_mode(pool->region) != UFFD_GUARD_MODE_DIRECT)
		note_unsealed(pool, fd);
	return err;
}
