/* SPDX-License-Identifier: MIT */
/*
 * Whom buffers were given to, besides surfaces: screenshots. One buffer may be given to several,
 * and the picture of each has to be there before the event that says so. The protocols of wlroots,
 * Wayland, Weston and Hyprland have three names for that event, and two for one that says that
 * there will be none.
 */
#include "content/loans.h"

#include "record/back.h"

#include <stdlib.h>
#include <string.h>

static void loan_end(struct loan *loan)
{
	struct wl_shm_buffer *buffer = loan->buffer;
	const struct back *back = buffer->pool->client->display->back;
	wl_list_remove(&loan->link);
	wl_list_remove(&loan->borrower_destroy.link);
	free(loan);
	if (wl_list_empty(&buffer->loans) && back->returned)
		back->returned(buffer);
}

static void on_borrower_destroy(struct wl_listener *listener, void *data)
{
	struct loan *loan = wl_container_of(listener, loan, borrower_destroy);
	(void)data;
	loan_end(loan);
}

static struct loan *loan_of(struct wl_resource *borrower)
{
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(borrower, on_borrower_destroy);
	struct loan *loan = NULL;
	return listener ? wl_container_of(listener, loan, borrower_destroy) : NULL;
}

bool loans_add(struct wl_shm_buffer *buffer, struct wl_resource *borrower)
{
	struct loan *before = loan_of(borrower);
	if (before && before->buffer == buffer)
		return true;
	if (before)
		loan_end(before);
	struct loan *loan = calloc(1, sizeof(*loan));
	if (!loan)
		return false;
	*loan = (struct loan){
		.buffer = buffer,
		.borrower_destroy = { .notify = on_borrower_destroy },
	};
	wl_list_insert(&buffer->loans, &loan->link);
	wl_resource_add_destroy_listener(borrower, &loan->borrower_destroy);
	return true;
}

void loans_end(struct wl_shm_buffer *buffer)
{
	struct loan *loan, *next;
	wl_list_for_each_safe (loan, next, &buffer->loans, link)
		loan_end(loan);
}

static bool says_that_it_is_ready(const char *event)
{
	return strcmp(event, "ready") == 0 || strcmp(event, "done") == 0 ||
	       strcmp(event, "complete") == 0;
}

static bool says_that_nothing_came(const char *event)
{
	return strcmp(event, "failed") == 0 || strcmp(event, "retry") == 0;
}

struct wl_shm_buffer *loans_on_event(const struct wl_protocol_logger_message *message)
{
	if (says_that_nothing_came(message->message->name))
		loans_end_of(message->resource);
	const struct loan *loan =
		says_that_it_is_ready(message->message->name) ? loan_of(message->resource) : NULL;
	return loan ? loan->buffer : NULL;
}

void loans_end_of(struct wl_resource *borrower)
{
	struct loan *loan = loan_of(borrower);
	if (loan)
		loan_end(loan);
}
