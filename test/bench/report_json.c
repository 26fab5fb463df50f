/* SPDX-License-Identifier: MIT */
/* What a program reads: one JSON object. Strings of our own need no quoting; paths and what the
 * system says do. Times are nanoseconds. What was not measured is null. */
#include "report.h"

#include "cli/cli.h"

#include "peer.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *open_list; /* the list of results that is being written, or NULL */

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_text(const char *name, const char *text)
{
	printf("\"%s\":", name);
	print_string(text);
	putchar(',');
}

static void print_number(const char *name, double value)
{
	if (isfinite(value))
		printf("\"%s\":%.9g,", name, value);
	else
		printf("\"%s\":null,", name);
}

static void print_error(int err)
{
	fputs("\"error\":", stdout);
	if (err)
		print_string(strerror(-err));
	else
		fputs("null", stdout);
}

static void close_list(void)
{
	if (open_list)
		putchar(']');
	open_list = NULL;
}

/* Results of a kind come one after the other: a list each. */
static void begin_item(const char *list)
{
	if (!open_list || strcmp(open_list, list) != 0) {
		close_list();
		printf(",\n\"%s\":[\n", list);
		open_list = list;
	} else {
		fputs(",\n", stdout);
	}
}

static void begin(const struct bench *bench)
{
	struct utsname system;
	uint32_t features = uffd_guard_features(bench->guard);
	uname(&system);
	putchar('{');
	print_text("version", UFFD_GUARD_VERSION);
	print_text("system", system.release);
	print_text("machine", system.machine);
	print_number("processors", (double)sysconf(_SC_NPROCESSORS_ONLN));
	print_text("loop", features & UFFD_GUARD_FEATURE_IO_URING ? "uring" : "poll");
	printf("\"wl_shm\":%s,\"kernel_faults\":%s,\"move\":%s,",
		peer_wl_shm.open ? "true" : "false",
		features & UFFD_GUARD_FEATURE_KERNEL_FAULTS ? "true" : "false",
		features & UFFD_GUARD_FEATURE_MOVE ? "true" : "false");
	printf("\"frame\":{\"width\":%u,\"height\":%u,\"bytes\":%zu}", bench->options->frame.width,
		bench->options->frame.height, bench->frame_length);
}

static void print_contender(struct contender *contender)
{
	putchar('{');
	print_text("name", contender->name);
	if (contender->why_not[0]) {
		print_text("error", contender->why_not);
		fputs("\"median\":null}", stdout);
		return;
	}
	if (contender->singles.n > 0) {
		print_number("p50", series_median(&contender->singles));
		print_number("p99", series_quantile(&contender->singles, 0.99));
	}
	print_number("spread", series_spread(&contender->samples));
	print_number("median", series_median(&contender->samples));
	printf("\"samples\":%zu}", contender->samples.n);
}

static void print_row(const struct row *row, struct contest *contest, int err)
{
	double ratio = contest_ratio(contest);
	begin_item("rows");
	putchar('{');
	print_text("id", row->id);
	print_text("title", row->title);
	print_text("unit", row->unit == UNIT_NS ? "ns" : "bytes");
	print_number("target", row->target);
	print_number("ratio", ratio);
	print_number("spread", isnan(ratio) ? NAN : contest_spread(contest));
	print_text("verdict", isnan(ratio) ? "n/a" : ratio <= row->target ? "ok" : "miss");
	if (contest->n)
		print_text("against", contest->contenders[contest->against].name);
	fputs("\"contenders\":[", stdout);
	for (unsigned i = 0; i < contest->n; i++) {
		fputs(i ? ",\n  " : "\n  ", stdout);
		print_contender(&contest->contenders[i]);
	}
	fputs("],", stdout);
	print_error(err);
	putchar('}');
	cli_flush_output();
}

static void print_faults(struct fault_growth *growth)
{
	begin_item("faults");
	putchar('{');
	print_text("name", growth->name);
	print_number("regions", growth->n_regions);
	print_number("readers", growth->n_readers);
	print_text("handler_on", growth->place == PLACE_SAME_CORE ? "same core" : "any core");
	print_number("p50", series_median(&growth->singles));
	print_number("p99", series_quantile(&growth->singles, 0.99));
	print_number("samples", (double)growth->singles.n);
	print_error(growth->err);
	putchar('}');
}

static void print_cost(const struct cost_growth *growth)
{
	begin_item("growth");
	putchar('{');
	print_text("title", growth->title);
	print_text("unit", growth->unit);
	print_number("exponent", growth->n_points > 1 ? growth->exponent : NAN);
	print_number("expected", growth->expected);
	print_text("verdict", growth->n_points < 2		? "n/a"
			      : growth_is_hidden_factor(growth) ? "miss"
								: "ok");
	fputs("\"points\":[", stdout);
	for (unsigned i = 0; i < growth->n_points; i++)
		printf("%s[%.0f,%.9g]", i ? "," : "", growth->n[i], growth->ns[i]);
	fputs("],", stdout);
	print_error(growth->err);
	putchar('}');
}

static void print_chart(const char *path)
{
	begin_item("charts");
	print_string(path);
}

static void end(void)
{
	close_list();
	puts("}");
	cli_flush_output();
}

const struct report report_json = {
	.begin = begin,
	.row = print_row,
	.faults = print_faults,
	.cost = print_cost,
	.chart = print_chart,
	.end = end,
};
