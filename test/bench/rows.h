/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "sampling.h"

#include <stdbool.h>

struct report;

enum unit { UNIT_NS, UNIT_BYTES };

/* One line of what is promised: ours divided by the other is at most the target. */
struct row {
	const char *id;
	const char *group; /* also chosen by this name; NULL: none */
	const char *title; /* ours / the other */
	double target;
	enum unit unit;
	unsigned weight; /* of its share of the time */
	/* Adds contenders, ours first. A negative errno, or 0. */
	int (*open)(struct bench *bench, struct contest *contest);
};

/* Each ends with a row without id. */
extern const struct row rows_frame[], rows_fault[], rows_pool[];

struct frame_size {
	const char *name;
	struct frame frame;
};
extern const struct frame_size frame_sizes[]; /* ends with one without name */

/* Rows that are wanted, one after the other, until about @ns have passed. */
void rows_run(struct bench *bench, const struct report *report, uint64_t ns);
/* The weights of the rows that are wanted, together. */
unsigned rows_weight(const struct options *options);
/* Names for --filter. */
bool rows_have(const char *name, size_t length);
const char *rows_names(void);
