/* SPDX-License-Identifier: MIT */
/*
 * A reading thread of the server. At random it reads, refreshes, discards, resizes, unmaps and
 * maps, while others do the same, and hands each word to the judge.
 *
 * The order makes a reading judgeable. First come the floors (the oldest rewrite of each page that
 * may be seen), the counters that tell whether another thread interfered, and the client's word
 * that the file is whole. Then come the words. Then the counters are read again, and if they have
 * moved, that check is not made. The report shows how often each check was made.
 */
#include "reader.h"

#include "../support/time_ns.h"
#include "renew.h"
#include "slot.h"
#include "stress_options.h"
#include "stress_server.h"
#include "watchdog.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

/* Choose half of the ranges in the first pages, where clients rewrite most, and half of them short,
 * so that threads meet. */
static struct extent choose_extent(struct reader *reader, struct slot *slot, uint32_t most)
{
	struct rng *rng = &reader->rng;
	uint32_t per_page = slot->control->words_per_page;
	struct calm resizes = calm_begin(&slot->resizes);
	uint64_t length = slot_length_words(slot);

	uint64_t n_pages = (length + per_page - 1) / per_page;
	uint64_t first = (uint64_t)rng_choose(rng, (uint32_t)n_pages) * per_page;
	if (rng_one_in(rng, 2))
		first += rng_below(rng, length - first < per_page ? length - first : per_page);
	uint64_t n = length - first < most ? length - first : most;
	if (rng_one_in(rng, 2) && n > per_page)
		n = per_page;
	else if (!rng_one_in(rng, 4))
		n = 1 + rng_below(rng, n);
	return (struct extent){ .first = first, .n_words = (uint32_t)n, .resizes = resizes };
}

/* ---- Reading ---- */

static uint32_t reading_first_page(const struct reading *reading)
{
	return (uint32_t)(reading->first / reading->control->words_per_page);
}

static uint32_t reading_n_pages(const struct reading *reading)
{
	uint32_t per_page = reading->control->words_per_page;
	uint64_t end = (reading->first + reading->n_words + per_page - 1) / per_page;
	return (uint32_t)end - reading_first_page(reading);
}

/* Raise the floors of the pages up to @end to what the client has published by now. */
static void reading_ask_for_the_latest(struct reading *reading, uint32_t end)
{
	const struct control_file *file = &reading->control->files[reading->file];
	uint32_t first = reading_first_page(reading), n = reading_n_pages(reading);
	for (uint32_t i = 0; i < n && first + i < end; i++) {
		uint64_t published = atomic_load(&file->published[first + i]);
		if (published > reading->floors[i])
			reading->floors[i] = published;
	}
}

/* Raise the floors to what was published before the latest mark that this thread can know of. */
static void reading_ask_for_marked(struct reading *reading, const struct slot *slot)
{
	uint32_t first = reading_first_page(reading), n = reading_n_pages(reading);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t marked = atomic_load(&slot->marked[first + i]);
		if (marked > reading->floors[i])
			reading->floors[i] = marked;
	}
}

/* Note what is known of the words before they are read. */
static void reading_prepare(
	struct reading *reading, const struct slot *slot, const struct extent *extent)
{
	reading->control = slot->control;
	reading->file = slot->file;
	reading->first =
		atomic_load(&slot->first_page) * slot->control->words_per_page + extent->first;
	reading->n_words = extent->n_words;
	uint32_t first = reading_first_page(reading), n = reading_n_pages(reading);
	for (uint32_t i = 0; i < n; i++)
		reading->floors[i] = atomic_load(&slot->floors[first + i]);
	/* A sealed file always has its own pages. Pages by which it has grown since are not DIRECT
	 * yet. */
	if (slot_is_live(slot))
		reading_ask_for_the_latest(reading, slot->control->n_pages);
}

/* A page that is DIRECT may have been LAZY in the meantime, between two resizes. */
static void reading_forget_if_resized(
	struct reading *reading, struct slot *slot, const struct extent *extent)
{
	uint32_t n = reading_n_pages(reading);
	if (!slot->is_direct || calm_held(&slot->resizes, &extent->resizes))
		return;
	for (uint32_t i = 0; i < n; i++)
		reading->floors[i] = 0;
}

/* TSan does not look here: another thread may be refreshing these words meanwhile. */
__attribute__((noinline, no_sanitize("thread"))) static void load_words(
	uint64_t *to, const volatile uint64_t *from, uint32_t n_words)
{
	for (uint32_t i = 0; i < n_words; i++)
		to[i] = from[i];
}

static void watched_load(struct reader *reader, const struct slot *slot, uint64_t *to,
	const volatile uint64_t *from, uint32_t n_words)
{
	watch_begin(reader->watch, WATCHED_LOAD, slot->file);
	load_words(to, from, n_words);
	watch_end(reader->watch);
	judge_count(&reader->server->judge, CHECK_ACCESSES, 1);
}

/* Read page by page, so that the watchdog times each wait by itself. */
static void reading_load(struct reader *reader, struct reading *reading, const struct slot *slot,
	const struct extent *extent)
{
	const volatile uint64_t *words = slot_words(slot) + extent->first;
	uint32_t per_page = slot->control->words_per_page;
	uint32_t n = per_page - (uint32_t)(extent->first % per_page);
	for (uint32_t i = 0; i < extent->n_words; i += n, n = per_page) {
		if (n > extent->n_words - i)
			n = extent->n_words - i;
		watched_load(reader, slot, &reading->words[i], words + i, n);
	}
}

static void read_and_judge(struct reader *reader, struct slot *slot, const struct extent *extent)
{
	reading_prepare(&reader->reading, slot, extent);
	reading_load(reader, &reader->reading, slot, extent);
	reading_forget_if_resized(&reader->reading, slot, extent);
	judge_words(&reader->server->judge, &reader->reading);
}

/* ---- Floors ---- */

static void raise_to(_Atomic uint64_t *floor, uint64_t to)
{
	for (uint64_t now = atomic_load(floor);
		to > now && !atomic_compare_exchange_weak(floor, &now, to);)
		;
}

/* Note what the client has published of the pages by now. Call before pages are brought up to date.
 */
static void note_latest(struct reader *reader, const struct slot *slot)
{
	const struct control_file *file = &slot->control->files[slot->file];
	for (uint32_t i = 0; i < slot->control->max_pages; i++)
		reader->latest[i] = atomic_load(&file->published[i]);
}

/* Raise the floors to what was noted. Call after the pages were brought up to date. */
static void share_latest(
	const struct reader *reader, struct slot *slot, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		raise_to(&slot->floors[i], reader->latest[i]);
}

/* Raise what all readers know, of pages that were wholly in the range. */
static void share(_Atomic uint64_t *known, const struct reading *reading)
{
	uint32_t per_page = reading->control->words_per_page;
	uint32_t first = reading_first_page(reading), n = reading_n_pages(reading);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t start = (uint64_t)(first + i) * per_page;
		if (start >= reading->first &&
			start + per_page <= reading->first + reading->n_words)
			raise_to(&known[first + i], reading->floors[i]);
	}
}

/* The pages were brought up to date. */
static void share_floors(struct slot *slot, const struct reading *reading)
{
	share(slot->floors, reading);
}

/* They were marked. */
static void share_marked(struct slot *slot, const struct reading *reading)
{
	share(slot->marked, reading);
}

/* ---- Actions: each with the slot's lock held, shared ---- */

static void act_read(struct reader *reader, struct slot *slot)
{
	for (uint64_t n = 1 + rng_below(&reader->rng, 16); n > 0; n--) {
		struct extent extent = choose_extent(reader, slot, 64);
		read_and_judge(reader, slot, &extent);
	}
}

static void act_read_in_sequence(struct reader *reader, struct slot *slot)
{
	struct calm resizes = calm_begin(&slot->resizes);
	uint64_t length = slot_length_words(slot);
	uint64_t first = rng_one_in(&reader->rng, 2) ? rng_below(&reader->rng, length) : 0;
	for (unsigned i = 0; i < 64 && first < length; i++, first += READING_WORDS) {
		uint64_t left = length - first;
		struct extent extent = { .first = first,
			.resizes = resizes,
			.n_words = left < READING_WORDS ? (uint32_t)left : READING_WORDS };
		read_and_judge(reader, slot, &extent);
	}
}

static void act_renew(struct reader *reader, struct slot *slot)
{
	const struct renewal *renewal = renew_choose(reader, slot);
	struct extent extent = choose_extent(reader, slot, READING_WORDS);
	struct reading *reading = &reader->reading;
	const _Atomic uint64_t *whole = &slot->control->files[slot->file].whole;

	uint64_t whole_before = atomic_load(whole);
	reading_prepare(reading, slot, &extent);
	if (renewal->asks_for_marked)
		reading_ask_for_marked(reading, slot);
	else
		reading_ask_for_the_latest(reading, slot->control->max_pages);
	if (!renewal->renew(reader, slot, &extent))
		return;
	if (!renewal->is_past_the_region) {
		share_floors(slot, reading);
		reading_load(reader, reading, slot, &extent);
	}
	__sync_synchronize();
	uint64_t whole_after = atomic_load(whole);

	judge_words(&reader->server->judge, reading);
	if (!renewal->asks_for_marked && whole_before % 2 == 0 && whole_before == whole_after &&
		!slot->may_run_out && calm_held(&slot->resizes, &extent.resizes))
		judge_whole(&reader->server->judge, reading);
}

/* Leave it to whoever ensures these pages next, and let that thread know. */
static void act_mark(struct reader *reader, struct slot *slot)
{
	struct extent extent = choose_extent(reader, slot, READING_WORDS);
	struct reading *reading = &reader->reading;
	if (!slot->uses_marks)
		return;
	reading_prepare(reading, slot, &extent);
	reading_ask_for_the_latest(reading, slot->control->max_pages);
	if (!renew_mark(reader, slot, &extent))
		return;
	share_marked(slot, reading);
	if (rng_one_in(&reader->rng, 4))
		renew_begin(reader, slot, &extent);
}

static void do_other_work(struct reader *reader, struct slot *slot)
{
	uint64_t other[64];
	struct extent extent = choose_extent(reader, slot, 64);
	switch (rng_below(&reader->rng, 3)) {
	case 0:
		watched_load(reader, slot, other, slot_words(slot) + extent.first, extent.n_words);
		break;
	case 1:
		sched_yield();
		break;
	default:
		break;
	}
}

static void act_read_twice(struct reader *reader, struct slot *slot)
{
	struct extent extent = choose_extent(reader, slot, 4 * slot->control->words_per_page);
	struct calm mutations = calm_begin(&slot->mutations);
	const bool is_live = slot_is_live(slot);

	read_and_judge(reader, slot, &extent);
	do_other_work(reader, slot);
	reading_prepare(&reader->again, slot, &extent);
	reading_load(reader, &reader->again, slot, &extent);
	if (is_live || !calm_held(&slot->mutations, &mutations))
		return;
	if (slot->may_be_evicted || slot->uses_marks)
		judge_not_older(&reader->server->judge, &reader->reading, &reader->again);
	else
		judge_unchanged(&reader->server->judge, &reader->reading, &reader->again);
}

static void act_read_tail(struct reader *reader, struct slot *slot)
{
	struct calm resizes = calm_begin(&slot->resizes);
	uint64_t length = slot_length_words(slot);
	uint32_t per_page = slot->control->words_per_page;
	struct extent extent = { .first = length,
		.n_words = (per_page - (uint32_t)(length % per_page)) % per_page };
	if (extent.n_words == 0 || slot_is_live(slot))
		return; /* DIRECT pages show the file behind the length too */
	reading_prepare(&reader->reading, slot, &extent);
	reading_load(reader, &reader->reading, slot, &extent);
	if (calm_held(&slot->resizes, &resizes))
		judge_tail(&reader->server->judge, &reader->reading);
}

static void act_refresh_all(struct reader *reader, struct slot *slot)
{
	struct calm resizes = calm_begin(&slot->resizes);
	call_begin(reader, slot, &slot->mutations);
	int err = uffd_guard_refresh(slot->region, 0, uffd_guard_region_length(slot->region));
	call_end(reader, slot, &slot->mutations, &resizes, "uffd_guard_refresh", err);
}

static void act_populate(struct reader *reader, struct slot *slot)
{
	struct extent extent = choose_extent(reader, slot, READING_WORDS * 4);
	call_on_extent(reader, slot, &extent, uffd_guard_populate, "uffd_guard_populate", NULL);
}

static uint64_t count_pages(const struct slot *slot)
{
	uint32_t per_page = slot->control->words_per_page;
	return (slot_length_words(slot) + per_page - 1) / per_page;
}

/* Pages that the resize adds are read from now on. */
static void act_resize(struct reader *reader, struct slot *slot)
{
	uint64_t length = slot->reserved_words;
	if (rng_one_in(&reader->rng, 2))
		length = 1 + rng_below(&reader->rng, length);

	struct calm resizes = calm_begin(&slot->resizes);
	const uint64_t before = count_pages(slot);
	note_latest(reader, slot);
	change_begin(&slot->resizes);
	call_begin(reader, slot, &slot->mutations);
	int err = uffd_guard_resize(slot->region, bytes(length));
	const bool has_worked =
		call_end(reader, slot, &slot->mutations, NULL, "uffd_guard_resize", err);
	const uint64_t after = count_pages(slot), first = atomic_load(&slot->first_page);
	resizes.begun++; /* this resize, and no other */
	if (has_worked && calm_held(&slot->resizes, &resizes))
		share_latest(reader, slot, first + before, first + after);
	change_end(&slot->resizes);
}

static bool is_absent(const struct slot *slot, const volatile uint64_t *word)
{
	unsigned char residence;
	uintptr_t page = (uintptr_t)word & ~(uintptr_t)(slot->control->page_size - 1);
	return mincore((void *)page, slot->control->page_size, &residence) == 0 && !(residence & 1);
}

/* Measure how long the first touch of an absent page takes. */
static void act_time_first_touch(struct reader *reader, struct slot *slot)
{
	if (uffd_guard_region_mode(slot->region) != UFFD_GUARD_MODE_LAZY)
		return; /* DIRECT or EAGER: no page faults */
	struct extent extent = choose_extent(reader, slot, 8 * slot->control->words_per_page);
	if (!renew_by_discard(reader, slot, &extent))
		return;
	const volatile uint64_t *word =
		slot_words(slot) + extent.first + rng_below(&reader->rng, extent.n_words);
	if (!is_absent(slot, word))
		return; /* only part of the page was discarded, or another reader was first */

	uint64_t value, start = clock_ns();
	watched_load(reader, slot, &value, word, 1);
	histogram_add(&reader->server->first_touch, clock_ns() - start);
}

static void act_take_losses(struct reader *reader, struct slot *slot)
{
	uint32_t losses = uffd_guard_region_take_losses(slot->region);
	judge_reasons(&reader->server->judge, slot->file, losses, slot->may_run_out);
}

static void act_capture(struct reader *reader, struct slot *slot)
{
	(void)slot;
	capture_something(reader);
}

static const struct {
	void (*act)(struct reader *reader, struct slot *slot);
	unsigned weight;
} actions[] = {
	{ act_read, 30 },
	{ act_read_in_sequence, 8 },
	{ act_renew, 40 },
	{ act_mark, 8 },
	{ act_read_twice, 15 },
	{ act_read_tail, 3 },
	{ act_refresh_all, 3 },
	{ act_populate, 5 },
	{ act_resize, 4 },
	{ act_time_first_touch, 10 },
	{ act_take_losses, 2 },
	{ act_capture, 5 },
};

#define WEIGHT_OF_MAP 3
#define N_ACTIONS     (sizeof(actions) / sizeof(actions[0]))

/* ---- Life ---- */

static void map_again(struct reader *reader, struct slot *slot)
{
	if (slot->fd < 0 || pthread_rwlock_trywrlock(&slot->lock))
		return; /* other readers use the slot; try it another time */
	slot_unmap(slot);
	note_latest(reader, slot);
	watch_begin(reader->watch, WATCHED_CALL, slot->file);
	int err = slot_map(slot, &reader->rng);
	watch_end(reader->watch);
	judge_call(&reader->server->judge, "uffd_guard_map", slot->file, err);
	share_latest(reader, slot, 0, slot->control->max_pages);
	pthread_rwlock_unlock(&slot->lock);
	atomic_fetch_add(&reader->server->n_maps, 1);
}

static void act(struct reader *reader, struct slot *slot, uint64_t choice)
{
	unsigned i = 0;
	while (i + 1 < N_ACTIONS && choice >= actions[i].weight)
		choice -= actions[i++].weight;
	pthread_rwlock_rdlock(&slot->lock);
	if (slot->region)
		actions[i].act(reader, slot);
	pthread_rwlock_unlock(&slot->lock);
}

/* Call after pages may have been filled. */
static void look_at_memory(struct reader *reader, const struct slot *slot)
{
	struct server *server = reader->server;
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	if (server->options->budget && uffd_guard_get_stats(slot->guard, &stats) == 0)
		judge_resident(&server->judge, stats.bytes_resident, server->options->budget,
			server_n_fillers(server));
}

static uint64_t sum_of_weights(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < N_ACTIONS; i++)
		sum += actions[i].weight;
	return sum;
}

void *reader_run(void *data)
{
	struct reader *reader = data;
	struct server *server = reader->server;
	const uint64_t sum = sum_of_weights();
	while (!atomic_load(&server->shall_stop)) {
		struct slot *slot = &server->slots[rng_choose(&reader->rng, server->n_slots)];
		uint64_t choice = rng_below(&reader->rng, sum + WEIGHT_OF_MAP);
		if (choice >= sum)
			map_again(reader, slot);
		else
			act(reader, slot, choice);
		look_at_memory(reader, slot);
	}
	return NULL;
}
