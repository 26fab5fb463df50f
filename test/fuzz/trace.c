/* SPDX-License-Identifier: MIT */
/* The operations of the present input in words, kept until something is wrong. */
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char text[64 << 10];
static size_t length;
static bool shows;

static const char *input_name;

void trace_name(const char *name)
{
	input_name = name;
}

__attribute__((format(printf, 1, 0))) static void trace_va(const char *format, va_list args)
{
	size_t room = sizeof(text) - length;
	int n = vsnprintf(text + length, room, format, args);
	if (n < 0 || (size_t)n + 1 >= room)
		return; /* longer than any input makes it */
	text[length + (size_t)n] = '\n';
	if (shows && write(STDERR_FILENO, text + length, (size_t)n + 1) < 0)
		shows = false;
	length += (size_t)n + 1;
}

void trace(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	trace_va(format, args);
	va_end(args);
}

void trace_reset(bool is_shown)
{
	length = 0;
	shows = is_shown;
	if (input_name)
		trace("==== %s", input_name);
}

void trace_show(void)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = write(STDERR_FILENO, text + at, length - at);
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	trace("------");
	trace_va(format, args);
	va_end(args);
	if (!shows)
		trace_show();
	abort();
}
