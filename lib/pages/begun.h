/* SPDX-License-Identifier: MIT */
/* Regions whose marks the copier brings over. */
#pragma once

#include <stdint.h>

struct begun_regions;
struct staging;
struct uffd_guard;
struct uffd_guard_region;

void begun_init(struct begun_regions *begun);
void begun_finish(struct begun_regions *begun);

/* Callers: hand so many marked bytes of a region over. */
void begun_add(struct uffd_guard_region *region, uint64_t n_bytes);
/* Callers: the region is about to go; when this returns the copier has left it. */
void begun_forget(struct uffd_guard_region *region);

/* The copier: bring some bytes over. */
enum begun_result {
	BEGUN_NONE, /* nothing is left to do */
	BEGUN_SOME,
	BEGUN_BUSY, /* a caller is at work on the region: look again */
};
enum begun_result begun_bring_some(struct uffd_guard *guard, struct staging *staging);
