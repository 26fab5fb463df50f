/* SPDX-License-Identifier: MIT */
/* The client's file. Handler or callers, no lock; what may wait for the client says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "file/inquiry.h"
#include "file/patience.h"
#include "file/store_window.h"
#include "file/view.h"
#include "kernel/descriptor.h"

struct blocking_file;
struct watch;

enum source_kind {
	SOURCE_MEMORY,	/* tmpfs, ramfs: answers at once */
	SOURCE_HUGETLB, /* so does hugetlbfs, but its pages can run out at a load */
	SOURCE_DISK,	/* any other file system: reads may block */
	SOURCE_REMOTE,	/* the same without RWF_NOWAIT: even close(2) may ask a server */
};

struct source {
	int fd; /* ours, as long as it is of this file: the program may close it */
	struct descriptor_file file;
	/* In place of fd, where the file can never be shorter than this: a mapping of its first
	 * memory_length bytes. NULL: by fd. */
	char *memory;
	size_t memory_length;
	int store_error; /* with memory: what source_check_store() answers */
	struct store_window window;
	struct view view; /* by which fd is read, if it is there */
	bool is_on_mount; /* memory, and a scanner of files may have to be asked before a read(2) */
	struct inquiry inquiry;	  /* about that */
	atomic_bool is_held_up;	  /* a scanner has not answered: callers do not read by fd */
	struct patience patience; /* with a client that has the kernel lock the file's pages */
	bool writable;
	enum source_kind kind;
	struct blocking_file *blocking; /* through which one that may block is read */
	bool caller_closes;		/* the caller, not the ring, closes fd and frees blocking */
	size_t block_size; /* what mappings of it are aligned to: a page, or a huge one of hugetlbfs
			    */
	uint64_t offset;   /* into the file: where the region begins. All other offsets here are the
			      region's */
};

static inline bool source_may_block(const struct source *source)
{
	return source->kind >= SOURCE_DISK;
}

/* Whether a read may have to wait for a scanner of files. */
static inline bool source_may_be_scanned(const struct source *source)
{
	return source->is_on_mount && !source->memory && !atomic_load(&source->view.is_there);
}

/* Check that the file is of a kind that can be guarded, and make a descriptor of our own.
 * @blocking_error: the answer if it may block; 0: take it all the same */
int source_open(struct source *source, int fd, uint64_t offset, int blocking_error);
void source_close(struct source *source);
/* From now on by @memory, the source's, in place of the descriptor. The file is memory that cannot
 * shrink, and has @length bytes from the source's offset on. Nobody else uses the source yet. */
void source_use_mapping(struct source *source, void *memory, size_t length);
/* Note whether a scanner of files may have to be asked before each read(2): of a file on a mount.
 * @memfds: the device of files that are on none. */
void source_find_mount(struct source *source, dev_t memfds);
bool source_is_ours(const struct source *source); /* or the program has closed it */

/* Begin and end all that a call reads of a source on a caller's thread. The deadline is for all
 * that is read in between. Not nested. */
void source_begin_call(const struct source *source);
void source_end_call(const struct source *source);

/* Whether the client has held up calls for too long, so that its file is left alone for now: reads
 * and stores answer -ETIMEDOUT. */
bool source_is_lost(const struct source *source);

/* Whether the file is memory that will never be shorter than it is. */
bool source_cannot_shrink(const struct source *source);

/*
 * Read up to @length bytes. *got is what was read, whatever is returned: 0, with fewer bytes only
 * where the file ends, or the error that came after them. Never allocates in the file, and raises
 * no signal.
 */
int source_read(
	const struct source *source, uint64_t offset, void *buffer, size_t length, size_t *got);

/* The same into memory of the library's own: the handler's sandbox denies what source_read() needs
 * for a bad buffer. WATCH_ERR_TAKEN: what @watch is about is another thread's now, with all that
 * the source is part of. @watch NULL: never that */
int source_read_own(const struct source *source, struct watch *watch, uint64_t offset, void *buffer,
	size_t length, size_t *got);

/* All bytes from @offset on, into one buffer after the other; or false, and some may have been. For
 * memory only. */
struct iovec;
bool source_read_parts(
	const struct source *source, uint64_t offset, const struct iovec *parts, int n_parts);

/* Bytes between @offset and the file's end, as it is now; of a remote one, which would have to be
 * asked, as many as can be. */
uint64_t source_length_from(const struct source *source, uint64_t offset);
/* Whether the file has less memory than bytes: it may have holes. */
bool source_is_sparse(const struct source *source);
/* Whether the file is tmpfs's, reaches @end, and has no memory at all: then it reads as zeros. */
bool source_is_all_hole(const struct source *source, uint64_t end);

/* Whether bytes may be stored: 0, -EBADF on a read-only descriptor, -EPERM where a seal forbids it.
 */
int source_check_store(const struct source *source);

/* A mapping of the file that is kept, its first @end bytes at least, for the caller alone until it
 * gives it back. NULL: there is none at the moment. */
char *source_take_place(struct source *source, uint64_t end);
void source_give_place(struct source *source);

/*
 * Store bytes into the file where it has any: never grows it, raises no signal. *stored is what was
 * stored, whatever is returned; less than @length where the file ends.
 */
int source_store(
	struct source *source, uint64_t offset, const void *bytes, size_t length, size_t *stored);

/* All parts, each @stride behind the one before it; or false, and some may have been stored.
 * @n_parts: at most SOURCE_MOST_PARTS */
#define SOURCE_MOST_PARTS 64
bool source_store_parts(struct source *source, uint64_t offset, uint64_t stride,
	const struct iovec *parts, int n_parts);
