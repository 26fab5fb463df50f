/* SPDX-License-Identifier: MIT */
/* Report as one JSON object, for programs. Names are those of the tables, with underscores. */
#include "report.h"

#include "cli/json.h"

#include "stress_client.h"
#include "stress_options.h"
#include "stress_server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* @name with underscores for spaces. The next call overwrites it. */
static const char *key(const char *name)
{
	static char text[64];
	snprintf(text, sizeof(text), "%s", name);
	for (char *c = text; *c; c++)
		*c = *c == ' ' ? '_' : *c;
	return text;
}

static void write_latency(struct json *json, const char *name, const struct histogram *histogram)
{
	json_begin_object(json, name);
	json_put_unsigned(json, "count", histogram_count(histogram));
	json_put_unsigned(json, "p50", histogram_quantile(histogram, 0.5));
	json_put_unsigned(json, "p99", histogram_quantile(histogram, 0.99));
	json_put_unsigned(json, "p99_9", histogram_quantile(histogram, 0.999));
	json_end_object(json);
}

static void write_options(struct json *json, const struct outcome *outcome)
{
	const struct options *options = outcome->server->options;
	json_put_string(json, "version", UFFD_GUARD_VERSION);
	json_put_string(json, "loop", outcome->uses_uring ? "uring" : "poll");
	json_put_string(json, "mode", mode_names[options->mode]);
	json_put_unsigned(json, "budget", options->budget);
	json_put_unsigned(json, "user", geteuid());
	json_put_bool(json, "kernel_faults", outcome->kernel_faults);
	json_put_unsigned(json, "clients", options->n_clients);
	json_put_unsigned(json, "readers", options->n_readers);
	json_put_unsigned(json, "regions", options->n_regions);
	json_put_unsigned(json, "size", options->size);
	json_put_unsigned(json, "seed", options->seed);
	json_put_unsigned(json, "seconds", options->seconds);
	json_put_bool(json, "interrupted", outcome->is_interrupted);
	json_put_unsigned(json, "ns", outcome->ns);
}

static void write_experiment(struct json *json, const struct experiment *experiment)
{
	if (!experiment->was_made) {
		json_put_null(json, "plain_mapping");
		return;
	}
	json_begin_object(json, "plain_mapping");
	json_put_integer(json, "killed_by", experiment->signal);
	json_put_bool(json, "sigbus", experiment->signal == SIGBUS);
	json_put_unsigned(json, "ns", experiment->ns);
	json_end_object(json);
}

static void write_attack(struct json *json, const struct outcome *outcome, enum attack attack)
{
	const struct server *server = outcome->server;
	json_begin_object(json, attack_name(attack));
	json_put_unsigned(json, "done", report_attacks_done(server->control, attack));
	json_put_unsigned(json, "pages_lost", atomic_load(&server->pages_lost[attack]));
	write_experiment(json, &outcome->experiments[attack]);
	json_end_object(json);
}

static void write_attacks(struct json *json, const struct outcome *outcome)
{
	const struct server *server = outcome->server;
	json_begin_object(json, "attacks");
	for (unsigned i = 0; i < N_ATTACKS; i++) {
		if (server->options->attacks & 1u << i)
			write_attack(json, outcome, (enum attack)i);
	}
	json_begin_object(json, "none");
	json_put_unsigned(json, "pages_lost", atomic_load(&server->pages_lost[ATTACK_NONE]));
	json_end_object(json);
	json_end_object(json);
}

static void write_host(struct json *json, const struct server *server)
{
	json_begin_object(json, "host");
	for (unsigned i = 0; i < N_HOST_ATTACKS; i++)
		json_put_unsigned(json, host_attack_name((enum host_attack)i),
			host_attacks_done(&server->host, (enum host_attack)i));
	json_end_object(json);
}

static void write_judge(struct json *json, const struct judge *judge)
{
	json_begin_object(json, "found");
	for (unsigned i = 0; i < N_VIOLATIONS; i++)
		json_put_unsigned(json, key(violation_name((enum violation)i)),
			atomic_load(&judge->violations[i]));
	json_put_unsigned(json, "all", judge_violations(judge));
	json_end_object(json);

	json_begin_object(json, "judged");
	for (unsigned i = 0; i < N_CHECKS; i++)
		json_put_unsigned(
			json, key(check_name((enum check)i)), atomic_load(&judge->checks[i]));
	json_put_unsigned(json, "words_zero", atomic_load(&judge->n_zeros));
	json_put_unsigned(json, "words_cut", atomic_load(&judge->n_cuts));
	json_put_unsigned(json, "words_split", atomic_load(&judge->n_splits));
	json_end_object(json);
}

static void write_stats(struct json *json, const struct outcome *outcome)
{
	const struct uffd_guard_stats *stats = &outcome->stats;
	const struct server *server = outcome->server;
	json_put_unsigned(json, "faults", stats->faults);
	json_put_unsigned(json, "wakeups", stats->wakeups);
	json_put_unsigned(json, "pages_copied", stats->pages_copied);
	json_put_unsigned(json, "pages_zeroed", stats->pages_zeroed);
	json_put_unsigned(json, "bytes_read", stats->bytes_read);
	json_put_unsigned(json, "bytes_refreshed", stats->bytes_refreshed);
	json_put_unsigned(json, "bytes_resident", stats->bytes_resident);
	json_put_unsigned(json, "most_resident", atomic_load(&server->judge.most_resident));
	json_put_unsigned(json, "most_own", atomic_load(&server->judge.most_own));
	json_put_unsigned(json, "pages_evicted", stats->pages_evicted);
	json_put_unsigned(json, "losses", stats->losses);
	json_put_unsigned(json, "events", stats->events);
	json_put_unsigned(json, "retries", stats->retries);
	json_put_unsigned(json, "maps", atomic_load(&server->n_maps));
	json_begin_object(json, "bytes_lost");
	for (unsigned i = 0; i < N_LOSS_REASONS; i++)
		json_put_unsigned(json, loss_reason_names[i], atomic_load(&server->bytes_lost[i]));
	json_end_object(json);
}

static void write_growth(struct json *json, const struct growth *growth)
{
	json_begin_array(json, "quarters");
	for (unsigned i = 0; i < GROWTH_QUARTERS; i++) {
		const struct holdings *most = &growth->most[i];
		json_begin_object(json, NULL);
		json_put_unsigned(json, "samples", growth->n_samples[i]);
		json_put_unsigned(json, "rss", most->rss);
		json_put_unsigned(json, "rss_anon", most->rss_anon);
		json_put_unsigned(json, "open_files", most->n_fds);
		json_end_object(json);
	}
	json_end_array(json);
}

void report_print_json(const struct outcome *outcome)
{
	struct json json = { .file = stdout };
	struct histogram handler = { .counts = { 0 } };
	report_handler_histogram(&outcome->stats, &handler);

	json_begin_object(&json, NULL);
	write_options(&json, outcome);
	write_attacks(&json, outcome);
	write_host(&json, outcome->server);
	write_judge(&json, &outcome->server->judge);
	write_latency(&json, "first_touch_ns", &outcome->server->first_touch);
	write_latency(&json, "fault_ns", &handler);
	json_put_unsigned(
		&json, "longest_load_ns", watchdog_longest_load(&outcome->server->watchdog));
	json_put_unsigned(&json, "excused", atomic_load(&outcome->server->watchdog.n_excused));
	write_stats(&json, outcome);
	write_growth(&json, &outcome->server->growth);
	json_put_unsigned(&json, "dead_clients", report_dead_clients(outcome));
	json_put_unsigned(&json, "max_rss", outcome->max_rss);
	json_end_object(&json);
	json_finish(&json);
}
