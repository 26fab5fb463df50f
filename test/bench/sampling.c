/* SPDX-License-Identifier: MIT */
/*
 * Measure side by side. The speed of a machine varies, so contenders take turns: a round runs each
 * of them once, and every round begins with another one, so what slows a round slows all. The first
 * round warms up and does not count. Medians are compared. A row that is steady early ends early.
 */
#include "sampling.h"
#include "ready_memory.h"

#include "cli/interrupt.h"
#include "cli/progress.h"

#include "../support/time_ns.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEADY 0.03

void contender_give_up(struct contender *contender, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(contender->why_not, sizeof(contender->why_not), format, args);
	va_end(args);
}

struct contender *contest_add(struct contest *contest, const char *name,
	double (*sample)(struct contender *), void *self, void (*close)(void *))
{
	int err = errno;
	struct contender *contender = &contest->contenders[contest->n++];
	*contender = (struct contender){ .sample = sample, .self = self, .close = close };
	snprintf(contender->name, sizeof(contender->name), "%s", name);
	if (!self)
		contender_give_up(contender, "%s", strerror(err));
	return contender;
}

/* Of all threads. */
static uint64_t cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static void take_sample(struct contender *contender, unsigned round)
{
	if (contender->why_not[0])
		return;
	if (round == 1) /* drop those of the warm-up */
		contender->singles.n = 0;
	const uint64_t start = clock_ns(), cpu = cpu_ns();
	double value = contender->sample(contender);
	if (round > 0)
		series_add(
			&contender->used, (double)(cpu_ns() - cpu) / (double)(clock_ns() - start));
	if (value < 0)
		contender_give_up(contender, "%s", strerror((int)-value));
	else if (round > 0)
		series_add(&contender->samples, value);
}

static void run_round(struct contest *contest, unsigned round)
{
	for (unsigned i = 0; i < contest->n; i++) {
		if (contest->fresh_length > 0)
			ready_memory(contest->fresh_length);
		take_sample(&contest->contenders[(i + round) % contest->n], round);
	}
}

static bool is_over(struct contest *contest, uint64_t deadline)
{
	if (contest->contenders[0].why_not[0])
		return true;
	if (interrupt_came())
		return true;
	if (contest->n_rounds < LEAST_ROUNDS)
		return false;
	return contest_spread(contest) < STEADY || clock_ns() >= deadline;
}

void contest_run(struct contest *contest, const char *id, uint64_t deadline)
{
	progress_show("%s: warming up", id);
	run_round(contest, 0);
	while (!is_over(contest, deadline)) {
		contest->n_rounds++;
		run_round(contest, contest->n_rounds);
		progress_show("%s: round %u, %.2f, spread %.1f %%", id, contest->n_rounds,
			contest_ratio(contest), 100 * contest_spread(contest));
	}
	progress_clear();
}

bool contest_is_whole(const struct contest *contest)
{
	return contest->n_rounds >= LEAST_ROUNDS || !interrupt_came();
}

double contest_ratio(struct contest *contest)
{
	struct contender *ours = &contest->contenders[0],
			 *against = &contest->contenders[contest->against];
	if (contest->n == 0 || ours->why_not[0] || against->why_not[0])
		return NAN;
	return series_median(&ours->samples) / series_median(&against->samples);
}

double contest_spread(struct contest *contest)
{
	return fmax(series_spread(&contest->contenders[0].samples),
		series_spread(&contest->contenders[contest->against].samples));
}

void contest_finish(struct contest *contest)
{
	for (unsigned i = 0; i < contest->n; i++) {
		struct contender *contender = &contest->contenders[i];
		if (contender->close && contender->self)
			contender->close(contender->self);
		series_finish(&contender->samples);
		series_finish(&contender->singles);
		series_finish(&contender->used);
	}
	if (contest->detach)
		contest->detach(contest->attached);
	*contest = (struct contest){ .n = 0 };
}
