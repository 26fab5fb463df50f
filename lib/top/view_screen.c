/* SPDX-License-Identifier: MIT */
/*
 * Show the page on a terminal, by ncurses. The terminal is given back as it was found, however the
 * program ends: signals that end it are read from a descriptor, like keys, and mean WISH_LEAVE.
 */
#include "views.h"

#include "text_page.h"

#include <errno.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static SCREEN *screen;
static int signals = -1;

static int take_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return 0;
}

static int begin(void)
{
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -ENOTTY;
	int err = take_signals();
	if (err) {
		endwin();
		delscreen(screen);
		return err;
	}
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	set_escdelay(25);
	return 0;
}

static void end(void)
{
	endwin();
	delscreen(screen);
	close(signals);
}

/* ---- Showing ---- */

static chtype attribute_of(enum line_style style)
{
	switch (style) {
	case LINE_TITLE:
	case LINE_LOSING:
		return A_BOLD;
	case LINE_HEADING:
		return A_REVERSE;
	case LINE_PLAIN:
		break;
	}
	return A_NORMAL;
}

static void put_line(enum line_style style, const char *text, void *data)
{
	int *row = data;
	if (*row >= LINES - 1)
		return;
	attrset((attr_t)attribute_of(style));
	mvaddnstr(*row, 0, text, -1);
	if (style == LINE_HEADING)
		mvchgat(*row, 0, -1, A_REVERSE, 0, NULL);
	++*row;
	attrset(A_NORMAL);
}

static void show(const struct process *process, struct interval *interval, struct options *options)
{
	int row = 0;
	interval_sort(interval, options->sort);
	erase();
	page_compose(process, interval, (unsigned)COLS, put_line, &row);
	mvaddnstr(LINES - 1, 0, "q leave  sort: m memory f faults l losses s size n number",
		COLS - 1);
	refresh();
}

/* ---- Waiting ---- */

static bool take_key(int key, struct options *options)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'm':
		options->sort = SORT_RESIDENT;
		break;
	case 'f':
		options->sort = SORT_FAULTS;
		break;
	case 'l':
		options->sort = SORT_LOSSES;
		break;
	case 's':
		options->sort = SORT_LENGTH;
		break;
	case 'n':
		options->sort = SORT_NUMBER;
		break;
	default: /* KEY_RESIZE among them */
		break;
	}
	return true;
}

static enum wish take_keys(struct options *options)
{
	enum wish wish = WISH_NEXT;
	for (int key; (key = getch()) != ERR;) {
		if (!take_key(key, options))
			return WISH_LEAVE;
		wish = WISH_REDRAW;
	}
	return wish;
}

static enum wish wait_for_wish(
	const struct process *process, uint64_t until_ns, struct options *options)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = process->pidfd, .events = POLLIN },
	};
	/* SIGWINCH interrupts poll(). ncurses turns it into KEY_RESIZE. */
	int n = poll(fds, 3, view_milliseconds_until(until_ns));
	if (n > 0 && fds[0].revents)
		return WISH_LEAVE;
	enum wish wish = take_keys(options);
	if (wish != WISH_NEXT)
		return wish;
	if (n > 0 && fds[1].revents & (POLLHUP | POLLERR))
		return WISH_LEAVE; /* the terminal is gone */
	if (n > 0 && fds[2].revents)
		return WISH_ENDED;
	return n == 0 ? WISH_NEXT : WISH_REDRAW;
}

const struct view view_screen = {
	.begin = begin,
	.show = show,
	.wait = wait_for_wish,
	.end = end,
};
