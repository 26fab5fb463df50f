/* SPDX-License-Identifier: MIT */
/*
 * Memory that the server and its clients share. It is a part of the tester, so both trust it.
 * Clients write here what they do to their files, so that the server knows what it may and what it
 * must read.
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

/* Whether the attack makes the file shorter than its own pages while it lasts. */
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
	_Atomic uint64_t whole;	   /* even: every page of the file's own is there and complete */
	_Atomic uint32_t attack;   /* enum attack, the latest */
	_Atomic uint32_t last_cut; /* enum attack, the latest that shrank it */
	_Atomic uint64_t n_done[N_ATTACKS];
	_Atomic uint64_t *published; /* [max_pages] last complete rewrite of each page */
};

struct control {
	size_t mapping_size;
	uint32_t page_size, words_per_page;
	uint32_t n_files;
	uint32_t n_pages;   /* pages that each file has while it is whole */
	uint32_t max_pages; /* pages of a file that has grown, at most */
	_Atomic uint32_t phase;
	_Atomic uint32_t experiment_attack;
	_Atomic uint64_t n_grown;	   /* captures that somebody else made longer */
	_Atomic uint32_t is_experimenting; /* the first client is making the experiment's attack */
	struct control_file files[];
};

/* Children of fork() have it at the same address. NULL with errno set. */
struct control *control_create(uint32_t n_files, uint32_t n_pages);
void control_destroy(struct control *control);

static inline uint64_t control_file_words(const struct control *control)
{
	return (uint64_t)control->n_pages * control->words_per_page;
}

/* The writer number of a file. 0 is no writer. */
static inline uint32_t control_writer(uint32_t file)
{
	return file + 1;
}
