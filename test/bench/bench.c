/* SPDX-License-Identifier: MIT */
/* Make guards and clients' files. No client runs: a file that does not change while it is measured
 * costs the same, and its figures can be repeated. */
#include "bench.h"

#include "../support/rng.h"
#include "damage_sets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

int guard_create(enum loop_wish loop, struct uffd_guard **guard)
{
	struct uffd_guard_options options = {
		.size = sizeof(options),
		.flags = loop == LOOP_POLL ? UFFD_GUARD_NO_IO_URING : 0,
	};
	int err = uffd_guard_create(&options, guard);
	if (err || loop != LOOP_URING || uffd_guard_features(*guard) & UFFD_GUARD_FEATURE_IO_URING)
		return err;
	uffd_guard_destroy(*guard);
	*guard = NULL;
	return -EOPNOTSUPP;
}

int file_create(size_t length)
{
	int fd = memfd_create("uffd-guard-bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)length) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

static int fill(int fd, size_t length)
{
	struct rng rng = { .state = length };
	uint64_t *chunk = malloc(CHUNK);
	if (!chunk)
		return -ENOMEM;

	int err = 0;
	for (size_t i = 0; i < CHUNK / sizeof(*chunk); i++)
		chunk[i] = rng_next(&rng);
	for (size_t done = 0; done < length && !err;) {
		chunk[0] = rng_next(&rng); /* no two pieces are the same */
		size_t n_wanted = length - done < CHUNK ? length - done : CHUNK;
		ssize_t n = pwrite(fd, chunk, n_wanted, (off_t)done);
		if (n < 0)
			err = -errno;
		else
			done += (size_t)n;
	}
	free(chunk);
	return err;
}

int file_create_filled(size_t length)
{
	int fd = file_create(length);
	int err = fd < 0 ? fd : fill(fd, length);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

int bench_random_fd(struct bench *bench)
{
	if (bench->random_fd < 0)
		bench->random_fd = file_create_filled(RANDOM_LENGTH);
	return bench->random_fd;
}

int bench_start(struct bench *bench, const struct options *options)
{
	*bench = (struct bench){
		.options = options,
		.page_size = (size_t)sysconf(_SC_PAGESIZE),
		.frame_length =
			(size_t)options->frame.width * options->frame.height * DAMAGE_PIXEL_SIZE,
		.random_fd = -1,
	};
	int err = guard_create(options->loop, &bench->guard);
	if (err)
		return err;
	bench->frame_fd = file_create_filled(bench->frame_length);
	if (bench->frame_fd >= 0)
		return 0;
	uffd_guard_destroy(bench->guard);
	return bench->frame_fd;
}

void bench_finish(struct bench *bench)
{
	if (bench->random_fd >= 0)
		close(bench->random_fd);
	close(bench->frame_fd);
	uffd_guard_destroy(bench->guard);
}
