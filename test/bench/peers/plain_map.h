/* SPDX-License-Identifier: MIT */
/* A plain mapping of the file. */
#pragma once

#include <stdlib.h>
#include <sys/mman.h>

struct plain_map {
	char *data;
	size_t length;
};

/* NULL with errno set. */
static inline struct plain_map *plain_map_open(int fd, size_t length)
{
	struct plain_map *map = malloc(sizeof(*map));
	if (!map)
		return NULL;
	*map = (struct plain_map){
		.data = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0),
		.length = length,
	};
	if (map->data == MAP_FAILED) {
		free(map);
		return NULL;
	}
	return map;
}

static inline void plain_map_close(struct plain_map *map)
{
	munmap(map->data, map->length);
	free(map);
}
