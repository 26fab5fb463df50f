/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is said together with what would be right. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
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

enum option_id { OPTION_JSON = 1, OPTION_UNPRIVILEGED, OPTION_HELP, OPTION_VERSION };

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "unprivileged", no_argument, NULL, OPTION_UNPRIVILEGED },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int complain(const char *argument, const char *what)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", argument, what);
	return -EINVAL;
}

static int take(struct options *options, int id)
{
	switch ((enum option_id)id) {
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_UNPRIVILEGED:
		options->unprivileged = true;
		return 0;
	case OPTION_HELP:
		fputs(help, stdout);
		return -ECANCELED;
	case OPTION_VERSION:
		puts(PROGRAM " " UFFD_GUARD_VERSION);
		return -ECANCELED;
	}
	return -EINVAL;
}

static int take_all(struct options *options, int argc, char **argv)
{
	opterr = 0;
	for (int id; (id = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (id == '?')
			return complain(argv[optind - 1],
				"no such option, or not its full name, or it takes no value");
		int err = take(options, id);
		if (err)
			return err;
	}
	return optind < argc ? complain(argv[optind], "no argument is expected here") : 0;
}

int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code)
{
	*options = (struct options){ .json = false };
	int err = take_all(options, argc, argv);
	*exit_code = err == -ECANCELED ? EXIT_WORKS : EXIT_USAGE;
	if (err == -EINVAL)
		fputs("Try \"" PROGRAM " --help\".\n", stderr);
	return err;
}
