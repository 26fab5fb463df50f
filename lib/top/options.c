/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is said together with what would be right. */
#include "options.h"

#include "../cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM		 "uffd-guard-top"
#define LEAST_INTERVAL	 0.05
#define MOST_INTERVAL	 86400.0
#define N_ELEMENTS(list) (sizeof(list) / sizeof((list)[0]))

static const char help[] =
	"Usage: " PROGRAM " [OPTION]... [PID]\n"
	"Show what the guards of a running process do: faults and how long they take, bytes read\n"
	"and refreshed, memory and losses by region. The process must have been started with\n"
	"UFFD_GUARD_STATS=1 in its environment. Without PID: the one process of yours that was.\n"
	"\n"
	"  --interval SECONDS  between two looks (1)\n"
	"  --count N           leave after N intervals\n"
	"  --once              averages since the guards were created, and leave\n"
	"  --sort KEY          regions by resident, faults, losses, length or number (resident)\n"
	"  --plain             a line for each interval, as when the output is no terminal\n"
	"  --json              one JSON object for each interval\n"
	"  --list              which processes can be watched\n"
	"  --help, --version\n"
	"\n"
	"Keys: q leaves; m, f, l, s, n sort by memory, faults, losses, size, number.\n"
	"\n"
	"Exit status: 0 all shown, 1 the process ended before, 2 wrong usage, 3 no such process,\n"
	"or it cannot be watched.\n";

enum option_id {
	OPTION_INTERVAL = 1,
	OPTION_COUNT,
	OPTION_ONCE,
	OPTION_SORT,
	OPTION_PLAIN,
	OPTION_JSON,
	OPTION_LIST
};

static const struct option long_options[] = {
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "sort", required_argument, NULL, OPTION_SORT },
	{ "plain", no_argument, NULL, OPTION_PLAIN },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "list", no_argument, NULL, OPTION_LIST },
	CLI_COMMON,
};

static int parse_interval(const char *text, double *seconds)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= LEAST_INTERVAL && value <= MOST_INTERVAL))
		return cli_complain("--interval %s: give seconds from %g to %g", text,
			LEAST_INTERVAL, MOST_INTERVAL);
	*seconds = value;
	return 0;
}

/* False: not a number from 1 to @most, in digits. */
static bool parse_number(const char *text, unsigned long most, unsigned long *number)
{
	char *end;
	return cli_parse_number(text, &end, 1, most, number) && !*end;
}

static int parse_count(const char *text, unsigned long *count)
{
	return parse_number(text, UINT32_MAX, count)
		       ? 0
		       : cli_complain("--count %s: give a number", text);
}

static int parse_sort(const char *text, enum sort_key *key)
{
	static const char *const names[] = {
		[SORT_RESIDENT] = "resident",
		[SORT_FAULTS] = "faults",
		[SORT_LOSSES] = "losses",
		[SORT_LENGTH] = "length",
		[SORT_NUMBER] = "number",
	};
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*key = (enum sort_key)i;
			return 0;
		}
	}
	return cli_complain("--sort %s: it is resident, faults, losses, length or number", text);
}

static int parse_pid(const char *text, pid_t *pid)
{
	unsigned long number;
	if (!parse_number(text, INT32_MAX, &number))
		return cli_complain(
			"%s is not the number of a process; %s --list shows them", text, PROGRAM);
	*pid = (pid_t)number;
	return 0;
}

static int take(void *data, int id)
{
	struct options *options = data;
	switch ((enum option_id)id) {
	case OPTION_INTERVAL:
		return parse_interval(optarg, &options->interval);
	case OPTION_COUNT:
		return parse_count(optarg, &options->count);
	case OPTION_ONCE:
		options->is_once = true;
		return 0;
	case OPTION_SORT:
		return parse_sort(optarg, &options->sort);
	case OPTION_PLAIN:
		options->is_plain = true;
		return 0;
	case OPTION_JSON:
		options->is_json = true;
		return 0;
	case OPTION_LIST:
		options->is_list = true;
		return 0;
	}
	return -EINVAL;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = long_options,
	.take = take,
};

static int take_operands(struct options *options, int argc, char **argv)
{
	int err = optind < argc ? parse_pid(argv[optind++], &options->pid) : 0;
	if (!err && optind < argc)
		return cli_complain("%s: one process at a time", argv[optind]);
	if (!err && options->is_list && options->pid)
		return cli_complain(
			"--list is about all processes: leave %d away", (int)options->pid);
	return err;
}

int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code)
{
	*options = (struct options){ .interval = 1 };
	int err = cli_parse(&cli, options, argc, argv);
	if (!err)
		err = take_operands(options, argc, argv);
	*exit_code = err == -ECANCELED ? EXIT_DONE : EXIT_USAGE;
	return cli_end(err);
}
