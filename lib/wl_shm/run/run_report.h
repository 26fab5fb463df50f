/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"
#include "run/ways.h"

/* What was found out before anything is run. */
struct check {
	int err;	   /* 0: memory can be guarded here */
	uint32_t features; /* of a guard */
	int exit_code;	   /* 0: so can the command, if one was given */
	bool with_mmap;
	enum placing placing;
	struct ways ways; /* of the command, if exit_code is not EXIT_NOT_RUN or EXIT_NOT_FOUND;
			     without one, its trial only */
};

/* @command may be NULL. */
void report_check_text(const struct check *check, const char *command);
void report_check_json(const struct check *check, const char *command);

/* What happened. */
void report_text(const struct shm_stats *stats, const char *command);
void report_json(const struct shm_stats *stats);
