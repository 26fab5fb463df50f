/* SPDX-License-Identifier: MIT */
/* A line of progress fits into the terminal that it is overwritten on, and a log gets some too. */
#include "cli/progress.h"
#include "cli/terminal.h"

#include "../unit/unit.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_LINE "0123456789012345678901234567890123456789"

static int kept_stderr;
static int other_end;

static void redirect(int end)
{
	kept_stderr = dup(STDERR_FILENO);
	dup2(end, STDERR_FILENO);
	close(end);
}

/* False after a skip. */
static bool use_terminal(unsigned short columns, const char *term)
{
	const struct winsize size = { .ws_col = columns, .ws_row = 24 };
	int end;
	if (openpty(&other_end, &end, NULL, NULL, &size) < 0) {
		unit_skip("no pseudo terminals here");
		return false;
	}
	setenv("TERM", term, 1);
	redirect(end);
	return true;
}

static void use_pipe(void)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	other_end = ends[0];
	redirect(ends[1]);
}

/* What was printed, until now. A terminal gives it in pieces, and says that it has ended when
 * nobody has the other end any more. */
static const char *printed(void)
{
	static char text[1000];
	size_t length = 0;
	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
	for (ssize_t n; (n = read(other_end, text + length, sizeof(text) - 1 - length)) > 0;)
		length += (size_t)n;
	text[length] = 0;
	close(other_end);
	return text;
}

START_TEST(line_is_cut_to_the_terminal)
{
	if (!use_terminal(20, "xterm"))
		return;
	progress_show("%s", LONG_LINE);
	ck_assert_str_eq(printed(), "\r\033[K0123456789012345678");
}
END_TEST

START_TEST(line_that_fits_is_whole)
{
	if (!use_terminal(200, "xterm"))
		return;
	progress_show("%s", LONG_LINE);
	progress_clear();
	ck_assert_str_eq(printed(), "\r\033[K" LONG_LINE "\r\033[K");
}
END_TEST

START_TEST(dumb_terminal_gets_no_escapes)
{
	if (!use_terminal(20, "dumb"))
		return;
	progress_set_interval(0);
	progress_show("first");
	progress_show("%s", LONG_LINE);
	progress_clear();
	ck_assert_str_eq(printed(), "0123456789012345678\r\n");
}
END_TEST

START_TEST(pipe_gets_a_line_now_and_then)
{
	use_pipe();
	progress_set_interval(10000000);
	progress_show("first");
	progress_show("too soon");
	usleep(20000);
	progress_show("%s", LONG_LINE);
	progress_show("too soon again");
	ck_assert_str_eq(printed(), LONG_LINE "\n");
}
END_TEST

START_TEST(columns_are_those_of_the_variable_if_the_terminal_does_not_say)
{
	if (!use_terminal(0, "xterm"))
		return;
	setenv("COLUMNS", "33", 1);
	const unsigned said = terminal_columns(STDERR_FILENO);
	setenv("COLUMNS", "x", 1);
	const unsigned nonsense = terminal_columns(STDERR_FILENO);
	printed();
	ck_assert_uint_eq(said, 33);
	ck_assert_uint_eq(nonsense, 80);
	use_pipe();
	const unsigned none = terminal_columns(STDERR_FILENO);
	printed();
	ck_assert_uint_eq(none, 0);
}
END_TEST

static TCase *progress_case(void)
{
	TCase *tcase = tcase_create("progress");
	tcase_add_test(tcase, line_is_cut_to_the_terminal);
	tcase_add_test(tcase, line_that_fits_is_whole);
	tcase_add_test(tcase, dumb_terminal_gets_no_escapes);
	tcase_add_test(tcase, pipe_gets_a_line_now_and_then);
	tcase_add_test(tcase, columns_are_those_of_the_variable_if_the_terminal_does_not_say);
	return tcase;
}

UNIT_MAIN("progress_lines", progress_case)
