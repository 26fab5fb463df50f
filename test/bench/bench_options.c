/* SPDX-License-Identifier: MIT */
#include "bench_options.h"

#include "cli/cli.h"

#include "rows.h"

#include <string.h>
#include <strings.h>

#define PROGRAM	   "uffd-guard-bench"
#define LEAST_SIDE 64
#define MOST_SIDE  16384

static const char help[] =
	"Usage: " PROGRAM " [OPTION]...\n"
	"Measure uffd_guard against what display servers do today, side by side, and against\n"
	"memcpy, the limit. Figures that matter are ratios.\n"
	"\n"
	"  --filter LIST     only these rows, such as B1,B5r,growth (everything)\n"
	"  --frame SIZE      720p, 1080p, 1440p, 4k, 8k or WIDTHxHEIGHT (4k)\n"
	"  --seconds N       about how long (60); each row runs 10 rounds even so\n"
	"  --loop LOOP       uring or poll: how the library waits for faults (the best)\n"
	"  --beside WHAT     one: only one processor may be used; busy: another program computes;\n"
	"                    both with targets of their own (free)\n"
	"  --json            the result as one JSON object\n"
	"  --plot DIR        also draw charts of frame cost, and keep their data, in DIR;\n"
	"                    with --filter plot nothing else\n"
	"  -h, --help        this text\n"
	"  -V, --version     the version\n"
	"\n"
	"Exit status: 0 measured, also if targets were missed; 2 wrong usage; 3 could not run, or\n"
	"could not write; 130 interrupted.\n";

static int take_frame(void *member, const char *value)
{
	struct frame *frame = member;
	uint64_t width, height;
	char *end;
	for (const struct frame_size *size = frame_sizes; size->name; size++) {
		if (strcasecmp(value, size->name) == 0) {
			*frame = size->frame;
			return 0;
		}
	}
	if (!cli_parse_number(value, &end, LEAST_SIDE, MOST_SIDE, &width) || *end != 'x' ||
		!cli_parse_number(end + 1, &end, LEAST_SIDE, MOST_SIDE, &height) || *end)
		return cli_complain(
			"--frame %s: give 720p, 1080p, 1440p, 4k, 8k, or WIDTHxHEIGHT with "
			"both from %d to %d",
			value, LEAST_SIDE, MOST_SIDE);
	*frame = (struct frame){ .width = (uint32_t)width, .height = (uint32_t)height };
	return 0;
}

static int take_filter(void *member, const char *value)
{
	const char *list = value;
	size_t length;
	for (const char *name; (name = cli_next_name(&list, &length));) {
		if (!rows_have(name, length))
			return cli_complain("--filter: there is no \"%.*s\"; there are %s",
				(int)length, name, rows_names());
	}
	*(const char **)member = value;
	return 0;
}

static int take_directory(void *member, const char *value)
{
	*(const char **)member = value;
	return *value ? 0 : cli_complain("--plot: give a directory");
}

static const char *const besides[] = {
	[BESIDE_FREE] = "free",
	[BESIDE_ONE] = "one",
	[BESIDE_BUSY] = "busy",
	NULL,
};

#define SETS(member) .offset = offsetof(struct options, member)

static const struct cli_option rows[] = {
	{ "filter", CLI_OTHER, SETS(filter), .parse = take_filter,
		.takes = "rows, with commas between them" },
	{ "frame", CLI_OTHER, SETS(frame), .parse = take_frame, .takes = "4k, for instance" },
	{ "seconds", CLI_UNSIGNED, SETS(seconds), .least = 1, .most = 1000000 },
	{ "loop", CLI_CHOICE, SETS(loop), .choices = loop_wishes },
	{ "beside", CLI_CHOICE, SETS(beside), .choices = besides },
	{ "json", CLI_FLAG, SETS(json) },
	{ "plot", CLI_OTHER, SETS(plot_directory), .parse = take_directory,
		.takes = "a directory" },
	{ .name = NULL },
};

static int check(const void *data)
{
	const struct options *options = data;
	if (options->filter && bench_options_want(options, "plot") && !options->plot_directory)
		return cli_complain("--filter plot: --plot DIR says where to");
	return 0;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = rows,
	.check = check,
};

int bench_options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){
		.frame = { .width = 3840, .height = 2160 },
		.seconds = 60,
		.loop = LOOP_BEST,
	};
	return cli_parse(&cli, options, argc, argv);
}

bool bench_options_want(const struct options *options, const char *name)
{
	const char *list = options->filter;
	size_t length;
	if (!list)
		return true;
	for (const char *wanted; (wanted = cli_next_name(&list, &length));) {
		if (length == strlen(name) && strncasecmp(wanted, name, length) == 0)
			return true;
	}
	return false;
}
