/* SPDX-License-Identifier: MIT */
#pragma once

#include "series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_CONTENDERS 12
#define LEAST_ROUNDS	10

/* One way to do the work of a row. */
struct contender {
	char name[40];
	/* Do the work once: nanoseconds (or bytes, or whatever the row is about), or a negative
	 * errno. May add to ->singles. */
	double (*sample)(struct contender *contender);
	void *self;
	void (*close)(void *self);
	char why_not[96]; /* not empty: it does not run */

	struct series used; /* processors that were at work during a sample */
	struct series samples,
		singles; /* singles: of one fault each, where the row is about these */
};

/* The contenders of a row. The first is ours. */
struct contest {
	struct contender contenders[MOST_CONTENDERS];
	unsigned n;
	unsigned against; /* index of the contender that ours is divided by */
	unsigned n_rounds;
	bool is_disturbed;   /* others have used the machine meanwhile */
	size_t fresh_length; /* bytes of fresh memory that a sample may need */
	void *attached;	     /* something that contenders share */
	void (*detach)(void *attached);
};

/* Add a contender, which owns @self. @self NULL: it could not be opened, and errno says why. */
struct contender *contest_add(struct contest *contest, const char *name,
	double (*sample)(struct contender *), void *self, void (*close)(void *));
__attribute__((format(printf, 2, 3))) void contender_give_up(
	struct contender *contender, const char *format, ...);

/* Run rounds until ours and the one it is compared with are steady, clock_ns() reaches @deadline,
 * or interrupt_came(). */
void contest_run(struct contest *contest, const char *id, uint64_t deadline);
/* False: interrupt_came() ended it before LEAST_ROUNDS, so its figures are worth nothing. */
bool contest_is_whole(const struct contest *contest);
/* Ours divided by the other; NAN if either did not run. */
double contest_ratio(struct contest *contest);
/* The larger spread of the two that are compared. */
double contest_spread(struct contest *contest);
void contest_finish(struct contest *contest);
