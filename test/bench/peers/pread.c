/* SPDX-License-Identifier: MIT */
/* Copy with pread(2): into a buffer that is kept, or into new pages for each frame. */
#include "../peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct copier {
	int fd;
	char *buffer;
	size_t length;
};

static char *map_buffer(size_t length)
{
	void *buffer =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

/* Fill with zeros what the file does not have. */
static void read_span(int fd, char *buffer, const struct uffd_guard_span *span)
{
	size_t done = 0;
	while (done < span->length) {
		ssize_t n = pread(fd, buffer + span->offset + done, span->length - done,
			(off_t)(span->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	memset(buffer + span->offset + done, 0, span->length - done);
}

static const char *read_damage(const struct copier *copier, const struct damage *damage)
{
	for (size_t i = 0; i < damage->n_spans; i++)
		read_span(copier->fd, copier->buffer, &damage->spans[i]);
	return copier->buffer;
}

static void *fresh_open(int fd, size_t length)
{
	struct copier *copier = malloc(sizeof(*copier));
	if (copier)
		*copier = (struct copier){ .fd = fd, .length = length };
	return copier;
}

/* NULL if there is no memory: like a load of it, that ends the program. */
static const char *fresh_begin(void *self, const struct damage *damage)
{
	struct copier *copier = self;
	copier->buffer = map_buffer(copier->length);
	return copier->buffer ? read_damage(copier, damage) : NULL;
}

static void fresh_end(void *self)
{
	struct copier *copier = self;
	munmap(copier->buffer, copier->length);
	copier->buffer = NULL;
}

static void fresh_close(void *self)
{
	free(self);
}

const struct peer peer_pread_fresh = {
	.name = "pread_fresh",
	.open = fresh_open,
	.begin = fresh_begin,
	.end = fresh_end,
	.close = fresh_close,
};

static void *pread_open(int fd, size_t length)
{
	struct copier *copier = fresh_open(fd, length);
	if (!copier)
		return NULL;
	copier->buffer = map_buffer(length);
	if (!copier->buffer) {
		free(copier);
		return NULL;
	}
	return copier;
}

static const char *pread_begin(void *self, const struct damage *damage)
{
	return read_damage(self, damage);
}

static void pread_end(void *self)
{
	(void)self;
}

static void pread_close(void *self)
{
	fresh_end(self);
	fresh_close(self);
}

const struct peer peer_pread = {
	.name = "pread",
	.open = pread_open,
	.begin = pread_begin,
	.end = pread_end,
	.close = pread_close,
};
