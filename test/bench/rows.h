/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench.h"
#include "sampling.h"

#include <stdbool.h>

struct report;

enum unit { UNIT_NS, UNIT_BYTES, UNIT_TIMES };

/* One promise about speed: ours divided by the other is at most the target. */
struct row {
	const char *id;
	const char *group;  /* also chosen by this name; NULL: none */
	const char *title;  /* ours / the other */
	double target;	    /* where a second processor is free */
	double target_busy; /* on one processor, or beside another that is busy */
	enum unit unit;
	unsigned weight; /* of its share of the time */
	/* Add contenders, ours first. 0 or a negative errno. */
	int (*open)(struct bench *bench, struct contest *contest);
};

/* Each ends with a row without id. */
extern const struct row rows_copy[], rows_frame[], rows_fault[], rows_pool[];

/* The target that holds for this run. */
double row_target(const struct row *row, const struct options *options);

struct frame_size {
	const char *name;
	struct frame frame;
};
extern const struct frame_size frame_sizes[]; /* ends with one without name */

/* Run the rows that are wanted, for about @ns together. */
void rows_run(struct bench *bench, const struct report *report, uint64_t ns);
/* The sum of the weights of the rows that are wanted. */
unsigned rows_weight(const struct options *options);
/* Whether --filter may have @name; all names that it may have. */
bool rows_have(const char *name, size_t length);
const char *rows_names(void);
