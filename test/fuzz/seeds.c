/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds of the corpus: sequences that are worth beginning with, each a file named after
 * what happens in it. Run it again after a new operation, and keep what was found besides.
 *
 * The codes of record.c: places and lengths are {.a = page, .b = tail, .c = length}.
 */
#include "record.h"

#include <stdio.h>
#include <string.h>

/* Tails of tail_of_code(), lengths of record_extent(). */
enum {
	AT_0,
	AT_1,
	AT_2,
	AT_7,
	AT_8,
	AT_63,
	AT_64,
	AT_100,
	AT_511,
	AT_512,
	AT_1000,
	AT_2047,
	AT_2048,
	AT_4000,
	AT_4094,
	AT_4095
};
enum {
	BYTES_0,
	BYTES_1,
	BYTES_2,
	BYTES_8,
	BYTES_64,
	BYTES_100,
	BYTES_511,
	BYTES_512,
	BYTES_1000,
	BYTES_4000,
	BYTES_4095,
	BYTES_4096,
	BYTES_4097,
	BYTES_5000,
	PAGES_2,
	PAGES_2_AND_1,
	PAGES_3,
	PAGES_3_AND_1,
	PAGES_8,
	PAGES_16,
	PAGES_32,
	PAGES_128,
	PAGES_512,
	TO_END_OF_PAGE,
	TO_NEXT_PAGE,
	TO_LAST_BUT_ONE,
	TO_END,
	ALL = 31
};

/* Codes of pages_of_code() from 48 on. */
enum { PAGES_CODE_512 = 60, PAGES_CODE_513, PAGES_CODE_600 = 63 };

enum { MEMFD, SEALABLE, SHM, DISK };
enum { DATA, HOLE, EVERY_OTHER, ZEROS };
enum { WRITE = 1, DIRECT = 2, SEAL = 4, ANY_FILE = 8, FIXED = 16, POPULATE = 32, ONLY_DIRECT = 64 };
enum { USER_FAULTS_ONLY = 2, NO_IO_URING = 8, NO_EVENTS = 32 };
enum { SHRINK, GROW, SEAL_WRITE, FUTURE_WRITE, SEAL_SEAL };
enum { WORD = 1, FORWARD, BACKWARD, LAST_BYTE, AT_ONCE, EVERY_BYTE, EVERY_OTHER_PAGE };
enum { WITH_ZEROS = 7 };
/* Of a rectangle (.d, .e): its rows, from one to the next, how many of them, and how far apart. */
enum { ROWS_0, ROWS_1, ROWS_2, ROWS_3, ROWS_5, ROWS_8, ROWS_17, ROWS_70 };
enum {
	NO_GAP,
	GAP_1 = 1 << 3,
	GAP_100 = 2 << 3,
	EVERY_300 = 3 << 3,
	EVERY_4096 = 4 << 3,
	EVERY_5000 = 6 << 3,
	SAME_PLACE = 7 << 3
};
enum { RECTS_1, RECTS_2 = 3, RECTS_3, RECTS_8, RECTS_65, RECTS_70 };
enum { STEP_1, STEP_100 = 1 << 3, STEP_500 = 2 << 3, STEP_4096 = 4 << 3, STEP_5000 = 5 << 3 };

/* clang-format off */
#define FILE_OF(pages, tail, kind, fill)  { OP_FILE, 0, pages, tail, kind, fill }
#define MAP_OF(flags, pages, tail)        { OP_MAP, 0, flags, pages, tail }
#define READ_ALL                          { OP_READ, 0, 0, 0, ALL, FORWARD }
#define READ_BYTE(page)                   { OP_READ, 0, page, 0, BYTES_1 }
#define REFRESH_ALL                       { OP_REFRESH, 0, 0, 0, ALL }
#define REFRESH(page, tail, length)       { OP_REFRESH, 0, page, tail, length }
#define TRUNCATE(pages, tail)             { OP_CLIENT_TRUNCATE, 0, pages, tail }
#define CLIENT_WRITES(page, tail, length) { OP_CLIENT_WRITE, 0, page, tail, length }
#define STORE(page, tail, length)         { OP_STORE, 0, page, tail, length }
#define WRITE_BACK_ALL                    { OP_WRITE_BACK, 0, 0, 0, ALL }
#define UPDATE(page, tail, length)        { OP_UPDATE, 0, page, tail, length }
#define ENSURE(page, tail, length)        { OP_ENSURE, 0, page, tail, length }
#define ENSURE_ALL                        { OP_ENSURE, 0, 0, 0, ALL }
#define WITH_RECTS(op, page, tail, width, rows, n) { op, 0, page, tail, width, rows, n }
#define MARK(page, tail, width, rows, n)  WITH_RECTS(OP_MARK_RECTS, page, tail, width, rows, n)
#define WRITE_ROWS(page, tail)            WITH_RECTS(OP_WRITE_RECT, page, tail, BYTES_100, ROWS_8 | EVERY_300, 1)
#define SYSCALL_ALL                       { OP_SYSCALL, 0, 0, 0, ALL }
#define TAKE                              { OP_TAKE_LOSSES }
#define DISPATCH                          { OP_DISPATCH }
#define POLL_GUARD                        { OP_GUARD, 0, NO_IO_URING }
#define USER_GUARD                        { OP_GUARD, 0, USER_FAULTS_ONLY }
/* clang-format on */

#define MOST 16

static const struct seed {
	const char *name;
	struct record records[MOST];
} seeds[] = {
	{ "snapshot-stays-until-refreshed",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0), READ_BYTE(0),
			CLIENT_WRITES(0, 0, ALL), READ_ALL, REFRESH_ALL, READ_ALL } },
	{ "snapshot-stays-poll", { POLL_GUARD, FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0),
					 READ_ALL, CLIENT_WRITES(1, AT_100, PAGES_2), READ_ALL,
					 { OP_REFRESH, 0, 1, AT_100, BYTES_5000 }, READ_ALL } },
	{ "cut-in-the-middle-of-a-page",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0), READ_BYTE(0), TRUNCATE(1, AT_1000),
			READ_BYTE(1), TAKE, DISPATCH, READ_ALL, DISPATCH } },
	{ "cut-and-regrown", { FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0), READ_ALL,
				     TRUNCATE(0, AT_1), REFRESH_ALL, TAKE, TRUNCATE(4, 0),
				     CLIENT_WRITES(0, 0, ALL), REFRESH_ALL, READ_ALL, DISPATCH } },
	{ "region-longer-than-its-file",
		{ FILE_OF(1, AT_100, MEMFD, DATA), MAP_OF(0, 40, AT_7), READ_BYTE(3), TAKE,
			DISPATCH, READ_BYTE(30), READ_ALL, TAKE, DISPATCH } },
	{ "refresh-behind-the-end-in-the-last-page",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(0, 1, AT_1000), READ_ALL, TRUNCATE(1, AT_100),
			{ OP_REFRESH, 0, 1, AT_63, TO_END }, READ_ALL, TAKE, DISPATCH } },
	{ "hole-is-no-loss",
		{ FILE_OF(8, AT_7, MEMFD, EVERY_OTHER), MAP_OF(0, 8, AT_7), READ_ALL, TAKE,
			DISPATCH, { OP_CLIENT_PUNCH, 0, 2, AT_100, PAGES_3 }, REFRESH_ALL, READ_ALL,
			CLIENT_WRITES(1, 0, PAGES_2), REFRESH_ALL, READ_ALL } },
	{ "stores-stay-beside-a-refresh",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(WRITE, 2, 0), STORE(0, AT_100, BYTES_64),
			STORE(0, AT_1000, BYTES_4000), CLIENT_WRITES(0, 0, ALL),
			{ OP_REFRESH, 0, 0, AT_511, BYTES_1000 }, READ_ALL } },
	{ "stores-in-a-hole",
		{ FILE_OF(4, 0, MEMFD, HOLE), MAP_OF(WRITE, 4, 0), READ_ALL, STORE(1, 0, BYTES_64),
			WRITE_BACK_ALL, STORE(2, AT_4094, BYTES_8), REFRESH_ALL, READ_ALL } },
	{ "write-back-into-a-file-that-was-cut",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(WRITE, 4, 0), STORE(0, 0, ALL),
			TRUNCATE(2, AT_63), WRITE_BACK_ALL, READ_ALL } },
	{ "write-back-of-what-nobody-touched",
		{ FILE_OF(8, 0, MEMFD, DATA), MAP_OF(WRITE, 8, 0), STORE(0, AT_8, BYTES_8),
			CLIENT_WRITES(3, 0, PAGES_2), WRITE_BACK_ALL, REFRESH_ALL, READ_ALL } },
	{ "write-back-of-an-odd-range",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(WRITE, 3, AT_100), STORE(0, 0, ALL),
			{ OP_WRITE_BACK, 0, 0, AT_511, BYTES_5000 },
			{ OP_WRITE_BACK, 0, 3, AT_2, TO_END } } },
	{ "write-back-refused",
		{ FILE_OF(2, 0, SEALABLE, DATA), MAP_OF(WRITE, 2, 0), STORE(0, 0, BYTES_64),
			{ OP_CLIENT_SEAL, 0, FUTURE_WRITE }, WRITE_BACK_ALL,
			{ OP_MAP, 1, WRITE, 2, 0, 0, 0, 2 }, { OP_WRITE_BACK, 1, 0, 0, ALL },
			{ OP_MAP, 2, 0, 2 }, { OP_WRITE_BACK, 2, 0, 0, ALL } } },
	{ "discard-in-part",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(WRITE, 3, AT_1000), STORE(0, 0, ALL),
			CLIENT_WRITES(0, 0, ALL), { OP_DISCARD, 0, 0, AT_2048, PAGES_2 }, READ_ALL,
			{ OP_DISCARD, 0, 3, AT_100, TO_END }, READ_ALL } },
	{ "resize-within-a-page",
		{ FILE_OF(4, 0, MEMFD, DATA), { OP_MAP, 0, 0, 1, AT_1000, 0, 4 }, READ_ALL,
			CLIENT_WRITES(0, 0, ALL), { OP_RESIZE, 0, 1, AT_2048 }, READ_ALL,
			{ OP_RESIZE, 0, 0, AT_511 }, READ_ALL, { OP_STRAY, 0, 0, AT_512 },
			{ OP_RESIZE, 0, 4, 0 }, READ_ALL, TAKE, DISPATCH } },
	{ "resize-beyond-the-file",
		{ FILE_OF(1, AT_1000, MEMFD, DATA), { OP_MAP, 0, 0, 1, AT_100, 0, 5 }, READ_ALL,
			{ OP_STRAY, 0, 3, 0 }, { OP_RESIZE, 0, 6, AT_8 }, TAKE, READ_ALL, TAKE,
			{ OP_RESIZE, 0, 0, AT_1 }, DISPATCH } },
	{ "populated-then-cut",
		{ USER_GUARD, FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0),
			{ OP_SYSCALL, 0, 0, 0, ALL }, { OP_POPULATE, 0, 1, AT_100, BYTES_5000 },
			{ OP_SYSCALL, 0, 1, 0, PAGES_2 }, TRUNCATE(0, AT_64), READ_ALL, TAKE,
			{ OP_POPULATE, 0, 0, 0, ALL }, { OP_SYSCALL, 0, 0, 0, ALL } } },
	{ "populated-at-birth",
		{ FILE_OF(2, AT_100, MEMFD, DATA), MAP_OF(POPULATE, 4, AT_7),
			CLIENT_WRITES(0, 0, ALL), TAKE, READ_ALL, REFRESH_ALL, DISPATCH } },
	{ "direct-is-live",
		{ FILE_OF(4, 0, SEALABLE, DATA), { OP_CLIENT_SEAL, 0, SHRINK },
			MAP_OF(DIRECT, 4, 0), READ_ALL, CLIENT_WRITES(0, 0, ALL), READ_ALL,
			STORE(1, AT_64, BYTES_64), CLIENT_WRITES(1, 0, PAGES_2), READ_ALL,
			{ OP_DISCARD, 0, 1, 0, PAGES_2 }, READ_ALL } },
	{ "direct-and-a-tail",
		{ FILE_OF(2, AT_1000, SEALABLE, DATA),
			{ OP_MAP, 0, WRITE | DIRECT | SEAL, 2, AT_1000, 0, 5 }, READ_ALL,
			STORE(0, AT_64, PAGES_2), { OP_RESIZE, 0, 5, AT_7 }, READ_ALL,
			TRUNCATE(4, 0), CLIENT_WRITES(2, 0, PAGES_2), READ_ALL, REFRESH_ALL,
			READ_ALL, { OP_RESIZE, 0, 1, AT_8 }, { OP_RESIZE, 0, 4, 0 }, READ_ALL,
			WRITE_BACK_ALL } },
	{ "direct-or-not", { FILE_OF(2, 0, SEALABLE, DATA), { OP_CLIENT_SEAL, 0, SEAL_SEAL },
				   MAP_OF(DIRECT | SEAL, 2, 0), FILE_OF(2, 0, SEALABLE, HOLE),
				   { OP_CLIENT_SEAL, 0, FUTURE_WRITE },
				   { OP_MAP, 1, WRITE | DIRECT | SEAL, 2, 0 },
				   { OP_STORE, 1, 0, 0, ALL }, READ_ALL } },
	{ "two-regions-of-one-file",
		{ FILE_OF(4, 0, SEALABLE, DATA), MAP_OF(WRITE, 4, 0),
			{ OP_MAP, 1, WRITE | DIRECT | SEAL, 3, 0, 3 << 2 },
			{ OP_MAP, 2, 0, 4, 0, 0 }, STORE(1, 0, PAGES_2), WRITE_BACK_ALL,
			{ OP_STORE, 1, 0, AT_7, BYTES_5000 }, { OP_READ, 2, 0, 0, ALL, BACKWARD },
			{ OP_REFRESH, 2, 0, 0, ALL } } },
	{ "spans-of-all-kinds",
		{ FILE_OF(9, AT_63, MEMFD, EVERY_OTHER), MAP_OF(0, 9, AT_63), READ_ALL,
			CLIENT_WRITES(0, 0, ALL),
			{ OP_REFRESH_SPANS, 0, 0, AT_100, BYTES_64, 6, 3 | 8 },
			TRUNCATE(5, AT_2047), { OP_REFRESH_SPANS, 0, 0, AT_1, BYTES_1000, 7, 6 },
			READ_ALL, TAKE, { OP_DISPATCH, 0, 2 }, DISPATCH } },
	{ "read-past-the-region",
		{ FILE_OF(3, AT_511, MEMFD, DATA), MAP_OF(0, 8, AT_7),
			{ OP_COPY, 0, 1, AT_7, PAGES_8 }, TAKE, { OP_COPY, 0, 3, AT_1000, TO_END },
			DISPATCH, { OP_COPY, 0, 0, 0, ALL }, DISPATCH } },
	{ "unmapped-while-told",
		{ FILE_OF(0, AT_7, MEMFD, DATA), MAP_OF(0, 4, 0), { OP_MAP, 1, 0, 4 }, READ_ALL,
			{ OP_READ, 1, 0, 0, ALL, BACKWARD }, { OP_DISPATCH, 0, 1 }, DISPATCH } },
	{ "told-within", { FILE_OF(0, AT_7, MEMFD, DATA), MAP_OF(0, 4, 0), READ_ALL,
				 { OP_DISPATCH, 0, 3 }, { OP_UNMAP, 0 }, DISPATCH } },
	{ "client-closes",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(0, 2, 0), { OP_CLIENT_CLOSE, 0 },
			{ OP_FILE, 1, 3, AT_8, MEMFD, DATA }, { OP_MAP, 1, 0, 3, AT_8, 1 },
			READ_ALL, { OP_READ, 1, 0, 0, ALL } } },
	{ "huge-pages-and-reading-ahead",
		{ FILE_OF(PAGES_CODE_600, AT_7, MEMFD, DATA), MAP_OF(0, PAGES_CODE_600, AT_7),
			READ_ALL, CLIENT_WRITES(5, AT_7, PAGES_128), REFRESH_ALL, READ_ALL,
			TRUNCATE(PAGES_CODE_513, AT_1), REFRESH_ALL, TAKE } },
	{ "huge-pages-populated",
		{ FILE_OF(PAGES_CODE_600, AT_7, MEMFD, DATA), MAP_OF(0, PAGES_CODE_600, AT_7),
			{ OP_POPULATE, 0, 0, 0, ALL }, CLIENT_WRITES(5, AT_7, PAGES_128), READ_ALL,
			{ OP_DISCARD, 0, 0, 0, ALL }, { OP_POPULATE, 0, 0, 0, ALL },
			TRUNCATE(PAGES_CODE_513, AT_1), REFRESH_ALL, READ_ALL, TAKE } },
	{ "hole-in-a-huge-page",
		{ POLL_GUARD, FILE_OF(PAGES_CODE_513, 0, MEMFD, DATA), MAP_OF(0, PAGES_CODE_513, 0),
			{ OP_CLIENT_PUNCH, 0, 20, AT_7, PAGES_32 }, { OP_POPULATE, 0, 0, 0, ALL },
			CLIENT_WRITES(24, 0, PAGES_8), REFRESH_ALL, READ_ALL } },
	{ "file-on-disk",
		{ FILE_OF(3, AT_100, DISK, DATA), MAP_OF(ANY_FILE, 4, 0), READ_ALL,
			CLIENT_WRITES(0, 0, ALL), REFRESH_ALL, READ_ALL, TAKE, MAP_OF(0, 4, 0) } },
	{ "budgets",
		{ { OP_GUARD, 0, 0, 5 }, FILE_OF(12, 0, MEMFD, DATA),
			{ OP_MAP, 0, WRITE, 12, 0, 0, 5 << 3 }, READ_ALL, STORE(0, 0, PAGES_2),
			CLIENT_WRITES(0, 0, ALL), READ_ALL, { OP_READ, 0, 0, 0, ALL, BACKWARD },
			WRITE_BACK_ALL, { OP_POPULATE, 0, 0, 0, ALL }, REFRESH_ALL, READ_ALL } },
	{ "eager", { { OP_GUARD, 0, 1 }, FILE_OF(4, AT_7, MEMFD, EVERY_OTHER), MAP_OF(0, 6, 0),
			   READ_ALL, CLIENT_WRITES(0, 0, ALL), REFRESH_ALL, READ_ALL } },
	{ "fixed-address",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(FIXED, 2, 0), { OP_MAP, 1, FIXED, 2 },
			READ_ALL, { OP_UNMAP, 0 }, { OP_MAP, 1, FIXED | POPULATE, 2 }, READ_ALL } },
	{ "ranges-outside",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(WRITE, 2, AT_100), STORE(0, 0, ALL),
			CLIENT_WRITES(0, 0, ALL), { OP_BAD_CALL, 0, 0, 0, 0, 0, 0, 0 },
			{ OP_BAD_CALL, 0, 0, 1, 1 }, { OP_BAD_CALL, 0, 0, 2, 2 },
			{ OP_BAD_CALL, 0, 0, 3, 3 }, { OP_BAD_CALL, 0, 0, 4, 4 },
			{ OP_BAD_CALL, 0, 0, 5, 5 }, { OP_BAD_CALL, 0, 0, 0, 6 },
			{ OP_BAD_CALL, 0, 0, 3, 7 }, READ_ALL } },
	{ "wrong-calls", { FILE_OF(2, 0, MEMFD, DATA), MAP_OF(0, 2, 0), { OP_BAD_CALL, .f = 1 },
				 { OP_BAD_CALL, .f = 3 }, { OP_BAD_CALL, .f = 4 },
				 { OP_BAD_CALL, .b = 1, .f = 5 }, { OP_BAD_CALL, .b = 3, .f = 6 },
				 { OP_BAD_CALL, .b = 9, .f = 6 }, { OP_BAD_CALL, .f = 7 },
				 { OP_BAD_CALL, .b = 7, .f = 8 }, { OP_BAD_CALL, .f = 9 },
				 { OP_BAD_CALL, .b = 40, .f = 10 }, READ_ALL } },
	{ "bad-buffer", { FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0),
				{ OP_BAD_CALL, 0, 1, 0, PAGES_2, .f = 2 }, READ_ALL, TAKE } },

	{ "rectangles-refreshed", { FILE_OF(9, AT_63, MEMFD, EVERY_OTHER), MAP_OF(0, 9, AT_63),
					  READ_ALL, CLIENT_WRITES(0, 0, ALL),
					  WITH_RECTS(OP_REFRESH_RECTS, 0, AT_100, BYTES_64,
						  ROWS_17 | EVERY_300, RECTS_3 | STEP_500),
					  READ_ALL, TRUNCATE(3, AT_100),
					  WITH_RECTS(OP_REFRESH_RECTS, 1, 0, BYTES_4097,
						  ROWS_5 | EVERY_5000, RECTS_1),
					  READ_ALL, TAKE, DISPATCH } },
	{ "updated-and-present",
		{ USER_GUARD, FILE_OF(8, 0, MEMFD, EVERY_OTHER), MAP_OF(0, 8, 0), READ_BYTE(2),
			CLIENT_WRITES(0, 0, ALL), UPDATE(1, AT_100, PAGES_3),
			{ OP_SYSCALL, 0, 1, 0, PAGES_3 }, CLIENT_WRITES(0, 0, ALL), READ_ALL,
			TRUNCATE(2, AT_7), UPDATE(0, 0, ALL), SYSCALL_ALL, TAKE, DISPATCH } },
	{ "rectangles-updated", { USER_GUARD, FILE_OF(8, 0, MEMFD, DATA), MAP_OF(0, 8, 0),
					READ_BYTE(2), CLIENT_WRITES(0, 0, ALL),
					WITH_RECTS(OP_UPDATE_RECTS, 0, AT_4000, BYTES_100,
						ROWS_8 | EVERY_4096, RECTS_2 | STEP_500),
					CLIENT_WRITES(0, 0, ALL), SYSCALL_ALL, READ_ALL } },
	{ "marked-then-ensured",
		{ FILE_OF(8, 0, MEMFD, DATA), MAP_OF(0, 8, 0), READ_ALL, CLIENT_WRITES(0, 0, ALL),
			MARK(0, AT_100, BYTES_1000, ROWS_3 | EVERY_4096, RECTS_1), READ_ALL,
			{ OP_BEGIN }, CLIENT_WRITES(1, 0, PAGES_3), READ_ALL, ENSURE_ALL,
			READ_ALL } },
	{ "marked-then-ensured-in-parts",
		{ USER_GUARD, FILE_OF(12, 0, MEMFD, DATA), MAP_OF(WRITE, 12, 0),
			STORE(2, 0, PAGES_3), CLIENT_WRITES(0, 0, ALL),
			MARK(0, AT_511, BYTES_512, ROWS_8 | EVERY_5000, RECTS_3 | STEP_500),
			ENSURE(1, AT_100, PAGES_3), READ_ALL, CLIENT_WRITES(0, 0, ALL),
			ENSURE(0, 0, BYTES_5000), ENSURE_ALL, SYSCALL_ALL, READ_ALL } },
	{ "more-marks-than-are-remembered",
		{ FILE_OF(30, 0, MEMFD, DATA), MAP_OF(0, 30, 0), READ_ALL, CLIENT_WRITES(0, 0, ALL),
			MARK(0, AT_1, BYTES_8, ROWS_2 | EVERY_300, RECTS_70 | STEP_500), READ_ALL,
			CLIENT_WRITES(3, 0, PAGES_8), ENSURE(2, AT_7, PAGES_2), READ_ALL,
			MARK(9, 0, BYTES_5000, ROWS_1, RECTS_8 | STEP_5000), ENSURE_ALL,
			READ_ALL } },
	{ "marked-cut-and-ensured",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0), READ_ALL, TRUNCATE(1, AT_1000),
			MARK(0, AT_2048, BYTES_100, ROWS_3 | EVERY_4096, RECTS_1), TAKE, ENSURE_ALL,
			TAKE, DISPATCH, TRUNCATE(4, 0), MARK(0, 0, ALL, ROWS_1, RECTS_1), READ_ALL,
			ENSURE_ALL, READ_ALL } },
	{ "marked-then-shorter",
		{ FILE_OF(8, 0, MEMFD, DATA), { OP_MAP, 0, 0, 8, 0, 0, 4 }, READ_ALL,
			MARK(0, 0, BYTES_4097, ROWS_5 | EVERY_5000, RECTS_1),
			{ OP_RESIZE, 0, 1, AT_2048 }, CLIENT_WRITES(0, 0, ALL), ENSURE_ALL,
			{ OP_STRAY, 0, 1, AT_4000 }, READ_ALL, { OP_RESIZE, 0, 8, 0 }, READ_ALL,
			ENSURE_ALL, READ_ALL, TAKE, DISPATCH } },
	{ "marked-then-refreshed",
		{ FILE_OF(8, 0, MEMFD, DATA), MAP_OF(0, 8, 0), READ_ALL, CLIENT_WRITES(0, 0, ALL),
			MARK(1, AT_100, BYTES_100, ROWS_8 | GAP_100, RECTS_2 | STEP_100),
			WITH_RECTS(OP_REFRESH_RECTS, 1, 0, BYTES_1000, ROWS_2 | GAP_1, RECTS_1),
			REFRESH(1, AT_100, BYTES_512), CLIENT_WRITES(0, 0, ALL), READ_ALL,
			{ OP_DISCARD, 0, 1, AT_1000, PAGES_2 }, ENSURE_ALL, READ_ALL } },
	{ "rectangle-read-where-the-file-ends",
		{ FILE_OF(3, AT_511, MEMFD, DATA), MAP_OF(0, 8, AT_7),
			WITH_RECTS(OP_COPY_RECT, 1, AT_7, BYTES_100, ROWS_17 | EVERY_300, 1), TAKE,
			WITH_RECTS(OP_COPY_RECT, 0, AT_1, PAGES_2, ROWS_5 | EVERY_4096, 2),
			DISPATCH, WITH_RECTS(OP_COPY_RECT, 0, 0, BYTES_64, ROWS_70 | GAP_100, 3),
			TAKE } },
	{ "written-past-the-pages",
		{ FILE_OF(4, AT_100, SEALABLE, EVERY_OTHER), MAP_OF(WRITE, 8, 0), READ_ALL,
			{ OP_WRITE, 0, 0, AT_511, PAGES_2 }, READ_ALL,
			WITH_RECTS(OP_WRITE_RECT, 0, AT_1000, BYTES_4000, ROWS_8 | EVERY_5000, 1),
			REFRESH_ALL, READ_ALL, { OP_CLIENT_SEAL, 0, FUTURE_WRITE },
			{ OP_WRITE, 0, 0, 0, ALL }, { OP_MAP, 1, 0, 4 },
			{ OP_WRITE, 1, 0, 0, ALL } } },
	{ "rectangles-written-often",
		{ FILE_OF(8, 0, MEMFD, EVERY_OTHER), MAP_OF(WRITE, 8, 0), WRITE_ROWS(0, AT_1),
			WRITE_ROWS(1, 0), WRITE_ROWS(0, AT_511), WRITE_ROWS(2, AT_7),
			WRITE_ROWS(5, AT_100), WRITE_ROWS(1, AT_1000), WRITE_ROWS(0, AT_63),
			WRITE_ROWS(4, 0), WRITE_ROWS(5, AT_1), TRUNCATE(2, AT_7),
			WRITE_ROWS(1, AT_2048), TRUNCATE(8, 0), WRITE_ROWS(3, AT_8), READ_ALL } },
	{ "direct-without-descriptor",
		{ FILE_OF(4, AT_100, SEALABLE, EVERY_OTHER), { OP_CLIENT_SEAL, 0, SHRINK },
			MAP_OF(WRITE | DIRECT, 4, AT_100), WRITE_ROWS(0, AT_7),
			WITH_RECTS(OP_COPY_RECT, 1, AT_7, BYTES_100, ROWS_17 | EVERY_300, 1),
			{ OP_WRITE, 0, 2, 0, ALL }, { OP_RESIZE, 0, 1, AT_7 }, READ_ALL,
			WRITE_BACK_ALL, { OP_RESIZE, 0, 4, AT_100 }, READ_ALL,
			{ OP_MAP, 1, DIRECT, 4, AT_100 }, STORE(1, 0, BYTES_64),
			WITH_RECTS(OP_COPY_RECT, 0, 0, BYTES_100, ROWS_17 | EVERY_300, 1),
			{ OP_RESIZE, 1, 2, 0 }, READ_ALL } },
	{ "made-direct", { FILE_OF(4, 0, SEALABLE, DATA), { OP_MAP, 0, WRITE, 4, 0, 0, 4 },
				 STORE(1, 0, PAGES_2), { OP_MAKE_DIRECT, 0, 0 }, READ_ALL,
				 MARK(0, 0, PAGES_3, ROWS_1, RECTS_1), { OP_MAKE_DIRECT, 0, SEAL },
				 CLIENT_WRITES(0, 0, ALL), READ_ALL, STORE(0, AT_64, BYTES_64),
				 { OP_RESIZE, 0, 6, 0 }, ENSURE_ALL, READ_ALL, WRITE_BACK_ALL } },
	{ "only-direct", { FILE_OF(4, 0, SEALABLE, DATA), MAP_OF(DIRECT | ONLY_DIRECT, 4, 0),
				 MAP_OF(DIRECT | ONLY_DIRECT | SEAL, 5, 0),
				 MAP_OF(DIRECT | ONLY_DIRECT | SEAL, 4, 0),
				 CLIENT_WRITES(0, 0, ALL), READ_ALL } },
	{ "destroyed-before-unmap",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(WRITE, 6, 0), { OP_MAP, 1, 0, 4 },
			READ_BYTE(5), { OP_DESTROY }, READ_ALL, TAKE, CLIENT_WRITES(0, 0, ALL),
			MARK(0, 0, ALL, ROWS_1, RECTS_1), ENSURE_ALL, STORE(0, 0, BYTES_64),
			WRITE_BACK_ALL, DISPATCH, { OP_UNMAP, 1 }, REFRESH_ALL, READ_ALL } },
	{ "no-events",
		{ { OP_GUARD, 0, NO_EVENTS }, FILE_OF(1, 0, MEMFD, DATA), MAP_OF(0, 4, 0), READ_ALL,
			DISPATCH, TAKE, TRUNCATE(0, AT_7), REFRESH_ALL, DISPATCH, TAKE } },
	{ "few-regions", { { OP_GUARD, .d = 6 }, FILE_OF(2, 0, MEMFD, DATA), { OP_MAP, 0, 0, 2 },
				 { OP_MAP, 1, 0, 2 }, { OP_MAP, 2, 0, 2 }, { OP_UNMAP, 1 },
				 { OP_MAP, 3, 0, 2 }, { OP_READ, 3, 0, 0, ALL, FORWARD } } },
	{ "budget-stores-and-marks",
		{ { OP_GUARD, 0, 0, 5 }, FILE_OF(12, 0, MEMFD, DATA),
			{ OP_MAP, 0, WRITE, 12, 0, 0, 5 << 3 }, STORE(0, 0, PAGES_2),
			MARK(0, AT_100, BYTES_1000, ROWS_8 | EVERY_5000, RECTS_1), ENSURE_ALL,
			READ_ALL, STORE(3, AT_7, PAGES_3), CLIENT_WRITES(0, 0, ALL),
			UPDATE(1, 0, PAGES_8), WRITE_BACK_ALL, READ_ALL } },
	{ "resized-and-destroyed",
		{ FILE_OF(8, AT_7, SEALABLE, DATA), { OP_MAP, 0, WRITE, 4, 0, 0, 4 }, READ_ALL,
			MARK(2, 0, PAGES_8, ROWS_1, RECTS_1), { OP_RESIZE, 0, 8, AT_100 },
			{ OP_DESTROY }, { OP_RESIZE, 0, 1, AT_1000 }, CLIENT_WRITES(0, 0, ALL),
			{ OP_MAKE_DIRECT, 0, SEAL }, { OP_RESIZE, 0, 9, 0 }, ENSURE_ALL, READ_ALL,
			{ OP_UNMAP, 0 }, DISPATCH } },
	{ "wrong-rectangles",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(WRITE, 2, 0), STORE(0, 0, ALL),
			CLIENT_WRITES(0, 0, ALL), { OP_BAD_RECTS, .b = 2, .f = 0 },
			{ OP_BAD_RECTS, .b = 5, .f = 0 }, { OP_BAD_RECTS, .b = 7, .f = 0 },
			{ OP_BAD_RECTS, .b = 3, .f = 1 }, { OP_BAD_RECTS, .f = 2 },
			{ OP_BAD_RECTS, .f = 3 }, { OP_BAD_RECTS, .f = 4 },
			{ OP_BAD_RECTS, .f = 5 }, { OP_BAD_RECTS, 0, 0, AT_100, PAGES_2, .f = 6 },
			READ_ALL } },

	/* What was found, once. */
	{ "found-row-refreshed-in-part-forgets-its-mark",
		{ FILE_OF(8, 0, MEMFD, DATA), MAP_OF(0, 8, 0), READ_ALL, CLIENT_WRITES(0, 0, ALL),
			MARK(0, AT_100, BYTES_1000, ROWS_5 | EVERY_4096, RECTS_1),
			REFRESH(1, AT_511, BYTES_64), ENSURE_ALL, READ_ALL,
			CLIENT_WRITES(0, 0, ALL),
			MARK(0, AT_100, BYTES_1000, ROWS_5 | EVERY_4096, RECTS_1),
			{ OP_DISCARD, 0, 0, AT_1000, BYTES_4000 }, ENSURE_ALL, READ_ALL } },
	{ "found-rows-that-overlap-where-the-file-ends",
		{ FILE_OF(1, AT_100, MEMFD, DATA), MAP_OF(WRITE, 8, 0),
			WITH_RECTS(OP_COPY_RECT, 0, AT_7, PAGES_2, ROWS_8 | EVERY_300, 0), TAKE,
			WITH_RECTS(OP_WRITE_RECT, 0, AT_7, PAGES_2, ROWS_8 | EVERY_300, 0) } },
	{ "found-refresh-changes-the-rest-of-the-last-page",
		{ FILE_OF(2, 0, MEMFD, DATA), MAP_OF(0, 1, AT_1000), READ_ALL,
			CLIENT_WRITES(0, 0, ALL), TRUNCATE(1, AT_100), REFRESH(1, AT_63, TO_END),
			READ_ALL, TAKE, DISPATCH } },
	{ "found-bad-buffer-taken-for-the-end",
		{ FILE_OF(4, 0, MEMFD, DATA), MAP_OF(0, 4, 0),
			{ OP_BAD_CALL, 0, 1, 0, BYTES_5000, .f = 2 }, READ_ALL, TAKE } },
	{ "found-another-guards-zeros",
		{ FILE_OF(PAGES_CODE_600, AT_7, MEMFD, DATA), MAP_OF(0, PAGES_CODE_600, AT_7),
			READ_ALL, { OP_UNMAP }, { OP_MAP, 0, 0, PAGES_CODE_600, AT_7, .f = 4 },
			READ_ALL, { OP_UNMAP }, MAP_OF(0, PAGES_CODE_600, AT_7), READ_ALL,
			{ OP_UNMAP }, { OP_MAP, 0, 0, PAGES_CODE_600, AT_7, .f = 4 }, READ_ALL } },
	{ "found-populate-leaves-pages-out",
		{ USER_GUARD, FILE_OF(PAGES_CODE_600, AT_7, MEMFD, DATA),
			MAP_OF(0, PAGES_CODE_600, AT_7), { OP_READ, 0, 0, 0, PAGES_512, FORWARD },
			{ OP_DISCARD, 0, 0, 0, ALL }, { OP_POPULATE, 0, 0, 0, ALL },
			{ OP_SYSCALL, 0, PAGES_CODE_512, 0, PAGES_32 }, CLIENT_WRITES(0, 0, ALL),
			READ_ALL } },
};

#define N_SEEDS (sizeof(seeds) / sizeof(seeds[0]))

static size_t count_records(const struct seed *seed)
{
	static const struct record none;
	size_t n = MOST;
	while (n > 0 && memcmp(&seed->records[n - 1], &none, sizeof(none)) == 0)
		n--;
	return n;
}

static int write_seed(const char *directory, const struct seed *seed)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, seed->name);
	FILE *file = fopen(path, "we");
	if (!file) {
		perror(path);
		return -1;
	}
	const size_t n = count_records(seed), written = fwrite(seed->records, RECORD_SIZE, n, file);
	if (fclose(file) != 0 || written != n) {
		perror(path);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < N_SEEDS; i++) {
		if (write_seed(argv[1], &seeds[i]) < 0)
			return 1;
	}
	printf("%zu seeds\n", N_SEEDS);
	return 0;
}
