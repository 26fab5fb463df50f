/* SPDX-License-Identifier: MIT */
#pragma once

#include "interval.h"

enum line_style { LINE_TITLE, LINE_PLAIN, LINE_HEADING, LINE_LOSING };

typedef void put_line_fn(enum line_style style, const char *text, void *data);

/* Put all lines of the page, the most important first, by @put_line. None has more than @width
 * letters; 0: they have no end. The screen and --once show it. */
void page_compose(const struct process *process, const struct interval *interval, unsigned width,
	put_line_fn *put_line, void *data);
