/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *program = "";

int cli_complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return -EINVAL;
}

static int take(const struct cli *cli, void *options, int id, const char *argument)
{
	switch (id) {
	case ':':
		return cli_complain("%s needs a value", argument);
	case '?':
		return cli_complain(
			"%s: no such option, or not its full name, or it takes no value", argument);
	case CLI_HELP:
		fputs(cli->help, stdout);
		return -ECANCELED;
	case CLI_VERSION:
		printf("%s %s\n", cli->program, UFFD_GUARD_VERSION);
		return -ECANCELED;
	}
	return cli->take(options, id);
}

int cli_parse(const struct cli *cli, void *options, int argc, char **argv)
{
	const char *how = cli->stops_at_operand ? "+:" : ":";
	int err = 0;
	program = cli->program;
	opterr = 0;
	for (int id; !err && (id = getopt_long(argc, argv, how, cli->options, NULL)) != -1;)
		err = take(cli, options, id, argv[optind - 1]);
	return err;
}

int cli_expect_no_operand(int argc, char **argv)
{
	return optind < argc ? cli_complain("%s: no argument is expected here", argv[optind]) : 0;
}

int cli_end(int err)
{
	if (err == -EINVAL)
		fprintf(stderr, "Try \"%s --help\".\n", program);
	return err;
}

bool cli_parse_number(const char *text, char **end, unsigned long least, unsigned long most,
	unsigned long *number)
{
	errno = 0;
	*number = strtoul(text, end, 10);
	return !errno && *text >= '0' && *text <= '9' && *number >= least && *number <= most;
}
