/* SPDX-License-Identifier: MIT */
/* Show text without a screen: a line for each interval under a heading, or one page. */
#include "views.h"

#include "format.h"
#include "text_page.h"

#include <stdio.h>

/* ---- Lines ---- */

static int begin_lines(void)
{
	printf("%8s %8s %8s %8s %10s %10s %8s %8s %10s %8s %8s\n", "faults/s", "copied/s",
		"moved/s", "zeros/s", "read/s", "refresh/s", "evict/s", "losses", "resident",
		"p50<", "p99<");
	return 0;
}

static void show_line(
	const struct process *process, struct interval *interval, struct options *options)
{
	const struct stats *change = &interval->change.named;
	const struct latency *latency = &interval->latency;
	char t[10][FORMAT_LETTERS];
	(void)process;
	(void)options;
	printf("%8s %8s %8s %8s %10s %10s %8s %8llu %10s %8s %8s\n",
		format_count(t[0], interval_rate(interval, change->faults)),
		format_count(t[1], interval_rate(interval, change->pages_copied)),
		format_count(t[2], interval_rate(interval, change->pages_moved)),
		format_count(t[3], interval_rate(interval, change->pages_zeroed)),
		format_bytes(t[4], interval_rate(interval, change->bytes_read)),
		format_bytes(t[5], interval_rate(interval, change->bytes_refreshed)),
		format_count(t[6], interval_rate(interval, change->pages_evicted)),
		(unsigned long long)change->losses,
		format_bytes(t[7], (double)interval->now.named.bytes_resident),
		latency->n_faults ? format_ns(t[8], latency->p50) : "-",
		latency->n_faults ? format_ns(t[9], latency->p99) : "-");
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
	page_compose(process, interval, print_line, NULL);
}

const struct view view_page = { .show = show_page, .wait = view_wait };
