/* SPDX-License-Identifier: MIT */
/* The statistics: for people on standard error, where the compositor's log is, or for programs on
 * standard output. */
#include "run/run_report.h"

#include "cli/json.h"
#include "cli/name.h"

#include "run/run_options.h"
#include "run/run_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uffd_guard.h>

/* ---- Before ---- */

static const char *reason_of(const struct ways *ways)
{
	static char text[192];
	if (ways->serving == SERVING_FOREIGN)
		return "it is no program of the kind that the library is of";
	if (!ways->gets_copies)
		return "it does not use libwayland-server (what it starts was not looked at)";
	snprintf(text, sizeof(text), "it would need copies, and the trial of them failed: %s",
		run_trial_text(ways->trial));
	return text;
}

static void print_copies(const struct check *check, const char *command)
{
	printf("%s can be guarded: %s, and gets copies (tried: %s)\n", command,
		check->ways.serving == SERVING_OWN ? "it has a wl_shm of its own"
						   : "it uses libwayland-server",
		run_trial_text(check->ways.trial));
	if (check->placing == PLACED_BY_NAME)
		puts("it has file capabilities: the library is named without its directory, and "
		     "reads no environment");
	else if (check->placing == PLACED_BY_ITSELF)
		puts("it has file capabilities: the library is there without being asked for");
}

static void print_ways(const struct check *check, const char *command)
{
	const struct ways *ways = &check->ways;
	const bool are_there = ways_are_there(ways, false);
	if (!are_there && !ways_are_there(ways, check->with_mmap))
		printf("%s: NOTHING WOULD BE GUARDED: %s\n", command, reason_of(ways));
	else if (!are_there)
		printf("%s: wl_shm IS NOT GUARDED: %s\n", command, reason_of(ways));
	else if (ways->serving == SERVING_UNKNOWN)
		printf("%s is a script: what it starts can be guarded if that uses wl_shm of "
		       "libwayland-server; --require makes sure\n",
			command);
	else if (ways->gets_copies)
		print_copies(check, command);
	else
		printf("%s can be guarded: %s takes wl_shm from libwayland-server\n", command,
			ways->asker);
	if (check->exit_code == 0 && check->with_mmap && ways->receives_files)
		puts("files that clients pass and it maps for reading, as keymaps: guarded");
}

static void print_machine(uint32_t features)
{
	if (!(features & UFFD_GUARD_FEATURE_LAZY)) {
		puts("memory can be guarded: by copying all of it each time, since userfaultfd is "
		     "denied;\n  uffd-guard-doctor tells who denies it");
		return;
	}
	puts("memory can be guarded: yes");
	printf("system calls may touch it before it was read: %s\n",
		features & UFFD_GUARD_FEATURE_KERNEL_FAULTS ? "yes"
							    : "no, they get EFAULT; loads may");
	printf("huge pages are moved, not copied: %s\n",
		features & UFFD_GUARD_FEATURE_MOVE ? "yes" : "no (needs Linux 6.8)");
}

void report_check_text(const struct check *check, const char *command)
{
	print_machine(check->features);
	printf("compositors with a wl_shm of their own can be given copies: %s%s\n",
		check->ways.trial ? "NO, a trial has failed: " : "yes, ",
		check->ways.trial ? run_trial_text(check->ways.trial) : "tried");
	if (command)
		print_ways(check, command);
}

static void put_command(struct json *json, const struct check *check, const char *command)
{
	static const char *const servings[] = { "unknown", "foreign", "none", "own", "libwayland" };
	static const char *const placings[] = { "path", "name", "itself" };
	const struct ways *ways = &check->ways;
	const bool is_known = command && (check->exit_code || ways->serving != SERVING_UNKNOWN);
	json_put_string(json, "command", command);
	json_put_string(json, "wl_shm", command ? servings[ways->serving] : NULL);
	json_put_string(json, "wl_shm_taken_by", *ways->asker ? ways->asker : NULL);
	json_put_string(json, "placed", command ? placings[check->placing] : NULL);
	if (command)
		json_put_bool(json, "files_guarded",
			check->exit_code == 0 && check->with_mmap && ways->receives_files);
	else
		json_put_null(json, "files_guarded");
	if (is_known)
		json_put_bool(json, "can_be_guarded", check->exit_code == 0);
	else
		json_put_null(json, "can_be_guarded");
}

void report_check_json(const struct check *check, const char *command)
{
	struct json json = { .file = stdout };
	json_begin_object(&json, NULL);
	json_put_bool(&json, "works", check->err == 0);
	json_put_string(&json, "error", check->err ? strerror(-check->err) : NULL);
	json_put_bool(&json, "lazy", check->features & UFFD_GUARD_FEATURE_LAZY);
	json_put_bool(&json, "kernel_faults", check->features & UFFD_GUARD_FEATURE_KERNEL_FAULTS);
	json_put_bool(&json, "move", check->features & UFFD_GUARD_FEATURE_MOVE);
	json_put_bool(&json, "copies", check->err == 0 && check->ways.trial == 0);
	json_put_string(&json, "copies_error",
		check->err == 0 && check->ways.trial ? run_trial_text(check->ways.trial) : NULL);
	put_command(&json, check, command);
	json_end_object(&json);
	json_finish(&json);
}

/* ---- Afterwards ---- */

static uint64_t value_of(const _Atomic uint64_t *counter)
{
	return atomic_load(counter);
}

/* ---- For people ---- */

static void print_bytes(const char *before, const _Atomic uint64_t *counter, const char *after)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double bytes = (double)value_of(counter);
	unsigned unit = 0;
	for (; bytes >= 1024 && unit < 4; unit++)
		bytes /= 1024;
	fprintf(stderr, "%s%.*f %s%s", before, unit > 0, bytes, units[unit], after);
}

/* Names of processes are bytes of the client's choice, and may be orders to a terminal. */
static void print_client(const struct shm_stats_client *client)
{
	char name[SHM_STATS_NAME + 1];
	const int32_t pid = atomic_load(&client->pid);
	if (pid == 0)
		return;
	name_clean(client->name, sizeof(client->name), name);
	if (pid > 0)
		fprintf(stderr, "  client %" PRId32 " (%s)", pid, name);
	else
		fputs("  others", stderr);
	fprintf(stderr, ": %" PRIu64 " losses, %" PRIu64 " bytes%s\n", value_of(&client->losses),
		value_of(&client->bytes_lost),
		atomic_load(&client->is_disconnected) ? ", disconnected" : "");
}

void report_text(const struct shm_stats *stats, const char *command)
{
	fprintf(stderr, PROGRAM ": %s\n", command);
	if (value_of(&stats->displays) == 0) {
		fputs("  The library was not used: nothing was guarded. Is the compositor linked "
		      "with\n  libwayland-server.so? (Some in Rust are not.)\n",
			stderr);
		return;
	}
	fprintf(stderr,
		"  pools: %" PRIu64 " lazy, %" PRIu64 " direct, %" PRIu64 " eager; %" PRIu64
		" buffers, %" PRIu64 " commits\n",
		value_of(&stats->pools[0]), value_of(&stats->pools[1]), value_of(&stats->pools[2]),
		value_of(&stats->buffers), value_of(&stats->commits));
	print_bytes("  content: ", &stats->bytes_damaged, " changed by commits; ");
	print_bytes("", &stats->bytes_filled, " read for the first time, ");
	print_bytes("", &stats->bytes_refreshed, " refreshed, ");
	print_bytes("", &stats->bytes_written_back, " written back\n");
	fprintf(stderr, "  refreshes postponed in floods: %" PRIu64 "\n",
		value_of(&stats->postponed));
	if (value_of(&stats->files_mapped) > 0)
		fprintf(stderr, "  other files guarded: %" PRIu64 "\n",
			value_of(&stats->files_mapped));
	fprintf(stderr, "  losses: %" PRIu64 "\n", value_of(&stats->losses));
	for (unsigned i = 0; i < SHM_STATS_CLIENTS; i++)
		print_client(&stats->clients[i]);
}

/* ---- For programs ---- */

static void write_client(struct json *json, const struct shm_stats_client *client)
{
	json_begin_object(json, NULL);
	json_put_integer(json, "pid", atomic_load(&client->pid));
	json_put_string(json, "name", client->name);
	json_put_unsigned(json, "losses", value_of(&client->losses));
	json_put_unsigned(json, "bytes_lost", value_of(&client->bytes_lost));
	json_put_bool(json, "disconnected", atomic_load(&client->is_disconnected));
	json_end_object(json);
}

static void write_counters(struct json *json, const struct shm_stats *stats)
{
	json_put_unsigned(json, "displays", value_of(&stats->displays));
	json_put_unsigned(json, "pools_lazy", value_of(&stats->pools[0]));
	json_put_unsigned(json, "pools_direct", value_of(&stats->pools[1]));
	json_put_unsigned(json, "pools_eager", value_of(&stats->pools[2]));
	json_put_unsigned(json, "buffers", value_of(&stats->buffers));
	json_put_unsigned(json, "commits", value_of(&stats->commits));
	json_put_unsigned(json, "postponed", value_of(&stats->postponed));
	json_put_unsigned(json, "bytes_damaged", value_of(&stats->bytes_damaged));
	json_put_unsigned(json, "bytes_filled", value_of(&stats->bytes_filled));
	json_put_unsigned(json, "bytes_refreshed", value_of(&stats->bytes_refreshed));
	json_put_unsigned(json, "bytes_written_back", value_of(&stats->bytes_written_back));
	json_put_unsigned(json, "files_mapped", value_of(&stats->files_mapped));
	json_put_unsigned(json, "losses", value_of(&stats->losses));
}

void report_json(const struct shm_stats *stats)
{
	struct json json = { .file = stdout };
	json_begin_object(&json, NULL);
	write_counters(&json, stats);
	json_begin_array(&json, "clients");
	for (unsigned i = 0; i < SHM_STATS_CLIENTS; i++) {
		if (atomic_load(&stats->clients[i].pid) != 0)
			write_client(&json, &stats->clients[i]);
	}
	json_end_array(&json);
	json_end_object(&json);
	json_finish(&json);
}
