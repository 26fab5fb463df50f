/* SPDX-License-Identifier: MIT */
/* What the client does to its files. */
#include "world.h"

#include "trace.h"

#include <fcntl.h>

/* The file of the slot is forgotten by the client, but not by regions. */
void op_file(struct world *world, const struct record *r)
{
	const uint64_t size = size_of_codes(r->a, r->b);
	const enum file_kind kind = r->c % N_FILE_KINDS;
	const enum file_fill fill = r->d % N_FILE_FILLS;
	struct file *file = file_create(kind, size, fill);
	if (!file)
		return;
	world->files[world->n_files++] = file;
	world->slots[r->slot % N_SLOTS] = file;
	trace("file %d: %llu bytes, kind %d, fill %d", r->slot % N_SLOTS, (unsigned long long)size,
		kind, fill);
}

static const struct block *content(uint8_t code)
{
	return code % 8 == 7 ? block_of_zeros() : block_of_next_tag();
}

void op_client_write(struct world *world, const struct record *r)
{
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	/* Up to a few pages past the end: it grows. */
	const struct extent extent = record_extent(r, file->size + (r->e & 3) * PAGE);
	trace("write to file %d", r->slot % N_SLOTS);
	file_write(file, extent.offset, extent.length, content(r->d));
}

void op_client_truncate(struct world *world, const struct record *r)
{
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	trace("truncate file %d", r->slot % N_SLOTS);
	file_truncate(file, size_of_codes(r->a, r->b));
}

void op_client_punch(struct world *world, const struct record *r)
{
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	const struct extent extent = record_extent(r, file->size + (r->e & 1) * PAGE);
	trace("punch file %d", r->slot % N_SLOTS);
	file_punch(file, extent.offset, extent.length);
}

void op_client_allocate(struct world *world, const struct record *r)
{
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	const struct extent extent = record_extent(r, file->size + (r->e & 3) * PAGE);
	trace("allocate in file %d", r->slot % N_SLOTS);
	file_allocate(file, extent.offset, extent.length);
}

void op_client_seal(struct world *world, const struct record *r)
{
	static const int seals[8] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE,
		F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE,
		F_SEAL_SHRINK | F_SEAL_SEAL };
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	trace("seal file %d", r->slot % N_SLOTS);
	file_seal(file, seals[r->a % 8]);
}

void op_client_close(struct world *world, const struct record *r)
{
	struct file *file = world_file(world, r->slot);
	if (!file)
		return;
	trace("client closes file %d", r->slot % N_SLOTS);
	file_close(file);
	for (size_t i = 0; i < N_SLOTS; i++) {
		if (world->slots[i] == file)
			world->slots[i] = NULL;
	}
}
