/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench_options.h"

#include <stddef.h>
#include <stdint.h>
#include <uffd_guard.h>

#define RANDOM_LENGTH ((size_t)256 << 20)

/* What all rows share. */
struct bench {
	const struct options *options;
	struct uffd_guard *guard;
	size_t page_size;
	size_t frame_length; /* bytes */
	int frame_fd;	     /* a memfd with a frame in it; nobody changes it */
	int random_fd;	     /* a memfd of RANDOM_LENGTH, filled; -1 until bench_random_fd() */
};

int bench_start(struct bench *bench, const struct options *options);
void bench_finish(struct bench *bench);
/* A descriptor, or a negative errno. It remains the bench's. */
int bench_random_fd(struct bench *bench);
/* A guard that waits as @loop says; -EOPNOTSUPP if this machine has no io_uring. */
int guard_create(enum loop_wish loop, struct uffd_guard **guard);

/* A memfd of @length bytes without data, or with data everywhere and no page of zeros; or a
 * negative errno. Yours to close. */
int file_create(size_t length);
int file_create_filled(size_t length);
