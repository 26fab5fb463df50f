/* SPDX-License-Identifier: MIT */
/* This library, in three ways. A region is up to date when it was just opened; from the second
 * frame on its damage is refreshed. */
#include "../peer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct guarded {
	struct uffd_guard_region *region;
	bool is_used;
};

static struct uffd_guard *used_guard;

void peer_uffd_guard_use(struct uffd_guard *guard)
{
	used_guard = guard;
}

static struct guarded *open_with(int fd, size_t length, uint32_t flags)
{
	struct uffd_guard_map_options options = { .size = sizeof(options), .flags = flags };
	struct guarded *guarded = calloc(1, sizeof(*guarded));
	if (!guarded)
		return NULL;
	int err = uffd_guard_map(used_guard, fd, length, &options, &guarded->region);
	if (err) {
		free(guarded);
		errno = -err;
		return NULL;
	}
	return guarded;
}

static void *guarded_open(int fd, size_t length)
{
	return open_with(fd, length, 0);
}

static const char *guarded_begin(void *self, const struct damage *damage)
{
	struct guarded *guarded = self;
	if (guarded->is_used &&
		uffd_guard_refresh_spans(guarded->region, damage->spans, damage->n_spans))
		return NULL;
	guarded->is_used = true;
	return uffd_guard_region_data(guarded->region);
}

static void guarded_end(void *self)
{
	(void)self;
}

static void guarded_close(void *self)
{
	struct guarded *guarded = self;
	uffd_guard_unmap(guarded->region);
	free(guarded);
}

const struct peer peer_uffd_guard = {
	.name = "uffd_guard",
	.open = guarded_open,
	.begin = guarded_begin,
	.end = guarded_end,
	.close = guarded_close,
};

static void *populated_open(int fd, size_t length)
{
	return open_with(fd, length, UFFD_GUARD_MAP_POPULATE);
}

const struct peer peer_uffd_guard_populated = {
	.name = "uffd_guard",
	.open = populated_open,
	.begin = guarded_begin,
	.end = guarded_end,
	.close = guarded_close,
};

static void *direct_open(int fd, size_t length)
{
	struct guarded *guarded =
		open_with(fd, length, UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL);
	if (guarded && uffd_guard_region_mode(guarded->region) != UFFD_GUARD_MODE_DIRECT) {
		guarded_close(guarded);
		errno = EOPNOTSUPP;
		return NULL;
	}
	return guarded;
}

const struct peer peer_uffd_guard_direct = {
	.name = "uffd_guard, direct",
	.open = direct_open,
	.begin = guarded_begin,
	.end = guarded_end,
	.close = guarded_close,
};
