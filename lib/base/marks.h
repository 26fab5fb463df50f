/* SPDX-License-Identifier: MIT */
/* A bounded set of rectangles that the client has changed and no call has brought over yet.
 * Callers' threads; its lock is innermost and never held while a file is read. */
#pragma once

#include <uffd_guard.h>

#include <pthread.h>
#include <stdbool.h>

#define MARKS_MOST 64

struct marks {
	pthread_mutex_t lock;
	size_t n;
	unsigned n_takers;			  /* threads between take and settle */
	uint64_t start, end;			  /* all lie between, also those that are taken */
	struct uffd_guard_rect rects[MARKS_MOST]; /* none without bytes */
};

/* Marks on their way: taken off the set, and not brought over yet. */
struct marks_taken {
	struct marks *marks; /* NULL: there was no set */
	size_t n;
	struct uffd_guard_rect rects[MARKS_MOST];
};

struct marks *marks_create(void); /* NULL: no memory */
void marks_destroy(struct marks *marks);

/* Add a rectangle. When the set is full, two become one that covers both, of bytes between the
 * first that is marked and the last. */
void marks_add(struct marks *marks, const struct uffd_guard_rect *rect);

/* Take off what is marked in [start, end). Then bring it over, and settle. */
void marks_take(struct marks *marks, uint64_t start, uint64_t end, struct marks_taken *taken);
/* Take off some bytes of one mark, a quarter of a mebibyte or some rows, so that little time passes
 * until they are settled. taken->n is 0: nothing is marked. */
void marks_take_some(struct marks *marks, struct marks_taken *taken);
/* Bytes that are marked; those that overlap count twice. */
uint64_t marks_count_bytes(struct marks *marks);
/* Take off the marks that lie wholly in one of the rectangles. */
void marks_take_covered(struct marks *marks, const struct uffd_guard_rect *rects, size_t n_rects,
	struct marks_taken *taken);
/* @is_done: they were brought over; else they are marked again. */
void marks_settle(const struct marks_taken *taken, bool is_done);

/* Whether something in [start, end) is marked, or was taken and is not settled. */
bool marks_are_pending(struct marks *marks, uint64_t start, uint64_t end);
