/* SPDX-License-Identifier: MIT */
/* Map the file itself: no copy, and SIGBUS behind its end. */
#include "../peer.h"

#include "plain_map.h"

static void *map_shared_open(int fd, size_t length)
{
	return plain_map_open(fd, length);
}

static const char *map_shared_begin(void *self, const struct damage *damage)
{
	struct plain_map *map = self;
	(void)damage;
	return map->data;
}

static void map_shared_end(void *self)
{
	(void)self;
}

static void map_shared_close(void *self)
{
	plain_map_close(self);
}

const struct peer peer_map_shared = {
	.name = "map_shared",
	.open = map_shared_open,
	.begin = map_shared_begin,
	.end = map_shared_end,
	.close = map_shared_close,
};
