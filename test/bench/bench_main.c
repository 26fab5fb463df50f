/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-bench: what a frame, a fault and a pool cost with uffd_guard, with what display
 * servers do today, and at the limit, which is memcpy.
 *
 * Absolute times mean little; ratios of one run do. So all that is compared runs side by side, in
 * turns, and the table prints ratios, their targets, and which of them were missed.
 */
#include "cli/cli.h"
#include "cli/interrupt.h"

#include "bench.h"
#include "bench_growth.h"
#include "bench_options.h"
#include "bench_report.h"
#include "beside.h"
#include "clients.h"
#include "peer.h"
#include "plot.h"
#include "rows.h"

#include "../support/time_ns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void say_why_not(int err)
{
	const char *advice = "";
	if (err == -EPERM || err == -ENOSYS)
		advice = " (userfaultfd is denied here: by the kernel, a container or a seccomp "
			 "filter)";
	else if (err == -EOPNOTSUPP)
		advice = " (io_uring is denied here; try --loop poll)";
	fprintf(stderr, "uffd-guard-bench: cannot run: %s%s\n", strerror(-err), advice);
}

/* Divide the time by weights. */
static int run(struct bench *bench, const struct report *report)
{
	const struct options *options = bench->options;
	const unsigned of_rows = rows_weight(options);
	const unsigned of_growth = bench_options_want(options, "growth") ? GROWTH_WEIGHT : 0;
	const unsigned of_clients = bench_options_want(options, "clients") ? CLIENTS_WEIGHT : 0;
	const unsigned of_plot = options->plot_directory ? PLOT_WEIGHT : 0;
	const uint64_t share =
		options->seconds * NS_PER_S / (of_rows + of_growth + of_clients + of_plot);
	int err = 0;

	report->begin(bench);
	if (of_rows)
		rows_run(bench, report, share * of_rows);
	if (of_growth)
		growth_run(bench, report, share * of_growth);
	if (of_clients)
		clients_run(bench, report, share * of_clients);
	if (of_plot)
		err = plot_run(bench, report, share * of_plot);
	report->end(interrupt_came());
	return err;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct options options;

	int err = bench_options_parse(&options, argc, argv);
	if (err)
		return cli_exit_code(err);
	if (options.plot_directory && plot_prepare(options.plot_directory))
		return EXIT_NOT_RUN;
	interrupt_expect();
	err = beside_begin(options.beside);
	if (!err)
		err = bench_start(&bench, &options);
	if (err) {
		say_why_not(err);
		return EXIT_NOT_RUN;
	}
	peers_settle();
	err = run(&bench, options.json ? &report_json : &report_table);
	bench_finish(&bench);
	beside_end();
	if (cli_finish_output())
		return EXIT_NOT_RUN;
	if (interrupt_came())
		return interrupt_exit_code(interrupt_came());
	return err ? EXIT_NOT_RUN : EXIT_DONE;
}
