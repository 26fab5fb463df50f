/* SPDX-License-Identifier: MIT */
/*
 * wayland-latency: how long an honest client waits for its frames while others do their worst, on a
 * compositor as it is and started with a prefix.
 *
 * Hostile clients are children that go on until they are killed, and connect again when they are
 * thrown out. The honest client has a small window of two buffers that could be cut, and takes the
 * time from a commit until its frame was painted. Both sides are measured in turn, some times, each
 * time in a fresh compositor. The compositor and the honest client have the first processor, the
 * others the last one, so that it is not their own work that is waited for.
 *
 * Of each side the middle one of the worst times counts: what else a machine does is in some of
 * them. Guarded, it may be worse by a frame of the display, and twice what it takes here to copy
 * the largest picture that the hostile client shows, since so much it is entitled to.
 */
#include "../support/fuse_file.h"
#include "compositor.h"
#include "picture.h"
#include "window.h"

#include <check.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE   2
#define EXIT_SKIP    77
#define MOST_FRAMES  100000
#define MOST_HOSTILE 16
#define MOST_ROUNDS  32
#define FRAME_MS     16
#define SIDE	     2048 /* of a large buffer: 16 MiB */

struct guest {
	struct client client;
	struct window window;
	struct fuse_file *fuse; /* NULL, or what its buffers lie in */
};

/* ---- Hostile clients: what each does with one connection, until it fails ---- */

/* Tall and thin: whoever copies whole rows copies all of it for each. */
static int damage_columns(struct guest *guest)
{
	struct sheet sheet;
	int fd = file_make_sized(FILE_MEMFD_SEAL_SEAL, (off_t)SIDE * SIDE * 4);
	if (fd < 0)
		return fd;
	sheet_init(&sheet, &guest->client, fd, SIDE, SIDE);
	int err = 0;
	for (int32_t n = 0; !err; n++) {
		wl_surface_attach(guest->window.surface, sheet.buffer, 0, 0);
		for (int32_t x = n % 64; x < SIDE; x += 64)
			wl_surface_damage_buffer(guest->window.surface, x, 0, 1, SIDE);
		wl_surface_commit(guest->window.surface);
		err = client_roundtrip(&guest->client);
	}
	return err;
}

/* Many buffers in one file that is cut before they are all shown. */
static int lose_all(struct guest *guest)
{
	struct client *client = &guest->client;
	const int32_t n = 2000, size = 64 * 64 * 4;
	int fd = file_make_sized(FILE_MEMFD_SEAL_SEAL, (off_t)n * size);
	if (fd < 0)
		return fd;
	struct wl_shm_pool *pool = wl_shm_create_pool(client->shm, fd, n * size);
	int err = 0;
	struct wl_surface *surfaces[2000];
	for (int32_t i = 0; i < n && !err; i++) {
		struct wl_buffer *buffer = wl_shm_pool_create_buffer(
			pool, i * size, 64, 64, 256, WL_SHM_FORMAT_XRGB8888);
		surfaces[i] = wl_compositor_create_surface(client->compositor);
		wl_surface_attach(surfaces[i], buffer, 0, 0);
		wl_surface_damage(surfaces[i], 0, 0, 64, 64);
		wl_surface_commit(surfaces[i]);
		if (i % 64 == 0)
			err = client_serve(client);
	}
	err = err ? err : client_roundtrip(client);
	if (err || ftruncate(fd, 0) < 0)
		return err ? err : -errno;
	close(fd);
	for (int32_t i = 0; i < n && !err; i++) {
		wl_surface_damage(surfaces[i], 0, 0, 64, 64);
		wl_surface_commit(surfaces[i]);
		if (i % 64 == 0)
			err = client_serve(client);
	}
	return err ? err : client_roundtrip(client);
}

/* A window that goes through a pool of half a GiB, of which nothing is there. */
static int sweep_holes(struct guest *guest)
{
	const int32_t size = 512 << 20, step = SIDE * 1024 * 4;
	int fd = file_make_sized(FILE_MEMFD_SEAL_SEAL, size), err = 0;
	if (fd < 0)
		return fd;
	struct wl_shm_pool *pool = wl_shm_create_pool(guest->client.shm, fd, size);
	for (int32_t n = 0; !err; n++) {
		struct wl_buffer *buffer = wl_shm_pool_create_buffer(pool, n % (size / step) * step,
			SIDE, 1024, SIDE * 4, WL_SHM_FORMAT_XRGB8888);
		wl_surface_attach(guest->window.surface, buffer, 0, 0);
		wl_surface_damage(guest->window.surface, 0, 0, INT32_MAX, INT32_MAX);
		wl_surface_commit(guest->window.surface);
		wl_buffer_destroy(buffer);
		err = client_roundtrip(&guest->client);
	}
	return err;
}

/* Without waiting for frames. */
static int flood(struct guest *guest)
{
	struct sheet sheet;
	int fd = file_make_sized(FILE_MEMFD_SEAL_SEAL, 800 * 600 * 4), err = fd < 0 ? fd : 0;
	if (!err)
		sheet_init(&sheet, &guest->client, fd, 800, 600);
	for (int32_t n = 0; !err; n++) {
		wl_surface_attach(guest->window.surface, sheet.buffer, 0, 0);
		wl_surface_damage(guest->window.surface, 0, 0, 800, 600);
		wl_surface_commit(guest->window.surface);
		err = n % 16 ? client_serve(&guest->client) : client_roundtrip(&guest->client);
	}
	return err;
}

/* From a file whose file system takes 30 ms for each read. */
static int show_slow_file(struct guest *guest)
{
	struct sheet sheet;
	int err = 0;
	sheet_init(&sheet, &guest->client, dup(fuse_file_fd(guest->fuse)), 256, 256);
	while (!err) {
		wl_surface_attach(guest->window.surface, sheet.buffer, 0, 0);
		wl_surface_damage(guest->window.surface, 0, 0, 256, 256);
		wl_surface_commit(guest->window.surface);
		err = client_roundtrip(&guest->client);
	}
	return err;
}

static int capture(struct guest *guest)
{
	int err = 0;
	while (!err) {
		struct picture picture;
		err = picture_take(&picture, &guest->client, FILE_MEMFD_SEAL_SEAL);
		picture_finish(&picture);
		if (err == -EIO || err == -ENODATA)
			err = 0;
	}
	return err;
}

static const struct deed {
	const char *name, *summary;
	unsigned n_connections;
	bool needs_fuse;
	size_t bytes; /* of its largest picture */
	int (*run)(struct guest *guest);
} deeds[] = {
	{ "none", "nobody does anything", 0, false, 0, NULL },
	{ "columns", "damages columns of one pixel", 1, false, SIDE *SIDE * 4, damage_columns },
	{ "losses", "cuts the file behind 2000 surfaces", 1, false, 2000 * 64 * 64 * 4, lose_all },
	{ "sweep", "goes through a pool of holes", 1, false, SIDE * 1024 * 4, sweep_holes },
	{ "flood", "commits without waiting, by 16 connections", 16, false, 800 * 600 * 4, flood },
	{ "fuse", "shows a file that is read slowly", 1, true, 256 * 256 * 4, show_slow_file },
	{ "captures", "takes pictures, by 4 connections", 4, false, 800 * 600 * 4, capture },
};
#define N_DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* Where it may not, it runs where it likes. */
static void pin_to(long processor)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)processor, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void be_hostile(const struct compositor *compositor, const struct deed *deed)
{
	struct guest guest = { .fuse = NULL };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to(sysconf(_SC_NPROCESSORS_ONLN) - 1);
	if (deed->needs_fuse) {
		guest.fuse = fuse_file_start(64, false);
		if (!guest.fuse)
			_exit(EXIT_SKIP);
		fuse_file_behave(guest.fuse, FUSE_HESITATES);
	}
	compositor_become_client(compositor);
	freopen("/dev/null", "w", stderr); /* libwayland tells of each error */
	for (;;) {
		int err = client_connect(&guest.client, NULL);
		if (err == -ECONNREFUSED || err == -ENOENT)
			_exit(EXIT_SUCCESS);
		if (!err)
			err = window_open(&guest.window, &guest.client, "aside");
		if (!err)
			deed->run(&guest);
		client_disconnect(&guest.client);
		usleep(1000);
	}
}

/* The file with a file system of its own is of the tests' support, which asserts: so within a test.
 */
static const struct compositor *victim;
static const struct deed *deed_in_test;

START_TEST(be_hostile_to_victim)
{
	be_hostile(victim, deed_in_test);
}
END_TEST

static void be_hostile_in_test(const struct compositor *compositor, const struct deed *deed)
{
	Suite *suite = suite_create("latency");
	TCase *tcase = tcase_create("hostile");
	victim = compositor;
	deed_in_test = deed;
	tcase_add_test(tcase, be_hostile_to_victim);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	_exit(EXIT_SKIP);
}

/* ---- The honest client ---- */

struct times {
	double ms[MOST_FRAMES]; /* of this round */
	unsigned n;
	double worst[MOST_ROUNDS]; /* of each round */
	unsigned n_rounds;
	const char *end; /* NULL, or what became of the compositor */
};

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1000000;
}

static int open_sheets(struct guest *guest, struct sheet *sheets)
{
	int err = client_connect(&guest->client, NULL);
	if (!err)
		err = window_open(&guest->window, &guest->client, "honest");
	for (unsigned i = 0; i < 2 && !err; i++) {
		int fd = file_make_sized(FILE_MEMFD_SEAL_SEAL, 240 * 160 * 4);
		if (fd < 0)
			return fd;
		sheet_init(&sheets[i], &guest->client, fd, 240, 160);
	}
	return err;
}

/* 0: until the end. */
static int be_honest(struct times *times, double seconds)
{
	struct guest guest = { .fuse = NULL };
	struct sheet sheets[2];
	int err = open_sheets(&guest, sheets);
	const double end = now_ms() + seconds * 1000;
	for (times->n = 0; !err && times->n < MOST_FRAMES && now_ms() < end;) {
		struct sheet *sheet = &sheets[times->n % 2];
		file_paint(sheet->fd, 0, 240 * 160, 0xff000000 | times->n * 2654435761U);
		const double start = now_ms();
		err = window_show(&guest.window, sheet);
		if (!err)
			times->ms[times->n++] = now_ms() - start;
	}
	client_disconnect(&guest.client);
	return err;
}

/* ---- One measurement ---- */

static int send_hostile(
	const struct compositor *compositor, const struct deed *deed, pid_t hostile[MOST_HOSTILE])
{
	for (unsigned i = 0; i < deed->n_connections; i++) {
		hostile[i] = fork();
		setpgid(hostile[i], 0);
		if (hostile[i] == 0)
			(deed->needs_fuse ? be_hostile_in_test : be_hostile)(compositor, deed);
	}
	usleep(300000); /* until they are at it */
	int status;
	return deed->needs_fuse && waitpid(hostile[0], &status, WNOHANG) > 0 ? -ENOTSUP : 0;
}

/* With what it has started: the server of its file, which is root's, outlives one that is not. */
static void end_hostile(pid_t hostile)
{
	kill(-hostile, SIGKILL);
	kill(hostile, SIGKILL);
	waitpid(hostile, NULL, 0);
}

static void measure(const struct compositor_kind *kind, const struct launch *launch,
	const struct deed *deed, double seconds, struct times *times)
{
	struct compositor compositor;
	pid_t hostile[MOST_HOSTILE] = { 0 };
	bool cut_short = false;
	times->n = 0;
	times->end = NULL;
	if (compositor_start(&compositor, kind, launch) < 0) {
		times->end = "no start";
		return;
	}
	setenv("WAYLAND_DISPLAY", compositor.socket, 1);
	if (send_hostile(&compositor, deed, hostile) < 0)
		times->end = "no FUSE";
	else if (be_honest(times, seconds) < 0)
		cut_short = true;
	for (unsigned i = 0; i < deed->n_connections; i++)
		end_hostile(hostile[i]);
	if (!times->end && compositor_wait_for_end(&compositor, times->n ? 20 : 2000))
		times->end = compositor_end(&compositor);
	if (!times->end && cut_short)
		times->end = "honest client failed";
	compositor_stop(&compositor);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The middle one. */
static double worst_of(struct times *times)
{
	qsort(times->worst, times->n_rounds, sizeof(times->worst[0]), compare);
	return times->worst[times->n_rounds / 2];
}

static void measure_round(const struct compositor_kind *kind, const struct launch *launch,
	const struct deed *deed, double seconds, struct times *times)
{
	if (times->end)
		return;
	measure(kind, launch, deed, seconds, times);
	if (times->end || times->n == 0) {
		times->end = times->end ? times->end : "no frame";
		return;
	}
	qsort(times->ms, times->n, sizeof(times->ms[0]), compare);
	times->worst[times->n_rounds++] = times->ms[times->n - 1];
}

/* p99 and frames are of the last round. */
static void print_times(struct times *times)
{
	if (times->end)
		printf(" %25s", times->end);
	else
		printf(" %9.1f %8.1f %6u", worst_of(times), times->ms[(times->n * 99 - 1) / 100],
			times->n);
}

/* Milliseconds to read so many bytes of a file in memory, as a copy of a picture does. */
static double copying_takes(size_t bytes)
{
	double best = 0;
	int fd = bytes ? memfd_create("picture", MFD_CLOEXEC) : -1;
	char *picture = fd < 0 ? NULL : malloc(bytes);
	if (picture) {
		memset(picture, 1, bytes);
		for (unsigned i = 0; i < 5 && pwrite(fd, picture, bytes, 0) == (ssize_t)bytes;
			i++) {
			const double start = now_ms();
			if (pread(fd, picture, bytes, 0) != (ssize_t)bytes)
				break;
			const double ms = now_ms() - start;
			best = best == 0 || ms < best ? ms : best;
		}
	}
	free(picture);
	close(fd);
	return best;
}

struct options {
	const struct compositor_kind *compositor;
	const struct deed *deed;
	double seconds;
	unsigned n_rounds;
	struct launch launch;
};

/* False if the honest client waits longer than it may. */
static bool measure_row(
	const struct options *options, const struct compositor_kind *kind, const struct deed *deed)
{
	static struct times plain, guarded;
	struct launch as_it_is = options->launch;
	as_it_is.prefix = NULL;
	as_it_is.preload = NULL;
	plain.end = guarded.end = NULL;
	plain.n_rounds = guarded.n_rounds = 0;
	for (unsigned i = 0; i < options->n_rounds; i++) {
		measure_round(kind, &as_it_is, deed, options->seconds, &plain);
		measure_round(kind, &options->launch, deed, options->seconds, &guarded);
	}
	printf("%-14s %-9s", kind->name, deed->name);
	print_times(&plain);
	print_times(&guarded);
	bool is_within = !guarded.end || strcmp(guarded.end, "no FUSE") == 0;
	if (!plain.end && !guarded.end) {
		const double allowed =
			plain.worst[plain.n_rounds / 2] + FRAME_MS + 2 * copying_takes(deed->bytes);
		is_within = guarded.worst[guarded.n_rounds / 2] <= allowed;
		printf(" %8.1f %s", allowed, is_within ? "ok" : "ABOVE");
	}
	printf("\n");
	return is_within;
}

/* ---- Options ---- */

static void print_help(void)
{
	printf("Usage: wayland-latency [OPTION]... -- PREFIX...\n"
	       "Measure how long an honest client waits for frames while others do harm, with the "
	       "prefix\n"
	       "and without. It may be a frame of 16 ms longer, and twice what it takes to copy "
	       "the largest\n"
	       "picture of the hostile client. Exit status: 0 it is not, 1 it is, 77 no "
	       "compositor.\n\n"
	       "  -c, --compositor=NAME  only this one (weston-pixman and sway)\n"
	       "  -a, --attack=NAME      only this one\n"
	       "  -s, --seconds=N        for each side in each round (4)\n"
	       "  -r, --rounds=N         of each row (3)\n"
	       "      --preload=PATH     a library for the compositor\n"
	       "      --directory=DIR    for logs (.)\n"
	       "  -h, --help             this\n"
	       "      --version          of uffd_guard\n\n"
	       "Attacks:\n");
	for (unsigned i = 0; i < N_DEEDS; i++)
		printf("  %-12s %s\n", deeds[i].name, deeds[i].summary);
}

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		return (options->compositor = compositor_find(optarg)) != NULL;
	case 'a':
		for (unsigned i = 0; i < N_DEEDS; i++)
			if (strcmp(deeds[i].name, optarg) == 0)
				options->deed = &deeds[i];
		return options->deed != NULL;
	case 's':
		return (options->seconds = atof(optarg)) > 0;
	case 'r':
		options->n_rounds = (unsigned)atoi(optarg);
		return options->n_rounds > 0 && options->n_rounds <= MOST_ROUNDS;
	case 'P':
		return (options->launch.preload = realpath(optarg, NULL)) != NULL;
	case 'd':
		return (options->launch.directory = realpath(optarg, NULL)) != NULL;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("wayland-latency %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

static const struct option long_options[] = {
	{ "compositor", required_argument, NULL, 'c' },
	{ "attack", required_argument, NULL, 'a' },
	{ "seconds", required_argument, NULL, 's' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "preload", required_argument, NULL, 'P' },
	{ "directory", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static bool is_wanted(const struct options *options, const struct compositor_kind *kind)
{
	if (options->compositor)
		return options->compositor == kind;
	return strcmp(kind->name, "weston-pixman") == 0 || strcmp(kind->name, "sway") == 0;
}

int main(int argc, char **argv)
{
	struct options options = {
		.seconds = 4, .n_rounds = 3, .launch = { .width = 800, .height = 600 }
	};
	unsigned n = 0, n_above = 0;
	options.launch.directory = realpath(".", NULL);
	for (int c; (c = getopt_long(argc, argv, "+c:a:s:r:h", long_options, NULL)) != -1;) {
		if (!take_option(&options, c)) {
			fprintf(stderr, "wayland-latency: see --help\n");
			return EXIT_USAGE;
		}
	}
	options.launch.prefix = optind < argc ? argv + optind : NULL;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%-14s %-9s %25s %25s %8s\n%-24s %9s %8s %6s %9s %8s %6s\n", "compositor", "attack",
		"as it is", "guarded", "allowed", "", "worst ms", "p99", "frames", "worst ms",
		"p99", "frames");
	pin_to(0);
	for (unsigned i = 0; i < N_COMPOSITORS; i++) {
		const struct compositor_kind *kind = &compositor_kinds[i];
		if (!is_wanted(&options, kind) || compositor_why_not(kind))
			continue;
		for (unsigned j = 0; j < N_DEEDS; j++)
			if (!options.deed || options.deed == &deeds[j])
				n_above += !measure_row(&options, kind, &deeds[j]);
		n++;
	}
	return n == 0 ? EXIT_SKIP : n_above ? EXIT_FAILURE : EXIT_SUCCESS;
}
