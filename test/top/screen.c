/* SPDX-License-Identifier: MIT */
/* uffd-guard-top on a terminal, which it must leave as it found it. */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#define LEAVE_SCREEN "\x1b[?1049l" /* of xterm: back to what was there before */

static const char *top = "uffd-guard-top"; /* the program; --top */

struct terminal {
	int ours, its;
	struct termios before;
	pid_t top;
	char text[1 << 20]; /* all that was written to it */
	size_t length;
};

/* Start the program on @pid and a terminal whose TERM is @name; with @option, unless it is NULL. */
static void start_with(struct terminal *t, const char *name, unsigned short n_columns,
	const char *option, pid_t pid)
{
	const struct winsize size = { .ws_row = 24, .ws_col = n_columns };
	char argument[16];
	snprintf(argument, sizeof(argument), "%d", (int)pid);
	*t = (struct terminal){ .length = 0 };
	ck_assert_int_eq(openpty(&t->ours, &t->its, NULL, NULL, &size), 0);
	assert_ok(tcgetattr(t->its, &t->before));
	t->top = fork();
	ck_assert_int_ge(t->top, 0);
	if (t->top == 0) {
		setenv("TERM", name, true);
		close(t->ours);
		login_tty(t->its);
		execlp(top, top, "--interval", "0.1", argument, option, (char *)NULL);
		_exit(127);
	}
}

static void start_on_terminal(struct terminal *t, const char *name, pid_t pid)
{
	start_with(t, name, 80, NULL, pid);
}

/* Read until the program has written @expected. */
static void read_until(struct terminal *t, const char *expected)
{
	while (!strstr(t->text, expected)) {
		ck_assert_uint_lt(t->length, sizeof(t->text) - 1);
		ssize_t n = read(t->ours, t->text + t->length, sizeof(t->text) - 1 - t->length);
		ck_assert_msg(n > 0, "no \"%s\" in: %s", expected, t->text);
		t->length += (size_t)n;
		t->text[t->length] = '\0';
	}
}

static void assert_leaves(struct terminal *t, int exit_code)
{
	struct termios after;
	int status;
	read_until(t, LEAVE_SCREEN);
	ck_assert_int_eq(waitpid(t->top, &status, 0), t->top);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == exit_code, "%x", status);
	assert_ok(tcgetattr(t->its, &after));
	ck_assert_uint_eq(after.c_lflag, t->before.c_lflag);
	ck_assert_uint_eq(after.c_iflag, t->before.c_iflag);
	ck_assert_uint_eq(after.c_oflag, t->before.c_oflag);
	close(t->ours);
	close(t->its);
}

static void stop(struct terminal *t)
{
	kill(t->top, SIGTERM);
	ck_assert_int_eq(waitpid(t->top, NULL, 0), t->top);
	close(t->ours);
	close(t->its);
}

static struct uffd_guard *guard_to_watch(void)
{
	assert_ok(setenv("UFFD_GUARD_STATS", "1", true));
	return guard_start(0);
}

static struct terminal terminal;

START_TEST(key_leaves_the_terminal_as_it_was)
{
	struct uffd_guard *guard = guard_to_watch();
	start_on_terminal(&terminal, "xterm", getpid());
	read_until(&terminal, "q leave");
	ck_assert_int_eq(write(terminal.ours, "q", 1), 1);
	assert_leaves(&terminal, 0);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(signal_leaves_the_terminal_as_it_was)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct uffd_guard *guard = guard_to_watch();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		start_on_terminal(&terminal, "xterm", getpid());
		read_until(&terminal, "q leave");
		kill(terminal.top, signals[i]);
		assert_leaves(&terminal, 0);
	}
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(process_that_ends_leaves_the_terminal_as_it_was)
{
	int ready[2];
	char c;
	assert_ok(pipe(ready));
	pid_t other = fork();
	if (other == 0) {
		guard_to_watch();
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	start_on_terminal(&terminal, "xterm", other);
	read_until(&terminal, "q leave");
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	assert_leaves(&terminal, 1);
}
END_TEST

START_TEST(terminal_of_another_size_is_filled_anew)
{
	static const struct winsize sizes[] = {
		{ .ws_row = 10, .ws_col = 120 },
		{ .ws_row = 2, .ws_col = 5 },
		{ .ws_row = 1, .ws_col = 1 },
		{ .ws_row = 50, .ws_col = 100 },
	};
	struct uffd_guard *guard = guard_to_watch();
	start_on_terminal(&terminal, "xterm", getpid());
	read_until(&terminal, "q leave");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_ok(ioctl(terminal.ours, TIOCSWINSZ, &sizes[i]));
	read_until(&terminal, "\x1b[50"); /* to the last line */
	ck_assert_int_eq(write(terminal.ours, "flsnmxq", 7), 7);
	assert_leaves(&terminal, 0);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(terminal_that_nobody_knows_gets_lines)
{
	struct uffd_guard *guard = guard_to_watch();
	start_on_terminal(&terminal, "no-such-terminal", getpid());
	read_until(&terminal, "p99<");
	ck_assert_ptr_null(strchr(terminal.text, '\x1b'));
	stop(&terminal);
	uffd_guard_destroy(guard);
}
END_TEST

static size_t longest_line(const char *text)
{
	size_t longest = 0;
	while (*text) {
		const size_t length = strcspn(text, "\r\n");
		longest = length > longest ? length : longest;
		text += length + strspn(text + length, "\r\n");
	}
	return longest;
}

/* As wide as the terminal is, and no wider; what matters most is there. */
static const struct {
	unsigned short n_columns;
	const char *last_column; /* of those that lines have room for */
	unsigned width_of_lines;
} widths[] = {
	{ 30, "resident", 25 },
	{ 60, "evict/s", 60 },
	{ 80, "refresh/s", 79 },
	{ 200, "zeros/s", 97 },
};
#define N_WIDTHS (int)(sizeof(widths) / sizeof(widths[0]))

START_TEST(page_is_no_wider_than_the_terminal)
{
	struct fixture f;
	assert_ok(setenv("UFFD_GUARD_STATS", "1", true));
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	fixture_truncate(&f, 15);
	assert_ok(uffd_guard_populate(f.region, 0, 16 * f.page));
	start_with(&terminal, "dumb", widths[_i].n_columns, "--once", getpid());
	read_until(&terminal, "lost: truncated");
	ck_assert_ptr_nonnull(strstr(terminal.text, "memfd:"));
	ck_assert_uint_le(longest_line(terminal.text), widths[_i].n_columns);
	stop(&terminal);
	fixture_stop(&f);
}
END_TEST

START_TEST(lines_are_no_wider_than_the_terminal)
{
	struct uffd_guard *guard = guard_to_watch();
	start_with(&terminal, "dumb", widths[_i].n_columns, NULL, getpid());
	read_until(&terminal, "\n");
	ck_assert_ptr_nonnull(strstr(terminal.text, widths[_i].last_column));
	ck_assert_uint_eq(longest_line(terminal.text), widths[_i].width_of_lines);
	stop(&terminal);
	uffd_guard_destroy(guard);
}
END_TEST

/* Some machines have no pseudo-terminals, or do not know what xterm is. */
static bool has_terminals(void)
{
	static const char *const descriptions[] = { "/etc/terminfo/x/xterm",
		"/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm" };
	int ours, its;
	bool is_known = false;
	for (size_t i = 0; i < 3; i++)
		is_known = is_known || access(descriptions[i], R_OK) == 0;
	if (!is_known || openpty(&ours, &its, NULL, NULL, NULL))
		return false;
	close(ours);
	close(its);
	return true;
}

static TCase *screen_case(void)
{
	TCase *tcase = tcase_create("screen");
	if (!runner_can_run(top))
		exit(77); /* SKIP_RETURN_CODE in CMake */
	tcase_add_test(tcase, key_leaves_the_terminal_as_it_was);
	tcase_add_test(tcase, signal_leaves_the_terminal_as_it_was);
	tcase_add_test(tcase, process_that_ends_leaves_the_terminal_as_it_was);
	tcase_add_test(tcase, terminal_of_another_size_is_filled_anew);
	tcase_add_test(tcase, terminal_that_nobody_knows_gets_lines);
	tcase_add_loop_test(tcase, page_is_no_wider_than_the_terminal, 0, N_WIDTHS);
	tcase_add_loop_test(tcase, lines_are_no_wider_than_the_terminal, 0, N_WIDTHS);
	return tcase;
}

int main(int argc, char **argv)
{
	runner_case_fn *const cases[] = { screen_case };
	if (!has_terminals()) {
		runner_skip("no terminal to show it on");
		return 77;
	}
	if (argc > 2 && strcmp(argv[argc - 2], "--top") == 0) {
		top = argv[argc - 1];
		argc -= 2;
	}
	return runner_main(argc, argv, "screen", cases, 1);
}
