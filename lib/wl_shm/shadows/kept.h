/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/pool.h"
#include "shadows/shadow.h"

/* A shadow of @size bytes at least, which may be one that a pool of the same program had, with what
 * that showed. 0 or a negative errno. */
int kept_take(struct shm_program *program, size_t size, struct shadow **shadow);

/* Keep what a pool had, and go on counting it: the compositor may have it mapped. */
void kept_put(struct shm_program *program, struct shadow *shadow);

/* The program has no client any more. */
void kept_drop(struct shm_program *program);
