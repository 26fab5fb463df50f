/* SPDX-License-Identifier: MIT */
/*
 * shadows/: for compositors that have a wl_shm of their own. What they map in place of a client's
 * file is a private file of ours, which never shrinks. All of it runs on the display's thread, and
 * no lock is held, unless a function says otherwise.
 */
#pragma once

#include "shadows/copied.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server.h>

/* A file behind the descriptor that a compositor maps, and our own mapping of it. */
struct shadow {
	int fd;
	char *data;
	size_t size;
	struct copied copied;
	bool tells_use;	     /* shadow_is_in_use() has an answer */
	struct wl_list link; /* shm_program.shadows, the latest first; while no pool has it */
	uint64_t bytes;	     /* of memory; while no pool has it */
};

/* 0 or a negative errno. */
int shadow_create(size_t size, struct shadow **shadow);
void shadow_destroy(struct shadow *shadow);

/* Make it longer. 0 or a negative errno. */
int shadow_grow(struct shadow *shadow, size_t size);

enum shadow_rights { SHADOW_WRITE, SHADOW_SEALED_WRITE, SHADOW_READ_ONLY };

/* Put it behind @fd, with the rights that the client's descriptor had. @owner: of exchange.h. 0 or
 * a negative errno. */
int shadow_put_behind(struct shadow *shadow, int fd, enum shadow_rights rights, uint64_t owner);

/* True if the compositor has it mapped, or open. */
bool shadow_is_in_use(const struct shadow *shadow);

/* Make these bytes zeros, which hold no memory unless devices may look at them. */
void shadow_clear(struct shadow *shadow, uint64_t offset, uint64_t length);

/* Bytes of memory that it holds. */
uint64_t shadow_memory(const struct shadow *shadow);

/* True if a device may go on to see the pages that a shadow has, whatever is done to the file. */
bool shadows_may_be_pinned(void);
