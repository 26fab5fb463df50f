/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/buffer.h"

/* A request has given @buffer to @borrower, such as a frame of a screenshot. With @is_drawn_whole
 * the compositor stores to all of it before it says that it is ready. */
void lent_begin(struct wl_shm_buffer *buffer, struct wl_resource *borrower, bool is_drawn_whole);

/* The last borrower has it no more: nothing is written to its file any more. */
void lent_on_return(struct wl_shm_buffer *buffer);

/* An event that the client has not got yet. If it says that the picture is there, what the
 * compositor has stored is written to the client's file. */
void lent_on_event(const struct wl_protocol_logger_message *message);
