/* SPDX-License-Identifier: MIT */
/* Show text without a screen: a line for each interval under a heading, or one page. */
#include "views.h"

#include "cli/terminal.h"

#include "columns.h"
#include "format.h"
#include "text_page.h"

#include <stdio.h>
#include <unistd.h>

#define LINE_LETTERS 256

/* ---- Lines ---- */

static const struct column columns[] = {
	{ "faults/s", 8, false, 0 },
	{ "copied/s", 8, false, 8 },
	{ "moved/s", 8, false, 9 },
	{ "zeros/s", 8, false, 10 },
	{ "read/s", 8, false, 5 },
	{ "refresh/s", 9, false, 7 },
	{ "evict/s", 7, false, 6 },
	{ "losses", 7, false, 1 },
	{ "resident", 8, false, 2 },
	{ "p50<", 8, false, 4 },
	{ "p99<", 8, false, 3 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static unsigned order; /* of the heading that was printed last */

static void print_columns(const char *const *texts)
{
	char line[LINE_LETTERS];
	columns_write(columns, N_COLUMNS, order, texts, line, sizeof(line));
	puts(line);
}

static int begin_lines(void)
{
	order = columns_that_fit(columns, N_COLUMNS, terminal_columns(STDOUT_FILENO));
	print_columns(NULL);
	return 0;
}

static void show_line(
	const struct process *process, struct interval *interval, struct options *options)
{
	const struct stats *change = &interval->change.named;
	const struct latency *latency = &interval->latency;
	char t[N_COLUMNS][FORMAT_LETTERS];
	(void)process;
	(void)options;
	if (order != columns_that_fit(columns, N_COLUMNS, terminal_columns(STDOUT_FILENO)))
		begin_lines(); /* the terminal has another size */
	snprintf(t[7], sizeof(t[7]), "%llu", (unsigned long long)change->losses);
	const char *const texts[N_COLUMNS] = {
		format_count(t[0], interval_rate(interval, change->faults)),
		format_count(t[1], interval_rate(interval, change->pages_copied)),
		format_count(t[2], interval_rate(interval, change->pages_moved)),
		format_count(t[3], interval_rate(interval, change->pages_zeroed)),
		format_bytes(t[4], interval_rate(interval, change->bytes_read)),
		format_bytes(t[5], interval_rate(interval, change->bytes_refreshed)),
		format_count(t[6], interval_rate(interval, change->pages_evicted)),
		t[7],
		format_bytes(t[8], (double)interval->now.named.bytes_resident),
		latency->n_faults ? format_ns(t[9], latency->p50) : "-",
		latency->n_faults ? format_ns(t[10], latency->p99) : "-",
	};
	print_columns(texts);
}

const struct view view_lines = { .begin = begin_lines, .show = show_line, .wait = view_wait };

/* ---- A page ---- */

static void print_line(enum line_style style, const char *text, void *data)
{
	(void)style;
	(void)data;
	puts(text);
}

static void show_page(
	const struct process *process, struct interval *interval, struct options *options)
{
	interval_sort(interval, options->sort);
	page_compose(process, interval, terminal_columns(STDOUT_FILENO), print_line, NULL);
}

const struct view view_page = { .show = show_page, .wait = view_wait };
