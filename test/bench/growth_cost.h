/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "many_pools.h"
#include "touch.h"

/* What a series needs at one n. */
struct cost {
	struct bench *bench;
	size_t n;
	int fd;
	struct uffd_guard_region *region;
	struct pools pools;
	struct touches touches;
	struct uffd_guard_span *spans;
	struct uffd_guard_rect *rects;
	unsigned char *memory;
};

struct cost_kind {
	const char *title, *unit;
	double expected; /* exponent */
	size_t first, last;
	/* 0 or a negative errno. finish() follows in both cases. */
	int (*prepare)(struct cost *cost);
	double (*sample)(struct cost *cost); /* nanoseconds, or a negative errno */
	void (*finish)(struct cost *cost);
};

/* Each ends with one without title. */
extern const struct cost_kind cost_kinds[], call_kinds[];
