/* SPDX-License-Identifier: MIT */
/*
 * Memory that the server and its clients share, and trust: a part of the tester. Here a client says
 * what it has done to its files, so that the server can tell what it may and what it must read.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum attack {
	ATTACK_TRUNCATE,
	ATTACK_GROW,
	ATTACK_PUNCH,
	ATTACK_REWRITE,
	ATTACK_ODD,
	N_ATTACKS,
	ATTACK_NONE = N_ATTACKS
};

/* Shorter than the file's own pages while it lasts. */
static inline int attack_shrinks(enum attack attack)
{
	return attack == ATTACK_TRUNCATE || attack == ATTACK_ODD;
}

const char *attack_name(enum attack attack); /* "none" for ATTACK_NONE */

enum phase {
	PHASE_IDLE,
	PHASE_EXPERIMENT, /* the first client does experiment_attack to its first file */
	PHASE_RUN,
	PHASE_STOP
};

struct control_file {
	_Atomic uint64_t whole;	 /* even while every page of the file's own is there and complete */
	_Atomic uint32_t attack; /* enum attack, the latest */
	_Atomic uint32_t last_cut; /* enum attack, the latest that shrank it */
	_Atomic uint64_t n_done[N_ATTACKS];
	_Atomic uint64_t *published; /* [max_pages] number of the last complete rewrite of a page */
};

struct control {
	size_t mapping_size;
	uint32_t page_size, words_per_page;
	uint32_t n_files;
	uint32_t n_pages;   /* a file's own */
	uint32_t max_pages; /* when it has grown */
	_Atomic uint32_t phase;
	_Atomic uint32_t experiment_attack;
	_Atomic uint32_t is_experimenting; /* the first client, at this moment */
	struct control_file files[];
};

/* Inherited by fork() at the same address. NULL with errno set. */
struct control *control_create(uint32_t n_files, uint32_t n_pages);
void control_destroy(struct control *control);

static inline uint64_t control_file_words(const struct control *control)
{
	return (uint64_t)control->n_pages * control->words_per_page;
}

/* Each file has a writer of its own; 0 is nobody. */
static inline uint32_t control_writer(uint32_t file)
{
	return file + 1;
}
