/* SPDX-License-Identifier: MIT */
/* A mapping of a file through which it is read in place of its descriptor. No lock. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct uffd;
struct iovec;

struct view {
	atomic_bool is_there;	/* all below is set, and stays */
	atomic_bool is_claimed; /* by the one thread that opens it */
	char *memory;		/* NULL: it is mapped for each read */
	size_t length;
	int fd; /* of the file, not the view's */
	uint64_t position;
};

/* The name of a file of which only the descriptor is known: the sandbox allows statx(2) this one
 * address of a name. */
extern const char view_no_name[1];

/* Open @holes, whose mark is set: with it the holes of views are registered. 0, or a negative errno
 * where there can be no views: -EMFILE and its like for now, others for good. Callers. */
int view_prepare(struct uffd *holes);

/* Map @length bytes of a file on a tmpfs, from @position on, in whole pages. Where that is not
 * allowed, or too much, there is no view. Others may read the file meanwhile. No-op where another
 * thread is about it, or was. Callers. */
void view_open(
	struct view *view, const struct uffd *holes, int fd, uint64_t position, size_t length);
/* The same without a userfaultfd. */
void view_open_without_faults(struct view *view, int fd, uint64_t position, size_t length);
void view_close(struct view *view);

/* As source_read(), which also says what offset is. -EPERM, -ENOSYS: no view may be read any more.
 * Any thread. */
int view_read(const struct view *view, uint64_t offset, char *buffer, size_t length, size_t *got);
/* As source_read_parts(). */
bool view_read_parts(
	const struct view *view, uint64_t offset, const struct iovec *parts, int n_parts);
