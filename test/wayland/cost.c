/* SPDX-License-Identifier: MIT */
/*
 * wayland-cost: what processor time a frame costs a compositor, started with a prefix as compared
 * with as it is.
 *
 * A file that is sealed is shown directly, one that can never be is copied: two rows for each size
 * and damage. For each, the time of all threads and that of the display's alone. The two sides of a
 * row are measured in turn, each time in a fresh compositor, so that what disturbs the machine
 * disturbs both. The ratio is of medians; the spread is that of the ratios of neighbouring
 * measurements, without the quarters at their ends.
 */
#include "compositor.h"
#include "file.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_USAGE  2
#define EXIT_SKIP   77
#define MOST_ROUNDS 100

struct options {
	const struct compositor_kind *compositor; /* NULL: all with libwayland's wl_shm */
	struct launch launch;
	unsigned n_rounds, n_frames, percent;
	bool json;
	FILE *kept;	   /* results as --json prints them; NULL: not kept */
	char frames[4096]; /* path of wayland-frames */
};

struct row {
	const struct compositor_kind *kind;
	int width, height;
	unsigned percent;
	enum file_kind file;
	struct times {
		double of_all[MOST_ROUNDS], of_display[MOST_ROUNDS]; /* us a frame */
	} plain, guarded;
	unsigned n;
};

/* ---- One measurement ---- */

static pid_t start_client(const struct options *options, const struct compositor *compositor,
	const struct row *row, int to)
{
	char geometry[32], damage[32], frames[32];
	snprintf(geometry, sizeof(geometry), "--geometry=%dx%d", row->width, row->height);
	snprintf(damage, sizeof(damage), "--damage=%u", row->percent);
	snprintf(frames, sizeof(frames), "--frames=%u", options->n_frames);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	compositor_become_client(compositor);
	dup2(to, STDOUT_FILENO);
	execl(options->frames, "wayland-frames", geometry, damage, frames, "--file",
		file_kind_names[row->file], (char *)NULL);
	_exit(127);
}

/* Microseconds of all threads; 0: failed. */
static double run_client(const struct options *options, const struct compositor *compositor,
	const struct row *row, double *of_display)
{
	int ends[2];
	char text[64] = "";
	if (pipe(ends) < 0)
		return 0;
	pid_t pid = start_client(options, compositor, row, ends[1]);
	close(ends[1]);
	ssize_t length = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	double of_all = 0;
	return length > 0 && sscanf(text, "%lf %lf", &of_all, of_display) == 2 ? of_all : 0;
}

static bool measure(const struct options *options, const struct row *row, struct times *times)
{
	struct compositor compositor;
	struct launch launch = options->launch;
	launch.width = row->width;
	launch.height = row->height;
	if (times == &row->plain)
		launch.prefix = NULL;
	int err = compositor_start(&compositor, row->kind, &launch);
	if (err) {
		fprintf(stderr, "%s does not start: %s\n", row->kind->name, strerror(-err));
		return false;
	}
	times->of_all[row->n] = run_client(options, &compositor, row, &times->of_display[row->n]);
	compositor_stop(&compositor);
	return times->of_all[row->n] > 0;
}

static bool measure_row(const struct options *options, struct row *row)
{
	for (row->n = 0; row->n < options->n_rounds; row->n++) {
		if (!measure(options, row, &row->plain) || !measure(options, row, &row->guarded))
			return false;
	}
	return true;
}

/* ---- Report ---- */

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of a copy: the order of rounds is still needed. */
static double quantile(const double *values, unsigned n, double q)
{
	double sorted[MOST_ROUNDS];
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	const double at = q * (n - 1);
	const unsigned below = (unsigned)at, above = below + 1 < n ? below + 1 : below;
	return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

struct result {
	double plain, guarded, ratio, low, high;
};

static struct result evaluate(const double *plains, const double *guardeds, unsigned n)
{
	double ratios[MOST_ROUNDS];
	for (unsigned i = 0; i < n; i++)
		ratios[i] = guardeds[i] / plains[i];
	const double plain = quantile(plains, n, 0.5), guarded = quantile(guardeds, n, 0.5);
	return (struct result){ plain, guarded, guarded / plain, quantile(ratios, n, 0.25),
		quantile(ratios, n, 0.75) };
}

static void print_json(FILE *to, const struct row *row, const struct result *of_all,
	const struct result *of_display)
{
	const char *mode = row->file == FILE_MEMFD_SEALED ? "direct" : "lazy";
	fprintf(to,
		"{\"compositor\":\"%s\",\"width\":%d,\"height\":%d,\"damage\":%u,\"mode\":\"%s\","
		"\"plain_us\":%.1f,\"guarded_us\":%.1f,\"ratio\":%.3f,\"low\":%.3f,\"high\":%.3f,"
		"\"display_plain_us\":%.1f,\"display_guarded_us\":%.1f,\"display_ratio\":%.3f}\n",
		row->kind->name, row->width, row->height, row->percent, mode, of_all->plain,
		of_all->guarded, of_all->ratio, of_all->low, of_all->high, of_display->plain,
		of_display->guarded, of_display->ratio);
}

static void print_text(
	const struct row *row, const struct result *of_all, const struct result *of_display)
{
	const char *mode = row->file == FILE_MEMFD_SEALED ? "direct" : "lazy";
	printf("%-14s %5dx%-5d %5u %% %-7s %10.0f %10.0f %7.2f  %.2f-%.2f %9.0f %9.0f %7.2f\n",
		row->kind->name, row->width, row->height, row->percent, mode, of_all->plain,
		of_all->guarded, of_all->ratio, of_all->low, of_all->high, of_display->plain,
		of_display->guarded, of_display->ratio);
}

static void report_row(const struct options *options, const struct row *row)
{
	const struct result of_all = evaluate(row->plain.of_all, row->guarded.of_all, row->n),
			    of_display = evaluate(
				    row->plain.of_display, row->guarded.of_display, row->n);
	if (options->json)
		print_json(stdout, row, &of_all, &of_display);
	else
		print_text(row, &of_all, &of_display);
	if (options->kept)
		print_json(options->kept, row, &of_all, &of_display);
}

/* A small window, and one of the whole screen. Where the screen has a size of its own, and a window
 * that fills it is shown without being drawn, as no screen but one without hardware can, it is one
 * that nearly does. */
static void choose_size(struct row *row, bool is_whole)
{
	row->width = !is_whole ? 800 : row->kind->has_fixed_size ? 1264 : 3840;
	row->height = !is_whole ? 600 : row->kind->has_fixed_size ? 704 : 2160;
}

static bool is_wanted(const struct options *options, const struct compositor_kind *kind)
{
	if (options->compositor ? options->compositor != kind : kind->maps_itself)
		return false;
	return !kind->never_guarded && !compositor_why_not(kind);
}

static void print_head(void)
{
	printf("%-14s %-11s %7s %-7s %10s %10s %7s  %-9s %9s %9s %7s\n", "compositor", "size",
		"damage", "mode", "plain us", "guarded us", "ratio", "spread", "display", "guarded",
		"ratio");
}

static int measure_all(const struct options *options)
{
	static struct row row;
	unsigned n = 0, n_failed = 0;
	if (!options->json)
		print_head();
	for (unsigned i = 0; i < N_COMPOSITORS * 8; i++) {
		row = (struct row){ .kind = &compositor_kinds[i / 8],
			.percent = i / 2 % 2 ? options->percent : 100,
			.file = i % 2 ? FILE_MEMFD_SEAL_SEAL : FILE_MEMFD_SEALED };
		if (!is_wanted(options, row.kind))
			continue;
		choose_size(&row, i / 4 % 2);
		if (measure_row(options, &row))
			report_row(options, &row);
		else
			n_failed++;
		n++;
	}
	return n == 0 ? EXIT_SKIP : n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- Options ---- */

static void print_help(void)
{
	printf("Usage: wayland-cost [OPTION]... -- PREFIX...\n"
	       "Measure what a frame costs compositors, with the prefix and without: in all "
	       "their threads,\n"
	       "and in the display's.\n\n"
	       "  -c, --compositor=NAME  only this one\n"
	       "  -r, --rounds=N         measurements of each side of each row (5)\n"
	       "  -n, --frames=N         for each (100)\n"
	       "      --damage=PERCENT   of the rows that do not change all (1)\n"
	       "      --directory=DIR    for logs (.)\n"
	       "      --json             an object a line\n"
	       "      --keep=FILE        write that to a file besides\n"
	       "  -h, --help             this\n"
	       "      --version          of uffd_guard\n");
}

static bool take_number(unsigned *number, const char *text, unsigned most)
{
	*number = (unsigned)strtoul(text, NULL, 10);
	return *number > 0 && *number <= most;
}

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		return (options->compositor = compositor_find(optarg)) != NULL;
	case 'r':
		return take_number(&options->n_rounds, optarg, MOST_ROUNDS);
	case 'n':
		return take_number(&options->n_frames, optarg, 1000000);
	case 'p':
		return take_number(&options->percent, optarg, 100);
	case 'd':
		return (options->launch.directory = realpath(optarg, NULL)) != NULL;
	case 'j':
		return options->json = true;
	case 'k':
		return (options->kept = fopen(optarg, "w")) != NULL;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("wayland-cost %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

static const struct option long_options[] = {
	{ "compositor", required_argument, NULL, 'c' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "frames", required_argument, NULL, 'n' },
	{ "damage", required_argument, NULL, 'p' },
	{ "directory", required_argument, NULL, 'd' },
	{ "json", no_argument, NULL, 'j' },
	{ "keep", required_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

/* wayland-frames is where this program is. */
static void find_frames(struct options *options)
{
	ssize_t length = readlink("/proc/self/exe", options->frames, sizeof(options->frames) - 32);
	char *slash = length > 0 ? strrchr(options->frames, '/') : NULL;
	if (slash)
		strcpy(slash, "/wayland-frames");
}

int main(int argc, char **argv)
{
	struct options options = { .n_rounds = 5, .n_frames = 100, .percent = 1 };
	options.launch.directory = realpath(".", NULL);
	find_frames(&options);
	for (int c; (c = getopt_long(argc, argv, "+c:r:n:h", long_options, NULL)) != -1;) {
		if (!take_option(&options, c)) {
			fprintf(stderr, "wayland-cost: see --help\n");
			return EXIT_USAGE;
		}
	}
	options.launch.prefix = optind < argc ? argv + optind : NULL;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	const int status = measure_all(&options);
	if (options.kept && fclose(options.kept) != 0) {
		perror("wayland-cost: what was to be kept");
		return EXIT_FAILURE;
	}
	return status;
}
