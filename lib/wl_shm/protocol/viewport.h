/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/surface.h"

/* wp_viewporter.get_viewport: the next object @id of the client will be a viewport of @surface. */
void viewport_expect(struct surface *surface, uint32_t id);

/* The surface of a viewport; NULL if the surface is destroyed. */
struct surface *viewport_surface(struct wl_resource *viewport);
