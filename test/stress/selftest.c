/* SPDX-License-Identifier: MIT */
/*
 * Test the judge. Each promise is broken here on purpose: the words that are handed to the judge
 * are invented, the signal and the fault without an answer are real. A judge that lets one through
 * would make every run a good one.
 */
#include "selftest.h"

#include "../support/time_ns.h"
#include "control.h"
#include "holdings.h"
#include "judge.h"
#include "plant_handler.h"
#include "signals.h"
#include "watchdog.h"

#include <uffd_guard.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_NUMBER 3
#define PAGE	    7
#define N_PAGES	    16
#define N_FILES	    8
#define SEQ	    100 /* of the page, published */

struct plant {
	struct control *control;
	struct judge judge;
	struct reading reading, again;
};

/* Fill the reading with a page as its writer leaves it. */
static void fill(struct plant *plant, struct reading *reading)
{
	reading->control = plant->control;
	reading->file = FILE_NUMBER;
	reading->n_words = plant->control->words_per_page;
	reading->first = (uint64_t)PAGE * reading->n_words;
	reading->floors[0] = SEQ;
	for (uint32_t i = 0; i < reading->n_words; i++)
		reading->words[i] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ);
	atomic_store(&plant->control->files[FILE_NUMBER].published[PAGE], SEQ);
}

/* ---- Breaches ---- */

static void plant_foreign(struct plant *plant)
{
	plant->reading.words[40] = word_make(control_writer(FILE_NUMBER + 1), PAGE, SEQ);
	judge_words(&plant->judge, &plant->reading);
}

static void plant_other_page(struct plant *plant)
{
	plant->reading.words[41] = word_make(control_writer(FILE_NUMBER), PAGE + 1, SEQ);
	judge_words(&plant->judge, &plant->reading);
}

static void plant_torn(struct plant *plant)
{
	uint64_t low = word_make(control_writer(FILE_NUMBER), PAGE, SEQ);
	uint64_t high = word_make(control_writer(FILE_NUMBER), PAGE, SEQ + 1);
	plant->reading.words[42] = (low & 0xffff) | (high & ~UINT64_C(0xffff)) | 0xff00;
	judge_words(&plant->judge, &plant->reading);
}

/* Plant zeros within a word where no file was ever cut. */
static void plant_half(struct plant *plant)
{
	plant->reading.words[43] &= 0xffffffff;
	judge_words(&plant->judge, &plant->reading);
}

static void plant_foreign_cut(struct plant *plant)
{
	plant->reading.words[word_cut_near(0)] =
		word_make(control_writer(FILE_NUMBER + 256), PAGE, SEQ) >> 8 << 8;
	judge_words(&plant->judge, &plant->reading);
}

static void plant_stale(struct plant *plant)
{
	plant->reading.words[44] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ - 1);
	judge_words(&plant->judge, &plant->reading);
}

static void plant_changed(struct plant *plant)
{
	plant->again.words[45] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ + 1);
	judge_unchanged(&plant->judge, &plant->reading, &plant->again);
}

static void plant_zero(struct plant *plant)
{
	plant->reading.words[46] = 0;
	judge_whole(&plant->judge, &plant->reading);
}

static void plant_cut(struct plant *plant)
{
	plant->reading.words[word_cut_near(0)] &= 0xffffff;
	judge_whole(&plant->judge, &plant->reading);
}

static void plant_tail(struct plant *plant)
{
	judge_tail(&plant->judge, &plant->reading);
}

static void plant_error(struct plant *plant)
{
	judge_call(&plant->judge, "uffd_guard_refresh", FILE_NUMBER, -5);
}

static void plant_signal(struct plant *plant)
{
	size_t size = plant->control->page_size;
	int fd = memfd_create("uffd-guard-stress", MFD_CLOEXEC);
	const volatile char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes != MAP_FAILED) {
		(void)*bytes; /* the file is empty */
		munmap((void *)bytes, size);
	}
	if (fd >= 0)
		close(fd);
	judge_signals(&plant->judge);
}

static void plant_silence(struct plant *plant)
{
	struct watch watch = { .since = 0 };
	struct watchdog watchdog = {
		.judge = &plant->judge,
		.watches = &watch,
		.n_watches = 1,
		.limits_ns = { [WATCHED_LOAD] = 200 * NS_PER_MS, [WATCHED_CALL] = 200 * NS_PER_MS },
	};
	watch_begin(&watch, WATCHED_LOAD, FILE_NUMBER);
	if (watchdog_start(&watchdog))
		return;
	for (unsigned i = 0; i < 100 && judge_violations(&plant->judge) == 0; i++)
		clock_sleep(20 * NS_PER_MS);
	watchdog_stop(&watchdog);
}

static void plant_sleep(struct plant *plant)
{
	plant_sleeping_handler(&plant->judge);
}

static void plant_starvation_for_ever(struct plant *plant)
{
	plant_handler_starved_for_ever(&plant->judge);
}

static void plant_older(struct plant *plant)
{
	plant->again.words[45] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ - 1);
	judge_not_older(&plant->judge, &plant->reading, &plant->again);
}

/* A budget causes no loss in LAZY, where pages can be evicted. */
static void plant_no_memory(struct plant *plant)
{
	judge_reasons(&plant->judge, FILE_NUMBER, UFFD_GUARD_LOST_NO_MEMORY, false);
}

static void plant_io_error(struct plant *plant)
{
	judge_reasons(&plant->judge, FILE_NUMBER, UFFD_GUARD_LOST_IO_ERROR, true);
}

#define BUDGET	  (UINT64_C(8) << 20)
#define N_FILLERS 3
#define IN_FILLS  (N_FILLERS * (UINT64_C(2) << 20))

static void plant_over_budget(struct plant *plant)
{
	judge_resident(&plant->judge, BUDGET + IN_FILLS + 1, BUDGET, N_FILLERS);
}

static void plant_hidden_memory(struct plant *plant)
{
	const uint64_t other = UINT64_C(24) << 20;
	judge_own_memory(&plant->judge, BUDGET + IN_FILLS + other + 2, 1, BUDGET, N_FILLERS);
}

static void plant_hindrance(struct plant *plant)
{
	judge_report(&plant->judge, VIOLATION_HOST, "setuid: planted");
}

static void plant_wrong_capture(struct plant *plant)
{
	judge_report(&plant->judge, VIOLATION_CAPTURE, "planted");
}

/* Add one sample for each of these quarters. */
static void sample(struct growth *growth, unsigned first, unsigned end)
{
	for (unsigned quarter = first; quarter < end; quarter++) {
		struct holdings holdings;
		if (holdings_take(&holdings))
			growth_add(growth, quarter, &holdings);
	}
}

static void plant_memory(struct plant *plant)
{
	const size_t size = UINT64_C(128) << 20;
	struct growth growth = { .n_samples = { 0 } };
	sample(&growth, 0, 3);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		memset(memory, 1, size);
	sample(&growth, 3, 4);
	if (memory != MAP_FAILED)
		munmap(memory, size);
	growth_judge(&growth, &plant->judge, N_FILLERS);
}

static void plant_descriptors(struct plant *plant)
{
	int fds[N_FILLERS + 1];
	struct growth growth = { .n_samples = { 0 } };
	sample(&growth, 0, 3);
	for (unsigned i = 0; i < N_FILLERS + 1; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sample(&growth, 3, 4);
	for (unsigned i = 0; i < N_FILLERS + 1; i++)
		close(fds[i]);
	growth_judge(&growth, &plant->judge, N_FILLERS);
}

/* ---- What must pass ---- */

static void plant_what_eviction_leaves(struct plant *plant)
{
	plant->reading.words[46] = 0;
	plant->again.words[45] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ + 1);
	plant->again.words[47] = 0;
	plant->again.words[word_cut_near(0)] &= 0xffffff;
	judge_not_older(&plant->judge, &plant->reading, &plant->again);
}

static void plant_within_budget(struct plant *plant)
{
	judge_resident(&plant->judge, BUDGET + IN_FILLS, BUDGET, N_FILLERS);
	judge_reasons(&plant->judge, FILE_NUMBER, UFFD_GUARD_LOST_TRUNCATED, false);
	judge_reasons(&plant->judge, FILE_NUMBER, UFFD_GUARD_LOST_NO_MEMORY, true);
}

static void plant_no_growth(struct plant *plant)
{
	struct growth growth = { .n_samples = { 0 } };
	sample(&growth, 0, GROWTH_QUARTERS);
	growth_judge(&growth, &plant->judge, N_FILLERS);
}

static void plant_nothing(struct plant *plant)
{
	judge_words(&plant->judge, &plant->reading);
	judge_whole(&plant->judge, &plant->reading);
	judge_unchanged(&plant->judge, &plant->reading, &plant->again);
	judge_call(&plant->judge, "uffd_guard_refresh", FILE_NUMBER, 0);
}

static void plant_what_a_cut_leaves(struct plant *plant)
{
	plant->reading.words[word_cut_near(0)] &= 0xffffff;
	plant->reading.words[word_cut_near(0) + 1] = 0;
	judge_words(&plant->judge, &plant->reading);
}

/* Of words that are being written the high bytes alone may arrive, and their check may be right. */
static void plant_high_byte(struct plant *plant)
{
	plant->judge.may_split = true;
	for (unsigned bits = 0; bits < 64; bits++)
		plant->reading.words[64 + bits] = (uint64_t)bits << 58;
	judge_words(&plant->judge, &plant->reading);
}

static void plant_starvation(struct plant *plant)
{
	plant_starved_handler(&plant->judge);
}

static void plant_stop(struct plant *plant)
{
	plant_standstill(&plant->judge);
}

static void plant_newer(struct plant *plant)
{
	plant->reading.words[44] = word_make(control_writer(FILE_NUMBER), PAGE, SEQ + 1);
	judge_words(&plant->judge, &plant->reading);
}

/* ---- All of them ---- */

static const struct {
	const char *name;
	void (*plant)(struct plant *plant);
	enum violation expected; /* N_VIOLATIONS: none */
} cases[] = {
	{ "a word of another file", plant_foreign, VIOLATION_FOREIGN },
	{ "a word of another page", plant_other_page, VIOLATION_FOREIGN },
	{ "a torn word", plant_torn, VIOLATION_TORN },
	{ "half a word where no file ends", plant_half, VIOLATION_TORN },
	{ "a cut word of another file", plant_foreign_cut, VIOLATION_TORN },
	{ "a stale word", plant_stale, VIOLATION_STALE },
	{ "a page that changed by itself", plant_changed, VIOLATION_CHANGED },
	{ "a zero in a whole file", plant_zero, VIOLATION_LOST },
	{ "a cut word in a whole file", plant_cut, VIOLATION_LOST },
	{ "bytes past the length", plant_tail, VIOLATION_TAIL },
	{ "an evicted page that came back older", plant_older, VIOLATION_CHANGED },
	{ "no memory where pages can be evicted", plant_no_memory, VIOLATION_LOSS },
	{ "an I/O error of a file in memory", plant_io_error, VIOLATION_LOSS },
	{ "a guard over its budget", plant_over_budget, VIOLATION_BUDGET },
	{ "memory that no guard counts", plant_hidden_memory, VIOLATION_BUDGET },
	{ "a capture where it should not be", plant_wrong_capture, VIOLATION_CAPTURE },
	{ "a host that is hindered", plant_hindrance, VIOLATION_HOST },
	{ "memory that grows", plant_memory, VIOLATION_GREW },
	{ "open files that grow", plant_descriptors, VIOLATION_GREW },
	{ "an unexpected error", plant_error, VIOLATION_ERROR },
	{ "SIGBUS of a plain mapping", plant_signal, VIOLATION_SIGNAL },
	{ "a fault that nobody answers", plant_silence, VIOLATION_UNANSWERED },
	{ "a fault whose handler sleeps on a busy machine", plant_sleep, VIOLATION_UNANSWERED },
	{ "a fault whose handler never gets a processor", plant_starvation_for_ever,
		VIOLATION_UNANSWERED },
	{ "a good page", plant_nothing, N_VIOLATIONS },
	{ "what a cut leaves", plant_what_a_cut_leaves, N_VIOLATIONS },
	{ "the highest byte of a word that is being written", plant_high_byte, N_VIOLATIONS },
	{ "a newer word", plant_newer, N_VIOLATIONS },
	{ "a fault whose handler is kept from the processor", plant_starvation, N_VIOLATIONS },
	{ "a fault in a process that stands still", plant_stop, N_VIOLATIONS },
	{ "what eviction leaves", plant_what_eviction_leaves, N_VIOLATIONS },
	{ "a guard within its budget", plant_within_budget, N_VIOLATIONS },
	{ "memory and open files that stay", plant_no_growth, N_VIOLATIONS },
};

static bool has_seen(const struct judge *judge, enum violation expected)
{
	if (expected == N_VIOLATIONS)
		return judge_violations(judge) == 0;
	return atomic_load(&judge->violations[expected]) > 0;
}

static bool try_case(struct plant *plant, unsigned i)
{
	plant->judge = (struct judge){ .is_quiet = true };
	fill(plant, &plant->reading);
	fill(plant, &plant->again);
	cases[i].plant(plant);

	bool is_seen = has_seen(&plant->judge, cases[i].expected);
	const char *verdict = cases[i].expected == N_VIOLATIONS ? "passed" : "caught";
	printf("%s%s: %s\n", is_seen ? "" : "NOT ", verdict, cases[i].name);
	return is_seen;
}

enum exit_code selftest_run(void)
{
	struct plant *plant = calloc(1, sizeof(*plant));
	if (plant)
		plant->control = control_create(N_FILES, N_PAGES);
	if (!plant || !plant->control) {
		free(plant);
		fputs("uffd-guard-stress: out of memory\n", stderr);
		return EXIT_NOT_RUN;
	}
	signals_install();
	bool is_all_right = true;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_all_right = try_case(plant, i) && is_all_right;
	control_destroy(plant->control);
	free(plant);
	puts(is_all_right ? "all is noticed that must be, and nothing else"
			  : "THE JUDGE IS NOT TO BE TRUSTED");
	return is_all_right ? EXIT_NO_VIOLATION : EXIT_VIOLATION;
}
