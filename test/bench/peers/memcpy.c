/* SPDX-License-Identifier: MIT */
/* The limit: copy between two buffers of this process. No way that copies can be faster. */
#include "../peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct buffers {
	char *from, *to;
	size_t length;
};

static char *map_buffer(size_t length, int flags)
{
	void *buffer = mmap(
		NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

static void *memcpy_open(int fd, size_t length)
{
	struct buffers *buffers = malloc(sizeof(*buffers));
	if (!buffers)
		return NULL;
	*buffers = (struct buffers){
		.from = map_buffer(length, MAP_POPULATE),
		.to = map_buffer(length, MAP_POPULATE),
		.length = length,
	};
	if (!buffers->from || !buffers->to || pread(fd, buffers->from, length, 0) < 0) {
		peer_memcpy.close(buffers);
		return NULL;
	}
	return buffers;
}

static const char *memcpy_begin(void *self, const struct damage *damage)
{
	struct buffers *buffers = self;
	for (size_t i = 0; i < damage->n_spans; i++) {
		const struct uffd_guard_span *span = &damage->spans[i];
		memcpy(buffers->to + span->offset, buffers->from + span->offset, span->length);
	}
	return buffers->to;
}

static void memcpy_end(void *self)
{
	(void)self;
}

static void memcpy_close(void *self)
{
	struct buffers *buffers = self;
	if (buffers->from)
		munmap(buffers->from, buffers->length);
	if (buffers->to)
		munmap(buffers->to, buffers->length);
	free(buffers);
}

const struct peer peer_memcpy = {
	.name = "memcpy",
	.open = memcpy_open,
	.begin = memcpy_begin,
	.end = memcpy_end,
	.close = memcpy_close,
};
