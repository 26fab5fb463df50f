/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is said together with what would be right. */
#include "options.h"

#include "../../lib/cli/cli.h"

#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
	"  --json            the result as one JSON object\n"
	"  --plot DIR        also draw charts of frame cost, and keep their data, in DIR;\n"
	"                    with --filter plot nothing else\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 measured, also if targets were missed; 2 wrong usage; 3 could not run.\n";

enum option_id {
	OPTION_FILTER = 1,
	OPTION_FRAME,
	OPTION_SECONDS,
	OPTION_LOOP,
	OPTION_JSON,
	OPTION_PLOT
};

static const struct option long_options[] = {
	{ "filter", required_argument, NULL, OPTION_FILTER },
	{ "frame", required_argument, NULL, OPTION_FRAME },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "loop", required_argument, NULL, OPTION_LOOP },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "plot", required_argument, NULL, OPTION_PLOT },
	CLI_COMMON,
};

static int parse_seconds(const char *text, unsigned *seconds)
{
	unsigned long value;
	char *end;
	if (!cli_parse_number(text, &end, 1, 1000000, &value) || *end)
		return cli_complain("--seconds %s: give a number from 1 to 1000000", text);
	*seconds = (unsigned)value;
	return 0;
}

static int parse_frame(const char *text, struct options *options)
{
	unsigned long width, height;
	char *end;
	for (const struct frame_size *size = frame_sizes; size->name; size++) {
		if (strcasecmp(text, size->name) == 0) {
			options->width = size->width;
			options->height = size->height;
			return 0;
		}
	}
	if (!cli_parse_number(text, &end, LEAST_SIDE, MOST_SIDE, &width) || *end != 'x' ||
		!cli_parse_number(end + 1, &end, LEAST_SIDE, MOST_SIDE, &height) || *end)
		return cli_complain(
			"--frame %s: give 720p, 1080p, 1440p, 4k, 8k, or WIDTHxHEIGHT with "
			"both from %d to %d",
			text, LEAST_SIDE, MOST_SIDE);
	options->width = (uint32_t)width;
	options->height = (uint32_t)height;
	return 0;
}

static int parse_loop(const char *text, enum loop_wish *loop)
{
	if (strcmp(text, "uring") == 0)
		*loop = LOOP_URING;
	else if (strcmp(text, "poll") == 0)
		*loop = LOOP_POLL;
	else
		return cli_complain(
			"--loop %s: it is uring or poll; without --loop the best there is", text);
	return 0;
}

static int check_filter(const char *filter)
{
	for (const char *at = filter; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t length = strcspn(at, ",");
		if (!rows_have(at, length))
			return cli_complain("--filter: there is no \"%.*s\"; there are %s",
				(int)length, at, rows_names());
	}
	return 0;
}

static int take(void *data, int id)
{
	struct options *options = data;
	switch ((enum option_id)id) {
	case OPTION_FILTER:
		options->filter = optarg;
		return check_filter(optarg);
	case OPTION_FRAME:
		return parse_frame(optarg, options);
	case OPTION_SECONDS:
		return parse_seconds(optarg, &options->seconds);
	case OPTION_LOOP:
		return parse_loop(optarg, &options->loop);
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_PLOT:
		options->plot_directory = optarg;
		return *optarg ? 0 : cli_complain("--plot: give a directory");
	}
	return -EINVAL;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = long_options,
	.take = take,
};

static int check(const struct options *options)
{
	if (options->filter && options_want(options, "plot") && !options->plot_directory)
		return cli_complain("--filter plot: --plot DIR says where to");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code)
{
	*options = (struct options){ .width = 3840, .height = 2160, .seconds = 60 };
	int err = cli_parse(&cli, options, argc, argv);
	if (!err)
		err = cli_expect_no_operand(argc, argv);
	if (!err)
		err = check(options);
	*exit_code = err == -ECANCELED ? EXIT_DONE : EXIT_USAGE;
	return cli_end(err);
}

bool options_want(const struct options *options, const char *name)
{
	if (!options->filter)
		return true;
	for (const char *at = options->filter; at;
		at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strcspn(at, ",") == strlen(name) && strncasecmp(at, name, strlen(name)) == 0)
			return true;
	}
	return false;
}
