/* SPDX-License-Identifier: MIT */
/*
 * The judge compares what was read with what may be read. It reads nothing itself, so that the
 * self-test can show it words that no library would let through.
 *
 * The first violations of each kind are printed when they are found. Later ones are only counted,
 * since one bug breaks a promise many thousand times a second.
 */
#include "judge.h"

#include "control.h"
#include "signals.h"

#include <uffd_guard.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MOST_PRINTED 5 /* of each kind */

/* What one thread fills at a time, beyond the budget. */
#define FILLED_AT_ONCE (UINT64_C(2) << 20)

/* Stacks, buffers of the library and of the tester, and what the kernel counts late. */
#define OTHER_MEMORY (UINT64_C(24) << 20)

/* ---- Names ---- */

static const struct {
	enum check check;
	const char *name;
} violations[N_VIOLATIONS] = {
	[VIOLATION_SIGNAL] = { CHECK_ACCESSES, "signal" },
	[VIOLATION_UNANSWERED] = { CHECK_ACCESSES, "fault unanswered" },
	[VIOLATION_FOREIGN] = { CHECK_WORDS, "foreign word" },
	[VIOLATION_TORN] = { CHECK_WORDS, "torn word" },
	[VIOLATION_TAIL] = { CHECK_TAILS, "bytes past the length" },
	[VIOLATION_CHANGED] = { CHECK_UNCHANGED, "page changed without refresh" },
	[VIOLATION_STALE] = { CHECK_AGES, "stale word" },
	[VIOLATION_LOST] = { CHECK_WHOLE, "lost data that was there" },
	[VIOLATION_LOSS] = { CHECK_LOSSES, "false report of a loss" },
	[VIOLATION_BUDGET] = { CHECK_BUDGET, "over the budget" },
	[VIOLATION_GREW] = { CHECK_GROWTH, "grew" },
	[VIOLATION_ERROR] = { CHECK_CALLS, "unexpected answer" },
	[VIOLATION_HOST] = { CHECK_HOST, "host hindered" },
	[VIOLATION_CAPTURE] = { CHECK_CAPTURES, "wrong capture" },
};

const char *violation_name(enum violation violation)
{
	return violations[violation].name;
}

enum check violation_check(enum violation violation)
{
	return violations[violation].check;
}

const char *check_name(enum check check)
{
	static const char *const names[N_CHECKS] = {
		[CHECK_ACCESSES] = "pages accessed",
		[CHECK_WORDS] = "words judged",
		[CHECK_TAILS] = "tails of regions",
		[CHECK_UNCHANGED] = "pages read twice",
		[CHECK_AGES] = "words with a known age",
		[CHECK_WHOLE] = "words of whole files",
		[CHECK_LOSSES] = "losses reported",
		[CHECK_BUDGET] = "looks at the memory held",
		[CHECK_GROWTH] = "seconds of a quarter",
		[CHECK_CALLS] = "calls",
		[CHECK_HOST] = "attacks of the host",
		[CHECK_CAPTURES] = "words captured",
	};
	return names[check];
}

/* ---- Counting ---- */

void judge_count(struct judge *judge, enum check check, uint64_t n)
{
	atomic_fetch_add_explicit(&judge->checks[check], n, memory_order_relaxed);
}

void judge_report(struct judge *judge, enum violation violation, const char *format, ...)
{
	uint64_t n = atomic_fetch_add(&judge->violations[violation], 1);
	if (judge->is_quiet || n >= MOST_PRINTED)
		return;

	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "\nviolation: %s: %s\n", violation_name(violation), text);
}

uint64_t judge_violations(const struct judge *judge)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < N_VIOLATIONS; i++)
		n += atomic_load(&judge->violations[i]);
	return n;
}

/* ---- Words ---- */

static struct word_place place_of(const struct reading *reading, uint32_t i)
{
	uint64_t word = reading->first + i;
	uint32_t per_page = reading->control->words_per_page;
	return (struct word_place){
		.writer = control_writer(reading->file),
		.page = (uint32_t)(word / per_page),
		.index = (uint32_t)(word % per_page),
	};
}

static void report_word(struct judge *judge, enum violation violation,
	const struct reading *reading, uint32_t i, const char *expected)
{
	struct word_place place = place_of(reading, i);
	uint64_t word = reading->words[i];
	judge_report(judge, violation,
		"region %u, page %u of the file, word %u is %016" PRIx64
		" (writer %u, page %u); expected %s (its writer is %u)",
		reading->file, place.page, place.index, word, word_writer(word), word_page(word),
		expected, place.writer);
}

static void judge_age(struct judge *judge, const struct reading *reading, uint32_t i,
	uint64_t floor, uint64_t published)
{
	uint64_t seq = word_seq(reading->words[i], published);
	if (seq >= floor)
		return;
	struct word_place place = place_of(reading, i);
	judge_report(judge, VIOLATION_STALE,
		"region %u, page %u of the file, word %u is %016" PRIx64 ", of rewrite %" PRIu64
		"; expected %" PRIu64 " or later (the client is at %" PRIu64 ")",
		reading->file, place.page, place.index, reading->words[i], seq, floor, published);
}

struct tally {
	uint64_t zeros, cuts, splits, ages;
};

/* Judge the words of one page. */
static void judge_page(struct judge *judge, const struct reading *reading, uint32_t start,
	uint32_t end, struct tally *tally)
{
	struct word_place place = place_of(reading, start);
	uint32_t per_page = reading->control->words_per_page;
	uint64_t floor = reading->floors[place.page - reading->first / per_page];
	/* Load it after the words were read: then no word is more than one rewrite ahead. */
	uint64_t published =
		atomic_load_explicit(&reading->control->files[reading->file].published[place.page],
			memory_order_acquire);

	for (uint32_t i = start; i < end; i++, place.index++) {
		switch (word_judge(reading->words[i], &place)) {
		case WORD_VALID:
			if (floor > 0) {
				judge_age(judge, reading, i, floor, published);
				tally->ages++;
			}
			break;
		case WORD_ZERO:
			tally->zeros++;
			break;
		case WORD_CUT:
			tally->cuts++;
			break;
		case WORD_FOREIGN:
			report_word(judge, VIOLATION_FOREIGN, reading, i, "a word of this page");
			break;
		case WORD_TORN:
			if (judge->may_split && word_is_split(reading->words[i], &place)) {
				tally->splits++;
				break;
			}
			report_word(judge, VIOLATION_TORN, reading, i, "a word that was written");
			break;
		}
	}
}

void judge_words(struct judge *judge, const struct reading *reading)
{
	struct tally tally = { .zeros = 0 };
	uint32_t per_page = reading->control->words_per_page;
	for (uint32_t start = 0, end; start < reading->n_words; start = end) {
		end = start + per_page - (uint32_t)((reading->first + start) % per_page);
		if (end > reading->n_words)
			end = reading->n_words;
		judge_page(judge, reading, start, end, &tally);
	}
	judge_count(judge, CHECK_WORDS, reading->n_words);
	judge_count(judge, CHECK_AGES, tally.ages);
	atomic_fetch_add_explicit(&judge->n_zeros, tally.zeros, memory_order_relaxed);
	atomic_fetch_add_explicit(&judge->n_cuts, tally.cuts, memory_order_relaxed);
	atomic_fetch_add_explicit(&judge->n_splits, tally.splits, memory_order_relaxed);
}

/* A torn word is not lost: judge_words() says whether it may be. */
void judge_whole(struct judge *judge, const struct reading *reading)
{
	uint64_t end = control_file_words(reading->control);
	uint32_t i = 0;
	for (; i < reading->n_words && reading->first + i < end; i++) {
		struct word_place place = place_of(reading, i);
		enum word_kind kind = word_judge(reading->words[i], &place);
		if (kind == WORD_ZERO || kind == WORD_CUT)
			report_word(judge, VIOLATION_LOST, reading, i,
				"data, as the file had all of it");
	}
	judge_count(judge, CHECK_WHOLE, i);
}

void judge_unchanged(struct judge *judge, const struct reading *before, const struct reading *after)
{
	uint32_t per_page = before->control->words_per_page;
	judge_count(judge, CHECK_UNCHANGED, (before->n_words + per_page - 1) / per_page);
	if (memcmp(before->words, after->words, before->n_words * sizeof(before->words[0])) == 0)
		return;
	uint32_t i = 0;
	while (before->words[i] == after->words[i])
		i++;
	struct word_place place = place_of(before, i);
	judge_report(judge, VIOLATION_CHANGED,
		"region %u, page %u of the file, word %u was %016" PRIx64 " and became %016" PRIx64
		"; expected it to stay",
		before->file, place.page, place.index, before->words[i], after->words[i]);
}

/* Words of the client only get newer. A word may become zero, and any word may follow a zero. */
static bool is_older(const struct reading *before, const struct reading *after, uint32_t i)
{
	const struct word_place place = place_of(before, i);
	const uint64_t published = atomic_load_explicit(
		&before->control->files[before->file].published[place.page], memory_order_acquire);
	return word_judge(before->words[i], &place) == WORD_VALID &&
	       word_judge(after->words[i], &place) == WORD_VALID &&
	       word_seq(after->words[i], published) < word_seq(before->words[i], published);
}

void judge_not_older(struct judge *judge, const struct reading *before, const struct reading *after)
{
	uint32_t per_page = before->control->words_per_page;
	judge_count(judge, CHECK_UNCHANGED, (before->n_words + per_page - 1) / per_page);
	for (uint32_t i = 0; i < before->n_words; i++) {
		if (before->words[i] == after->words[i] || !is_older(before, after, i))
			continue;
		struct word_place place = place_of(before, i);
		judge_report(judge, VIOLATION_CHANGED,
			"region %u, page %u of the file, word %u was %016" PRIx64
			" and became %016" PRIx64 ", which is older; expected it to stay, or, "
			"evicted, to come back newer",
			before->file, place.page, place.index, before->words[i], after->words[i]);
		return;
	}
}

void judge_tail(struct judge *judge, const struct reading *reading)
{
	judge_count(judge, CHECK_TAILS, 1);
	uint32_t i = 0;
	while (i < reading->n_words && reading->words[i] == 0)
		i++;
	if (i < reading->n_words)
		report_word(judge, VIOLATION_TAIL, reading, i, "zero past the length");
}

/* ---- The rest ---- */

void judge_call(struct judge *judge, const char *name, uint32_t file, int64_t result)
{
	judge_count(judge, CHECK_CALLS, 1);
	if (result < 0)
		judge_report(judge, VIOLATION_ERROR,
			"%s() of region %u answers %s; expected success", name, file,
			strerror((int)-result));
}

bool judge_reasons(struct judge *judge, uint32_t file, uint32_t reasons, bool may_run_out)
{
	const uint32_t allowed =
		UFFD_GUARD_LOST_TRUNCATED | (may_run_out ? UFFD_GUARD_LOST_NO_MEMORY : 0);
	if (!(reasons & ~allowed))
		return true;
	judge_report(judge, VIOLATION_LOSS,
		"region %u has lost bytes for the reasons %#x; expected %#x at most", file, reasons,
		allowed);
	return false;
}

static void raise_to(_Atomic uint64_t *most, uint64_t value)
{
	for (uint64_t now = atomic_load(most);
		value > now && !atomic_compare_exchange_weak(most, &now, value);)
		;
}

void judge_resident(struct judge *judge, uint64_t resident, uint64_t budget, unsigned n_fillers)
{
	const uint64_t allowed = budget + n_fillers * FILLED_AT_ONCE;
	judge_count(judge, CHECK_BUDGET, 1);
	raise_to(&judge->most_resident, resident);
	if (resident > allowed)
		judge_report(judge, VIOLATION_BUDGET,
			"a guard holds %" PRIu64 " bytes; expected %" PRIu64
			" at most: its budget of %" PRIu64 ", and what %u threads fill at once",
			resident, allowed, budget, n_fillers);
}

void judge_own_memory(
	struct judge *judge, uint64_t own, uint64_t at_start, uint64_t budgets, unsigned n_fillers)
{
	const uint64_t more = own > at_start ? own - at_start : 0;
	const uint64_t allowed = budgets + n_fillers * FILLED_AT_ONCE + OTHER_MEMORY;
	judge_count(judge, CHECK_BUDGET, 1);
	raise_to(&judge->most_own, more);
	if (more > allowed)
		judge_report(judge, VIOLATION_BUDGET,
			"the process holds %" PRIu64
			" bytes of its own more than before there were guards; expected %" PRIu64
			" at most: budgets of %" PRIu64 ", and what %u threads fill at once",
			more, allowed, budgets, n_fillers);
}

void judge_signals(struct judge *judge)
{
	uint64_t n = signals_count(), known = atomic_load(&judge->violations[VIOLATION_SIGNAL]);
	for (; known < n; known++)
		judge_report(judge, VIOLATION_SIGNAL,
			"SIGBUS or SIGSEGV, the first of them at address %#" PRIxPTR
			"; expected none",
			signals_first_address());
}
