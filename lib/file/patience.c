/* SPDX-License-Identifier: MIT */
/*
 * Memory answers at once, but for one thing. While the kernel takes a page out of a file (a hole,
 * an end) it keeps that page locked and walks all mappings of it, and whoever reads or stores to
 * the page sleeps meanwhile. How many mappings there are is the client's doing: with 60,000, each
 * page takes some 30 ms, and the handler stood still for seconds (docs/embedding.md). Such a sleep
 * cannot be ended, but nobody has to begin the next one.
 *
 * So calls are timed, by the coarse clock, which costs nothing. After one that has taken long, each
 * is looked at closely for a while: only sleep counts, or else a busy machine would; and not sleep
 * in a call that has read from a disk, which is the swap, or has faulted a page of the program's
 * in, for which memory may have to be made free. If it comes to more than the deadline within a
 * second, the file is left alone for a second, the next time for two, and so on.
 */
#include "file/patience.h"

#include "base/clock.h"

#include <sys/resource.h>

#define LONG_NS	     (10 * NS_PER_MS)
#define DOUBTFUL_NS  (2 * NS_PER_S)
#define WITHIN_NS    NS_PER_S
#define MOST_DOUBLED 6

static void count(struct patience_look *look)
{
	struct rusage usage;
	if (getrusage(RUSAGE_THREAD, &usage) < 0)
		return;
	look->n_sleeps = usage.ru_nvcsw;
	look->n_reads = usage.ru_inblock;
	look->n_faults = usage.ru_minflt + usage.ru_majflt;
}

/* A tracer has the thread sleep in each call, this one too. */
static bool is_traced(const struct patience_look *last)
{
	struct patience_look again = *last;
	count(&again);
	return again.n_sleeps > last->n_sleeps;
}

bool patience_is_lost(const struct patience *patience)
{
	const uint64_t until = atomic_load_explicit(&patience->lost_until, memory_order_relaxed);
	return until && now_coarse_ns() < until;
}

bool patience_is_doubtful(const struct patience *patience)
{
	const uint64_t until =
		atomic_load_explicit(&patience->doubtful_until, memory_order_relaxed);
	return until && now_coarse_ns() < until;
}

void patience_begin(const struct patience *patience, struct patience_look *look)
{
	look->begin = now_coarse_ns();
	look->first = look->first ? look->first : look->begin;
	look->is_close =
		look->begin < atomic_load_explicit(&patience->doubtful_until, memory_order_relaxed);
	if (look->is_close)
		count(look);
}

/* Two threads at once may count a little less, or more. */
static void add_wait(struct patience *patience, uint64_t begin, uint64_t now)
{
	const uint64_t took = now - begin;
	if (begin - atomic_load(&patience->since) > WITHIN_NS) {
		atomic_store(&patience->since, begin);
		atomic_store(&patience->waited_ns, 0);
	}
	if (atomic_fetch_add(&patience->waited_ns, took) + took < patience->most_ns)
		return;
	const uint32_t n = atomic_fetch_add(&patience->n_lost, 1);
	atomic_store(&patience->waited_ns, 0);
	atomic_store(
		&patience->lost_until, now + (NS_PER_S << (n < MOST_DOUBLED ? n : MOST_DOUBLED)));
}

static bool has_waited_for_client(
	const struct patience_look *before, const struct patience_look *after)
{
	return after->n_sleeps > before->n_sleeps && after->n_reads == before->n_reads &&
	       after->n_faults == before->n_faults && !is_traced(after);
}

void patience_end(struct patience *patience, const struct patience_look *look)
{
	const uint64_t now = now_coarse_ns();
	if (!patience->most_ns || now - look->first < LONG_NS)
		return;
	atomic_store(&patience->doubtful_until, now + DOUBTFUL_NS);
	if (!look->is_close)
		return;
	struct patience_look after = *look;
	count(&after);
	if (has_waited_for_client(look, &after))
		add_wait(patience, look->begin, now);
}
