/* SPDX-License-Identifier: MIT */
/* The file itself, mapped, and hope: no copy, and SIGBUS where it ends. */
#include "../peer.h"

#include <stdlib.h>
#include <sys/mman.h>

struct map_shared {
	char *data;
	size_t length;
};

static void *map_shared_open(int fd, size_t length)
{
	struct map_shared *map = malloc(sizeof(*map));
	if (!map)
		return NULL;
	*map = (struct map_shared){
		.data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0),
		.length = length,
	};
	if (map->data == MAP_FAILED) {
		free(map);
		return NULL;
	}
	return map;
}

static const char *map_shared_begin(void *self, const struct damage *damage)
{
	struct map_shared *map = self;
	(void)damage;
	return map->data;
}

static void map_shared_end(void *self)
{
	(void)self;
}

static void map_shared_close(void *self)
{
	struct map_shared *map = self;
	munmap(map->data, map->length);
	free(map);
}

const struct peer peer_map_shared = {
	.name = "map_shared",
	.open = map_shared_open,
	.begin = map_shared_begin,
	.end = map_shared_end,
	.close = map_shared_close,
};
