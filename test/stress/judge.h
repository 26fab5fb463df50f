/* SPDX-License-Identifier: MIT */
#pragma once

#include "word.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct control;

enum violation {
	VIOLATION_SIGNAL,     /* P1 */
	VIOLATION_UNANSWERED, /* P2 */
	VIOLATION_FOREIGN,    /* P3 */
	VIOLATION_TORN,	      /* P3 */
	VIOLATION_TAIL,	      /* P3 */
	VIOLATION_CHANGED,    /* P4 */
	VIOLATION_STALE,      /* P5 */
	VIOLATION_LOST,	      /* P7 */
	VIOLATION_LOSS,	      /* P8 */
	VIOLATION_BUDGET,     /* P10 */
	VIOLATION_GREW,
	VIOLATION_ERROR,
	N_VIOLATIONS
};

/* What is judged, each counted, so that a check that never ran can be seen. */
enum check {
	CHECK_ACCESSES, /* loads that could have raised a signal or slept for ever, by pages */
	CHECK_WORDS,
	CHECK_TAILS,
	CHECK_UNCHANGED, /* pages read twice */
	CHECK_AGES,	 /* words */
	CHECK_WHOLE,	 /* words of files that had all their data */
	CHECK_LOSSES,	 /* events */
	CHECK_BUDGET,	 /* looks at the memory held */
	CHECK_GROWTH,	 /* the same, and at the files open: one a second in a quarter of the run */
	CHECK_CALLS,
	N_CHECKS
};

struct judge {
	_Atomic uint64_t violations[N_VIOLATIONS];
	_Atomic uint64_t checks[N_CHECKS];
	_Atomic uint64_t n_zeros, n_cuts;
	_Atomic uint64_t n_splits;
	_Atomic uint64_t most_resident; /* bytes that a guard with a budget was seen to hold */
	bool may_split;			/* clients end their files at odd bytes: see word.c */
	bool is_quiet;			/* counts only */
};

#define READING_WORDS 8192
#define READING_PAGES (READING_WORDS / 512 + 2) /* touched at most, of the smallest pages */

/* Words that were read from a region (or by uffd_guard_read()), with what was known before. */
struct reading {
	const struct control *control;
	uint32_t file;
	uint64_t first; /* number of the first word in the file */
	uint32_t n_words;
	uint64_t floors[READING_PAGES]; /* no word of the page is of an older rewrite */
	uint64_t words[READING_WORDS];
};

const char *violation_name(enum violation violation);
enum check violation_check(enum violation violation);
const char *check_name(enum check check);

void judge_count(struct judge *judge, enum check check, uint64_t n);
/* A violation, with its place and what was expected instead. */
__attribute__((format(printf, 3, 4))) void judge_report(
	struct judge *judge, enum violation violation, const char *format, ...);
uint64_t judge_violations(const struct judge *judge);

/* Every word belongs here, and none is older than its page's floor. */
void judge_words(struct judge *judge, const struct reading *reading);
/* The file had all its data all the time: so has the reading, as far as the file's own pages go. */
void judge_whole(struct judge *judge, const struct reading *reading);
/* Nobody refreshed in between. */
void judge_unchanged(
	struct judge *judge, const struct reading *before, const struct reading *after);
/* Nobody refreshed in between, but pages may have been evicted and have come back. */
void judge_not_older(
	struct judge *judge, const struct reading *before, const struct reading *after);
/* Words between the end of a region and the end of its last page. */
void judge_tail(struct judge *judge, const struct reading *reading);
/* What a call of the library has answered. */
void judge_call(struct judge *judge, const char *name, uint32_t file, int64_t result);
/* Why bytes were lost. @may_run_out: by a budget that holds less than the data. */
bool judge_reasons(struct judge *judge, uint32_t file, uint32_t reasons, bool may_run_out);
/* What a guard holds, by its own account, while @n_fillers threads may be filling pages. */
void judge_resident(struct judge *judge, uint64_t resident, uint64_t budget, unsigned n_fillers);
/* Signals that the handler of last resort has caught so far. */
void judge_signals(struct judge *judge);
