/* SPDX-License-Identifier: MIT */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uffd_guard.h>
#include <wayland-server.h>

/* A wl_display, and the guard of all its pools. */
struct shm_display {
	struct wl_display *wl_display; /* NULL once destroyed */
	struct uffd_guard *guard;      /* NULL until wl_display_init_shm() */
	struct wl_array formats;       /* uint32_t, besides the two that all have */
	struct wl_listener destroy;
	struct wl_event_source *loss_source;
	struct wl_protocol_logger *logger;
	_Atomic(pthread_t) thread; /* that serves clients: the one that may post errors */
	unsigned n_pools;
	unsigned references; /* the wl_display's, and one for each client and pool */
};

/* Made when first asked for; NULL without memory. */
struct shm_display *display_of(struct wl_display *wl_display);
void display_unref(struct shm_display *display);

bool display_is_on_this_thread(const struct shm_display *display);
bool display_has_format(const struct shm_display *display, uint32_t code);

/* What the library has counted, into the statistics. */
void display_update_stats(const struct shm_display *display);
