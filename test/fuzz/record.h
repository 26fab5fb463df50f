/* SPDX-License-Identifier: MIT */
/*
 * An input is a sequence of records of eight bytes: an operation, whom it is about, and six numbers
 * whose meaning is the operation's. Every byte has a meaning, so that no input is wasted; an
 * operation that is not known is nothing. New operations and new codes go to the end: the corpus
 * stays what it is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PAGE	    ((size_t)4096) /* the model's; elsewhere the programs skip */
#define RECORD_SIZE 8
#define MAX_RECORDS 128

enum op {
	OP_GUARD, /* only as the first record: which guard */
	OP_FILE,
	OP_MAP,
	OP_UNMAP,
	OP_RESIZE,
	OP_READ,
	OP_STORE,
	OP_SYSCALL,
	OP_REFRESH,
	OP_REFRESH_SPANS,
	OP_POPULATE,
	OP_DISCARD,
	OP_COPY,
	OP_WRITE_BACK,
	OP_TAKE_LOSSES,
	OP_DISPATCH,
	OP_CLIENT_WRITE,
	OP_CLIENT_TRUNCATE,
	OP_CLIENT_PUNCH,
	OP_CLIENT_ALLOCATE,
	OP_CLIENT_SEAL,
	OP_CLIENT_CLOSE,
	OP_STRAY,
	OP_BAD_CALL,
	OP_REFRESH_RECTS,
	OP_UPDATE,
	OP_UPDATE_RECTS,
	OP_MARK_RECTS,
	OP_BEGIN,
	OP_ENSURE,
	OP_COPY_RECT,
	OP_WRITE,
	OP_WRITE_RECT,
	OP_MAKE_DIRECT,
	OP_DESTROY,
	OP_BAD_RECTS,
	N_OPS
};

struct record {
	uint8_t op, slot, a, b, c, d, e, f;
};

struct record record_read(const uint8_t *bytes);

/* Codes: some are the number itself, others one that is likely to be on an edge. */
uint64_t pages_of_code(uint8_t code); /* bytes in whole pages */
uint64_t tail_of_code(uint8_t code);  /* bytes within a page */
uint64_t size_of_codes(uint8_t pages, uint8_t tail);

struct extent {
	uint64_t offset, length;
};

/* A range of something @all bytes long: page @a, byte @b of it, length @c. Never outside. */
struct extent record_extent(const struct record *record, uint64_t all);
