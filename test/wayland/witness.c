/* SPDX-License-Identifier: MIT */
/*
 * Each pixel of the witness says where it belongs, and when it was painted:
 *
 *	red	1xxxxxxx	the lower bits of x
 *	green	1yyyyyyy	the lower bits of y
 *	blue	1xyggggg	the upper bits of both, and the generation
 *
 * The window is divided into bands. Each commit paints and damages one band, and alternates between
 * two buffers: so each buffer misses every other band until it is attached again, and whoever
 *follows damage must remember what was damaged while the other buffer was shown. One buffer lies in
 *a sealed file, one in a plain one, since these are read in different ways.
 */
#include "witness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define N_GENERATIONS 32
#define PATIENCE_MS   30000

static uint32_t pixel_at(int32_t x, int32_t y, uint32_t generation)
{
	const uint32_t column = (uint32_t)x, row = (uint32_t)y;
	const uint32_t red = 0x80 | (column & 0x7f), green = 0x80 | (row & 0x7f);
	const uint32_t blue = 0x80 | (column >> 7) << 6 | (row >> 7) << 5 | generation;
	return 0xff000000 | red << 16 | green << 8 | blue;
}

/* As of a generation: that of its band, which is the latest until then that fell to the band. */
static uint32_t expected_at(uint32_t generation, int32_t x, int32_t y)
{
	const uint32_t band = (uint32_t)(y * WITNESS_BANDS / WITNESS_HEIGHT);
	const uint32_t age = (generation + WITNESS_BANDS - band) % WITNESS_BANDS;
	return pixel_at(x, y, (generation - age) % N_GENERATIONS);
}

/* ---- Painting ---- */

static int make_sheet(struct witness *witness, unsigned i, enum file_kind kind)
{
	const size_t length = WITNESS_WIDTH * WITNESS_HEIGHT * 4;
	int fd = file_make_sized(kind, (off_t)length);
	if (fd < 0)
		return fd;
	sheet_init(&witness->sheets[i], &witness->client, fd, WITNESS_WIDTH, WITNESS_HEIGHT);
	witness->pixels[i] = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return witness->pixels[i] == MAP_FAILED ? -errno : 0;
}

static void paint(uint32_t generation, uint32_t *pixels)
{
	for (int32_t y = 0; y < WITNESS_HEIGHT; y++)
		for (int32_t x = 0; x < WITNESS_WIDTH; x++)
			pixels[y * WITNESS_WIDTH + x] = expected_at(generation, x, y);
}

static void commit(struct witness *witness)
{
	struct window *window = &witness->window;
	const uint32_t generation = ++witness->generation;
	const int32_t band = (int32_t)(generation % WITNESS_BANDS);
	const int32_t height = WITNESS_HEIGHT / WITNESS_BANDS;
	struct sheet *sheet = &witness->sheets[generation % 2];

	paint(generation, witness->pixels[generation % 2]);
	wl_surface_attach(window->surface, sheet->buffer, 0, 0);
	if (generation == N_GENERATIONS + 1)
		wl_surface_damage(window->surface, 0, 0, WITNESS_WIDTH, WITNESS_HEIGHT);
	wl_surface_damage(window->surface, 0, band * height, WITNESS_WIDTH, height);
	sheet->is_busy = true;
	window_ask_for_frame(window);
	wl_surface_commit(window->surface);
}

static bool may_commit(const struct witness *witness)
{
	return witness->window.is_frame_done &&
	       !witness->sheets[(witness->generation + 1) % 2].is_busy;
}

/* Until the latest frame was painted and the other buffer is free. */
static int wait_for_turn(struct witness *witness)
{
	const uint64_t end = client_clock_ms() + PATIENCE_MS;
	int err = 0;
	while (!err && !may_commit(witness) && client_clock_ms() < end)
		err = client_doze(&witness->client, 2);
	return err ? err : may_commit(witness) ? 0 : -ETIMEDOUT;
}

int witness_serve(struct witness *witness, int ms)
{
	const uint64_t end = client_clock_ms() + (uint64_t)ms;
	int err = 0;
	while (!err && client_clock_ms() < end) {
		if (may_commit(witness))
			commit(witness);
		err = client_doze(&witness->client, 2);
	}
	return err;
}

int witness_see_frames(struct witness *witness, unsigned n)
{
	for (uint64_t end = witness->window.n_frames + n; witness->window.n_frames < end;) {
		int err = wait_for_turn(witness);
		if (err)
			return err;
		commit(witness);
		err = window_wait_for_frame(&witness->window);
		if (err)
			return err;
	}
	return 0;
}

/* ---- Looking ---- */

static bool is_ours(uint32_t pixel, int32_t x, int32_t y)
{
	const uint32_t place = 0xffffffff & ~(uint32_t)(N_GENERATIONS - 1);
	return (pixel & place) == (pixel_at(x, y, 0) & place);
}

/* With one generation. */
static struct testimony compare_with(
	const struct witness *witness, int32_t at_x, int32_t at_y, uint32_t generation)
{
	const struct picture *picture = &witness->last;
	struct testimony testimony = { .n_late = witness->generation - generation };
	for (int32_t y = 0; y < WITNESS_HEIGHT; y++) {
		const uint32_t *row = picture->pixels + (at_y + y) * picture->width + at_x;
		for (int32_t x = 0; x < WITNESS_WIDTH; x++) {
			if (row[x] == expected_at(generation, x, y))
				continue;
			testimony.n_torn += is_ours(row[x], x, y);
			testimony.n_hidden += !is_ours(row[x], x, y);
		}
	}
	return testimony;
}

/* With the one that fits best: a compositor may well show an earlier frame for a while, as sway
 * does while windows come and go, but all of it. */
static struct testimony compare(const struct witness *witness, int32_t at_x, int32_t at_y)
{
	struct testimony best = compare_with(witness, at_x, at_y, witness->generation);
	for (uint32_t late = 1; late < N_GENERATIONS / 2 && best.n_torn > 0; late++) {
		const struct testimony testimony =
			compare_with(witness, at_x, at_y, witness->generation - late);
		if (testimony.n_torn < best.n_torn)
			best = testimony;
	}
	return best;
}

static bool has_camera(const struct client *client)
{
	return client->screencopy || client->screenshooter || client->output_capture ||
	       client->camera;
}

/* Takes turns with the kinds of files that a picture is taken into. */
static int take_picture(struct witness *witness)
{
	int err = wait_for_turn(witness);
	if (err)
		return err;
	commit(witness);
	picture_finish(&witness->last);
	const enum file_kind kind = witness->n_pictures++ % 2 ? FILE_MEMFD_SEALED : FILE_MEMFD;
	return picture_take(&witness->last, &witness->client, kind);
}

int witness_look(struct witness *witness, struct testimony *testimony)
{
	if (witness->is_blind) {
		*testimony = (struct testimony){ 0 };
		return witness_see_frames(witness, 1);
	}
	int err = take_picture(witness);
	if (!err)
		*testimony = compare(witness, witness->x, witness->y);
	return err;
}

static bool find_oneself(struct witness *witness)
{
	const struct picture *picture = &witness->last;
	for (int32_t y = 0; y + WITNESS_HEIGHT <= picture->height; y++) {
		for (int32_t x = 0; x + WITNESS_WIDTH <= picture->width; x++) {
			if (!is_ours(picture->pixels[y * picture->width + x], 0, 0))
				continue;
			const struct testimony testimony = compare(witness, x, y);
			witness->x = x;
			witness->y = y;
			if (testimony.n_torn + testimony.n_hidden == 0)
				return true;
		}
	}
	return false;
}

/* ---- Life ---- */

int witness_start(struct witness *witness, const char *socket, bool is_sealed)
{
	*witness = (struct witness){ .generation = N_GENERATIONS };
	int err = client_connect(&witness->client, socket);
	if (err)
		return err;
	err = window_open(&witness->window, &witness->client, "witness");
	if (!err)
		err = make_sheet(witness, 0, is_sealed ? FILE_MEMFD_SEALED : FILE_MEMFD);
	if (!err)
		err = make_sheet(witness, 1, FILE_MEMFD_SEALED);
	witness->is_blind = !has_camera(&witness->client);
	if (!err && witness->is_blind)
		return witness_see_frames(witness, 1);
	const uint64_t end = client_clock_ms() + PATIENCE_MS;
	while (!err) {
		err = take_picture(witness);
		if (!err && find_oneself(witness))
			return 0;
		if (!err && client_clock_ms() > end)
			err = -ETIME;
	}
	return err;
}

void witness_stop(struct witness *witness)
{
	for (unsigned i = 0; i < 2; i++) {
		if (witness->pixels[i] && witness->pixels[i] != MAP_FAILED)
			munmap(witness->pixels[i], WITNESS_WIDTH * WITNESS_HEIGHT * 4);
		witness->pixels[i] = NULL;
		if (witness->sheets[i].pool)
			sheet_finish(&witness->sheets[i]);
	}
	picture_finish(&witness->last);
	window_close(&witness->window);
	client_disconnect(&witness->client);
}
