/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is said together with what would be right. */
#include "options.h"

#include "../../lib/cli/cli.h"

#include <errno.h>
#include <stdio.h>

#define PROGRAM "uffd-guard-doctor"

static const char help[] =
	"Usage: " PROGRAM " [OPTION]...\n"
	"Say whether uffd_guard works on this machine and for this user, what of it does not,\n"
	"who denies it, and what to change. Everything is tried for real; nothing is changed.\n"
	"\n"
	"  --json            the same as one JSON object\n"
	"  --unprivileged    give up root first (uid and gid 65534)\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 it works, 1 it does not, 2 wrong usage, 3 could not find out.\n";

enum option_id { OPTION_JSON = 1, OPTION_UNPRIVILEGED };

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "unprivileged", no_argument, NULL, OPTION_UNPRIVILEGED },
	CLI_COMMON,
};

static int take(void *data, int id)
{
	struct options *options = data;
	switch ((enum option_id)id) {
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_UNPRIVILEGED:
		options->unprivileged = true;
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

int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code)
{
	*options = (struct options){ .json = false };
	int err = cli_parse(&cli, options, argc, argv);
	if (!err)
		err = cli_expect_no_operand(argc, argv);
	*exit_code = err == -ECANCELED ? EXIT_WORKS : EXIT_USAGE;
	return cli_end(err);
}
