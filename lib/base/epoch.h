/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct epoch {
	_Atomic uint32_t state; /* see epoch.c */
};

/* Between the two: whoever calls epoch_synchronize() from now on waits for us. Never waits. */
uint32_t epoch_enter(struct epoch *epoch);
void epoch_leave(struct epoch *epoch, uint32_t ticket);

/* Wait until all who entered before this call have left. One caller at a time: hold the lock of the
 * epoch's owner. */
void epoch_synchronize(struct epoch *epoch);

/* For check(): somebody is inside. */
bool epoch_is_entered(struct epoch *epoch);
