/* SPDX-License-Identifier: MIT */
/* Each octave has four buckets, so a quantile is exact to a fifth. Adding takes no lock. */
#include "histogram.h"

static unsigned bucket_of(uint64_t ns)
{
	if (ns < HISTOGRAM_PER_OCTAVE)
		return 0;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
	return octave * HISTOGRAM_PER_OCTAVE +
	       (unsigned)(ns >> (octave - 2) & (HISTOGRAM_PER_OCTAVE - 1));
}

static uint64_t upper_end(unsigned bucket)
{
	unsigned octave = bucket / HISTOGRAM_PER_OCTAVE;
	if (octave < 2)
		return HISTOGRAM_PER_OCTAVE;
	uint64_t quarter = UINT64_C(1) << (octave - 2);
	return quarter * (HISTOGRAM_PER_OCTAVE + bucket % HISTOGRAM_PER_OCTAVE + 1);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	atomic_fetch_add_explicit(&histogram->counts[bucket_of(ns)], 1, memory_order_relaxed);
}

void histogram_add_octave(struct histogram *histogram, unsigned octave, uint64_t count)
{
	unsigned last = octave * HISTOGRAM_PER_OCTAVE + HISTOGRAM_PER_OCTAVE - 1;
	atomic_fetch_add_explicit(&histogram->counts[last], count, memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *histogram)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
	return n;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram_count(histogram);
	uint64_t n = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
		if (n > 0 && (double)n >= wanted)
			return upper_end(i);
	}
	return 0;
}
