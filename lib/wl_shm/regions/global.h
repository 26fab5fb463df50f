/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* Create the global wl_shm. 0, or -1 like wl_display_init_shm(). */
int global_create(struct shm_display *display);
