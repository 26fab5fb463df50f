/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/surface.h"

/* A client asks for a viewport of @surface, which will be its object @id. */
void viewport_expect(struct surface *surface, uint32_t id);

/* Whose viewport it is; NULL if that is gone. */
struct surface *viewport_surface(struct wl_resource *viewport);
