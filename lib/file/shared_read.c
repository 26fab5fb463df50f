/* SPDX-License-Identifier: MIT */
/*
 * What is shared is only what goes well: a chunk that comes short is left to source_read(), which
 * knows what to make of it, and so is all that is behind it.
 */
#include "file/shared_read.h"

#include "base/page.h"
#include "base/shared_work.h"
#include "file/source.h"

#include <sys/uio.h>

#define CHUNK ((size_t)256 << 10) /* of whole pages */

struct reading {
	const struct source *source;
	uint64_t offset, end;
	char *buffer;
};

/* Chunks end where pages of the file do, so that no word is torn. */
static uint64_t chunk_start(const struct reading *reading, size_t chunk)
{
	const uint64_t first = reading->offset & ~(uint64_t)(CHUNK - 1);
	return min_u64(max_u64(first + chunk * CHUNK, reading->offset), reading->end);
}

static bool read_chunk(void *data, size_t chunk, void *tools)
{
	const struct reading *reading = data;
	const struct source *source = reading->source;
	const uint64_t start = chunk_start(reading, chunk);
	const size_t length = chunk_start(reading, chunk + 1) - start;
	(void)tools;
	const struct iovec part = { reading->buffer + (start - reading->offset), length };
	return source_read_parts(source, start, &part, 1);
}

static size_t read_chunks(struct shared_work *work, struct reading *reading)
{
	const struct chunks chunks = {
		.work = read_chunk,
		.data = reading,
		.n_chunks =
			(reading->end - (reading->offset & ~(uint64_t)(CHUNK - 1)) + CHUNK - 1) /
			CHUNK,
	};
	const size_t n_done = shared_work_do(work, &chunks, NULL);
	return n_done ? chunk_start(reading, n_done) - reading->offset : 0;
}

int shared_read(struct shared_work *work, const struct source *source, uint64_t offset,
	void *buffer, size_t length, size_t *got)
{
	struct reading reading = {
		.source = source, .offset = offset, .end = offset + length, .buffer = buffer
	};
	size_t more = 0;
	*got = 0;
	if (length >= SHARED_LEAST && !source_may_block(source))
		*got = read_chunks(work, &reading);
	if (*got == length)
		return 0;
	const int err =
		source_read(source, offset + *got, (char *)buffer + *got, length - *got, &more);
	*got += more;
	return err;
}
