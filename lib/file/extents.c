/* SPDX-License-Identifier: MIT */
/*
 * Which parts of a file are data and which are holes, without reading it.
 *
 * The range is halved until a part is all hole or not worth halving. Where cached_pages() has no
 * answer all is taken for data, which is only slower.
 */
#include "file/extents.h"

#include "base/page.h"
#include "file/cached.h"

#define FEW_PAGES 512 /* are read sooner than asked about */

int extents_for_each_data(
	const struct source *source, uint64_t offset, uint64_t length, extent_fn *fn, void *data)
{
	const uint64_t n_pages = length / page_size();
	if (n_pages == 0)
		return 0;
	/* A file that may block has data on its disk that cachestat(2) does not count. */
	const int64_t n_data = n_pages <= FEW_PAGES || source_may_block(source)
				       ? (int64_t)n_pages
				       : cached_pages(source->fd, source->offset + offset, length);
	if (n_data == 0)
		return 0;
	if (n_data < 0 || (uint64_t)n_data >= n_pages)
		return fn(data, offset, length);

	const uint64_t half = n_pages / 2 * page_size();
	int err = extents_for_each_data(source, offset, half, fn, data);
	return err ? err : extents_for_each_data(source, offset + half, length - half, fn, data);
}
