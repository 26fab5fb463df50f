/* SPDX-License-Identifier: MIT */
/* All that an input works on. */
#pragma once

#include "view.h"

#define N_GUARDS   2 /* the one asked for, and another beside it */
#define N_SLOTS	   4
#define MOST_FILES (MAX_RECORDS + 1)

struct world {
	struct fuzzed_guard {
		struct uffd_guard *guard; /* NULL: destroyed by now */
		bool has_budget;
		uint32_t features;
		bool tells_no_events;	    /* UFFD_GUARD_NO_EVENTS */
		uint32_t most_regions;	    /* 0: as many as there are slots */
		uint64_t losses_dispatched; /* the counter, at the last dispatch */
	} guards[N_GUARDS];
	size_t n_guards, n_destroyed;
	struct view *views[N_SLOTS];
	struct file *slots[N_SLOTS]; /* what the client holds */
	struct file *files[MOST_FILES];
	size_t n_files;
};

/* Who the record is about: the slot it names, or the next that is not empty, or NULL. */
struct view *world_view(const struct world *world, uint8_t slot);
struct file *world_file(const struct world *world, uint8_t slot);
void world_unmap(struct world *world, uint8_t slot);
struct uffd_guard_stats stats_of(const struct fuzzed_guard *guard);

/* Deliver what waits at all guards, and compare with what is owed. */
enum while_dispatching { JUST_NOTE, UNMAP_REGION, REFRESH_REGION, DISPATCH_WITHIN, N_WHILE };
void world_dispatch(struct world *world, enum while_dispatching what);

typedef void operation_fn(struct world *world, const struct record *record);

operation_fn op_file, op_client_write, op_client_truncate, op_client_punch, op_client_allocate,
	op_client_seal, op_client_close;
operation_fn op_map, op_unmap, op_resize;
operation_fn op_read, op_store, op_syscall, op_stray;
operation_fn op_refresh, op_refresh_spans, op_populate, op_discard, op_copy, op_write_back;
operation_fn op_take_losses, op_dispatch;
operation_fn op_bad_call;
operation_fn op_refresh_rects, op_update, op_update_rects, op_mark_rects, op_begin, op_ensure;
operation_fn op_copy_rect, op_write, op_write_rect;
operation_fn op_make_direct, op_destroy, op_bad_rects;

/* What several of them need (op_content.c). */
void trace_call(const char *call, const struct view *view, struct extent extent);
void expect_success(const char *call, int err);
/* Whether bytes that were copied from [start, end) of the region are those of the file. */
void check_copy(const struct view *view, struct extent extent, const uint8_t *bytes);
uint64_t file_bytes_from(const struct view *view, uint64_t offset);
int error_of_storing(const struct view *view);
bool is_right_answer(const struct view *view, ssize_t n, int err,
	uint64_t real); /* 0, or why the file cannot be written to */

/* ---- Guards (guards.c) ---- */

/* One as the record says. False: userfaultfd is denied. Guards are kept for later inputs:
 * guards_release(). */
bool guards_acquire(const struct record *record, struct fuzzed_guard *guard);
/* One that is kept, and is not @other; or none. */
void guards_acquire_other(const struct fuzzed_guard *other, struct fuzzed_guard *guard);
/* Not to be given back: it is about to be destroyed. */
void guards_forget(const struct uffd_guard *guard);
void guards_release(struct uffd_guard *guard);
void guards_destroy_all(void);

/* One input, start to end. False: userfaultfd is denied. */
bool run(const uint8_t *data, size_t size, bool is_shown);
