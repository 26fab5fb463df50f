/* SPDX-License-Identifier: MIT */
/* Random numbers that a seed repeats: splitmix64. Each actor has a state of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to @limit - 1. */
static inline uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

static inline bool rng_one_in(struct rng *rng, uint64_t n)
{
	return rng_below(rng, n) == 0;
}

#define RNG_FAVOURITES 2

/* 0 to @n - 1, half of the time one of the first two. Clients and readers choose files and pages by
 * this, since most bugs show where three of them meet, and chance alone would seldom bring them
 * together. */
static inline uint32_t rng_choose(struct rng *rng, uint32_t n)
{
	bool is_favourite = rng_one_in(rng, 2) && n > RNG_FAVOURITES;
	return (uint32_t)rng_below(rng, is_favourite ? RNG_FAVOURITES : n);
}

/* The state of actor number @actor in the run of @seed. */
static inline struct rng rng_of(uint64_t seed, uint64_t actor)
{
	struct rng rng = { .state = seed };
	rng.state = rng_next(&rng) ^ (actor * UINT64_C(0xd1342543de82ef95));
	return rng;
}
