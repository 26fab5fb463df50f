/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_PER_OCTAVE 4
#define HISTOGRAM_BUCKETS    (64 * HISTOGRAM_PER_OCTAVE)

/* A histogram of nanoseconds. All zero is an empty one. */
struct histogram {
	_Atomic uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
/* Add @count values of [2^octave, 2^(octave + 1)), from a histogram of whole octaves. */
void histogram_add_octave(struct histogram *histogram, unsigned octave, uint64_t count);
uint64_t histogram_count(const struct histogram *histogram);
/* The upper end of the bucket in which @share of the values is reached; 0: there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);
