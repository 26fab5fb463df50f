/* SPDX-License-Identifier: MIT */
/* The command line of a program, as all of ours read it: long options, in full, and whatever is
 * wrong is said together with what would be right. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

/* What each program's table of options ends with. */
enum { CLI_HELP = 1000, CLI_VERSION };
/* clang-format off */
#define CLI_COMMON                                  \
	{ "help", no_argument, NULL, CLI_HELP },       \
	{ "version", no_argument, NULL, CLI_VERSION }, \
	{ NULL, 0, NULL, 0 }
/* clang-format on */

struct cli {
	const char *program, *help;
	const struct option *options;
	bool stops_at_operand; /* what comes behind is another program's */
	/* Takes option @id, with its value in optarg: 0, or what cli_complain() answers. */
	int (*take)(void *options, int id);
};

/* 0, and operands begin at argv[optind]; -ECANCELED after --help and --version; -EINVAL, and it is
 * said why. */
int cli_parse(const struct cli *cli, void *options, int argc, char **argv);

/* Of operands that are not expected: 0 if there are none. */
int cli_expect_no_operand(int argc, char **argv);

/* On standard error, behind the program's name. Answers -EINVAL. */
__attribute__((format(printf, 1, 2))) int cli_complain(const char *format, ...);

/* When all is read: where help is to be had, if @err says that something was wrong. Answers @err.
 */
int cli_end(int err);

/* Decimal digits, for a number from @least to @most; *end is behind them. */
bool cli_parse_number(const char *text, char **end, unsigned long least, unsigned long most,
	unsigned long *number);
