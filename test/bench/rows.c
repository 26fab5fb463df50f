/* SPDX-License-Identifier: MIT */
/* Run the rows, each for its share of the time. */
#include "rows.h"

#include "cli/interrupt.h"

#include "../support/time_ns.h"
#include "bench_report.h"
#include "beside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct frame_size frame_sizes[] = {
	{ "720p", { 1280, 720 } },
	{ "1080p", { 1920, 1080 } },
	{ "1440p", { 2560, 1440 } },
	{ "4k", { 3840, 2160 } },
	{ "8k", { 7680, 4320 } },
	{ .name = NULL },
};

static const struct row *const tables[] = { rows_frame, rows_copy, rows_fault, rows_pool };
/* Of a processor, what others may take from a row whose figures are to be believed. */
#define MOST_DISTURBED 0.05

static const char *const other_names[] = { "clients", "growth", "plot" };

double row_target(const struct row *row, const struct options *options)
{
	return options->beside == BESIDE_FREE ? row->target : row->target_busy;
}

#define N_TABLES (sizeof(tables) / sizeof(*tables))
#define N_OTHERS (sizeof(other_names) / sizeof(*other_names))

static bool is_wanted(const struct options *options, const struct row *row)
{
	return bench_options_want(options, row->id) ||
	       (row->group && bench_options_want(options, row->group));
}

unsigned rows_weight(const struct options *options)
{
	unsigned weight = 0;
	for (size_t i = 0; i < N_TABLES; i++) {
		for (const struct row *row = tables[i]; row->id; row++)
			weight += is_wanted(options, row) ? row->weight : 0;
	}
	return weight;
}

static void run_row(
	struct bench *bench, const struct report *report, const struct row *row, uint64_t ns)
{
	static struct contest contest; /* large */
	uint64_t start = clock_ns();
	contest = (struct contest){ .n = 0 };

	const struct others before = others_note();
	int err = row->open(bench, &contest);
	if (!err)
		contest_run(&contest, row->id, start + ns);
	contest.is_disturbed = others_since(&before, bench->options->beside) > MOST_DISTURBED;
	if (err || contest_is_whole(&contest))
		report->row(row, &contest, err);
	contest_finish(&contest);
}

void rows_run(struct bench *bench, const struct report *report, uint64_t ns)
{
	const unsigned weight = rows_weight(bench->options);
	for (size_t i = 0; i < N_TABLES; i++) {
		for (const struct row *row = tables[i]; row->id; row++) {
			if (is_wanted(bench->options, row) && !interrupt_came())
				run_row(bench, report, row, ns * row->weight / weight);
		}
	}
}

static bool is_name(const char *name, size_t length, const char *known)
{
	return known && strlen(known) == length && strncasecmp(name, known, length) == 0;
}

bool rows_have(const char *name, size_t length)
{
	for (size_t i = 0; i < N_TABLES; i++) {
		for (const struct row *row = tables[i]; row->id; row++) {
			if (is_name(name, length, row->id))
				return true;
		}
	}
	for (size_t i = 0; i < N_OTHERS; i++) {
		if (is_name(name, length, other_names[i]))
			return true;
	}
	return false;
}

const char *rows_names(void)
{
	static char names[200];
	size_t n = 0;
	for (size_t i = 0; i < N_TABLES; i++) {
		for (const struct row *row = tables[i]; row->id; row++)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s, ", row->id);
	}
	snprintf(names + n, sizeof(names) - n, "%s, %s and %s", other_names[0], other_names[1],
		other_names[2]);
	return names;
}
