/* SPDX-License-Identifier: MIT */
/* What happened, for people (on standard error, where the compositor's log is) and for programs (on
 * standard output). */
#include "run/report.h"

#include "run/run_options.h"

#include <inttypes.h>
#include <stdio.h>

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

static void print_client(const struct shm_stats_client *client)
{
	const int32_t pid = atomic_load(&client->pid);
	if (pid == 0)
		return;
	if (pid > 0)
		fprintf(stderr, "  client %" PRId32 " (%s)", pid, client->name);
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
		fputs("  The library was not used: nothing was guarded. Does the compositor take "
		      "wl_shm from\n  libwayland-server.so? (Rust and Qt compositors may have "
		      "their "
		      "own.)\n",
			stderr);
		return;
	}
	fprintf(stderr,
		"  pools: %" PRIu64 " lazy, %" PRIu64 " direct, %" PRIu64 " eager; %" PRIu64
		" buffers, %" PRIu64 " commits\n",
		value_of(&stats->pools[0]), value_of(&stats->pools[1]), value_of(&stats->pools[2]),
		value_of(&stats->buffers), value_of(&stats->commits));
	print_bytes("  content: ", &stats->bytes_filled, " read for the first time, ");
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

static void json_number(const char *name, const _Atomic uint64_t *counter)
{
	printf("\"%s\":%" PRIu64 ",", name, value_of(counter));
}

/* Names of processes are bytes of the client's choice. */
static void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\' || c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void json_client(const struct shm_stats_client *client)
{
	printf("{\"pid\":%" PRId32 ",\"name\":", atomic_load(&client->pid));
	json_string(client->name);
	printf(",\"losses\":%" PRIu64 ",\"bytes_lost\":%" PRIu64 ",\"disconnected\":%s}",
		value_of(&client->losses), value_of(&client->bytes_lost),
		atomic_load(&client->is_disconnected) ? "true" : "false");
}

void report_json(const struct shm_stats *stats)
{
	putchar('{');
	json_number("displays", &stats->displays);
	json_number("pools_lazy", &stats->pools[0]);
	json_number("pools_direct", &stats->pools[1]);
	json_number("pools_eager", &stats->pools[2]);
	json_number("buffers", &stats->buffers);
	json_number("commits", &stats->commits);
	json_number("postponed", &stats->postponed);
	json_number("bytes_filled", &stats->bytes_filled);
	json_number("bytes_refreshed", &stats->bytes_refreshed);
	json_number("bytes_written_back", &stats->bytes_written_back);
	json_number("files_mapped", &stats->files_mapped);
	json_number("losses", &stats->losses);
	fputs("\"clients\":[", stdout);
	bool is_first = true;
	for (unsigned i = 0; i < SHM_STATS_CLIENTS; i++) {
		if (atomic_load(&stats->clients[i].pid) == 0)
			continue;
		if (!is_first)
			putchar(',');
		json_client(&stats->clients[i]);
		is_first = false;
	}
	puts("]}");
}
