/* SPDX-License-Identifier: MIT */
/* Windows ahead of a reader, which the handler offers, and which it and the copier fill. No lock,
 * nobody waits. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AHEAD_WINDOW ((uintptr_t)2 << 20) /* windows end at its multiples */

struct ahead {
	_Atomic uint64_t left;	     /* address of the next one, and in its lowest bits how many */
	_Atomic uintptr_t under_way; /* the one that the copier fills; 0: none */
};

/* The handler: these instead of what is left. @is_shared: the copier may fill some of them. */
void ahead_offer(struct ahead *ahead, uintptr_t start, uintptr_t end, bool is_shared);
/* Any of the two: no more of them is worth filling. */
void ahead_stop(struct ahead *ahead);
size_t ahead_count(struct ahead *ahead);

/* Where the next window begins, which is the caller's to fill; 0: none is left. */
uintptr_t ahead_claim(struct ahead *ahead);
/* The same for the copier: it is under way until ahead_end(). */
uintptr_t ahead_begin(struct ahead *ahead);
void ahead_end(struct ahead *ahead);
/* Whether the copier is about to fill the page at @address. */
bool ahead_is_under_way(struct ahead *ahead, uintptr_t address);

/* Where the window of @address ends. */
uintptr_t ahead_border(uintptr_t address);
