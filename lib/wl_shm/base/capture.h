/* SPDX-License-Identifier: MIT */
/*
 * base/ knows neither displays nor clients. Any thread may call it, and it takes no lock: the
 * caller guards what it passes, here by wl_shm_pool.lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uffd_guard.h>

/* A range of a region that a compositor may store to between capture_begin() and capture_end(). */
struct capture {
	bool is_open;
	uint64_t offset, length; /* bytes of the region */
	uint64_t *sums;		 /* of each page at capture_begin(); NULL: no memory for them */
	size_t n_pages;
	bool has_marks;
	uint64_t mark;
	uint64_t *covered; /* what the mark lies on, in each page */
};

/* @data: what stands for the region; it may lie elsewhere. NULL: all of it counts as stored to. */
void capture_begin(struct capture *capture, const void *data, uint64_t offset, uint64_t length);

/* The same for a range of which all will be stored to, if anything is, so that it may hold anything
 * now. Marks lie on it until capture_end(). False, and nothing has begun: there is no memory, or
 * the range does not begin and end with a word. */
bool capture_begin_of_all(struct capture *capture, void *data, uint64_t offset, uint64_t length);

/* Write what was stored since capture_begin() to the client's file. Without that it does nothing.
 * -ENODATA: the file ends before; other errors: the rest has not arrived there either. */
int capture_end(struct capture *capture, void *data, struct uffd_guard_region *region);

void capture_finish(struct capture *capture);
