/* SPDX-License-Identifier: MIT */
/* Grace periods: wait until all threads inside have left. Enter and leave on any thread, without a
 * lock; synchronize with the lock of the epoch's owner. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct epoch {
	_Atomic uint32_t state; /* see epoch.c */
};

/* Enter and leave. Whoever calls epoch_synchronize() in between waits until leave. Neither waits.
 */
uint32_t epoch_enter(struct epoch *epoch);
void epoch_leave(struct epoch *epoch, uint32_t ticket);

/* Wait until all that entered before this call have left. Callers wait for each other: any number
 * may call. */
void epoch_synchronize(struct epoch *epoch);

/* For check(): somebody is inside. */
bool epoch_is_entered(struct epoch *epoch);
