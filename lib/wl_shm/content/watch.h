/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* Make the display's guard, unless it has one, and deliver its losses from the event loop. 0 or a
 * negative errno. */
int watch_start(struct shm_display *display);

/* There is no pool. */
void watch_stop(struct shm_display *display);
