/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* Guard the clients of this display from now on. 0 or a negative errno. */
int follow_start(struct wl_display *wl_display);

/* Leave it alone. -EBUSY if there are pools. */
int follow_stop(struct wl_display *wl_display);
