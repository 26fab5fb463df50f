/* SPDX-License-Identifier: MIT */
/* Report as one JSON object, for programs. Times are nanoseconds. Values that were not measured are
 * null. */
#include "bench_report.h"

#include "cli/cli.h"
#include "cli/json.h"

#include "peer.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct json json;
static const char *open_list; /* name of the list that is being written, or NULL */

static void close_list(void)
{
	if (open_list)
		json_end_array(&json);
	open_list = NULL;
}

/* Begin an item of the list of that name, which is opened for its first item. */
static void begin_item(const char *list)
{
	if (!open_list || strcmp(open_list, list) != 0) {
		close_list();
		json_new_line(&json);
		json_begin_array(&json, list);
		open_list = list;
	}
	json_new_line(&json);
}

static void write_error(int err)
{
	json_put_string(&json, "error", err ? strerror(-err) : NULL);
}

static const struct options *options; /* of this run */

static void begin(const struct bench *bench)
{
	options = bench->options;
	struct utsname system;
	const uint32_t features = uffd_guard_features(bench->guard);
	uname(&system);
	json = (struct json){ .file = stdout };
	json_begin_object(&json, NULL);
	json_put_string(&json, "version", UFFD_GUARD_VERSION);
	json_put_string(&json, "system", system.release);
	json_put_string(&json, "machine", system.machine);
	json_put_integer(&json, "processors", sysconf(_SC_NPROCESSORS_ONLN));
	json_put_string(&json, "loop", features & UFFD_GUARD_FEATURE_IO_URING ? "uring" : "poll");
	json_put_bool(&json, "wl_shm", peer_wl_shm.open);
	json_put_bool(&json, "kernel_faults", features & UFFD_GUARD_FEATURE_KERNEL_FAULTS);
	json_put_bool(&json, "move", features & UFFD_GUARD_FEATURE_MOVE);
	json_begin_object(&json, "frame");
	json_put_unsigned(&json, "width", bench->options->frame.width);
	json_put_unsigned(&json, "height", bench->options->frame.height);
	json_put_unsigned(&json, "bytes", bench->frame_length);
	json_end_object(&json);
}

static void write_figures(struct contender *contender)
{
	if (contender->singles.n > 0) {
		json_put_real(&json, "p50", series_median(&contender->singles));
		json_put_real(&json, "p99", series_quantile(&contender->singles, 0.99));
	}
	json_put_real(&json, "used", series_median(&contender->used));
	json_put_real(&json, "spread", series_spread(&contender->samples));
	json_put_real(&json, "median", series_median(&contender->samples));
	json_put_unsigned(&json, "samples", contender->samples.n);
}

static void write_contender(struct contender *contender)
{
	json_new_line(&json);
	json_begin_object(&json, NULL);
	json_put_string(&json, "name", contender->name);
	if (contender->why_not[0]) {
		json_put_string(&json, "error", contender->why_not);
		json_put_null(&json, "median");
	} else {
		write_figures(contender);
	}
	json_end_object(&json);
}

static const char *const unit_names[] = {
	[UNIT_NS] = "ns",
	[UNIT_BYTES] = "bytes",
	[UNIT_TIMES] = "times",
};

static void write_row(const struct row *row, struct contest *contest, int err)
{
	const double ratio = contest_ratio(contest), target = row_target(row, options);
	begin_item("rows");
	json_begin_object(&json, NULL);
	json_put_string(&json, "id", row->id);
	json_put_string(&json, "title", row->title);
	json_put_string(&json, "unit", unit_names[row->unit]);
	json_put_real(&json, "target", target);
	json_put_bool(&json, "disturbed", contest->is_disturbed);
	json_put_real(&json, "ratio", ratio);
	json_put_real(&json, "spread", isnan(ratio) ? NAN : contest_spread(contest));
	json_put_string(&json, "verdict", isnan(ratio) ? "n/a" : ratio <= target ? "ok" : "miss");
	if (contest->n)
		json_put_string(&json, "against", contest->contenders[contest->against].name);
	json_begin_array(&json, "contenders");
	for (unsigned i = 0; i < contest->n; i++)
		write_contender(&contest->contenders[i]);
	json_end_array(&json);
	write_error(err);
	json_end_object(&json);
	cli_flush_output();
}

static void write_faults(struct fault_growth *growth)
{
	begin_item("faults");
	json_begin_object(&json, NULL);
	json_put_string(&json, "name", growth->name);
	json_put_unsigned(&json, "regions", growth->n_regions);
	json_put_unsigned(&json, "readers", growth->n_readers);
	json_put_string(
		&json, "handler_on", growth->place == PLACE_SAME_CORE ? "same core" : "any core");
	json_put_real(&json, "p50", series_median(&growth->singles));
	json_put_real(&json, "p99", series_quantile(&growth->singles, 0.99));
	json_put_unsigned(&json, "samples", growth->singles.n);
	write_error(growth->err);
	json_end_object(&json);
}

static void write_cost(const struct cost_growth *growth)
{
	begin_item("growth");
	json_begin_object(&json, NULL);
	json_put_string(&json, "title", growth->title);
	json_put_string(&json, "unit", growth->unit);
	json_put_real(&json, "exponent", growth->n_points > 1 ? growth->exponent : NAN);
	json_put_real(&json, "expected", growth->expected);
	json_put_string(&json, "verdict",
		growth->n_points < 2		  ? "n/a"
		: growth_is_hidden_factor(growth) ? "miss"
						  : "ok");
	json_begin_array(&json, "points");
	for (unsigned i = 0; i < growth->n_points; i++) {
		json_begin_array(&json, NULL);
		json_put_real(&json, NULL, growth->n[i]);
		json_put_real(&json, NULL, growth->ns[i]);
		json_end_array(&json);
	}
	json_end_array(&json);
	write_error(growth->err);
	json_end_object(&json);
}

static void write_clients(const struct client_cost *cost)
{
	begin_item("clients");
	json_begin_object(&json, NULL);
	json_put_unsigned(&json, "clients", cost->n_clients);
	json_put_unsigned(&json, "threads", cost->n_threads);
	json_put_real(&json, "commit", cost->err ? NAN : cost->commit_ns);
	json_put_real(&json, "commit_cpu", cost->err ? NAN : cost->commit_cpu_ns);
	json_put_real(&json, "fault", cost->err || !cost->fault_ns ? NAN : cost->fault_ns);
	json_put_real(&json, "bytes", cost->err ? NAN : cost->client_bytes);
	write_error(cost->err);
	json_end_object(&json);
	cli_flush_output();
}

static void write_chart(const char *path)
{
	begin_item("charts");
	json_put_string(&json, NULL, path);
}

static void end(bool is_interrupted)
{
	close_list();
	json_new_line(&json);
	json_put_bool(&json, "interrupted", is_interrupted);
	json_end_object(&json);
	json_finish(&json);
}

const struct report report_json = {
	.begin = begin,
	.row = write_row,
	.faults = write_faults,
	.cost = write_cost,
	.clients = write_clients,
	.chart = write_chart,
	.end = end,
};
