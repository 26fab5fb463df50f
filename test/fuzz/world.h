/* SPDX-License-Identifier: MIT */
/* All that an input works on. */
#pragma once

#include "view.h"

#define N_GUARDS   2 /* the one asked for, and another beside it */
#define N_SLOTS	   4
#define MOST_FILES (MAX_RECORDS + 1)

struct world {
	struct fuzzed_guard {
		struct uffd_guard *guard;
		bool has_budget;
		uint64_t losses_dispatched; /* the counter, at the last dispatch */
	} guards[N_GUARDS];
	size_t n_guards;
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

/* ---- Guards (guards.c) ---- */

/* One as the record says, or NULL where userfaultfd is denied. Guards are kept for later inputs:
 * guards_release(). */
struct uffd_guard *guards_acquire(const struct record *record, bool *has_budget);
/* One that is kept, and is not @other. */
struct uffd_guard *guards_acquire_other(const struct uffd_guard *other);
void guards_release(struct uffd_guard *guard);
void guards_destroy_all(void);

/* One input, start to end. False: userfaultfd is denied. */
bool run(const uint8_t *data, size_t size, bool is_shown);
