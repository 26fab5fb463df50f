/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench_options.h"

#include <stddef.h>
#include <stdint.h>
#include <uffd_guard.h>

#define RANDOM_LENGTH ((size_t)256 << 20)

/* What all rows of a run share. */
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
/* A descriptor, or a negative errno. bench_finish() closes it. */
int bench_random_fd(struct bench *bench);
/* Create a guard that waits as @loop says. -EOPNOTSUPP for LOOP_URING where io_uring is denied. */
int guard_create(enum loop_wish loop, struct uffd_guard **guard);

/* Make a memfd of @length bytes: without data, or with data in every page. A descriptor that the
 * caller closes, or a negative errno. */
int file_create(size_t length);
int file_create_filled(size_t length);
