/* SPDX-License-Identifier: MIT */
#pragma once

#include "interval.h"

enum line_style { LINE_TITLE, LINE_PLAIN, LINE_HEADING, LINE_LOSING };

typedef void put_line_fn(enum line_style style, const char *text, void *data);

/* All that is known, from the most important to the least; for the screen, and for --once. */
void page_compose(const struct process *process, const struct interval *interval,
	put_line_fn *put_line, void *data);
