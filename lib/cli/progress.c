/* SPDX-License-Identifier: MIT */
/* Progress goes to standard error, so that the result can be redirected. */
#include "progress.h"

#include "terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"
#define NS_PER_S   UINT64_C(1000000000)
#define LONGEST	   300

static uint64_t interval = 10 * NS_PER_S;
static uint64_t last; /* when a line was printed, or would have been first */

void progress_set_interval(uint64_t ns)
{
	interval = ns;
	last = 0;
}

static bool is_due(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	const uint64_t now = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
	const bool is = last && now - last >= interval;
	if (is || !last)
		last = now;
	return is;
}

void progress_show(const char *format, ...)
{
	const bool redraws = terminal_can_redraw(STDERR_FILENO);
	const unsigned columns = terminal_columns(STDERR_FILENO);
	char line[LONGEST];
	if (!redraws && !is_due())
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* In the last column, some terminals begin a new line. */
	const unsigned most = columns ? columns - 1 : LONGEST;
	fprintf(stderr, redraws ? CLEAR_LINE "%.*s" : "%.*s\n", (int)most, line);
	fflush(stderr);
}

void progress_clear(void)
{
	if (terminal_can_redraw(STDERR_FILENO))
		fputs(CLEAR_LINE, stderr);
}
