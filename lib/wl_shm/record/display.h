/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uffd_guard.h>
#include <wayland-server.h>

struct back;
struct batch;
struct wl_shm_buffer;

/* A wl_display, and the guard for all its pools. */
struct shm_display {
	struct wl_display *wl_display;	      /* NULL after its destruction */
	struct uffd_guard *guard;	      /* NULL before wl_display_init_shm() */
	const struct back *back;	      /* the same */
	struct wl_array formats;	      /* uint32_t, besides ARGB8888 and XRGB8888 */
	struct wl_listener destroy;	      /* of wl_display */
	struct wl_event_source *loss_source;  /* watch.c: calls losses_on_readable() */
	struct wl_protocol_logger *logger;    /* leads to requests_on_message() */
	_Atomic(pthread_t) thread;	      /* serves clients; only it may post errors */
	_Atomic(struct wl_shm_buffer *) dead; /* buffers_bury_dead(); any thread */
	struct batch *batch;		      /* of shadows/; NULL in regions/ */
	unsigned n_pools;		      /* or rather their descriptors */
	struct programs programs;
	struct allowance allowance; /* of all programs */
	struct forgiveness forgiveness;
	unsigned references; /* one of wl_display, and of each client */
};

/* The record of a wl_display, created at the first call; NULL without memory. That caller's thread
 * counts as the display's until requests_on_message() has seen a request. */
struct shm_display *display_of(struct wl_display *wl_display);
void display_unref(struct shm_display *display);

/* True if the caller is the display's thread. Any thread. */
bool display_is_on_this_thread(const struct shm_display *display);

/* True if clients may use the wl_shm format @code. */
bool display_has_format(const struct shm_display *display, uint32_t code);

/* Copy the counters of the guard to the statistics. */
void display_update_stats(const struct shm_display *display);
