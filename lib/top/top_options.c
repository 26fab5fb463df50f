/* SPDX-License-Identifier: MIT */
#include "top_options.h"

#include "cli/cli.h"

#include <stdint.h>

#define PROGRAM "uffd-guard-top"

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
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"Keys: q leaves; m, f, l, s, n sort by memory, faults, losses, size, number.\n"
	"\n"
	"Exit status: 0 all shown, 1 the process ended before, 2 wrong usage, 3 no such process,\n"
	"or it cannot be watched, or the output cannot be written.\n";

static const char *const sort_keys[] = {
	[SORT_RESIDENT] = "resident",
	[SORT_FAULTS] = "faults",
	[SORT_LOSSES] = "losses",
	[SORT_LENGTH] = "length",
	[SORT_NUMBER] = "number",
	NULL,
};

#define SETS(member) .offset = offsetof(struct options, member)

static const struct cli_option rows[] = {
	{ "interval", CLI_SECONDS, SETS(interval), .least = 50, .most = 86400000 },
	{ "count", CLI_UNSIGNED, SETS(count), .least = 1, .most = UINT32_MAX },
	{ "once", CLI_FLAG, SETS(is_once) },
	{ "sort", CLI_CHOICE, SETS(sort), .choices = sort_keys },
	{ "plain", CLI_FLAG, SETS(is_plain) },
	{ "json", CLI_FLAG, SETS(is_json) },
	{ "list", CLI_FLAG, SETS(is_list) },
	{ .name = NULL },
};

static int take_pid(void *data, char **operands)
{
	struct options *options = data;
	uint64_t number = 0;
	char *end = NULL;
	if (operands[0] && (!cli_parse_number(operands[0], &end, 1, INT32_MAX, &number) || *end))
		return cli_complain("%s is not the number of a process; " PROGRAM
				    " --list shows them",
			operands[0]);
	if (operands[0] && operands[1])
		return cli_complain("%s: one process at a time", operands[1]);
	options->pid = (pid_t)number;
	return 0;
}

static int check(const void *data)
{
	const struct options *options = data;
	if (options->is_list && options->pid)
		return cli_complain(
			"--list is about all processes: leave %d away", (int)options->pid);
	return 0;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = rows,
	.take_operands = take_pid,
	.check = check,
};

int top_options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ .interval = 1 };
	return cli_parse(&cli, options, argc, argv);
}
