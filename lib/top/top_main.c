/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-top: what the guards of a running process do.
 *
 * The process publishes its counters if it was started with UFFD_GUARD_STATS=1
 * (lib/state/publish.c). Here it is found (search.c, watched_process.c), read at intervals
 * (watch.c), two readings are compared (interval.c), and the outcome is shown: on a screen, as
 * lines, or as JSON (view_*.c).
 */
#include "cli/cli.h"
#include "cli/json.h"

#include "format.h"
#include "search.h"
#include "top_options.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOW_TO_START "start it with UFFD_GUARD_STATS=1 in its environment"

/* ---- --list ---- */

static void print_list(FILE *file, const struct found *found, size_t n)
{
	char bytes[FORMAT_LETTERS];
	fprintf(file, "%8s %-16s %7s %8s %10s\n", "pid", "command", "guards", "regions",
		"resident");
	for (size_t i = 0; i < n; i++)
		fprintf(file, "%8d %-16s %7zu %8llu %10s\n", (int)found[i].process.pid,
			found[i].process.command, found[i].n_guards,
			(unsigned long long)found[i].n_regions,
			format_bytes(bytes, (double)found[i].bytes_resident));
}

static void print_list_json(const struct found *found, size_t n)
{
	struct json json = { .file = stdout };
	json_begin_array(&json, NULL);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(&json, NULL);
		json_put_integer(&json, "pid", found[i].process.pid);
		json_put_string(&json, "command", found[i].process.command);
		json_put_unsigned(&json, "guards", found[i].n_guards);
		json_put_unsigned(&json, "regions", found[i].n_regions);
		json_put_unsigned(&json, "bytes_resident", found[i].bytes_resident);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_finish(&json);
}

static enum exit_code complain_of_none(void)
{
	fputs("uffd-guard-top: no process of yours publishes its counters; " HOW_TO_START
	      ", such as\n  UFFD_GUARD_STATS=1 uffd-guard-run -- weston\n",
		stderr);
	return EXIT_NOT_FOUND;
}

/* ---- One process ---- */

/* 0, or -ENOENT after telling why @process cannot be watched. */
static int check(const struct process *process)
{
	struct reading reading;
	int err = process_read(process, &reading);
	const char *what = "publishes no counters: " HOW_TO_START;
	if (err == -EACCES)
		what = "is not yours to watch: be its user, or root";
	else if (err)
		what = "cannot be looked at";
	else if (reading.n_guards == 0 && reading.has_other_version)
		what = "uses another version of the library: take the uffd-guard-top that came "
		       "with it";
	else if (reading.n_guards > 0)
		what = NULL;
	if (!err)
		reading_free(&reading);
	if (what)
		fprintf(stderr, "uffd-guard-top: %s (%d) %s\n", process->command, (int)process->pid,
			what);
	return what ? -ENOENT : 0;
}

static enum exit_code watch_pid(struct options *options)
{
	struct process process;
	int err = process_open(&process, options->pid);
	if (err == -ESRCH)
		fprintf(stderr,
			"uffd-guard-top: there is no process %d; --list shows those that can "
			"be watched\n",
			(int)options->pid);
	else if (err)
		fprintf(stderr, "uffd-guard-top: cannot look at process %d: %s\n",
			(int)options->pid, strerror(-err));
	if (err)
		return EXIT_NOT_FOUND;
	enum exit_code exit_code = check(&process) ? EXIT_NOT_FOUND : watch(&process, options);
	process_close(&process);
	return exit_code;
}

/* ---- Those that there are ---- */

static enum exit_code choose(struct found *found, size_t n, struct options *options)
{
	if (options->is_list && options->is_json) {
		print_list_json(found, n);
		return EXIT_DONE;
	}
	if (n == 0)
		return complain_of_none();
	if (options->is_list) {
		print_list(stdout, found, n);
		return EXIT_DONE;
	}
	if (n == 1)
		return watch(&found[0].process, options);
	print_list(stderr, found, n);
	fprintf(stderr, "uffd-guard-top: which? Give its pid: uffd-guard-top %d\n",
		(int)found[0].process.pid);
	return EXIT_USAGE;
}

static enum exit_code search(struct options *options)
{
	struct found *found;
	ssize_t n = search_all(&found);
	if (n < 0) {
		fprintf(stderr, "uffd-guard-top: cannot look at /proc: %s\n", strerror((int)-n));
		return EXIT_NOT_FOUND;
	}
	enum exit_code exit_code = choose(found, (size_t)n, options);
	search_free(found, (size_t)n);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct options options;
	int err = top_options_parse(&options, argc, argv);
	if (err)
		return cli_exit_code(err);
	enum exit_code exit_code = options.pid ? watch_pid(&options) : search(&options);
	if (exit_code == EXIT_DONE && cli_finish_output())
		exit_code = EXIT_NOT_FOUND;
	return (int)exit_code;
}
