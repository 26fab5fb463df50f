/* SPDX-License-Identifier: MIT */
/* What a way to show intervals is; views.h lists them. */
#pragma once

#include "top_options.h"

enum wish {
	WISH_NEXT,   /* the time is over: another interval */
	WISH_REDRAW, /* the same again: a key, or the terminal has another size */
	WISH_LEAVE,
	WISH_ENDED, /* the process has */
};

struct view {
	int (*begin)(void); /* 0, or it cannot be shown so; NULL: nothing to do */
	void (*show)(
		const struct process *process, struct interval *interval, struct options *options);
	/* Until something is to be done, but not after @until_ns of CLOCK_MONOTONIC. */
	enum wish (*wait)(
		const struct process *process, uint64_t until_ns, struct options *options);
	void (*end)(void); /* or NULL */
};

/* Wait without a screen: for the time, or the process's end. */
enum wish view_wait(const struct process *process, uint64_t until_ns, struct options *options);

/* From now on, for poll(). */
int view_milliseconds_until(uint64_t until_ns);
