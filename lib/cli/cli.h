/* SPDX-License-Identifier: MIT */
/*
 * Read the command line of a program by a table of long options, and -h and -V. Complaints say what
 * is wrong, what would be right, and how to get help.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_kind {
	CLI_FLAG,     /* takes no value, and sets a bool */
	CLI_UNSIGNED, /* digits, for an unsigned */
	CLI_UINT64,   /* digits, for a uint64_t */
	CLI_BYTES,    /* the same, and K, M or G may follow */
	CLI_SECONDS,  /* for a double; .least and .most are milliseconds */
	CLI_CHOICE,   /* one of .choices; its index, for an enum */
	CLI_WORD,     /* one of .choices; itself, for a const char * */
	CLI_OTHER,    /* .parse reads the value */
};

struct cli_option {
	const char *name;
	enum cli_kind kind;
	size_t offset; /* of the member that it sets, in the program's options */
	uint64_t least, most;
	const char *const *choices; /* ends with NULL */
	/* Read @value into the member at .offset. 0, or -EINVAL after cli_complain(). */
	int (*parse)(void *member, const char *value);
	const char *takes; /* what .parse takes, for the complaint that there is no value: "a
			      directory" */
};

struct cli {
	const char *program, *help;
	const struct cli_option *options; /* ends with a row without name */
	bool stops_at_operand; /* operands and all behind them are another program's command line */
	/* Take the operands, which end with NULL. NULL: an operand is an error. */
	int (*take_operands)(void *options, char **operands);
	/* Check that the options fit each other. 0, or -EINVAL after cli_complain(). May be NULL.
	 */
	int (*check)(const void *options);
};

/* 0; -ECANCELED after --help or --version; -EINVAL or -EIO after a complaint. */
int cli_parse(const struct cli *cli, void *options, int argc, char **argv);

/* The exit code for an error of cli_parse() or cli_finish_output(). */
enum { CLI_EXIT_DONE = 0, CLI_EXIT_USAGE = 2, CLI_EXIT_NOT_WRITTEN = 3 };
int cli_exit_code(int err);

/* Print a line on standard error, behind the program's name. Answers -EINVAL. */
__attribute__((format(printf, 1, 2))) int cli_complain(const char *format, ...);

/* Print "PROGRAM: cannot @format: what @err means". Answers @err, a negative errno. */
__attribute__((format(printf, 2, 3))) int cli_cannot(int err, const char *format, ...);

/* Flush standard output. cli_finish_output() tells about an error. */
void cli_flush_output(void);
/* 0 if all of standard output was written, else -EIO after a complaint. */
int cli_finish_output(void);

/* Read decimal digits. False: they are no number from @least to @most. *end is behind the digits.
 */
bool cli_parse_number(
	const char *text, char **end, uint64_t least, uint64_t most, uint64_t *number);

/* The next name of a list with commas, which has *length letters; NULL: there is none. *list moves
 * behind it. */
const char *cli_next_name(const char **list, size_t *length);
