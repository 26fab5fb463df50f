/* SPDX-License-Identifier: MIT */
/*
 * What many clients cost, and what more processors bring: commits of small buffers, each of them
 * brought over by one of several threads, and first looks, all of them answered by one handler. So
 * many threads as there are processors; figures.py goes on from there, by a model that it prints.
 */
#include "clients.h"

#include "cli/interrupt.h"
#include "cli/progress.h"

#include "../support/time_ns.h"
#include "bench_report.h"
#include "many_pools.h"
#include "series.h"
#include "status.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define LEAST_SAMPLES 5
#define N_COMMITS     20000 /* of all threads in a sample */
#define MOST_FAULTS   4000
#define MOST_THREADS  16

/* One thread's share of a sample: clients @first, @first + @step, ... */
struct share {
	pthread_t thread;
	pthread_rwlock_t *start; /* held for writing until all are there */
	const struct pools *pools;
	size_t first, step, n;
	size_t length;
	int (*serve)(const struct share *share, struct uffd_guard_region *region);
	int err;
};

static int bring_over(const struct share *share, struct uffd_guard_region *region)
{
	return uffd_guard_update(region, 0, share->length);
}

static int look_at(const struct share *share, struct uffd_guard_region *region)
{
	(void)share;
	(void)*(const volatile char *)uffd_guard_region_data(region);
	return 0;
}

static void *serve_all(void *data)
{
	struct share *share = data;
	pthread_rwlock_rdlock(share->start);
	pthread_rwlock_unlock(share->start);
	for (size_t i = 0, at = share->first; i < share->n && !share->err; i++, at += share->step)
		share->err = share->serve(share, share->pools->regions[at % share->pools->n]);
	return NULL;
}

struct sample {
	double ns, cpu_ns;
};

static uint64_t cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static struct share share_of(const struct share *model, unsigned i, unsigned n_threads, size_t n,
	pthread_rwlock_t *start)
{
	struct share share = *model;
	share.start = start;
	share.first = i;
	share.step = n_threads;
	share.n = n / n_threads;
	return share;
}

/* Time from the moment when all threads are there until the last of them has ended; this thread is
 * one of them. */
static int serve_with(
	const struct share *model, unsigned n_threads, size_t n, struct sample *sample)
{
	struct share shares[MOST_THREADS];
	pthread_rwlock_t start = PTHREAD_RWLOCK_INITIALIZER;
	unsigned n_started = 1;
	int err = 0;
	pthread_rwlock_wrlock(&start);
	for (unsigned i = 0; i < n_threads; i++)
		shares[i] = share_of(model, i, n_threads, n, &start);
	while (n_started < n_threads && !err) {
		err = -pthread_create(
			&shares[n_started].thread, NULL, serve_all, &shares[n_started]);
		n_started += !err;
	}
	const uint64_t began = clock_ns(), cpu = cpu_ns();
	pthread_rwlock_unlock(&start);
	serve_all(&shares[0]);
	for (unsigned i = 1; i < n_started; i++)
		pthread_join(shares[i].thread, NULL);
	*sample = (struct sample){ (double)(clock_ns() - began) / (double)n,
		(double)(cpu_ns() - cpu) / (double)n };
	for (unsigned i = 0; i < n_started && !err; i++)
		err = shares[i].err;
	pthread_rwlock_destroy(&start);
	return err;
}

static int discard_all(const struct pools *pools, size_t length)
{
	int err = 0;
	for (size_t i = 0; i < pools->n && !err; i++)
		err = uffd_guard_discard(pools->regions[i], 0, length);
	return err;
}

struct measured {
	struct series commits, cpu, faults;
};

static int take_samples(
	const struct share *model, const struct client_cost *cost, struct measured *measured)
{
	struct share commits = *model, faults = *model;
	struct sample sample = { .ns = 0 };
	const size_t n_faults = cost->n_clients < MOST_FAULTS ? cost->n_clients : MOST_FAULTS;
	commits.serve = bring_over;
	faults.serve = look_at;
	int err = serve_with(&commits, cost->n_threads, N_COMMITS, &sample);
	if (!err) {
		series_add(&measured->commits, sample.ns);
		series_add(&measured->cpu, sample.cpu_ns);
		err = discard_all(model->pools, model->length);
	}
	if (!err && n_faults >= cost->n_threads)
		err = serve_with(&faults, cost->n_threads, n_faults, &sample);
	if (!err && n_faults >= cost->n_threads)
		series_add(&measured->faults, sample.ns);
	return err;
}

/* The first sample warms up. */
static int measure(const struct share *model, struct client_cost *cost, uint64_t deadline)
{
	struct measured warm = { .commits = { .n = 0 } }, measured = { .commits = { .n = 0 } };
	int err = take_samples(model, cost, &warm);
	while (!err && !interrupt_came() &&
		(measured.commits.n < LEAST_SAMPLES || clock_ns() < deadline))
		err = take_samples(model, cost, &measured);
	if (!err && measured.commits.n < LEAST_SAMPLES)
		err = -EINTR;
	if (!err) {
		cost->commit_ns = series_median(&measured.commits);
		cost->commit_cpu_ns = series_median(&measured.cpu);
		cost->fault_ns = measured.faults.n ? series_median(&measured.faults) : 0;
	}
	for (int i = 0; i < 2; i++) {
		struct measured *some = i ? &warm : &measured;
		series_finish(&some->commits);
		series_finish(&some->cpu);
		series_finish(&some->faults);
	}
	return err;
}

static int run_one(struct bench *bench, struct client_cost *cost, uint64_t ns)
{
	struct pools pools;
	if (!pools_fit(cost->n_clients))
		return -EMFILE;
	int err = pools_map(&pools, bench->guard, 1); /* opens the files */
	if (err)
		return err;
	pools_unmap(&pools);
	const double before = status_bytes("RssAnon:") + status_bytes("VmPTE:");
	err = pools_map(&pools, bench->guard, cost->n_clients);
	if (err)
		return err;
	cost->client_bytes = status_bytes("RssAnon:") + status_bytes("VmPTE:") - before;
	cost->client_bytes = cost->client_bytes > 0 ? cost->client_bytes / cost->n_clients : 0;
	const struct share model = { .pools = &pools, .length = POOL_PAGES * bench->page_size };
	err = measure(&model, cost, clock_ns() + ns);
	pools_unmap(&pools);
	return err;
}

void clients_run(struct bench *bench, const struct report *report, uint64_t ns)
{
	static const unsigned n_clients[] = { 1, 100, 10000 };
	const long n_processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n_steps = 0;
	for (unsigned n = 1; n <= MOST_THREADS && (long)n <= n_processors; n *= 2)
		n_steps++;
	for (unsigned step = 0; step < n_steps; step++) {
		for (int i = 0; i < 3 && !interrupt_came(); i++) {
			struct client_cost cost = { .n_clients = n_clients[i],
				.n_threads = 1u << step };
			progress_show("%u clients, %u threads", cost.n_clients, cost.n_threads);
			cost.err = run_one(bench, &cost, ns / n_steps / 3);
			progress_clear();
			report->clients(&cost);
		}
	}
	pools_forget_files();
}
