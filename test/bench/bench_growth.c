/* SPDX-License-Identifier: MIT */
/*
 * Measure how cost grows with work: faults with more regions and more readers, and series of n, 2n,
 * 4n of other calls. The exponent of a series shows a factor that no single figure shows.
 */
#include "bench_growth.h"

#include "cli/interrupt.h"
#include "cli/progress.h"

#include "../support/time_ns.h"
#include "bench_report.h"
#include "growth_cost.h"
#include "many_pools.h"
#include "peer.h"
#include "touch.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>

#define TOUCHES_PER_READER 512
#define LEAST_SINGLES	   2048
#define MOST_READERS	   4
#define FAULTS_PART	   2 /* faults get one half of the time */

/* ---- Faults of many readers ---- */

struct reader {
	pthread_t thread;
	pthread_rwlock_t *start; /* held for writing until all readers are there */
	const struct touches *touches;
	size_t first, end;
	struct series singles;
};

static void *read_all(void *data)
{
	struct reader *reader = data;
	pthread_rwlock_rdlock(reader->start);
	pthread_rwlock_unlock(reader->start);
	touches_run(reader->touches, reader->first, reader->end, &reader->singles);
	return NULL;
}

static struct reader part_of(
	const struct touches *touches, unsigned i, unsigned n, pthread_rwlock_t *start)
{
	return (struct reader){
		.start = start,
		.touches = touches,
		.first = touches->n * i / n,
		.end = touches->n * (i + 1) / n,
	};
}

/* Each reader makes its part of the touches, all at the same time. This thread is the last reader,
 * and takes what is left if others cannot be started. */
static int read_with(const struct touches *touches, unsigned n_readers, struct series *singles)
{
	struct reader readers[MOST_READERS];
	pthread_rwlock_t start = PTHREAD_RWLOCK_INITIALIZER;
	unsigned n = 0;
	int err = 0;

	pthread_rwlock_wrlock(&start);
	while (n < n_readers - 1 && !err) {
		readers[n] = part_of(touches, n, n_readers, &start);
		err = pthread_create(&readers[n].thread, NULL, read_all, &readers[n]);
		n += !err;
	}
	readers[n] = part_of(touches, n, n_readers, &start);
	readers[n].end = touches->n;
	pthread_rwlock_unlock(&start);
	read_all(&readers[n]);

	for (unsigned i = 0; i < n; i++)
		pthread_join(readers[i].thread, NULL);
	for (unsigned i = 0; i <= n; i++) {
		series_add_all(singles, &readers[i].singles);
		series_finish(&readers[i].singles);
	}
	pthread_rwlock_destroy(&start);
	return -err;
}

static int read_placed(const struct touches *touches, struct fault_growth *growth)
{
	int err = place_threads(growth->place);
	return err ? err : read_with(touches, growth->n_readers, &growth->singles);
}

/* Touch pages of one large region. */
static int fault_in_region(
	struct bench *bench, const struct peer *peer, struct fault_growth *growth)
{
	struct touches touches;
	struct damage none = { .n_spans = 0 };
	int err = bench_random_fd(bench);
	if (err < 0)
		return err;
	if (!touches_create(&touches, (size_t)TOUCHES_PER_READER * growth->n_readers))
		return -ENOMEM;

	void *opened = peer->open(bench->random_fd, RANDOM_LENGTH);
	err = opened ? 0 : -errno;
	if (opened) {
		touches_scatter(
			&touches, peer->begin(opened, &none), RANDOM_LENGTH, bench->page_size);
		err = read_placed(&touches, growth);
		peer->end(opened);
		peer->close(opened);
	}
	touches_destroy(&touches);
	return err;
}

/* Touch one page in each of many regions, or in some of them. */
static int fault_in_pools(struct bench *bench, struct fault_growth *growth)
{
	const size_t most = (size_t)TOUCHES_PER_READER * growth->n_readers;
	const size_t n = growth->n_regions < most ? growth->n_regions : most;
	struct touches touches;
	struct pools pools;
	int err = pools_fit(growth->n_regions) ? 0 : -EMFILE;
	if (!err)
		err = pools_map(&pools, bench->guard, growth->n_regions);
	if (err)
		return err;
	err = -ENOMEM;
	if (touches_create(&touches, n)) {
		for (size_t i = 0; i < n; i++)
			touches_add(
				&touches, uffd_guard_region_data(pools.regions[i * pools.n / n]));
		touches_shuffle(&touches);
		err = read_placed(&touches, growth);
		touches_destroy(&touches);
	}
	pools_unmap(&pools);
	return err;
}

static void run_faults(struct bench *bench, const struct report *report, const struct peer *peer,
	struct fault_growth growth, uint64_t ns)
{
	uint64_t deadline = clock_ns() + ns;
	if (interrupt_came())
		return;
	progress_show("growth: faults of %s, %u regions, %u readers", peer->name, growth.n_regions,
		growth.n_readers);
	growth.name = peer->name;
	growth.place = growth.n_readers == 1 ? PLACE_SAME_CORE : PLACE_ANYWHERE;
	do {
		growth.err = growth.n_regions > 1 ? fault_in_pools(bench, &growth)
						  : fault_in_region(bench, peer, &growth);
	} while (!growth.err && !interrupt_came() &&
		 (growth.singles.n < LEAST_SINGLES || clock_ns() < deadline));
	progress_clear();
	place_threads(PLACE_ANYWHERE);
	if (!interrupt_came() || growth.singles.n >= LEAST_SINGLES)
		report->faults(&growth);
	series_finish(&growth.singles);
}

static void run_all_faults(struct bench *bench, const struct report *report, uint64_t ns)
{
	static const unsigned n_regions[] = { 1, 100, 10000 };
	const uint64_t share = ns / 12; /* 3 counts of readers, by 3 of regions and one peer */

	peer_uffd_guard_use(bench->guard);
	for (int i = 0; i < 3; i++) {
		for (unsigned n_readers = 1; n_readers <= MOST_READERS; n_readers *= 2)
			run_faults(bench, report, &peer_uffd_guard,
				(struct fault_growth){
					.n_regions = n_regions[i], .n_readers = n_readers },
				share);
	}
	for (unsigned n_readers = 1; n_readers <= MOST_READERS; n_readers *= 2)
		run_faults(bench, report, &peer_uffd_minimal,
			(struct fault_growth){ .n_regions = 1, .n_readers = n_readers }, share);
}

/* ---- Doubling series ---- */

double growth_exponent(const struct cost_growth *growth)
{
	const unsigned first = growth->n_points > 3 ? growth->n_points / 2 : 0;
	double n = growth->n_points - first, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
	for (unsigned i = first; i < growth->n_points; i++) {
		double x = log(growth->n[i]), y = log(growth->ns[i]);
		sum_x += x;
		sum_y += y;
		sum_xx += x * x;
		sum_xy += x * y;
	}
	return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

bool growth_is_hidden_factor(const struct cost_growth *growth)
{
	return growth->exponent > growth->expected + EXPONENT_TOO;
}

/* There are more than two hundred points: who gives a few seconds wants an answer soon. */
static unsigned least_samples(const struct bench *bench)
{
	return bench->options->seconds < LEAST_ROUNDS ? bench->options->seconds : LEAST_ROUNDS;
}

/* Answer the median of least_samples(), of more if there is time. -EINTR after interrupt_came(). */
static int measure(const struct cost_kind *kind, struct cost *cost, uint64_t ns, double *median)
{
	struct series samples = { .n = 0 };
	const unsigned least = least_samples(cost->bench);
	uint64_t deadline = clock_ns() + ns;
	double value = kind->sample(cost); /* warms up */
	while (value >= 0 && !interrupt_came() && (samples.n < least || clock_ns() < deadline)) {
		value = kind->sample(cost);
		if (value >= 0)
			series_add(&samples, value);
	}
	*median = samples.n ? series_median(&samples) : 0;
	const bool is_whole = samples.n >= least;
	series_finish(&samples);
	if (value < 0)
		return (int)value;
	return is_whole ? 0 : -EINTR;
}

static int measure_at(struct bench *bench, const struct cost_kind *kind, size_t n, uint64_t ns,
	struct cost_growth *growth)
{
	struct cost cost = { .bench = bench, .n = n };
	int err = kind->prepare(&cost);
	if (!err)
		err = measure(kind, &cost, ns, &growth->ns[growth->n_points]);
	kind->finish(&cost);
	if (!err)
		growth->n[growth->n_points++] = (double)n;
	return err;
}

static unsigned count_points(const struct cost_kind *kind)
{
	unsigned n = 0;
	for (size_t i = kind->first; i <= kind->last; i *= 2)
		n++;
	return n;
}

static void run_cost(
	struct bench *bench, const struct report *report, const struct cost_kind *kind, uint64_t ns)
{
	struct cost_growth growth = {
		.title = kind->title,
		.unit = kind->unit,
		.expected = kind->expected,
	};
	if (interrupt_came())
		return;
	for (size_t n = kind->first; n <= kind->last && !growth.err; n *= 2) {
		progress_show("growth: %s, %zu %s", kind->title, n, kind->unit);
		growth.err = measure_at(bench, kind, n, ns / count_points(kind), &growth);
	}
	progress_clear();
	growth.exponent = growth.n_points > 1 ? growth_exponent(&growth) : 0;
	report->cost(&growth);
}

static unsigned count_kinds(const struct cost_kind *kinds)
{
	unsigned n = 0;
	while (kinds[n].title)
		n++;
	return n;
}

void growth_run(struct bench *bench, const struct report *report, uint64_t ns)
{
	const struct cost_kind *const groups[] = { cost_kinds, call_kinds };
	const uint64_t share =
		ns / FAULTS_PART / (count_kinds(cost_kinds) + count_kinds(call_kinds));
	run_all_faults(bench, report, ns / FAULTS_PART);
	for (unsigned i = 0; i < 2; i++) {
		for (const struct cost_kind *kind = groups[i]; kind->title; kind++)
			run_cost(bench, report, kind, share);
	}
	pools_forget_files();
}
