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
	VIOLATION_HOST, /* P12 */
	VIOLATION_CAPTURE,
	N_VIOLATIONS
};

/* What is judged. Each is counted, so that a check that never ran shows. */
enum check {
	CHECK_ACCESSES, /* pages read: each load could have raised a signal or never returned */
	CHECK_WORDS,
	CHECK_TAILS,
	CHECK_UNCHANGED, /* pages read twice */
	CHECK_AGES,	 /* words */
	CHECK_WHOLE,	 /* words of files that had all their data */
	CHECK_LOSSES,	 /* events */
	CHECK_BUDGET,	 /* samples of the memory that a guard holds */
	CHECK_GROWTH,	 /* samples of memory and open files of the last quarter, one a second */
	CHECK_CALLS,
	CHECK_HOST,	/* attacks of the host */
	CHECK_CAPTURES, /* words that the server has written to clients */
	N_CHECKS
};

struct judge {
	_Atomic uint64_t violations[N_VIOLATIONS];
	_Atomic uint64_t checks[N_CHECKS];
	_Atomic uint64_t n_zeros, n_cuts;
	_Atomic uint64_t n_splits;
	_Atomic uint64_t most_resident; /* bytes, the most that a guard with a budget held */
	_Atomic uint64_t most_own;	/* bytes of its own that the process had, likewise */
	bool may_split; /* clients cut files at odd bytes, which can split words: see word.c */
	bool is_quiet;	/* counts without printing; for the self-test */
};

#define READING_WORDS 8192
#define READING_PAGES (READING_WORDS / 512 + 2) /* at most, if pages are 4 KiB */

/* Words that were read from a region or by uffd_guard_read(), and what was known before. */
struct reading {
	const struct control *control;
	uint32_t file;
	uint64_t first; /* number of the first word in the file */
	uint32_t n_words;
	uint64_t floors[READING_PAGES]; /* the oldest rewrite that each page may show */
	uint64_t words[READING_WORDS];
};

const char *violation_name(enum violation violation);
enum check violation_check(enum violation violation);
const char *check_name(enum check check);

void judge_count(struct judge *judge, enum check check, uint64_t n);
/* Report a violation: where, and what was expected instead. */
__attribute__((format(printf, 3, 4))) void judge_report(
	struct judge *judge, enum violation violation, const char *format, ...);
uint64_t judge_violations(const struct judge *judge);

/* Check that every word belongs here, and that none is older than its page's floor. */
void judge_words(struct judge *judge, const struct reading *reading);
/* Check that no word of the file's own pages is missing. Call if the file had all its data all the
 * time. */
void judge_whole(struct judge *judge, const struct reading *reading);
/* Check that both are the same. Call if no thread refreshed in between. */
void judge_unchanged(
	struct judge *judge, const struct reading *before, const struct reading *after);
/* Check that no word got older. Call if no thread refreshed in between, but pages may have been
 * evicted. */
void judge_not_older(
	struct judge *judge, const struct reading *before, const struct reading *after);
/* Check that words between the end of a region and the end of its last page are zero. */
void judge_tail(struct judge *judge, const struct reading *reading);
/* Check what a call of the library has answered. */
void judge_call(struct judge *judge, const char *name, uint32_t file, int64_t result);
/* Check the reasons of a loss. @may_run_out: the budget holds less than the data. */
bool judge_reasons(struct judge *judge, uint32_t file, uint32_t reasons, bool may_run_out);
/* Check what a guard says that it holds, while @n_fillers threads may be filling pages. */
void judge_resident(struct judge *judge, uint64_t resident, uint64_t budget, unsigned n_fillers);
/* Check what the process holds beyond what it had @at_start; @budgets: of all guards. */
void judge_own_memory(
	struct judge *judge, uint64_t own, uint64_t at_start, uint64_t budgets, unsigned n_fillers);
/* Count the signals that signals.c has caught so far. */
void judge_signals(struct judge *judge);
