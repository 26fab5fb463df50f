/* SPDX-License-Identifier: MIT */
/* A second thread for long copies. Callers' threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct uffd_guard;
struct copier;

/* About to copy so many bytes: start the guard's copier, if they are worth it and it has none. */
void copier_expect(struct uffd_guard *guard, uint64_t n_bytes);

/* Whether there is one to hand work to: it is started if there is none. */
bool copier_is_there(struct uffd_guard *guard);

/* The guard is about to end, and nobody calls any more. */
void copier_stop(struct uffd_guard *guard);
