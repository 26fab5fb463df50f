/* SPDX-License-Identifier: MIT */
#pragma once

#include <wayland-server.h>

/* Try on a private display, which it destroys, whether a compositor's handler gets a file of ours
 * in place of the client's. 0 or a negative errno. */
int trial_run(struct wl_display *wl_display);
