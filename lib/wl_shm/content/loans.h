/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* Note that a request has given @buffer to @borrower, such as a frame of a screenshot, which has
 * one buffer at a time. False without memory. */
bool loans_add(struct wl_shm_buffer *buffer, struct wl_resource *borrower);

/* Forget whom @buffer was given to. */
void loans_end(struct wl_shm_buffer *buffer);

/* The client has not got this event yet. The buffer that it says has the picture; or NULL. One that
 * says that there will be none ends the loan. */
struct wl_shm_buffer *loans_on_event(const struct wl_protocol_logger_message *message);
void loans_end_of(struct wl_resource *borrower);
