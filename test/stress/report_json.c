/* SPDX-License-Identifier: MIT */
/* What a program reads: one JSON object. Every string in it is one of ours, and needs no quoting.
 * Names are those of the tables, with underscores. */
#include "report.h"

#include "client.h"
#include "server.h"
#include "stress_options.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void print_key(const char *name)
{
	putchar('"');
	for (; *name; name++)
		putchar(*name == ' ' ? '_' : *name);
	fputs("\":", stdout);
}

static void print_number(const char *name, uint64_t value)
{
	print_key(name);
	printf("%" PRIu64 ",", value);
}

static void print_bool(const char *name, bool value)
{
	print_key(name);
	printf("%s,", value ? "true" : "false");
}

static void print_latency(const char *name, const struct histogram *histogram)
{
	print_key(name);
	printf("{\"count\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p99_9\":%" PRIu64
	       "},",
		histogram_count(histogram), histogram_quantile(histogram, 0.5),
		histogram_quantile(histogram, 0.99), histogram_quantile(histogram, 0.999));
}

static void print_options(const struct outcome *outcome)
{
	const struct options *options = outcome->server->options;
	printf("\"version\":\"%s\",\"loop\":\"%s\",", UFFD_GUARD_VERSION,
		outcome->uses_uring ? "uring" : "poll");
	printf("\"mode\":\"%s\",", mode_names[options->mode]);
	print_number("budget", options->budget);
	print_number("user", geteuid());
	print_bool("kernel_faults", outcome->kernel_faults);
	print_number("clients", options->n_clients);
	print_number("readers", options->n_readers);
	print_number("regions", options->n_regions);
	print_number("size", options->size);
	print_number("seed", options->seed);
	print_number("ns", outcome->ns);
}

static void print_experiment(const struct experiment *experiment)
{
	if (!experiment->was_made)
		fputs("null", stdout);
	else
		printf("{\"killed_by\":%d,\"sigbus\":%s,\"ns\":%" PRIu64 "}", experiment->signal,
			experiment->signal == SIGBUS ? "true" : "false", experiment->ns);
}

static void print_attacks(const struct outcome *outcome)
{
	const struct server *server = outcome->server;
	const struct control *control = server->control;
	fputs("\"attacks\":{", stdout);
	for (unsigned i = 0; i < N_ATTACKS; i++) {
		if (!(server->options->attacks & 1u << i))
			continue;
		uint64_t n_done = 0;
		for (uint32_t file = 0; file < control->n_files; file++)
			n_done += atomic_load(&control->files[file].n_done[i]);
		print_key(attack_name((enum attack)i));
		putchar('{');
		print_number("done", n_done);
		print_number("pages_lost", atomic_load(&server->pages_lost[i]));
		fputs("\"plain_mapping\":", stdout);
		print_experiment(&outcome->experiments[i]);
		fputs("},", stdout);
	}
	printf("\"none\":{\"pages_lost\":%" PRIu64 "}},",
		atomic_load(&server->pages_lost[ATTACK_NONE]));
}

static void print_judge(const struct judge *judge)
{
	fputs("\"found\":{", stdout);
	for (unsigned i = 0; i < N_VIOLATIONS; i++)
		print_number(violation_name((enum violation)i), atomic_load(&judge->violations[i]));
	printf("\"all\":%" PRIu64 "},\"judged\":{", judge_violations(judge));
	for (unsigned i = 0; i < N_CHECKS; i++)
		print_number(check_name((enum check)i), atomic_load(&judge->checks[i]));
	print_number("words zero", atomic_load(&judge->n_zeros));
	printf("\"words_cut\":%" PRIu64 ",", atomic_load(&judge->n_cuts));
	printf("\"words_split\":%" PRIu64 "},", atomic_load(&judge->n_splits));
}

static void print_stats(const struct outcome *outcome)
{
	const struct uffd_guard_stats *stats = &outcome->stats;
	const struct server *server = outcome->server;
	print_number("faults", stats->faults);
	print_number("wakeups", stats->wakeups);
	print_number("pages_copied", stats->pages_copied);
	print_number("pages_zeroed", stats->pages_zeroed);
	print_number("bytes_read", stats->bytes_read);
	print_number("bytes_refreshed", stats->bytes_refreshed);
	print_number("bytes_resident", stats->bytes_resident);
	print_number("most_resident", atomic_load(&server->judge.most_resident));
	print_number("pages_evicted", stats->pages_evicted);
	print_number("losses", stats->losses);
	print_number("events", stats->events);
	print_number("retries", stats->retries);
	print_number("maps", atomic_load(&server->n_maps));
	fputs("\"bytes_lost\":{", stdout);
	for (unsigned i = 0; i < N_LOSS_REASONS; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", loss_reason_names[i],
			atomic_load(&server->bytes_lost[i]));
	fputs("},", stdout);
}

static void print_growth(const struct growth *growth)
{
	fputs("\"quarters\":[", stdout);
	for (unsigned i = 0; i < GROWTH_QUARTERS; i++) {
		const struct holdings *most = &growth->most[i];
		printf("%s{\"samples\":%u,\"rss\":%" PRIu64 ",\"rss_anon\":%" PRIu64
		       ",\"open_files\":%" PRIu64 "}",
			i ? "," : "", growth->n_samples[i], most->rss, most->rss_anon, most->n_fds);
	}
	fputs("],", stdout);
}

void report_print_json(const struct outcome *outcome)
{
	struct histogram handler = { .counts = { 0 } };
	report_handler_histogram(&outcome->stats, &handler);

	putchar('{');
	print_options(outcome);
	print_attacks(outcome);
	print_judge(&outcome->server->judge);
	print_latency("first_touch_ns", &outcome->server->first_touch);
	print_latency("fault_ns", &handler);
	print_number("longest_load_ns", watchdog_longest_load(&outcome->server->watchdog));
	print_stats(outcome);
	print_growth(&outcome->server->growth);
	print_number("dead_clients", report_dead_clients(outcome));
	printf("\"max_rss\":%" PRIu64 "}\n", outcome->max_rss);
}
