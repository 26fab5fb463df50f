/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uffd_guard.h>

/* A range of a region that a compositor may store to, from begin to end. */
struct capture {
	bool is_open;
	uint64_t offset, length; /* bytes of the region */
	uint64_t *sums;		 /* of each page, as it was; NULL: no memory for them */
	size_t n_pages;
};

void capture_begin(struct capture *capture, const struct uffd_guard_region *region, uint64_t offset,
	uint64_t length);

/* Brings what was stored since to the client's file. Nothing if it was not begun. */
void capture_end(struct capture *capture, struct uffd_guard_region *region);

void capture_finish(struct capture *capture);
