/* SPDX-License-Identifier: MIT */
/*
 * getopt_long(3) finds options and their values. The program's table says what they mean.
 * getopt_long() does not say well what is wrong, so complaints are written here, by its answer and
 * by optopt.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OPTIONS 30
#define FIRST_ID     256 /* id of the table's first row, above all letters */

static const char *program = "";

/* ---- Complaints ---- */

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

int cli_cannot(int err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: cannot ", program);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(-err));
	va_end(args);
	return err;
}

/* The errno of the first failed write, which the stream does not remember. */
static int output_err;

void cli_flush_output(void)
{
	if (fflush(stdout) != 0 && !output_err)
		output_err = -errno;
}

int cli_finish_output(void)
{
	cli_flush_output();
	if (!output_err && !ferror(stdout))
		return 0;
	cli_cannot(output_err ? output_err : -EIO, "write the output");
	return -EIO;
}

int cli_exit_code(int err)
{
	if (err == -EIO)
		return CLI_EXIT_NOT_WRITTEN;
	return err == -EINVAL ? CLI_EXIT_USAGE : CLI_EXIT_DONE;
}

/* ---- What options take, in words ---- */

/* Write the choices as "uring or poll", or "a, b or c". */
static void join_choices(const char *const *choices, char *text, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; choices[i] && n < size; i++) {
		const char *before = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
		n += (size_t)snprintf(text + n, size - n, "%s%s", before, choices[i]);
	}
}

/* Write @bytes in the largest unit that leaves no remainder. */
static void describe_bytes(uint64_t bytes, char text[32])
{
	static const char units[] = "\0KMG";
	unsigned unit = 0;
	for (; bytes && bytes % 1024 == 0 && unit < 3; unit++)
		bytes /= 1024;
	snprintf(text, 32, "%llu%.1s", (unsigned long long)bytes, units + unit);
}

static void describe(const struct cli_option *option, char *text, size_t size)
{
	const unsigned long long least = option->least, most = option->most;
	char few[32], many[32];
	switch (option->kind) {
	case CLI_UNSIGNED:
	case CLI_UINT64:
		snprintf(text, size, "a number from %llu to %llu", least, most);
		break;
	case CLI_BYTES:
		describe_bytes(least, few);
		describe_bytes(most, many);
		snprintf(text, size, "bytes from %s to %s, such as 16K or 1M", few, many);
		break;
	case CLI_SECONDS:
		snprintf(text, size, "seconds from %g to %g", (double)least / 1000,
			(double)most / 1000);
		break;
	case CLI_CHOICE:
	case CLI_WORD:
		join_choices(option->choices, text, size);
		break;
	default:
		snprintf(text, size, "%s", option->takes);
		break;
	}
}

static int complain_of_value(const struct cli_option *option, const char *value)
{
	char expected[200];
	describe(option, expected, sizeof(expected));
	return cli_complain("--%s %s: give %s", option->name, value, expected);
}

/* ---- Values ---- */

bool cli_parse_number(const char *text, char **end, uint64_t least, uint64_t most, uint64_t *number)
{
	errno = 0;
	*number = strtoull(text, end, 10);
	return !errno && *text >= '0' && *text <= '9' && *number >= least && *number <= most;
}

const char *cli_next_name(const char **list, size_t *length)
{
	const char *name = *list;
	*length = name ? strcspn(name, ",") : 0;
	*list = name && name[*length] ? name + *length + 1 : NULL;
	return name;
}

static bool parse_number(const struct cli_option *option, const char *value, uint64_t *number)
{
	char *end;
	return cli_parse_number(value, &end, option->least, option->most, number) && !*end;
}

static bool parse_bytes(const struct cli_option *option, const char *value, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	char *end;
	if (!cli_parse_number(value, &end, 0, UINT64_MAX, bytes))
		return false;
	const char *suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
	const unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	if (end[suffix != NULL] || *bytes > option->most >> shift)
		return false;
	*bytes <<= shift;
	return *bytes >= option->least;
}

static bool parse_seconds(const struct cli_option *option, const char *value, double *seconds)
{
	char *end;
	*seconds = strtod(value, &end);
	return end != value && !*end && *seconds * 1000 >= (double)option->least &&
	       *seconds * 1000 <= (double)option->most;
}

/* The index of @value, or -1. */
static int find_choice(const char *const *choices, const char *value)
{
	for (int i = 0; choices[i]; i++) {
		if (strcmp(choices[i], value) == 0)
			return i;
	}
	return -1;
}

static bool take_number(const struct cli_option *option, const char *value, void *member)
{
	uint64_t number;
	if (!parse_number(option, value, &number))
		return false;
	if (option->kind == CLI_UNSIGNED)
		*(unsigned *)member = (unsigned)number;
	else
		*(uint64_t *)member = number;
	return true;
}

static bool take_choice(const struct cli_option *option, const char *value, void *member)
{
	const int choice = find_choice(option->choices, value);
	if (choice < 0)
		return false;
	if (option->kind == CLI_CHOICE)
		*(unsigned *)member = (unsigned)choice;
	else
		*(const char **)member = option->choices[choice];
	return true;
}

static bool take_value(const struct cli_option *option, const char *value, void *member)
{
	switch (option->kind) {
	case CLI_UNSIGNED:
	case CLI_UINT64:
		return take_number(option, value, member);
	case CLI_BYTES:
		return parse_bytes(option, value, member);
	case CLI_SECONDS:
		return parse_seconds(option, value, member);
	default:
		return take_choice(option, value, member);
	}
}

static int take(const struct cli_option *option, const char *value, void *options)
{
	void *member = (char *)options + option->offset;
	if (option->kind == CLI_FLAG) {
		*(bool *)member = true;
		return 0;
	}
	if (option->kind == CLI_OTHER)
		return option->parse(member, value);
	return take_value(option, value, member) ? 0 : complain_of_value(option, value);
}

/* ---- The command line ---- */

/* Convert the table for getopt_long(3). @longs is all zero. */
static void list_options(const struct cli *cli, struct option longs[MOST_OPTIONS + 3])
{
	size_t n = 0;
	for (; cli->options[n].name && n < MOST_OPTIONS; n++)
		longs[n] = (struct option){
			.name = cli->options[n].name,
			.has_arg =
				cli->options[n].kind == CLI_FLAG ? no_argument : required_argument,
			.val = FIRST_ID + (int)n,
		};
	longs[n] = (struct option){ .name = "help", .val = 'h' };
	longs[n + 1] = (struct option){ .name = "version", .val = 'V' };
}

static int complain_of_missing_value(const struct cli_option *option)
{
	char expected[200];
	describe(option, expected, sizeof(expected));
	return cli_complain("--%s needs a value: %s", option->name, expected);
}

static int complain_of_unknown(const struct cli *cli, const char *argument)
{
	const size_t length = strcspn(argument + 2, "=");
	size_t n = 0;
	for (const struct cli_option *option = cli->options; option->name; option++)
		n += strncmp(option->name, argument + 2, length) == 0;
	return n > 1 ? cli_complain("%s: several options begin so; give the full name", argument)
		     : cli_complain("%s: there is no such option", argument);
}

/* optopt is the id of an option that got a value and takes none, a letter that is no option, or 0.
 */
static int complain_of_option(const struct cli *cli, const char *argument)
{
	if (optopt >= FIRST_ID)
		return cli_complain("--%s takes no value", cli->options[optopt - FIRST_ID].name);
	if (optopt == 'h' || optopt == 'V')
		return cli_complain("%s: this option takes no value", argument);
	if (optopt)
		return cli_complain("-%c: there is no such option", optopt);
	return complain_of_unknown(cli, argument);
}

static int print(const struct cli *cli, int id)
{
	if (id == 'h')
		fputs(cli->help, stdout);
	else
		printf("%s %s\n", cli->program, UFFD_GUARD_VERSION);
	int err = cli_finish_output();
	return err ? err : -ECANCELED;
}

static int take_options(const struct cli *cli, void *options, int argc, char **argv)
{
	struct option longs[MOST_OPTIONS + 3] = { { 0 } };
	const char *letters = cli->stops_at_operand ? "+:hV" : ":hV";
	int err = 0;
	list_options(cli, longs);
	opterr = 0;
	optind = 0; /* restarts getopt_long(), for a second command line */
	for (int id; !err && (id = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
		if (id == 'h' || id == 'V')
			err = print(cli, id);
		else if (id == ':')
			err = complain_of_missing_value(&cli->options[optopt - FIRST_ID]);
		else if (id == '?')
			err = complain_of_option(cli, argv[optind - 1]);
		else
			err = take(&cli->options[id - FIRST_ID], optarg, options);
	}
	return err;
}

static int take_operands(const struct cli *cli, void *options, int argc, char **argv)
{
	if (cli->take_operands)
		return cli->take_operands(options, argv + optind);
	return optind < argc ? cli_complain("%s: no argument is expected here", argv[optind]) : 0;
}

int cli_parse(const struct cli *cli, void *options, int argc, char **argv)
{
	program = cli->program;
	int err = take_options(cli, options, argc, argv);
	if (!err)
		err = take_operands(cli, options, argc, argv);
	if (!err && cli->check)
		err = cli->check(options);
	if (err == -EINVAL)
		fprintf(stderr, "Try \"%s --help\".\n", program);
	return err;
}
