/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
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

enum option_id {
	OPTION_MODE = 1,
	OPTION_MMAP,
	OPTION_STATS,
	OPTION_JSON,
	OPTION_CHECK,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "mmap", no_argument, NULL, OPTION_MMAP },
	{ "stats", no_argument, NULL, OPTION_STATS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs(PROGRAM ": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return -EINVAL;
}

static int parse_mode(struct options *options, const char *text)
{
	if (strcmp(text, "auto") != 0 && strcmp(text, "lazy") != 0 && strcmp(text, "direct") != 0)
		return complain("--mode %s: it is auto, lazy or direct", text);
	options->mode = text;
	return 0;
}

static int take(struct options *options, int id)
{
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
	/* + : what comes behind the compositor's name is the compositor's. */
	for (int id; (id = getopt_long(argc, argv, "+:", long_options, NULL)) != -1;) {
		if (id == ':')
			return complain("%s needs a value", argv[optind - 1]);
		if (id == '?')
			return complain("%s: no such option, or not its full name, or it takes no "
					"value",
				argv[optind - 1]);
		int err = take(options, id);
		if (err)
			return err;
	}
	if (optind < argc)
		options->command = argv + optind;
	else if (!options->only_check)
		return complain("which compositor? As in: " PROGRAM " -- weston");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ 0 };
	int err = take_all(options, argc, argv);
	if (err == -EINVAL)
		fputs("Try \"" PROGRAM " --help\".\n", stderr);
	return err;
}
