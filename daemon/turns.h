/* SPDX-License-Identifier: MIT */
/* How many requests of files that may block are in the ring, and which wait for their turn. Handler
 * thread only, but for the structs, which files have in them. */
#pragma once

#include "file/blocking_file.h"

#define TURNS_OF_KEY   2 /* reads of one server, or of one file on a disk, at a time */
#define TURNS_OF_CLASS 8 /* of all servers; of all disks */
#define TURNS_MOST     (2 * TURNS_OF_CLASS)

/* What shares its turns: files of one file system that asks a server; one file on a disk. */
struct turns_key {
	const struct blocking_file *file; /* one of them; NULL: a free slot */
	struct blocking_turn *taken[TURNS_OF_KEY];
	unsigned n_taken;
	struct turn_list waiting; /* until the key has a turn */
};

struct turns {
	struct turns_key keys[TURNS_MOST];
	struct turns_class {
		unsigned n_taken;
		struct turn_list ready; /* until the class has a turn */
	} classes[2];
};

void turns_init(struct turns *turns);

/* True: the request may begin. False: it waits, and turns_end() of another answers it. */
bool turns_ask(struct turns *turns, struct blocking_turn *turn);
/* A request has been answered. Answers one that may begin now, or NULL. */
struct blocking_turn *turns_end(struct turns *turns, struct blocking_turn *turn);
/* One that waits waits no more. No-op for any other. */
void turns_forget(struct blocking_turn *turn);

/* Whether all turns of the file's key were taken before @time: whoever asks waits in vain. */
bool turns_are_stalled(const struct turns *turns, const struct blocking_file *file, uint64_t time);
/* Any that waits, or NULL. */
struct blocking_turn *turns_any_waiting(const struct turns *turns);
