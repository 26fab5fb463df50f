/* SPDX-License-Identifier: MIT */
#include "run/run_options.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: " PROGRAM " [option...] [--] compositor [argument...]\n"
	"Runs a Wayland compositor so that no client can crash it through shared memory.\n"
	"\n"
	"  --mode MODE   auto: memory that clients have sealed is shown as it is, other\n"
	"                memory is copied; lazy: all is copied; direct: seal what can be\n"
	"                sealed (auto, or what UFFD_GUARD_WL_SHM_MODE says)\n"
	"  --mmap        also guard what the compositor maps of files from clients: keymaps\n"
	"  --stats       say at the end what happened\n"
	"  --json        the same as one JSON object, on standard output\n"
	"  --check       say what this machine allows, and run nothing\n"
	"  --help, --version\n"
	"\n"
	"Exit status: the compositor's; 125 if it could not be guarded, 126 if it cannot be\n"
	"run, 127 if it was not found.\n";

enum option_id { OPTION_MODE = 1, OPTION_MMAP, OPTION_STATS, OPTION_JSON, OPTION_CHECK };

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "mmap", no_argument, NULL, OPTION_MMAP },
	{ "stats", no_argument, NULL, OPTION_STATS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "check", no_argument, NULL, OPTION_CHECK },
	CLI_COMMON,
};

static int parse_mode(struct options *options, const char *text)
{
	if (strcmp(text, "auto") != 0 && strcmp(text, "lazy") != 0 && strcmp(text, "direct") != 0)
		return cli_complain("--mode %s: it is auto, lazy or direct", text);
	options->mode = text;
	return 0;
}

static int take(void *data, int id)
{
	struct options *options = data;
	switch ((enum option_id)id) {
	case OPTION_MODE:
		return parse_mode(options, optarg);
	case OPTION_MMAP:
		options->mmap = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		options->stats = true;
		return 0;
	case OPTION_STATS:
		options->stats = true;
		return 0;
	case OPTION_CHECK:
		options->only_check = true;
		return 0;
	}
	return -EINVAL;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = long_options,
	.stops_at_operand = true,
	.take = take,
};

static int take_command(struct options *options, int argc, char **argv)
{
	if (optind < argc)
		options->command = argv + optind;
	else if (!options->only_check)
		return cli_complain("which compositor? As in: " PROGRAM " -- weston");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ 0 };
	int err = cli_parse(&cli, options, argc, argv);
	if (!err)
		err = take_command(options, argc, argv);
	return cli_end(err);
}
