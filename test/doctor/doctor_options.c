/* SPDX-License-Identifier: MIT */
#include "doctor_options.h"

#include "cli/cli.h"

#define PROGRAM "uffd-guard-doctor"

static const char help[] =
	"Usage: " PROGRAM " [OPTION]...\n"
	"Say whether uffd_guard works on this machine and for this user, what of it does not,\n"
	"who denies it, and what to change. Everything is tried for real; nothing is changed.\n"
	"\n"
	"  --json            the same as one JSON object\n"
	"  --unprivileged    give up root first (uid and gid 65534)\n"
	"  -h, --help        this text\n"
	"  -V, --version     the version\n"
	"\n"
	"Exit status: 0 it works, 1 it does not, 2 wrong usage, 3 could not find out, or could\n"
	"not write.\n";

static const struct cli_option rows[] = {
	{ "json", CLI_FLAG, .offset = offsetof(struct options, json) },
	{ "unprivileged", CLI_FLAG, .offset = offsetof(struct options, unprivileged) },
	{ .name = NULL },
};

static const struct cli cli = { .program = PROGRAM, .help = help, .options = rows };

int doctor_options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ .json = false };
	return cli_parse(&cli, options, argc, argv);
}
