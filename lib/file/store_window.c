/* SPDX-License-Identifier: MIT */
/*
 * To map a file, fault its pages and unmap it costs more than to store a small rectangle. So after
 * a few stores to a file a mapping is left for those that follow. It is from the beginning to the
 * last byte that was stored to; its pages are those of the client's file that were stored to, and
 * none besides. Addresses and page tables are what it costs, so there are only so many, and none
 * where an address has 32 bits.
 *
 * To map and to unmap a file takes mmap_lock, and with it i_mmap_rwsem, which the kernel has while
 * it walks the file's mappings for a hole: a client with very many of them holds up all mmap(2) of
 * this process. So once a call about the file was slow there is a mapping at once. A page fault in
 * it waits for the end of the hole, without mmap_lock but the third time.
 *
 * While it is there the client cannot seal its file against writing (F_SEAL_WRITE is refused).
 */
#include "file/store_window.h"

#include "base/page.h"

#include <sys/mman.h>

#define FEW_STORES   8
#define MOST_WINDOWS 1024		 /* of the process */
#define MOST_LENGTH  ((size_t)256 << 20) /* a frame of 7680x4320 has half of that */

static atomic_uint n_windows;

static bool count_window(void)
{
	if (atomic_fetch_add(&n_windows, 1) < MOST_WINDOWS)
		return true;
	atomic_fetch_sub(&n_windows, 1);
	return false;
}

static void unmap(struct store_window *window)
{
	if (!window->memory)
		return;
	munmap(window->memory, window->length);
	atomic_fetch_sub(&n_windows, 1);
	window->memory = NULL;
	window->length = 0;
}

/* Without access at first: under mlockall(MCL_FUTURE) access would allocate all holes of the file.
 * Not for a child of fork(), nor for a core dump. */
static char *map(int fd, uint64_t position, size_t length)
{
	void *memory =
		mmap(NULL, length, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)position);
	if (memory == MAP_FAILED)
		return NULL;
	if (munlock(memory, length) == 0 && madvise(memory, length, MADV_DONTFORK) == 0 &&
		madvise(memory, length, MADV_DONTDUMP) == 0 &&
		mprotect(memory, length, PROT_READ | PROT_WRITE) == 0)
		return memory;
	munmap(memory, length);
	return NULL;
}

static void begin(struct store_window *window, int fd, uint64_t position, size_t length)
{
	if (!count_window())
		return;
	window->memory = map(fd, position, length);
	if (window->memory)
		window->length = length;
	else
		atomic_fetch_sub(&n_windows, 1);
}

static void extend(struct store_window *window, size_t length)
{
	void *memory = mremap(window->memory, window->length, length, MREMAP_MAYMOVE);
	if (memory == MAP_FAILED)
		return;
	window->memory = memory;
	window->length = length;
}

static void make_room(struct store_window *window, int fd, uint64_t position, size_t length)
{
	if (length > MOST_LENGTH || sizeof(void *) < sizeof(uint64_t))
		return;
	if (window->memory)
		extend(window, length);
	else
		begin(window, fd, position, length);
}

char *store_window_take(
	struct store_window *window, int fd, uint64_t position, size_t length, bool at_once)
{
	length = page_ceil(length);
	if (atomic_exchange(&window->is_taken, true))
		return NULL;
	if ((at_once || window->n_stores >= FEW_STORES) && window->length < length)
		make_room(window, fd, position, length);
	if (window->memory && window->length >= length)
		return window->memory;
	if (window->n_stores < FEW_STORES)
		window->n_stores++;
	store_window_give(window);
	return NULL;
}

void store_window_give(struct store_window *window)
{
	atomic_store(&window->is_taken, false);
}

void store_window_drop(struct store_window *window)
{
	if (atomic_exchange(&window->is_taken, true))
		return;
	unmap(window);
	store_window_give(window);
}
