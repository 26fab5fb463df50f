/* SPDX-License-Identifier: MIT */
/* The type of a way to show intervals. views.h lists them. */
#pragma once

#include "top_options.h"

enum wish {
	WISH_NEXT,   /* the time is over: another interval */
	WISH_REDRAW, /* the same again: a key, or the terminal has another size */
	WISH_LEAVE,
	WISH_ENDED, /* the process has ended */
};

struct view {
	int (*begin)(void); /* 0, or a negative errno if this way does not work here; NULL: nothing
			       to prepare */
	void (*show)(
		const struct process *process, struct interval *interval, struct options *options);
	/* Wait for a wish, at most until @until_ns of CLOCK_MONOTONIC. */
	enum wish (*wait)(
		const struct process *process, uint64_t until_ns, struct options *options);
	void (*end)(void); /* NULL: nothing to undo */
};

/* Wait until @until_ns or the process's end. For views without a screen. */
enum wish view_wait(const struct process *process, uint64_t until_ns, struct options *options);

/* Milliseconds from now to @until_ns, as a timeout for poll(). */
int view_milliseconds_until(uint64_t until_ns);
