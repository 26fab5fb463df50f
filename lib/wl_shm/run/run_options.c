/* SPDX-License-Identifier: MIT */
#include "run/run_options.h"

#include "cli/cli.h"

static const char help[] =
	"Usage: " PROGRAM " [option...] [--] compositor [argument...]\n"
	"Runs a Wayland compositor so that no client can crash it through shared memory.\n"
	"\n"
	"  --mode MODE   auto: memory that is sealed, or can be sealed, is shown as it is,\n"
	"                other memory is copied; sealed: none is sealed, only what clients\n"
	"                have sealed is shown as it is; lazy: all is copied\n"
	"                (auto, or what UFFD_GUARD_WL_SHM_MODE says)\n"
	"  --mmap        also guard what the compositor maps of files from clients: keymaps\n"
	"  --require     end what was started if it turns out not to be guarded\n"
	"  --stats       say at the end what happened\n"
	"  --json        the same as one JSON object, on standard output\n"
	"  --check       say what this machine allows, and run nothing\n"
	"  -h, --help    this text\n"
	"  -V, --version the version\n"
	"\n"
	"Exit status: the compositor's; 3 if the output cannot be written, 125 if it could not\n"
	"be guarded, 126 if it cannot be run, 127 if it was not found.\n";

static const char *const modes[] = { "auto", "sealed", "lazy", "direct", NULL };

#define SETS(member) .offset = offsetof(struct run_options, member)

static const struct cli_option rows[] = {
	{ "mode", CLI_WORD, SETS(mode), .choices = modes },
	{ "mmap", CLI_FLAG, SETS(mmap) },
	{ "require", CLI_FLAG, SETS(require) },
	{ "stats", CLI_FLAG, SETS(stats) },
	{ "json", CLI_FLAG, SETS(json) },
	{ "check", CLI_FLAG, SETS(only_check) },
	{ .name = NULL },
};

static int take_command(void *data, char **operands)
{
	struct run_options *options = data;
	if (*operands)
		options->command = operands;
	else if (!options->only_check)
		return cli_complain("which compositor? As in: " PROGRAM " -- weston");
	return 0;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = rows,
	.stops_at_operand = true,
	.take_operands = take_command,
};

int run_options_parse(struct run_options *options, int argc, char **argv)
{
	*options = (struct run_options){ 0 };
	int err = cli_parse(&cli, options, argc, argv);
	options->stats |= options->json;
	return err;
}
