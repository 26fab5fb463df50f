/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/surface.h"

/* wl_surface.commit: what is pending becomes current. */
void commit_surface(struct surface *surface);
