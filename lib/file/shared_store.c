/* SPDX-License-Identifier: MIT */
/*
 * Stores go through a mapping of the file. Here it is one that is there for all of them, kept from
 * the stores before: so the copier maps nothing, and all that it does is process_vm_readv(2) within
 * this process, which its sandbox allows for views. The caller has the mapping for itself until it
 * returns, and by then the copier has left it.
 *
 * What is shared is only what goes well, as in shared_read.c: the file's end, and whatever else may
 * come up, is left to source_store(). Nothing is stored behind the end that the file had at the
 * beginning.
 */
#include "file/shared_store.h"

#include "base/page.h"
#include "base/shared_work.h"
#include "file/source.h"
#include "kernel/copy.h"

#include <sys/uio.h>
#include <uffd_guard.h>

#define CHUNK	  ((size_t)1 << 20) /* of whole pages; each is begun by a look at all its pages */
#define MANY_ROWS 256

/* ---- A range ---- */

struct storing {
	char *place; /* the file, from @offset on */
	const char *bytes;
	uint64_t offset, end;
};

/* Chunks end where pages of the file do, so that no word is torn. */
static uint64_t chunk_start(const struct storing *storing, size_t chunk)
{
	const uint64_t first = storing->offset & ~(uint64_t)(CHUNK - 1);
	return min_u64(max_u64(first + chunk * CHUNK, storing->offset), storing->end);
}

static bool store_chunk(void *data, size_t chunk, void *tools)
{
	const struct storing *storing = data;
	const uint64_t skip = chunk_start(storing, chunk) - storing->offset;
	const size_t length = chunk_start(storing, chunk + 1) - storing->offset - skip;
	const struct iovec place = { storing->place + skip, length };
	const struct iovec part = { (void *)(storing->bytes + skip), length };
	(void)tools;
	return copy_parts(&place, &part, 1);
}

static size_t store_chunks(struct shared_work *work, struct source *source, struct storing *storing)
{
	char *all = source_take_place(source, storing->end);
	if (!all)
		return 0;
	storing->place = all + storing->offset;
	struct chunks chunks = { .work = store_chunk, .data = storing };
	while (chunk_start(storing, chunks.n_chunks) < storing->end)
		chunks.n_chunks++;
	const size_t n_done = shared_work_do(work, &chunks, NULL);
	source_give_place(source);
	return n_done ? chunk_start(storing, n_done) - storing->offset : 0;
}

int shared_store(struct shared_work *work, struct source *source, uint64_t offset,
	const void *bytes, size_t length, size_t *stored)
{
	size_t more = 0;
	*stored = 0;
	if (length >= SHARED_LEAST && !source_may_block(source) && !source_is_lost(source)) {
		const uint64_t rest = min_u64(length, source_length_from(source, offset));
		struct storing storing = { .bytes = bytes, .offset = offset, .end = offset + rest };
		*stored = store_chunks(work, source, &storing);
	}
	if (*stored == length)
		return 0;
	const int err = source_store(
		source, offset + *stored, (const char *)bytes + *stored, length - *stored, &more);
	*stored += more;
	return err;
}

/* ---- Rows ---- */

struct storing_rows {
	char *place; /* of the first */
	const struct uffd_guard_rect *rect;
	const char *buffer;
	size_t buffer_stride;
};

static bool store_few_rows(void *data, size_t chunk, void *tools)
{
	const struct storing_rows *storing = data;
	const struct uffd_guard_rect *rect = storing->rect;
	struct iovec places[SOURCE_MOST_PARTS], parts[SOURCE_MOST_PARTS];
	const uint64_t first = chunk * SOURCE_MOST_PARTS;
	const size_t n = min_u64(SOURCE_MOST_PARTS, rect->height - first);
	(void)tools;
	for (size_t i = 0; i < n; i++) {
		places[i] =
			(struct iovec){ storing->place + (first + i) * rect->stride, rect->width };
		parts[i] = (struct iovec){ (void *)(storing->buffer +
						    (first + i) * storing->buffer_stride),
			rect->width };
	}
	return copy_parts(places, parts, (int)n);
}

static bool are_many(const struct uffd_guard_rect *rect)
{
	return rect->height > 1 &&
	       (rect->height >= MANY_ROWS || rect->width >= SHARED_LEAST / rect->height);
}

uint64_t shared_store_rows(struct shared_work *work, struct source *source,
	const struct uffd_guard_rect *rect, const char *buffer, size_t buffer_stride)
{
	const uint64_t length = (rect->height - 1) * rect->stride + rect->width;
	/* Rows that overlap are stored in order, so not by two threads. */
	if (!are_many(rect) || rect->stride < rect->width || source_may_block(source) ||
		source_is_lost(source) || source_length_from(source, rect->offset) < length)
		return 0;
	char *all = source_take_place(source, rect->offset + length);
	if (!all)
		return 0;
	struct storing_rows storing = { all + rect->offset, rect, buffer, buffer_stride };
	const struct chunks chunks = {
		.work = store_few_rows,
		.data = &storing,
		.n_chunks = (rect->height + SOURCE_MOST_PARTS - 1) / SOURCE_MOST_PARTS,
	};
	const size_t n_done = shared_work_do(work, &chunks, NULL);
	source_give_place(source);
	return min_u64((uint64_t)n_done * SOURCE_MOST_PARTS, rect->height);
}
