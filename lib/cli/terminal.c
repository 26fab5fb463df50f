/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_COLUMNS 80
#define MOST_COLUMNS  10000

bool terminal_can_redraw(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

unsigned terminal_columns(int fd)
{
	struct winsize size;
	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	const char *text = getenv("COLUMNS");
	const unsigned long columns = text ? strtoul(text, NULL, 10) : 0;
	return columns > 0 && columns <= MOST_COLUMNS ? (unsigned)columns : USUAL_COLUMNS;
}
