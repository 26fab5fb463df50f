/* SPDX-License-Identifier: MIT */
#pragma once

/* Have LIBRARY_WAYLAND of @directory try its guard, with the file @server as libwayland-server, or
 * with what the loader finds if that is "". 0; a negative errno: it has failed; or the number of
 * the signal that has ended it. */
int run_trial(const char *directory, const char *server);

/* What came of it, in words. */
const char *run_trial_text(int result);
