/* SPDX-License-Identifier: MIT */
/*
 * wayland-turns: a buffer that two surfaces show in turn, with exactly the damage that each of them
 * needs. The compositor has seen the buffer's bytes since the first surface showed them, with the
 * picture of the second; what it remembers of the first one's damage says nothing of that.
 *
 *	wayland-turns EXAMPLE	the compositor of docs/examples
 */
#include "compositor.h"
#include "picture.h"
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define SIDE	   20 /* the example puts windows 24 pixels apart: they do not overlap */
#define RED	   0xffff0000
#define GREEN	   0xff00ff00
#define BLUE	   0xff0000ff

struct stage {
	struct client client;
	struct window first, second;
	struct sheet shared, other, last;
	struct wl_buffer *twin; /* in the bytes of the shared one */
	int err;
};

static void note(struct stage *stage, const char *what, int err)
{
	if (!err || stage->err)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	stage->err = err;
}

/* ---- Windows and sheets ---- */

static void paint(const struct sheet *sheet, uint32_t colour)
{
	file_paint(sheet->fd, 0, SIDE * SIDE, colour);
}

static void make_sheet(struct stage *stage, struct sheet *sheet)
{
	int fd = file_make_sized(FILE_MEMFD, SIDE * SIDE * 4);
	if (fd < 0)
		note(stage, "no file", fd);
	else
		sheet_init(sheet, &stage->client, fd, SIDE, SIDE);
}

static void set_stage(struct stage *stage)
{
	note(stage, "cannot connect", client_connect(&stage->client, NULL));
	if (stage->err)
		return;
	note(stage, "no window", window_open(&stage->first, &stage->client, "first"));
	note(stage, "no window", window_open(&stage->second, &stage->client, "second"));
	make_sheet(stage, &stage->shared);
	make_sheet(stage, &stage->other);
	make_sheet(stage, &stage->last);
	if (!stage->err)
		stage->twin = wl_shm_pool_create_buffer(
			stage->shared.pool, 0, SIDE, SIDE, SIDE * 4, WL_SHM_FORMAT_XRGB8888);
}

static void show(struct stage *stage, struct window *window, struct sheet *sheet, uint32_t colour)
{
	paint(sheet, colour);
	note(stage, "not shown", window_show(window, sheet));
}

/* Attach, and damage one pixel. */
static void show_pixel(struct stage *stage, struct window *window, const struct sheet *sheet)
{
	wl_surface_attach(window->surface, sheet->buffer, 0, 0);
	wl_surface_damage(window->surface, 0, 0, 1, 1);
	window_ask_for_frame(window);
	wl_surface_commit(window->surface);
	note(stage, "not shown", window_wait_for_frame(window));
}

static void expect_colour(struct stage *stage, const char *what, uint32_t colour)
{
	struct picture picture;
	note(stage, "no picture", picture_take(&picture, &stage->client, FILE_MEMFD));
	if (stage->err)
		return;
	const uint32_t found = picture.pixels[SIDE / 2 * picture.width + SIDE / 2];
	if (found != colour) {
		fprintf(stderr, "%s: 0x%08x where 0x%08x was drawn\n", what, found, colour);
		stage->err = -1;
	}
	picture_finish(&picture);
}

/* ---- The play ---- */

/* The first surface's last picture is green, and so is what it attaches, but for a pixel. */
static void play(struct stage *stage, const char *what, struct wl_buffer *lent)
{
	struct sheet theirs = stage->shared;
	theirs.buffer = lent;
	show(stage, &stage->first, &stage->shared, RED);
	show(stage, &stage->first, &stage->other, GREEN);
	show(stage, &stage->second, &theirs, BLUE);
	paint(&stage->last, BLUE); /* the second's picture does not change */
	show_pixel(stage, &stage->second, &stage->last);
	paint(&stage->shared, GREEN);
	show_pixel(stage, &stage->first, &stage->shared);
	expect_colour(stage, what, GREEN);
}

static int play_all(void)
{
	struct stage stage = { .err = 0 };
	set_stage(&stage);
	if (!stage.err)
		play(&stage, "a buffer shown by two surfaces in turn", stage.shared.buffer);
	if (!stage.err)
		play(&stage, "two buffers in the same bytes", stage.twin);
	return stage.err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct compositor compositor;
	int status;
	if (argc != 2)
		return EXIT_USAGE;
	const struct compositor_kind *kind = compositor_find("example");
	const struct launch launch = {
		.example = argv[1], .directory = ".", .width = 320, .height = 200
	};
	compositor.uid = geteuid();
	int err = compositor_start(&compositor, kind, &launch);
	if (err) {
		fprintf(stderr, "the compositor does not start: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	pid_t client = fork();
	if (client == 0) {
		compositor_become_client(&compositor);
		_exit(play_all());
	}
	waitpid(client, &status, 0);
	if (!compositor_is_alive(&compositor)) {
		fprintf(stderr, "the compositor has ended: %s\n", compositor_end(&compositor));
		status = EXIT_FAILURE;
	}
	compositor_stop(&compositor);
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
