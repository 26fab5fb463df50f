/* SPDX-License-Identifier: MIT */
/* A table of options reads command lines: what it sets, and its complaints. */
#include "cli/cli.h"

#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum colour { RED, GREEN, BLUE };

struct options {
	bool flag;
	unsigned small;
	uint64_t large, bytes;
	double seconds;
	enum colour colour;
	const char *word, *other;
	char **operands;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
static const char *const words[] = { "yes", "no", NULL };

static int take_other(void *member, const char *value)
{
	*(const char **)member = value;
	return *value ? 0 : cli_complain("--other: give a name");
}

#define SETS(member) .offset = offsetof(struct options, member)

static const struct cli_option rows[] = {
	{ "flag", CLI_FLAG, SETS(flag) },
	{ "small", CLI_UNSIGNED, SETS(small), .least = 2, .most = 10 },
	{ "large", CLI_UINT64, SETS(large), .least = 0, .most = UINT64_MAX },
	{ "bytes", CLI_BYTES, SETS(bytes), .least = 1, .most = UINT64_C(4) << 30 },
	{ "seconds", CLI_SECONDS, SETS(seconds), .least = 50, .most = 10000 },
	{ "colour", CLI_CHOICE, SETS(colour), .choices = colours },
	{ "word", CLI_WORD, SETS(word), .choices = words },
	{ "other", CLI_OTHER, SETS(other), .parse = take_other, .takes = "a name" },
	{ .name = NULL },
};

static int keep_operands(void *data, char **operands)
{
	struct options *options = data;
	options->operands = operands;
	return 0;
}

static int check_flag(const void *data)
{
	const struct options *options = data;
	return options->flag && options->small ? cli_complain("--flag and --small: not both") : 0;
}

static const struct cli without_operands = {
	.program = "program",
	.help = "Usage: program\n",
	.options = rows,
	.check = check_flag,
};

static const struct cli with_command = {
	.program = "program",
	.help = "Usage: program\n",
	.options = rows,
	.stops_at_operand = true,
	.take_operands = keep_operands,
};

#define MOST_ARGUMENTS 6

/* A command line, its result, and what was printed on standard output and said on standard error.
 */
struct run {
	const char *arguments[MOST_ARGUMENTS];
	struct options options;
	int err;
	char printed[1024], said[1024];
};

/* Divert @fd into a file without a name, until give_back(). */
static int divert(int fd)
{
	fflush(NULL);
	const int before = dup(fd), file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(before, 0);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(dup2(file, fd), fd);
	close(file);
	return before;
}

static void give_back(int fd, int before, char *text, size_t size)
{
	fflush(NULL);
	const ssize_t n = pread(fd, text, size - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(dup2(before, fd), fd);
	close(before);
}

static struct run *parse(const struct cli *cli, const char *const arguments[MOST_ARGUMENTS])
{
	static struct run run;
	static const char *argv[MOST_ARGUMENTS + 2]; /* operands stay in it */
	int argc = 1;
	run = (struct run){ .err = 0 };
	memset(argv, 0, sizeof(argv));
	argv[0] = "program";
	for (; argc <= MOST_ARGUMENTS && arguments[argc - 1]; argc++)
		argv[argc] = arguments[argc - 1];
	const int out = divert(STDOUT_FILENO), error = divert(STDERR_FILENO);
	run.err = cli_parse(cli, &run.options, argc, (char **)argv);
	give_back(STDERR_FILENO, error, run.said, sizeof(run.said));
	give_back(STDOUT_FILENO, out, run.printed, sizeof(run.printed));
	return &run;
}

#define PARSE(cli, ...) parse(&(cli), (const char *const[MOST_ARGUMENTS]){ __VA_ARGS__ })

/* ---- What is right ---- */

START_TEST(values_are_set_in_the_program_s_options)
{
	struct run *run = PARSE(without_operands, "--flag", "--large", "18446744073709551615",
		"--seconds=0.05", "--colour=blue");
	assert_ok(run->err);
	ck_assert_str_eq(run->said, "");
	ck_assert(run->options.flag);
	ck_assert_uint_eq(run->options.large, UINT64_MAX);
	ck_assert_double_eq(run->options.seconds, 0.05);
	ck_assert_int_eq(run->options.colour, BLUE);
	run = PARSE(without_operands, "--small", "10", "--word=no", "--other=x");
	assert_ok(run->err);
	ck_assert_uint_eq(run->options.small, 10);
	ck_assert_str_eq(run->options.word, "no");
	ck_assert_str_eq(run->options.other, "x");
}
END_TEST

START_TEST(bytes_have_units)
{
	static const struct {
		const char *value;
		uint64_t bytes;
	} lines[] = {
		{ "1", 1 },
		{ "16K", 16 << 10 },
		{ "16k", 16 << 10 },
		{ "3M", 3 << 20 },
		{ "4G", UINT64_C(4) << 30 },
		{ "4294967296", UINT64_C(4) << 30 },
	};
	for (size_t i = 0; i < n_elements(lines); i++) {
		const struct run *run = PARSE(without_operands, "--bytes", lines[i].value);
		assert_ok(run->err);
		ck_assert_uint_eq(run->options.bytes, lines[i].bytes);
	}
}
END_TEST

START_TEST(option_may_be_shortened_while_it_is_the_only_one)
{
	ck_assert_int_eq(PARSE(without_operands, "--co", "green")->options.colour, GREEN);
	const struct run *run = PARSE(without_operands, "--s", "3");
	ck_assert_int_eq(run->err, -EINVAL);
	ck_assert_ptr_nonnull(strstr(run->said, "--s: several options begin so"));
}
END_TEST

START_TEST(last_of_two_is_taken)
{
	ck_assert_uint_eq(PARSE(without_operands, "--small=3", "--small=4")->options.small, 4);
}
END_TEST

START_TEST(rest_is_the_other_program_s)
{
	const struct run *run = PARSE(with_command, "--flag", "ls", "--flag", "-x");
	assert_ok(run->err);
	ck_assert_str_eq(run->options.operands[0], "ls");
	ck_assert_str_eq(run->options.operands[2], "-x");
	ck_assert_ptr_null(run->options.operands[3]);
	run = PARSE(with_command, "--", "--flag");
	ck_assert_str_eq(run->options.operands[0], "--flag");
	ck_assert(!run->options.flag);
}
END_TEST

/* ---- What is wrong ---- */

START_TEST(what_is_wrong_is_said_with_what_would_be_right)
{
	static const struct {
		const char *arguments[MOST_ARGUMENTS], *said;
	} lines[] = {
		{ { "--small", "1" }, "--small 1: give a number from 2 to 10" },
		{ { "--small", "11" }, "--small 11: give a number from 2 to 10" },
		{ { "--small", "3x" }, "--small 3x: give a number" },
		{ { "--small", " 3" }, "--small  3: give a number" },
		{ { "--small", "-3" }, "--small -3: give a number" },
		{ { "--small", "0x3" }, "--small 0x3: give a number" },
		{ { "--small=" }, "--small : give a number" },
		{ { "--small" }, "--small needs a value: a number from 2 to 10" },
		{ { "--large", "18446744073709551616" },
			"give a number from 0 to 18446744073709551615" },
		{ { "--bytes", "0" }, "--bytes 0: give bytes from 1 to 4G" },
		{ { "--bytes", "5G" }, "--bytes 5G: give bytes" },
		{ { "--bytes", "99999999999G" }, "--bytes 99999999999G: give bytes" },
		{ { "--bytes", "1T" }, "--bytes 1T: give bytes" },
		{ { "--bytes", "1KK" }, "--bytes 1KK: give bytes" },
		{ { "--seconds", "0.04" }, "--seconds 0.04: give seconds from 0.05 to 10" },
		{ { "--seconds", "10.1" }, "--seconds 10.1: give seconds" },
		{ { "--seconds", "nan" }, "--seconds nan: give seconds" },
		{ { "--seconds", "1s" }, "--seconds 1s: give seconds" },
		{ { "--colour", "pink" }, "--colour pink: give red, green or blue" },
		{ { "--colour" }, "--colour needs a value: red, green or blue" },
		{ { "--word", "maybe" }, "--word maybe: give yes or no" },
		{ { "--other=" }, "--other: give a name" },
		{ { "--other" }, "--other needs a value: a name" },
		{ { "--flag=1" }, "--flag takes no value" },
		{ { "--help=1" }, "--help=1: this option takes no value" },
		{ { "--nonsense" }, "--nonsense: there is no such option" },
		{ { "--flag", "-x" }, "-x: there is no such option" },
		{ { "-xh" }, "-x: there is no such option" },
		{ { "operand" }, "operand: no argument is expected here" },
		{ { "--flag", "--small=3" }, "--flag and --small: not both" },
	};
	for (size_t i = 0; i < n_elements(lines); i++) {
		const struct run *run = parse(&without_operands, lines[i].arguments);
		ck_assert_int_eq(run->err, -EINVAL);
		ck_assert_int_eq(cli_exit_code(run->err), 2);
		ck_assert_msg(strncmp(run->said, "program: ", 9) == 0, "%s", run->said);
		ck_assert_msg(strstr(run->said, lines[i].said) != NULL, "%s instead of %s",
			run->said, lines[i].said);
		ck_assert_ptr_nonnull(strstr(run->said, "\nTry \"program --help\".\n"));
		ck_assert_str_eq(run->printed, "");
	}
}
END_TEST

/* ---- Help ---- */

START_TEST(help_and_version_are_printed_before_anything_is_wrong)
{
	static const char *const lines[][MOST_ARGUMENTS] = { { "--help" }, { "-h" },
		{ "--flag", "-h", "--nonsense" }, { "--version" }, { "-V" }, { "-Vh" } };
	for (size_t i = 0; i < n_elements(lines); i++) {
		const struct run *run = parse(&without_operands, lines[i]);
		ck_assert_int_eq(run->err, -ECANCELED);
		ck_assert_int_eq(cli_exit_code(run->err), 0);
		ck_assert_str_eq(run->said, "");
		ck_assert_str_eq(run->printed,
			i < 3 ? "Usage: program\n" : "program " UFFD_GUARD_VERSION "\n");
	}
}
END_TEST

static TCase *options_case(void)
{
	TCase *tcase = tcase_create("options");
	tcase_add_test(tcase, values_are_set_in_the_program_s_options);
	tcase_add_test(tcase, bytes_have_units);
	tcase_add_test(tcase, option_may_be_shortened_while_it_is_the_only_one);
	tcase_add_test(tcase, last_of_two_is_taken);
	tcase_add_test(tcase, rest_is_the_other_program_s);
	tcase_add_test(tcase, what_is_wrong_is_said_with_what_would_be_right);
	tcase_add_test(tcase, help_and_version_are_printed_before_anything_is_wrong);
	return tcase;
}

UNIT_MAIN("option_table", options_case)
