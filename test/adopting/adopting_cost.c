/* SPDX-License-Identifier: MIT */
/*
 * adopting-cost [ROUNDS]: what docs/examples/shm-server costs beside the same server with a handler
 * of SIGBUS (sigbus.c).
 *
 * Of a request of a segment that was used before: the time from asking to the reply, and processor
 * time of all threads of the server; of a hidden window what it costs to hear that it has changed,
 * with nothing else done for it. The client draws what it puts, and looks at what it gets, as
 * clients do: so it is not the server's cache that the pixels lie in. For short requests, which
 * depend on where the server is woken, client and server each stay on a processor; for a whole
 * picture they run where they like, as in life, where a copier may help. The two servers are
 * measured in turn within each round, so that what disturbs the machine disturbs both. The ratio is
 * the median of the rounds' ratios; the spread is that of the middle half of them.
 */
#include "shm_client.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LEAST_ROUNDS 15
#define MOST_ROUNDS  1001
#define N_SIDES	     2	 /* guarded, and by the handler */
#define SAMPLE_NS    4e6 /* of the server's time in a sample, or one request */

enum { WALL, PROCESSOR, N_CLOCKS };

struct row {
	uint32_t kind;
	bool is_sealed;
	unsigned width, height, percent;
	double target;
	struct {
		double samples[N_SIDES][MOST_ROUNDS], ratios[MOST_ROUNDS]; /* ns a request */
	} by[N_CLOCKS];
};

struct side {
	struct shm_server server;
	clockid_t clock;
	int socket;
	char *pixels; /* of the file, a mapping of the client's */
	size_t length;
};

static const char *const programs[N_SIDES] = { SHM_SERVER, SHM_SERVER_SIGBUS };

static int fail(const char *what, int err)
{
	fprintf(stderr, "adopting-cost: %s: %s\n", what, strerror(-err));
	return err;
}

/* ---- One side of a row ---- */

static int make_file(struct side *side, const struct row *row)
{
	int fd = memfd_create("adopting-cost", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	side->length = (size_t)row->width * row->height * SHM_PIXEL;
	if (fd < 0 || ftruncate(fd, (off_t)side->length) < 0)
		return -errno;
	side->pixels = mmap(NULL, side->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (side->pixels == MAP_FAILED)
		return -errno;
	memset(side->pixels, 0x5a, side->length);
	if (row->is_sealed && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	return fd;
}

static int side_start(struct side *side, const char *program, const struct row *row)
{
	int err = shm_server_start(&side->server, program, row->width, row->height);
	if (err)
		return fail(program, err);
	if (clock_getcpuclockid(side->server.pid, &side->clock))
		return fail("no clock of the server", -ESRCH);
	side->socket = shm_connect(&side->server);
	int fd = make_file(side, row);
	if (side->socket < 0 || fd < 0)
		return fail("a client", side->socket < 0 ? side->socket : fd);
	err = shm_attach(side->socket, 0, fd, side->length, SHM_WRITE);
	close(fd);
	return err ? fail("attach", err) : 0;
}

static void side_stop(struct side *side)
{
	close(side->socket);
	munmap(side->pixels, side->length);
	shm_server_stop(&side->server);
}

static double clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* 1 %: a tenth each way, from the middle. */
static struct shm_request request_of(const struct row *row)
{
	const bool is_all = row->percent == 100;
	const uint32_t width = is_all ? row->width : row->width / 10;
	const uint32_t height = is_all ? row->height : row->height / 10;
	const uint32_t x = (row->width - width) / 2, y = (row->height - height) / 2;
	return (struct shm_request){ .kind = row->kind,
		.offset = ((uint64_t)y * row->width + x) * SHM_PIXEL,
		.stride = row->width * SHM_PIXEL,
		.x = x,
		.y = y,
		.width = width,
		.height = height };
}

static void draw(const struct side *side, const struct shm_request *request, int value)
{
	for (uint32_t row = 0; row < request->height; row++)
		memset(side->pixels + request->offset + (size_t)row * request->stride, value,
			(size_t)request->width * SHM_PIXEL);
}

static uint32_t look_at(const struct side *side, const struct shm_request *request)
{
	uint32_t sum = 0;
	for (uint32_t row = 0; row < request->height; row++) {
		const uint32_t *pixels = (const uint32_t *)(side->pixels + request->offset +
							    (size_t)row * request->stride);
		for (uint32_t i = 0; i < request->width; i++)
			sum += pixels[i];
	}
	return sum;
}

/* Written so that no look is optimized away. */
static volatile uint32_t sum_of_looks;

struct times {
	double ns[N_CLOCKS]; /* a request */
};

static int sample(const struct side *side, const struct row *row, unsigned n, struct times *times)
{
	const struct shm_request request = request_of(row);
	const double before = clock_ns(side->clock);
	double wall = 0;
	for (unsigned i = 0; i < n; i++) {
		if (row->kind != SHM_GET)
			draw(side, &request, (int)i);
		const double asked = clock_ns(CLOCK_MONOTONIC);
		int status = shm_ask(side->socket, &request, -1);
		wall += clock_ns(CLOCK_MONOTONIC) - asked;
		if (status)
			return fail("request", status);
		if (row->kind == SHM_GET)
			sum_of_looks += look_at(side, &request);
	}
	*times = (struct times){ { wall / n, (clock_ns(side->clock) - before) / n } };
	return 0;
}

/* ---- Where they run ---- */

static void stay_on(pid_t thread, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(thread, sizeof(set), &set) < 0)
		fail("a processor to stay on", -errno);
}

/* After the servers have started their threads, which are left alone. Answers what was allowed
 * before: for unplace(). */
static cpu_set_t place(const struct side sides[N_SIDES])
{
	cpu_set_t allowed;
	int cpus[2], n = 0;
	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[n++] = cpu;
	for (unsigned i = 0; i < N_SIDES && n == 2; i++)
		stay_on(sides[i].server.pid, cpus[0]);
	if (n == 2)
		stay_on(0, cpus[1]);
	return allowed;
}

static void unplace(const cpu_set_t *allowed)
{
	sched_setaffinity(0, sizeof(*allowed), allowed);
}

/* ---- A row ---- */

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(const double *values, unsigned n, double q)
{
	double sorted[MOST_ROUNDS];
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[(unsigned)((n - 1) * q + 0.5)];
}

static void note(struct row *row, unsigned round, const struct times times[N_SIDES])
{
	for (unsigned clock = 0; clock < N_CLOCKS; clock++) {
		for (unsigned side = 0; side < N_SIDES; side++)
			row->by[clock].samples[side][round] = times[side].ns[clock];
		row->by[clock].ratios[round] = times[0].ns[clock] / times[1].ns[clock];
	}
}

static int measure_round(
	struct row *row, const struct side sides[N_SIDES], unsigned n, unsigned round)
{
	struct times times[N_SIDES];
	for (unsigned i = 0; i < N_SIDES; i++) {
		const unsigned side = (i + round) % N_SIDES;
		int err = sample(&sides[side], row, n, &times[side]);
		if (err)
			return err;
	}
	note(row, round, times);
	return 0;
}

static int measure_rounds(
	struct row *row, const struct side sides[N_SIDES], double ns, unsigned n_rounds)
{
	const unsigned n = ns < SAMPLE_NS ? (unsigned)(SAMPLE_NS / fmax(ns, 1000)) : 1;
	int err = measure_round(row, sides, n, 0); /* warms up */
	for (unsigned round = 0; round < n_rounds && !err; round++)
		err = measure_round(row, sides, n, round);
	return err;
}

static int measure(struct row *row, const struct side sides[N_SIDES], unsigned n_rounds)
{
	struct times once;
	int err = sample(&sides[0], row, 3, &once); /* starts what threads there will be */
	if (!err)
		err = sample(&sides[1], row, 3, &once);
	if (err || row->percent == 100)
		return err ? err : measure_rounds(row, sides, once.ns[PROCESSOR], n_rounds);
	const cpu_set_t allowed = place(sides);
	err = measure_rounds(row, sides, once.ns[PROCESSOR], n_rounds);
	unplace(&allowed);
	return err;
}

static const char *name_of(uint32_t kind)
{
	return kind == SHM_PUT ? "put" : kind == SHM_GET ? "get" : "hidden";
}

static void report_clock(const struct row *row, unsigned clock, unsigned n_rounds)
{
	const double *ratios = row->by[clock].ratios;
	const double ratio = quantile(ratios, n_rounds, 0.5);
	printf("  %-9s %8.1f -> %8.1f us  %5.2f (%.2f to %.2f)  target %.2f%s\n",
		clock == WALL ? "time" : "processor",
		quantile(row->by[clock].samples[1], n_rounds, 0.5) / 1e3,
		quantile(row->by[clock].samples[0], n_rounds, 0.5) / 1e3, ratio,
		quantile(ratios, n_rounds, 0.25), quantile(ratios, n_rounds, 0.75), row->target,
		ratio > row->target ? "  missed" : "");
}

static void report(const struct row *row, unsigned n_rounds)
{
	printf("%s %ux%u, %u %%, %s\n", name_of(row->kind), row->width, row->height, row->percent,
		row->is_sealed ? "sealed" : "unsealed");
	for (unsigned clock = 0; clock < N_CLOCKS; clock++)
		report_clock(row, clock, n_rounds);
	fflush(stdout);
}

static int run_row(struct row *row, unsigned n_rounds)
{
	struct side sides[N_SIDES];
	int err = 0;
	for (unsigned i = 0; i < N_SIDES && !err; i++)
		err = side_start(&sides[i], programs[i], row);
	if (err)
		return err;
	err = measure(row, sides, n_rounds);
	for (unsigned i = 0; i < N_SIDES; i++)
		side_stop(&sides[i]);
	if (!err)
		report(row, n_rounds);
	return err;
}

/* ---- The program ---- */

static void print_load(void)
{
	double load;
	if (getloadavg(&load, 1) == 1)
		printf("load average %.2f\n", load);
}

static double target_of(const struct row *row)
{
	if (row->kind == SHM_DAMAGE)
		return 1.02;
	if (row->is_sealed)
		return 1.05;
	return row->kind == SHM_PUT ? 1.4 : 1.5;
}

int main(int argc, char **argv)
{
	static const uint32_t kinds[] = { SHM_PUT, SHM_GET, SHM_DAMAGE };
	static const unsigned sizes[][2] = { { 800, 600 }, { 3840, 2160 } };
	static struct row row;
	const unsigned n_rounds = argc > 1 ? (unsigned)atoi(argv[1]) : LEAST_ROUNDS;
	if (n_rounds < 1 || n_rounds > MOST_ROUNDS)
		return 2;
	print_load();
	for (unsigned i = 0; i < 3 * 8; i++) {
		const uint32_t kind = kinds[i / 8];
		row = (struct row){ .kind = kind,
			.is_sealed = i / 4 % 2,
			.width = sizes[i / 2 % 2][0],
			.height = sizes[i / 2 % 2][1],
			.percent = i % 2 ? 100 : 1 };
		row.target = target_of(&row);
		if (run_row(&row, n_rounds))
			return EXIT_FAILURE;
	}
	print_load();
	return 0;
}
