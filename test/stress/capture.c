/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include "judge.h"
#include "reader.h"
#include "slot.h"
#include "stress_options.h"
#include "stress_server.h"
#include "watchdog.h"
#include "word.h"

#include <stdlib.h>
#include <unistd.h>

#define SEQ 1 /* of all words, so that two writers cannot tear one */

static uint64_t own_length(const struct server *server)
{
	return (uint64_t)server->control->n_pages * server->control->page_size;
}

static uint64_t word_at(const struct server *server, unsigned client, uint64_t word)
{
	const uint64_t page = word / server->control->words_per_page;
	return word_make(control_writer(server->n_slots + client), (uint32_t)page, SEQ);
}

int captures_map(struct server *server)
{
	struct uffd_guard *lazy = server->guards[GUARD_LAZY];
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_WRITE };
	int err = 0;
	for (unsigned i = 0; i < server->options->n_clients && !err; i++) {
		struct capture *capture = &server->captures[i];
		err = uffd_guard_map(lazy ? lazy : server->guards[GUARD_EAGER], capture->fd,
			own_length(server), &options, &capture->region);
	}
	return err;
}

void captures_finish(struct server *server)
{
	for (unsigned i = 0; i < server->options->n_clients; i++) {
		uffd_guard_unmap(server->captures[i].region);
		close(server->captures[i].fd);
	}
	free(server->captures);
}

void captures_judge(struct server *server)
{
	const uint64_t n = atomic_load(&server->control->n_grown);
	for (; server->n_grown < n; server->n_grown++)
		judge_report(&server->judge, VIOLATION_CAPTURE,
			"a client's file is longer than the client has made it");
}

/* ---- A rectangle of words ---- */

struct picture {
	struct server *server;
	unsigned client;
	uint64_t first; /* word of the file */
	uint64_t width, stride, height;
	uint64_t *words; /* rows of @width, one after the other */
};

static void choose_shape(struct picture *picture, struct rng *rng)
{
	const uint64_t all = own_length(picture->server) / sizeof(uint64_t);
	picture->width = 1 + rng_below(rng, all < 64 ? all : 64);
	picture->stride = picture->width + rng_below(rng, 600);
	picture->first = rng_below(rng, all - picture->width + 1);
	const uint64_t most = (all - picture->first - picture->width) / picture->stride + 1;
	picture->height = 1 + rng_below(rng, most < 100 ? most : 100);
}

static uint64_t expected_word(const struct picture *picture, uint64_t i)
{
	const uint64_t row = i / picture->width, column = i % picture->width;
	return word_at(
		picture->server, picture->client, picture->first + row * picture->stride + column);
}

static void draw(struct picture *picture)
{
	for (uint64_t i = 0; i < picture->width * picture->height; i++)
		picture->words[i] = expected_word(picture, i);
}

/* Each byte is what was written there, or zero: the client may have taken it away. */
static bool is_captured(uint64_t word, uint64_t expected)
{
	for (unsigned shift = 0; shift < 64; shift += 8) {
		const uint64_t byte = word >> shift & 0xff;
		if (byte && byte != (expected >> shift & 0xff))
			return false;
	}
	return true;
}

static void judge_picture(const struct picture *picture, const char *where)
{
	struct judge *judge = &picture->server->judge;
	const uint64_t n = picture->width * picture->height;
	judge_count(judge, CHECK_CAPTURES, n);
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t word = picture->words[i], expected = expected_word(picture, i);
		if (!is_captured(word, expected))
			judge_report(judge, VIOLATION_CAPTURE,
				"client %u, %s: a word is %016llx; expected %016llx or zeros",
				picture->client, where, (unsigned long long)word,
				(unsigned long long)expected);
	}
}

/* ---- Writing and looking ---- */

static struct uffd_guard_rect rect_of(const struct picture *picture)
{
	const uint64_t size = sizeof(uint64_t);
	return (struct uffd_guard_rect){ picture->first * size, picture->stride * size,
		picture->width * size, picture->height };
}

static void judge_answer(const struct picture *picture, const char *name, ssize_t n)
{
	const uint64_t most = picture->width * picture->height * sizeof(uint64_t);
	judge_call(&picture->server->judge, name, picture->server->n_slots + picture->client, n);
	if (n > 0 && (uint64_t)n > most)
		judge_report(&picture->server->judge, VIOLATION_CAPTURE,
			"%s() answers %zd for %llu bytes", name, n, (unsigned long long)most);
}

static void load_picture(struct picture *picture, struct uffd_guard_region *region,
	const struct uffd_guard_rect *rect)
{
	const volatile uint64_t *words = uffd_guard_region_data(region);
	judge_answer(picture, "uffd_guard_update_rects", uffd_guard_update_rects(region, rect, 1));
	for (uint64_t i = 0; i < picture->width * picture->height; i++)
		picture->words[i] = words[picture->first + i / picture->width * picture->stride +
					  i % picture->width];
	judge_picture(picture, "in the region");
}

void capture_something(struct reader *reader)
{
	struct server *server = reader->server;
	struct picture picture = { .server = server,
		.client = (unsigned)rng_below(&reader->rng, server->options->n_clients),
		.words = reader->again.words };
	struct uffd_guard_region *region = server->captures[picture.client].region;
	choose_shape(&picture, &reader->rng);
	const struct uffd_guard_rect rect = rect_of(&picture);
	draw(&picture);
	watch_begin(reader->watch, WATCHED_CALL, server->n_slots + picture.client);
	judge_answer(&picture, "uffd_guard_write_rect",
		uffd_guard_write_rect(region, &rect, picture.words, rect.width));
	judge_answer(&picture, "uffd_guard_read_rect",
		uffd_guard_read_rect(region, &rect, picture.words, rect.width));
	judge_picture(&picture, "read back");
	load_picture(&picture, region, &rect);
	watch_end(reader->watch);
}
