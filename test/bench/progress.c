/* SPDX-License-Identifier: MIT */
/* Show progress on standard error, so that the table can be redirected. */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"

void progress_show(const char *format, ...)
{
	if (!isatty(STDERR_FILENO))
		return;
	va_list args;
	va_start(args, format);
	fputs(CLEAR_LINE, stderr);
	vfprintf(stderr, format, args);
	fflush(stderr);
	va_end(args);
}

void progress_clear(void)
{
	if (isatty(STDERR_FILENO))
		fputs(CLEAR_LINE, stderr);
}
