/* SPDX-License-Identifier: MIT */
/* Report for people: a line for each row, and below it all its contenders. */
#include "bench_report.h"

#include "cli/cli.h"

#include "peer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define WIDTH 100

static enum { IN_NOTHING, IN_ROWS, IN_FAULTS, IN_COSTS, IN_CLIENTS } section;

/* Print 10 microseconds and more as microseconds, so that four digits suffice. */
static const char *format_ns(double ns, char *text, size_t size)
{
	if (isnan(ns))
		snprintf(text, size, "n/a");
	else if (ns < 10000)
		snprintf(text, size, "%.0f ns", ns);
	else
		snprintf(text, size, ns < 100000 ? "%.1f \u00b5s" : "%.0f \u00b5s", ns / 1000);
	return text;
}

static const char *format_value(enum unit unit, double value, char *text, size_t size)
{
	if (unit == UNIT_NS || isnan(value))
		return format_ns(value, text, size);
	if (unit == UNIT_TIMES)
		snprintf(text, size, "%.2f x", value);
	else
		snprintf(text, size, "%.0f KiB", value / 1024);
	return text;
}

/* printf() counts bytes, and the micro sign has two. */
static void print_right(const char *text, int width)
{
	width += strstr(text, "\u00b5") != NULL;
	printf("%*s", width, text);
}

/* ---- Header ---- */

static const struct options *options; /* of this run */

static void begin(const struct bench *bench)
{
	options = bench->options;
	struct utsname system;
	uint32_t features = uffd_guard_features(bench->guard);
	uname(&system);
	printf("uffd-guard-bench %s on Linux %s, %ld processors\n", UFFD_GUARD_VERSION,
		system.release, sysconf(_SC_NPROCESSORS_ONLN));
	printf("Frame %ux%u, %.1f MB; handler waits with %s; faults from system calls %s\n",
		bench->options->frame.width, bench->options->frame.height,
		(double)bench->frame_length / 1e6,
		features & UFFD_GUARD_FEATURE_IO_URING ? "io_uring" : "poll",
		features & UFFD_GUARD_FEATURE_KERNEL_FAULTS ? "allowed" : "denied");
	if (!peer_wl_shm.open)
		puts("Not built: wl_shm (there was no libwayland)");
}

/* ---- Rows ---- */

static void begin_rows(void)
{
	if (section == IN_ROWS)
		return;
	section = IN_ROWS;
	printf("\n%-4s %-40s%11s%11s%8s%8s%8s\n", "", "what / against what", "ours", "against",
		"ratio", "target", "spread");
}

static double median_of(struct contender *contender)
{
	return contender->why_not[0] ? NAN : series_median(&contender->samples);
}

static void print_why_not(const struct row *row, const char *why_not)
{
	printf("%-4s %-40s  n/a: %s\n", row->id, row->title, why_not);
}

static void print_headline(const struct row *row, struct contest *contest)
{
	char text[32];
	const double ratio = contest_ratio(contest), target = row_target(row, options);
	printf("%-4s %-40s", row->id, row->title);
	print_right(format_value(row->unit, median_of(&contest->contenders[0]), text, sizeof(text)),
		11);
	print_right(format_value(row->unit, median_of(&contest->contenders[contest->against]), text,
			    sizeof(text)),
		11);
	printf("%8.3g%8.3g%6.1f %%  %s\n", ratio, target, 100 * contest_spread(contest),
		contest->is_disturbed ? "disturbed"
		: ratio <= target     ? "ok"
				      : "MISS");
}

static void format_contender(
	const struct row *row, struct contender *contender, char *text, size_t size)
{
	char value[32];
	const char *p99 = "";
	char singles[80] = "";
	if (contender->why_not[0]) {
		snprintf(text, size, "%s: %s", contender->name, contender->why_not);
		return;
	}
	if (contender->singles.n > 0) {
		char low[32], high[32];
		p99 = singles;
		snprintf(singles, sizeof(singles), " (p50 %s, p99 %s)",
			format_ns(series_median(&contender->singles), low, sizeof(low)),
			format_ns(series_quantile(&contender->singles, 0.99), high, sizeof(high)));
	}
	snprintf(text, size, "%s %s%s, %.2f cpu", contender->name,
		format_value(row->unit, median_of(contender), value, sizeof(value)), p99,
		series_median(&contender->used));
}

/* Print all contenders, in as many lines as needed. */
static void print_contenders(const struct row *row, struct contest *contest)
{
	size_t column = 0;
	for (unsigned i = 0; i < contest->n; i++) {
		char text[256];
		format_contender(row, &contest->contenders[i], text, sizeof(text));
		if (column + strlen(text) > WIDTH && column > 0) {
			fputs(";\n", stdout);
			column = 0;
		}
		column += (size_t)printf("%s%s", column ? "; " : "       ", text);
	}
	putchar('\n');
}

static void print_row(const struct row *row, struct contest *contest, int err)
{
	struct contender *ours = &contest->contenders[0],
			 *against = &contest->contenders[contest->against];
	begin_rows();
	if (err) {
		print_why_not(row, strerror(-err));
	} else if (ours->why_not[0]) {
		print_why_not(row, ours->why_not);
	} else if (against->why_not[0]) {
		print_why_not(row, against->why_not);
		print_contenders(row, contest);
	} else {
		print_headline(row, contest);
		print_contenders(row, contest);
	}
	cli_flush_output();
}

/* ---- Growth ---- */

static void print_faults(struct fault_growth *growth)
{
	char text[32];
	if (section != IN_FAULTS)
		printf("\n%-24s%10s%10s%12s%12s%10s\n", "Single faults", "regions", "readers",
			"p50", "p99", "faults");
	section = IN_FAULTS;
	printf("%-24s%10u%10u%12s", growth->name, growth->n_regions, growth->n_readers,
		growth->place == PLACE_SAME_CORE ? "same core" : "any core");
	if (growth->err) {
		printf("  n/a: %s\n", strerror(-growth->err));
		return;
	}
	print_right(format_ns(series_median(&growth->singles), text, sizeof(text)), 12);
	print_right(format_ns(series_quantile(&growth->singles, 0.99), text, sizeof(text)), 12);
	printf("%10zu\n", growth->singles.n);
	cli_flush_output();
}

static void print_exponent(const struct cost_growth *growth)
{
	const unsigned last = growth->n_points - 1;
	char range[40], text[32];
	snprintf(range, sizeof(range), "%.0f to %.0f %s", growth->n[0], growth->n[last],
		growth->unit);
	printf("%-38s%24s", growth->title, range);
	print_right(format_ns(growth->ns[0], text, sizeof(text)), 11);
	print_right(format_ns(growth->ns[last], text, sizeof(text)), 11);
	printf("%8.2f%6.0f  %s\n", growth->exponent, growth->expected,
		growth_is_hidden_factor(growth) ? "MISS" : "ok");
}

static void print_points(const struct cost_growth *growth)
{
	char text[32];
	size_t column = 0;
	for (unsigned i = 0; i < growth->n_points; i++) {
		if (column > WIDTH - 20) {
			fputs(",\n", stdout);
			column = 0;
		}
		column += (size_t)printf("%s%.0f: %s", column ? ", " : "       ", growth->n[i],
			format_ns(growth->ns[i], text, sizeof(text)));
	}
	if (growth->n_points > 0)
		putchar('\n');
}

static void print_cost(const struct cost_growth *growth)
{
	if (section != IN_COSTS)
		printf("\n%-38s%24s%11s%11s%8s%8s\n", "As work grows", "from n to n", "first",
			"last", "slope", "expect");
	section = IN_COSTS;
	if (growth->n_points > 1)
		print_exponent(growth);
	else
		printf("%-38s  n/a\n", growth->title);
	if (growth->err)
		printf("       stopped early: %s\n", strerror(-growth->err));
	print_points(growth);
	cli_flush_output();
}

static void print_clients(const struct client_cost *cost)
{
	char text[32];
	if (section != IN_CLIENTS)
		printf("\n%-10s%9s%16s%16s%16s%16s\n", "Clients", "threads", "from commit",
			"processor time", "from fault", "bytes kept");
	if (section != IN_CLIENTS)
		printf("%-10s%9s%16s%16s%16s%16s\n", "", "", "to commit", "of a commit", "to fault",
			"for a client");
	section = IN_CLIENTS;
	printf("%-10u%9u", cost->n_clients, cost->n_threads);
	if (cost->err) {
		printf("  n/a: %s\n", strerror(-cost->err));
		return;
	}
	print_right(format_ns(cost->commit_ns, text, sizeof(text)), 16);
	print_right(format_ns(cost->commit_cpu_ns, text, sizeof(text)), 16);
	print_right(cost->fault_ns ? format_ns(cost->fault_ns, text, sizeof(text)) : "", 16);
	printf("%16.0f\n", cost->client_bytes);
	cli_flush_output();
}

static void print_chart(const char *path)
{
	printf("%s%s\n", section == IN_NOTHING ? "" : "\n", path);
	section = IN_NOTHING;
}

static void end(bool is_interrupted)
{
	if (is_interrupted)
		puts("\nInterrupted: what stands above was measured until then");
}

const struct report report_table = {
	.begin = begin,
	.row = print_row,
	.faults = print_faults,
	.cost = print_cost,
	.clients = print_clients,
	.chart = print_chart,
	.end = end,
};
