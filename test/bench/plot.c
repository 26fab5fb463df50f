/* SPDX-License-Identifier: MIT */
/*
 * Draw charts of what a frame costs to bring up to date and to read: by the share of it that was
 * damaged, and by its size. Each chart is a file of data, with a line for each point, and an SVG
 * that gnuplot makes of it.
 */
#include "plot.h"

#include "cli/cli.h"
#include "cli/interrupt.h"

#include "../support/time_ns.h"
#include "bench_report.h"
#include "damage_sets.h"
#include "peer.h"
#include "use.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_CURVES (sizeof(curves) / sizeof(*curves))

struct curve {
	const struct peer *peer;
	const char *title;
	const char *colour; /* distinguishable for the colour-blind, and in grey */
};

/* The first is ours, and the thickest line. */
static const struct curve curves[] = {
	{ &peer_uffd_guard_populated, "uffd\\_guard: refresh, read", "#5e2ca5" },
	{ &peer_pread, "pread into a kept buffer, read", "#1b7f5c" },
	{ &peer_uring, "io\\_uring into a kept buffer, read", "#3b8fd0" },
	{ &peer_map_shared, "plain MAP\\_SHARED (SIGBUS)", "#d07a00" },
	{ &peer_wl_shm, "libwayland wl\\_shm (SIGBUS handler)", "#555555" },
};

struct chart {
	const char *name; /* of its files */
	const char *x;	  /* name of the first column */
	const char *settings;
	unsigned n_points;
	/* Measure point number @point, and write its line of data: the place on the x axis, a
	 * label, a median for each curve. */
	int (*measure)(struct bench *bench, unsigned point, uint64_t deadline, FILE *data);
};

/* ---- Measuring ---- */

static void write_medians(struct contest *contest, FILE *data)
{
	for (unsigned i = 0; i < contest->n; i++) {
		struct contender *contender = &contest->contenders[i];
		if (contender->why_not[0])
			fputs(" NaN", data);
		else
			fprintf(data, " %.4f", series_median(&contender->samples) / 1e6);
	}
	fputc('\n', data);
}

/* Measure one point of all curves. Frees @damages. */
static int measure_point(struct bench *bench, int fd, size_t length, struct damages *damages,
	uint64_t deadline, FILE *data)
{
	static struct contest contest; /* large */
	if (!damages)
		return -ENOMEM;
	contest = (struct contest){ .attached = damages, .detach = damages_destroy };
	peer_uffd_guard_use(bench->guard);
	for (size_t i = 0; i < N_CURVES; i++)
		use_add(&contest, &(struct use_options){ .peer = curves[i].peer,
					  .fd = fd,
					  .length = length,
					  .reads = true,
					  .damages = damages });
	contest.against = 1;
	contest_run(&contest, "plot", deadline);
	write_medians(&contest, data);
	contest_finish(&contest);
	return 0;
}

static const double shares[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1 };

static int measure_share(struct bench *bench, unsigned point, uint64_t deadline, FILE *data)
{
	fprintf(data, "%g %g%%", 100 * shares[point], 100 * shares[point]);
	return measure_point(bench, bench->frame_fd, bench->frame_length,
		damages_spans(bench->frame_length, shares[point]), deadline, data);
}

static int measure_size(struct bench *bench, unsigned point, uint64_t deadline, FILE *data)
{
	const struct frame_size *size = &frame_sizes[point];
	size_t length = (size_t)size->frame.width * size->frame.height * DAMAGE_PIXEL_SIZE;
	int fd = file_create_filled(length);
	if (fd < 0)
		return fd;
	fprintf(data, "%.3f %s", (double)length / 1e6, size->name);
	int err = measure_point(bench, fd, length, damages_whole(length), deadline, data);
	close(fd);
	return err;
}

/* ---- Drawing ---- */

static const char share_settings[] =
	"set title 'Cost of a frame by damage: bring up to date and read what changed'\n"
	"set xlabel 'share of the frame that changed, in 16 scattered spans (%)'\n"
	"set ylabel 'milliseconds'\n"
	"set logscale xy\n"
	"set key bottom right\n"
	"set xrange [0.08:125]\n"
	"set xtics ('0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, "
	"'50' 50, '100' 100)\n";

static const char size_settings[] =
	"set title 'Cost of a whole frame by size: bring up to date and read all'\n"
	"set xlabel 'size of the frame'\n"
	"set ylabel 'milliseconds'\n"
	"set logscale xy\n"
	"set key bottom right\n"
	"set xrange [3:160]\n";

static const struct chart charts[] = {
	{ "damage", "percent", share_settings, sizeof(shares) / sizeof(*shares), measure_share },
	{ "size", "megabytes", size_settings, 5, measure_size },
};

#define N_CHARTS (sizeof(charts) / sizeof(*charts))

static int path_of(char *path, size_t size, const char *directory, const struct chart *chart,
	const char *suffix)
{
	int n = snprintf(path, size, "%s/%s.%s", directory, chart->name, suffix);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Write @text as a string in gnuplot's syntax. */
static void write_quoted(FILE *gnuplot, const char *text)
{
	fputc('\'', gnuplot);
	for (; *text; text++)
		fputs(*text == '\'' ? "''" : (char[]){ *text, 0 }, gnuplot);
	fputc('\'', gnuplot);
}

static void write_curve(FILE *gnuplot, const struct chart *chart, size_t i, const char *data)
{
	const struct curve *curve = &curves[i];
	if (!curve->peer->open)
		return;
	fputs(i ? ", " : "plot ", gnuplot);
	write_quoted(gnuplot, data);
	fprintf(gnuplot,
		" using 1:%zu%s with linespoints linewidth %d pointtype %zu linecolor rgb '%s' "
		"title '%s'",
		i + 3, chart->measure == measure_size ? ":xtic(2)" : "", i ? 2 : 4, i + 4,
		curve->colour, curve->title);
}

static void write_script(
	FILE *gnuplot, const struct chart *chart, const char *data, const char *image)
{
	fputs("set terminal svg size 800,500 font 'sans-serif,14' background 'white' enhanced\n"
	      "set output ",
		gnuplot);
	write_quoted(gnuplot, image);
	fprintf(gnuplot,
		"\nset grid back linecolor rgb '#dddddd'\n"
		"set border 3\nset tics nomirror\nset format y '%%g'\nset datafile missing 'NaN'\n"
		"%s",
		chart->settings);
	for (size_t i = 0; i < N_CURVES; i++)
		write_curve(gnuplot, chart, i, data);
	fputc('\n', gnuplot);
}

static int draw(const struct chart *chart, const char *data, const char *image)
{
	FILE *gnuplot = popen("gnuplot", "w");
	if (!gnuplot)
		return cli_cannot(-errno, "start gnuplot");
	write_script(gnuplot, chart, data, image);
	int status = pclose(gnuplot);
	return status ? cli_cannot(-EIO, "draw %s", image) : 0;
}

static int measure_chart(
	struct bench *bench, const struct chart *chart, const char *path, uint64_t ns)
{
	FILE *data = fopen(path, "we");
	if (!data)
		return cli_cannot(-errno, "write %s", path);
	fprintf(data, "# milliseconds a frame: %s, label", chart->x);
	for (size_t i = 0; i < N_CURVES; i++)
		fprintf(data, ", %s%s", curves[i].peer->name,
			curves[i].peer->open ? "" : " (not built)");
	fputc('\n', data);

	int err = 0;
	for (unsigned i = 0; i < chart->n_points && !err; i++) {
		err = chart->measure(bench, i, clock_ns() + ns / chart->n_points, data);
		if (interrupt_came())
			err = -EINTR;
	}
	if (fclose(data) && !err)
		err = -errno;
	return err ? cli_cannot(err, "measure for %s", path) : 0;
}

static int run_chart(
	struct bench *bench, const struct report *report, const struct chart *chart, uint64_t ns)
{
	const char *directory = bench->options->plot_directory;
	char data[4096], image[4096];
	int err = path_of(data, sizeof(data), directory, chart, "dat");
	if (!err)
		err = path_of(image, sizeof(image), directory, chart, "svg");
	if (err)
		return cli_cannot(err, "write into %s", directory);
	err = measure_chart(bench, chart, data, ns);
	if (!err)
		err = draw(chart, data, image);
	if (!err)
		report->chart(image);
	return err;
}

int plot_prepare(const char *directory)
{
	int status = system("gnuplot --version >/dev/null 2>&1");
	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fputs("uffd-guard-bench: --plot needs gnuplot, which is not there; install it, for "
		      "instance with: apt-get install gnuplot-nox\n",
			stderr);
		return -ENOENT;
	}
	if (mkdir(directory, 0777) < 0 && errno != EEXIST)
		return cli_cannot(-errno, "make %s", directory);
	return access(directory, W_OK | X_OK) < 0 ? cli_cannot(-errno, "write into %s", directory)
						  : 0;
}

int plot_run(struct bench *bench, const struct report *report, uint64_t ns)
{
	int err = interrupt_came() ? -EINTR : 0;
	for (size_t i = 0; i < N_CHARTS && !err; i++)
		err = run_chart(bench, report, &charts[i], ns / N_CHARTS);
	return err;
}
