/* SPDX-License-Identifier: MIT */
/*
 * wayland-frames: a client that draws as fast as the compositor lets it, and says what processor
 * time each frame cost the compositor: of all its threads, by its process clock, and of its first
 * thread, which serves the display; after some frames to warm up. The client's own work is not in
 * it.
 */
#include "file.h"
#include "window.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define WARM_UP	   10
#define N_SHEETS   3

struct options {
	int32_t width, height;
	unsigned n_frames, percent;
	enum file_kind kind;
};

struct painter {
	struct client client;
	struct window window;
	struct sheet sheets[N_SHEETS];
	uint32_t *pixels[N_SHEETS];
	const struct options *options;
	uint32_t n_painted;
	clockid_t clock;
	pid_t compositor;
};

static int find_clock(struct painter *painter)
{
	struct ucred server;
	socklen_t length = sizeof(server);
	if (getsockopt(wl_display_get_fd(painter->client.display), SOL_SOCKET, SO_PEERCRED, &server,
		    &length) < 0)
		return -errno;
	painter->compositor = server.pid;
	return -clock_getcpuclockid(server.pid, &painter->clock);
}

static uint64_t clock_now(const struct painter *painter)
{
	struct timespec now;
	clock_gettime(painter->clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Nanoseconds of the first thread; 0 where the kernel does not tell. */
static uint64_t display_clock_now(const struct painter *painter)
{
	char path[64];
	unsigned long long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)painter->compositor,
		(int)painter->compositor);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	if (file)
		fclose(file);
	return ns;
}

static double microseconds_a_frame(const struct painter *painter, uint64_t start, uint64_t end)
{
	return (double)(end - start) / 1000 / painter->options->n_frames;
}

static int make_sheets(struct painter *painter)
{
	const struct options *options = painter->options;
	const size_t length = (size_t)options->width * (size_t)options->height * 4;
	for (unsigned i = 0; i < N_SHEETS; i++) {
		int fd = file_make_sized(options->kind, (off_t)length);
		if (fd < 0)
			return fd;
		sheet_init(
			&painter->sheets[i], &painter->client, fd, options->width, options->height);
		painter->pixels[i] = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (painter->pixels[i] == MAP_FAILED)
			return -errno;
		memset(painter->pixels[i], 0x55, length);
	}
	return 0;
}

struct rectangle {
	int32_t x, y, width, height;
};

/* All, or a part of the same proportions that wanders. */
static struct rectangle next_damage(struct painter *painter)
{
	const struct options *options = painter->options;
	int32_t divisor = 1;
	while ((unsigned)(divisor * divisor) < 100 / options->percent)
		divisor++;
	const int32_t i = (int32_t)(painter->n_painted % (uint32_t)(divisor * divisor));
	const int32_t width = options->width / divisor, height = options->height / divisor;
	return (struct rectangle){ i % divisor * width, i / divisor * height, width, height };
}

static void paint(struct painter *painter, uint32_t *pixels, struct rectangle r)
{
	const uint32_t colour = painter->n_painted * 2654435761U;
	for (int32_t y = r.y; y < r.y + r.height; y++)
		for (int32_t x = r.x; x < r.x + r.width; x++)
			pixels[y * painter->options->width + x] = colour + (uint32_t)x;
}

/* The first sheet that is free: what toolkits do, so one that has been shown lately, if it can. */
static int find_sheet(struct painter *painter, unsigned *i)
{
	const uint64_t end = client_clock_ms() + CLIENT_PATIENCE_MS;
	int err = 0;
	while (!err && client_clock_ms() < end) {
		for (*i = 0; *i < N_SHEETS; ++*i)
			if (!painter->sheets[*i].is_busy)
				return 0;
		err = client_doze(&painter->client, 1);
	}
	return err ? err : -ETIMEDOUT;
}

static int show_frame(struct painter *painter)
{
	struct window *window = &painter->window;
	unsigned i;
	int err = find_sheet(painter, &i);
	if (err)
		return err;
	const struct rectangle r = next_damage(painter);
	painter->n_painted++;
	paint(painter, painter->pixels[i], r);
	wl_surface_attach(window->surface, painter->sheets[i].buffer, 0, 0);
	painter->sheets[i].is_busy = true;
	if (painter->n_painted == 1)
		wl_surface_damage(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_damage(window->surface, r.x, r.y, r.width, r.height);
	window_ask_for_frame(window);
	wl_surface_commit(window->surface);
	return window_wait_for_frame(window);
}

static int show_frames(struct painter *painter, unsigned n)
{
	int err = 0;
	for (unsigned i = 0; i < n && !err; i++)
		err = show_frame(painter);
	return err;
}

static int run(struct painter *painter)
{
	int err = client_connect(&painter->client, NULL);
	if (!err)
		err = find_clock(painter);
	if (!err)
		err = window_open(&painter->window, &painter->client, "frames");
	if (!err)
		err = make_sheets(painter);
	if (!err)
		err = show_frames(painter, WARM_UP);
	if (err)
		return err;
	const uint64_t start = clock_now(painter), start_of_display = display_clock_now(painter);
	err = show_frames(painter, painter->options->n_frames);
	if (!err)
		printf("%.1f %.1f\n", microseconds_a_frame(painter, start, clock_now(painter)),
			microseconds_a_frame(
				painter, start_of_display, display_clock_now(painter)));
	return err;
}

/* ---- Options ---- */

static void print_help(void)
{
	printf("Usage: wayland-frames [OPTION]...\n"
	       "Show frames on $WAYLAND_DISPLAY, and print the processor time that one cost the\n"
	       "compositor, in microseconds.\n\n"
	       "  -g, --geometry=WxH   (800x600)\n"
	       "  -d, --damage=N       percent of the window that each frame changes (100)\n"
	       "  -n, --frames=N       (100)\n"
	       "  -f, --file=KIND      of file behind the buffers (memfd)\n"
	       "  -h, --help           this\n"
	       "      --version        of uffd_guard\n");
}

static bool take_kind(struct options *options, const char *name)
{
	unsigned kind = 0;
	while (kind < N_FILE_KINDS && strcmp(file_kind_names[kind], name) != 0)
		kind++;
	options->kind = (enum file_kind)kind;
	return kind < N_FILE_KINDS;
}

static bool take_number(unsigned *number, const char *text, unsigned most)
{
	*number = (unsigned)strtoul(text, NULL, 10);
	return *number > 0 && *number <= most;
}

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'g':
		return sscanf(optarg, "%dx%d", &options->width, &options->height) == 2 &&
		       options->width > 0 && options->width <= 8192 && options->height > 0 &&
		       options->height <= 8192;
	case 'd':
		return take_number(&options->percent, optarg, 100);
	case 'n':
		return take_number(&options->n_frames, optarg, 1000000);
	case 'f':
		return take_kind(options, optarg);
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("wayland-frames %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

static const struct option long_options[] = {
	{ "geometry", required_argument, NULL, 'g' },
	{ "damage", required_argument, NULL, 'd' },
	{ "frames", required_argument, NULL, 'n' },
	{ "file", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct options options = { .width = 800, .height = 600, .n_frames = 100, .percent = 100 };
	struct painter painter = { .options = &options };
	for (int c; (c = getopt_long(argc, argv, "g:d:n:f:h", long_options, NULL)) != -1;) {
		if (!take_option(&options, c)) {
			fprintf(stderr, "wayland-frames: see --help\n");
			return EXIT_USAGE;
		}
	}
	int err = run(&painter);
	if (err)
		fprintf(stderr, "wayland-frames: %s\n", strerror(-err));
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
