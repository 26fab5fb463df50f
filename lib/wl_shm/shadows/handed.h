/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/display.h"

/* A request that hands over a file which the compositor will map and read once, such as a keymap:
 * put a copy behind the descriptor. An error is posted if that is not possible. */
void handed_on_request(
	struct shm_display *display, const struct wl_protocol_logger_message *message);
