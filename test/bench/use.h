/* SPDX-License-Identifier: MIT */
#pragma once

#include "damage_sets.h"
#include "peer.h"
#include "sampling.h"

#include <stdbool.h>

/* How a peer is used in a row. */
struct use_options {
	const struct peer *peer;
	const char *name; /* NULL: the peer's name, with how it is used */
	int fd;
	size_t length;
	bool is_cold;		       /* opened for each sample, as a part of the cost */
	bool is_paced;		       /* 60 frames a second; the cost is processor time */
	bool reads;		       /* the reading of the damaged bytes is part of the cost */
	const struct damages *damages; /* lives as long as the contest */
};

struct contender *use_add(struct contest *contest, const struct use_options *options);
