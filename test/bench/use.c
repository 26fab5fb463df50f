/* SPDX-License-Identifier: MIT */
/*
 * A peer as a contender: it brings a frame up to date, and reads it. A hot contender was opened
 * before, and all its bytes were read once. A cold one is opened for each sample. Closing is never
 * measured.
 */
#include "use.h"

#include "../support/time_ns.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

struct use {
	struct use_options options;
	void *opened; /* hot: never NULL; cold: only during a sample */
};

static void read_damage(const char *data, const struct damage *damage)
{
	for (size_t i = 0; i < damage->n_spans; i++)
		words_read(data + damage->spans[i].offset, damage->spans[i].length);
}

static int read_frame(const struct use *use, const struct damage *damage)
{
	const struct peer *peer = use->options.peer;
	const char *data = peer->begin(use->opened, damage);
	if (!data)
		return -ENOMEM;
	if (use->options.reads)
		read_damage(data, damage);
	return 0;
}

/* Read all frames of the row, one after the other. Answers nanoseconds for one. */
static double sample_hot(struct contender *contender)
{
	struct use *use = contender->self;
	const struct damages *damages = use->options.damages;
	uint64_t ns = 0;

	for (unsigned i = 0; i < damages->n; i++) {
		uint64_t start = clock_ns();
		int err = read_frame(use, &damages->sets[i]);
		ns += clock_ns() - start;
		if (err)
			return err;
		use->options.peer->end(use->opened);
	}
	return (double)ns / damages->n;
}

/* Of all threads. */
static uint64_t cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* The same as a display does it, a frame each sixtieth of a second: nanoseconds of processor time
 * for one, with what waking and sleeping cost. */
static double sample_paced(struct contender *contender)
{
	struct use *use = contender->self;
	const struct damages *damages = use->options.damages;
	uint64_t next = clock_ns();
	const uint64_t before = cpu_ns();

	for (unsigned i = 0; i < damages->n; i++) {
		next += NS_PER_S / 60;
		const struct timespec until = { .tv_sec = (time_t)(next / NS_PER_S),
			.tv_nsec = (long)(next % NS_PER_S) };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
		int err = read_frame(use, &damages->sets[i]);
		if (err)
			return err;
		use->options.peer->end(use->opened);
	}
	return (double)(cpu_ns() - before) / damages->n;
}

static double sample_cold(struct contender *contender)
{
	struct use *use = contender->self;
	const struct peer *peer = use->options.peer;

	uint64_t start = clock_ns();
	use->opened = peer->open(use->options.fd, use->options.length);
	if (!use->opened)
		return -errno;
	int err = read_frame(use, &use->options.damages->sets[0]);
	double ns = (double)(clock_ns() - start);
	if (!err)
		peer->end(use->opened);
	peer->close(use->opened);
	use->opened = NULL;
	return err ? err : ns;
}

static int sum_file(int fd, size_t length, uint64_t *sum)
{
	void *data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	*sum = words_sum(data, length);
	munmap(data, length);
	return 0;
}

/* Open, read all bytes, and check that they are those of the file. -EILSEQ: they are not. */
static int warm_up(struct use *use)
{
	const struct use_options *options = &use->options;
	struct uffd_guard_span whole = { .offset = 0, .length = options->length };
	uint64_t expected = 0, sum;
	int err = sum_file(options->fd, options->length, &expected);
	if (err)
		return err;

	errno = ENOMEM;
	use->opened = options->peer->open(options->fd, options->length);
	const char *data = !use->opened
				   ? NULL
				   : options->peer->begin(use->opened,
					     &(struct damage){ .spans = &whole, .n_spans = 1 });
	if (!data)
		return -errno;
	sum = words_sum(data, options->length);
	options->peer->end(use->opened);
	return sum == expected ? 0 : -EILSEQ;
}

static void cool_down(struct use *use)
{
	if (use->opened)
		use->options.peer->close(use->opened);
	use->opened = NULL;
}

static void use_close(void *self)
{
	struct use *use = self;
	cool_down(use);
	free(use);
}

static void name_of(const struct use_options *options, char *name, size_t size)
{
	if (options->name)
		snprintf(name, size, "%s", options->name);
	else
		snprintf(name, size, "%s%s", options->peer->name, options->is_cold ? ", cold" : "");
}

static struct use *use_create(const struct use_options *options)
{
	struct use *use = options->peer->open ? calloc(1, sizeof(*use)) : NULL;
	if (!use)
		return NULL;
	use->options = *options;
	int err = warm_up(use);
	if (!err && options->is_cold)
		cool_down(use);
	if (!err)
		return use;
	use_close(use);
	errno = -err;
	return NULL;
}

static double (*sample_of(const struct use_options *options))(struct contender *)
{
	if (options->is_paced)
		return sample_paced;
	return options->is_cold ? sample_cold : sample_hot;
}

struct contender *use_add(struct contest *contest, const struct use_options *options)
{
	char name[40];
	struct use *use = use_create(options);
	int err = errno;
	name_of(options, name, sizeof(name));
	errno = err;
	struct contender *contender =
		contest_add(contest, name, sample_of(options), use, use_close);
	if (!options->peer->open)
		contender_give_up(contender, "not built");
	else if (!use && err == EILSEQ)
		contender_give_up(contender, "reads something else than the file has");
	return contender;
}
