/* SPDX-License-Identifier: MIT */
/* Report for people: a line each second, and tables at the end. */
#include "report.h"

#include "cli/progress.h"

#include "stress_client.h"
#include "stress_options.h"
#include "stress_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const loss_reason_names[N_LOSS_REASONS] = { "truncated", "io_error", "timed_out",
	"no_memory", "handler" };

#define KIB ((double)(1 << 10))
#define MIB ((double)(1 << 20))

/* ---- Parts ---- */

void report_handler_histogram(const struct uffd_guard_stats *stats, struct histogram *histogram)
{
	for (unsigned i = 0; i < sizeof(stats->fault_ns) / sizeof(stats->fault_ns[0]); i++)
		histogram_add_octave(histogram, i, stats->fault_ns[i]);
}

unsigned report_dead_clients(const struct outcome *outcome)
{
	unsigned n = 0;
	for (unsigned i = 0; i < outcome->server->options->n_clients; i++)
		n += outcome->clients[i].has_died != 0;
	return n;
}

static double us(const struct histogram *histogram, double share)
{
	return (double)histogram_quantile(histogram, share) / 1e3;
}

static void print_latency(const char *name, const struct histogram *histogram)
{
	printf("%-34s %12" PRIu64 "   p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n", name,
		histogram_count(histogram), us(histogram, 0.5), us(histogram, 0.99),
		us(histogram, 0.999));
}

uint64_t report_attacks_done(const struct control *control, enum attack attack)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < control->n_files; i++)
		n += atomic_load(&control->files[i].n_done[attack]);
	return n;
}

static void print_attacks(const struct outcome *outcome)
{
	const struct server *server = outcome->server;
	printf("\n%-34s %12s %16s   %s\n", "attack", "done", "pages lost (*)", "a plain mapping");
	for (unsigned i = 0; i < N_ATTACKS; i++) {
		if (!(server->options->attacks & 1u << i))
			continue;
		char fate[64];
		experiment_describe(&outcome->experiments[i], fate, sizeof(fate));
		printf("%-34s %12" PRIu64 " %16" PRIu64 "   %s\n", attack_name((enum attack)i),
			report_attacks_done(server->control, (enum attack)i),
			atomic_load(&server->pages_lost[i]), fate);
	}
	printf("%-34s %12s %16" PRIu64 "\n", "(a region longer than its file)", "",
		atomic_load(&server->pages_lost[ATTACK_NONE]));
	puts("(*) past the end of the file: SIGBUS, had it been a plain mapping");
}

static void print_host(const struct outcome *outcome)
{
	const struct server *server = outcome->server;
	if (!server->options->host)
		return;
	printf("\n%-34s %12s\n", "attack of the host", "done");
	for (unsigned i = 0; i < N_HOST_ATTACKS; i++) {
		if (server->options->host & 1u << i)
			printf("%-34s %12" PRIu64 "\n", host_attack_name((enum host_attack)i),
				host_attacks_done(&server->host, (enum host_attack)i));
	}
}

static const char *why_never(const struct outcome *outcome, enum check check)
{
	const struct options *options = outcome->server->options;
	if (check == CHECK_BUDGET && !options->budget)
		return "  (no --budget)";
	if (check == CHECK_HOST && !options->host)
		return "  (no --host)";
	if (check == CHECK_GROWTH && options->seconds < GROWTH_LEAST_SECONDS)
		return "  (in runs of 60 s)";
	if (check == CHECK_GROWTH && outcome->is_interrupted)
		return "  (interrupted)";
	if (check == CHECK_WHOLE && options->budget && options->mode == MODE_EAGER)
		return "  (the budget is too small)";
	return "  NEVER CHECKED";
}

static void print_checks(const struct outcome *outcome)
{
	const struct judge *judge = &outcome->server->judge;
	printf("\n%-34s %12s   %-24s %16s\n", "violation", "found", "judged", "how many");
	for (unsigned i = 0; i < N_VIOLATIONS; i++) {
		enum check check = violation_check((enum violation)i);
		uint64_t n = atomic_load(&judge->checks[check]);
		printf("%-34s %12" PRIu64 "   %-24s %16" PRIu64 "%s\n",
			violation_name((enum violation)i), atomic_load(&judge->violations[i]),
			check_name(check), n, n ? "" : why_never(outcome, check));
	}
	printf("of the words judged, zero %" PRIu64 ", cut by the end of a file %" PRIu64 ",\n"
	       "  split by a read across it %" PRIu64 "\n",
		atomic_load(&judge->n_zeros), atomic_load(&judge->n_cuts),
		atomic_load(&judge->n_splits));
}

static void print_count(const char *name, uint64_t count)
{
	printf("%-34s %12" PRIu64 "\n", name, count);
}

static void print_bytes(const char *name, uint64_t bytes)
{
	printf("%-34s %12.1f MiB\n", name, (double)bytes / MIB);
}

static void print_work(const struct outcome *outcome)
{
	const struct uffd_guard_stats *stats = &outcome->stats;
	const struct server *server = outcome->server;
	struct histogram handler = { .counts = { 0 } };
	report_handler_histogram(stats, &handler);

	putchar('\n');
	print_latency("first touch, as the reader sees it", &server->first_touch);
	printf("%-34s %12s   %.0f ms\n", "longest load", "",
		(double)watchdog_longest_load(&server->watchdog) / 1e6);
	print_count("late for want of a processor", atomic_load(&server->watchdog.n_excused));
	print_latency("fault, from message to wake-up", &handler);
	printf("%-34s %12" PRIu64 "   %.0f a second\n", "faults", stats->faults,
		(double)stats->faults * 1e9 / (double)outcome->ns);
	print_count("wake-ups of the handler", stats->wakeups);
	print_count("pages copied", stats->pages_copied);
	print_count("pages of zeros", stats->pages_zeroed);
	print_bytes("read", stats->bytes_read);
	print_bytes("refreshed", stats->bytes_refreshed);
	print_count("losses", stats->losses);
	print_count("events", stats->events);
	for (unsigned i = 0; i < N_LOSS_REASONS; i++) {
		if (atomic_load(&server->bytes_lost[i]))
			printf("  bytes lost, %-20s %12" PRIu64 "\n", loss_reason_names[i],
				atomic_load(&server->bytes_lost[i]));
	}
	print_count("fills repeated", stats->retries);
	print_count("regions unmapped and mapped again", atomic_load(&server->n_maps));
	print_bytes("resident in regions", stats->bytes_resident);
	if (server->options->budget) {
		print_bytes("resident in a guard's, at most",
			atomic_load(&server->judge.most_resident));
		print_bytes("own memory beyond the start, at most",
			atomic_load(&server->judge.most_own));
	}
	print_count("pages evicted", stats->pages_evicted);
	print_bytes("resident in the process, at most", outcome->max_rss);
}

/* Print nothing unless the quarters that are compared have samples. */
static void print_growth(const struct outcome *outcome)
{
	const struct growth *growth = &outcome->server->growth;
	const struct holdings *most = growth->most;
	if (!growth->n_samples[0] || !growth->n_samples[1] || !growth->n_samples[3])
		return;
	printf("\n%-34s %12s %12s %12s\n", "the most held in", "quarter 1", "quarter 2",
		"quarter 4");
	printf("%-34s %8.1f MiB %8.1f MiB %8.1f MiB\n", "memory (VmRSS)", (double)most[0].rss / MIB,
		(double)most[1].rss / MIB, (double)most[3].rss / MIB);
	printf("%-34s %8.1f MiB %8.1f MiB %8.1f MiB\n", "memory of its own (RssAnon)",
		(double)most[0].rss_anon / MIB, (double)most[1].rss_anon / MIB,
		(double)most[3].rss_anon / MIB);
	printf("%-34s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", "open files", most[0].n_fds,
		most[1].n_fds, most[3].n_fds);
}

static void print_dead_clients(const struct outcome *outcome)
{
	for (unsigned i = 0; i < outcome->server->options->n_clients; i++) {
		const struct client *client = &outcome->clients[i];
		if (client->has_died && WIFSIGNALED(client->status))
			printf("client %u was killed by a signal: %s\n", i,
				strsignal(WTERMSIG(client->status)));
		else if (client->has_died)
			printf("client %u has ended early\n", i);
	}
}

/* ---- The whole ---- */

static void print_head(const struct outcome *outcome)
{
	const struct options *options = outcome->server->options;
	uint64_t n = judge_violations(&outcome->server->judge);
	printf("uffd-guard-stress %s: ", UFFD_GUARD_VERSION);
	if (n)
		printf("%" PRIu64 " VIOLATIONS", n);
	else
		printf("no violation");
	printf(" in %.1f s\n", (double)outcome->ns / 1e9);
	if (outcome->is_interrupted)
		printf("interrupted after %.1f of %u s\n", (double)outcome->ns / 1e9,
			options->seconds);
	if (options->budget)
		printf("budget %.1f MiB, ", (double)options->budget / MIB);
	printf("mode %s, %u clients, %u readers, %u regions of %.0f KiB, loop %s\n"
	       "user %u, %s, seed %" PRIu64 "\n",
		mode_names[options->mode], options->n_clients, options->n_readers,
		options->n_regions, (double)options->size / KIB,
		outcome->uses_uring ? "uring" : "poll", (unsigned)geteuid(),
		outcome->kernel_faults ? "kernel-mode faults" : "user-mode faults only",
		options->seed);
}

void report_print(const struct outcome *outcome)
{
	print_head(outcome);
	print_attacks(outcome);
	print_host(outcome);
	print_checks(outcome);
	print_work(outcome);
	print_growth(outcome);
	print_dead_clients(outcome);
}

void report_progress(const struct server *server, const struct progress *progress)
{
	const struct histogram *touch = &server->first_touch;
	progress_show("%4.0f s  violations %" PRIu64
		      "  %8.0f faults/s  first touch p50 %.1f p99 %.1f p99.9 %.1f us",
		(double)progress->ns / 1e9, judge_violations(&server->judge),
		progress->faults_per_second, us(touch, 0.5), us(touch, 0.99), us(touch, 0.999));
}
