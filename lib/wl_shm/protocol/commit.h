/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/surface.h"

/* wl_surface.commit: make the pending state current, and refresh the buffer that is shown. */
void commit_surface(struct surface *surface);
