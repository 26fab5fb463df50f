/* SPDX-License-Identifier: MIT */
/* The loop of the program: read, compare, show, wait. */
#include "watch.h"

#include "cli/terminal.h"

#include "views.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S      1000000000.0
#define MOST_AGONY_MS 2000

static const struct view *choose_view(const struct options *options)
{
	if (options->is_json)
		return &view_json;
	if (options->is_once)
		return &view_page;
	const bool is_terminal = isatty(STDIN_FILENO) && terminal_can_redraw(STDOUT_FILENO);
	return is_terminal && !options->is_plain ? &view_screen : &view_lines;
}

struct watch {
	struct process *process;
	struct options *options;
	const struct view *view;
	struct reading before, now;
	bool has_before;
	unsigned long n_shown;
};

/* The first reading is not shown, since there is none before it to compare with. --once and the
 * screen show it as an average of the whole life. */
static bool is_due(const struct watch *watch)
{
	return watch->has_before || watch->options->is_once || watch->view == &view_screen;
}

/* 0, or a negative errno. */
static int show(struct watch *watch)
{
	struct interval interval;
	int err =
		interval_between(watch->has_before ? &watch->before : NULL, &watch->now, &interval);
	if (err)
		return err;
	watch->view->show(watch->process, &interval, watch->options);
	interval_free(&interval);
	return fflush(stdout) ? -errno : 0;
}

/* Show the interval, and again after each key. --count counts it once. */
static enum wish show_and_wait(struct watch *watch, int *err)
{
	const struct options *options = watch->options;
	const uint64_t until = watch->now.at_ns + (uint64_t)(options->interval * NS_PER_S);
	watch->n_shown += watch->has_before;
	const bool is_last =
		options->is_once || (options->count && watch->n_shown >= options->count);
	enum wish wish;
	do {
		if (is_due(watch))
			*err = show(watch);
		wish = is_last || *err ? WISH_LEAVE
				       : watch->view->wait(watch->process, until, watch->options);
	} while (wish == WISH_REDRAW);
	return wish;
}

static enum wish watch_once(struct watch *watch, int *err)
{
	*err = process_read(watch->process, &watch->now);
	/* A process that is about to end cannot be read any more: wait for its end after an error.
	 */
	if (process_ends_within(watch->process, *err ? MOST_AGONY_MS : 0)) {
		*err = 0;
		return WISH_ENDED;
	}
	if (*err)
		return WISH_LEAVE;
	enum wish wish = show_and_wait(watch, err);
	reading_free(&watch->before);
	watch->before = watch->now;
	watch->now = (struct reading){ .at_ns = 0 };
	watch->has_before = true;
	return wish;
}

static const struct view *begin_view(const struct options *options)
{
	const struct view *view = choose_view(options);
	if (!view->begin || view->begin() == 0)
		return view;
	view_lines.begin();
	return &view_lines;
}

enum exit_code watch(struct process *process, struct options *options)
{
	struct watch watch = { .process = process, .options = options };
	enum wish wish = WISH_NEXT;
	int err = 0;
	watch.view = begin_view(options);
	while (wish == WISH_NEXT && !err)
		wish = watch_once(&watch, &err);
	if (watch.view->end)
		watch.view->end();
	reading_free(&watch.before);
	reading_free(&watch.now);

	if (err) {
		fprintf(stderr, "uffd-guard-top: cannot go on: %s\n", strerror(-err));
		return EXIT_NOT_FOUND;
	}
	if (wish != WISH_ENDED)
		return EXIT_DONE;
	fprintf(stderr, "uffd-guard-top: %s (%d) has ended\n", process->command, (int)process->pid);
	return EXIT_ENDED;
}
