/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* 0, or -1 as wl_display_init_shm(). */
int global_create(struct shm_display *display);
