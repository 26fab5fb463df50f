/* SPDX-License-Identifier: MIT */
/*
 * Requests to other interfaces, seen by a protocol logger: libwayland calls it for each request
 * before the compositor's handler, on the thread that serves clients. Three things matter here:
 * requests to surfaces, requests to their viewports, and any other request with a buffer as an
 * argument. Only a buffer of such a request can be meant as the target of a screenshot.
 *
 * Requests are identified by interface name and number, which protocols never change.
 */
#include "protocol/requests.h"

#include "protocol/commit.h"
#include "protocol/viewport.h"
#include "record/back.h"
#include "record/display.h"

#include <string.h>

enum surface_request {
	SURFACE_DESTROY,
	SURFACE_ATTACH,
	SURFACE_DAMAGE,
	SURFACE_FRAME,
	SURFACE_SET_OPAQUE_REGION,
	SURFACE_SET_INPUT_REGION,
	SURFACE_COMMIT,
	SURFACE_SET_BUFFER_TRANSFORM,
	SURFACE_SET_BUFFER_SCALE,
	SURFACE_DAMAGE_BUFFER,
};

enum viewporter_request { VIEWPORTER_DESTROY, VIEWPORTER_GET_VIEWPORT };
enum viewport_request { VIEWPORT_DESTROY, VIEWPORT_SET_SOURCE, VIEWPORT_SET_DESTINATION };

static bool is_of(const struct wl_protocol_logger_message *message, const char *interface)
{
	return strcmp(wl_resource_get_class(message->resource), interface) == 0;
}

/* libwayland has looked up object arguments before the logger runs: they are resources. */
static struct wl_resource *resource_in(const struct wl_protocol_logger_message *message, int i)
{
	return (struct wl_resource *)message->arguments[i].o;
}

static struct rect rect_in(const struct wl_protocol_logger_message *message)
{
	const union wl_argument *a = message->arguments;
	return rect_of_size(a[0].i, a[1].i, a[2].i, a[3].i);
}

/* ---- wl_surface ---- */

static void on_surface_request(
	struct surface *surface, const struct wl_protocol_logger_message *message)
{
	const struct back *back = surface->client->display->back;
	struct surface_pending *pending = &surface->pending;
	switch (message->message_opcode) {
	case SURFACE_ATTACH:
		surface_attach(surface, back->buffer_of(resource_in(message, 0)));
		break;
	case SURFACE_DAMAGE:
		damage_add(&pending->on_surface, rect_in(message));
		break;
	case SURFACE_DAMAGE_BUFFER:
		damage_add(&pending->in_buffer, rect_in(message));
		break;
	case SURFACE_SET_BUFFER_TRANSFORM:
		pending->view.transform = message->arguments[0].i;
		break;
	case SURFACE_SET_BUFFER_SCALE:
		pending->view.scale = message->arguments[0].i;
		break;
	case SURFACE_COMMIT:
		commit_surface(surface);
		break;
	default:
		break;
	}
}

/* ---- wp_viewport ---- */

static void forget_viewport(struct surface *surface)
{
	struct surface_view *view = &surface->pending.view;
	view->source_x = view->source_y = 0;
	view->source_width = view->source_height = -1;
	view->shown_width = view->shown_height = -1;
}

static void on_viewporter_request(const struct wl_protocol_logger_message *message)
{
	if (message->message_opcode != VIEWPORTER_GET_VIEWPORT)
		return;
	struct surface *surface = surface_of(resource_in(message, 1));
	if (surface)
		viewport_expect(surface, message->arguments[0].n);
}

static void on_viewport_request(
	struct surface *surface, const struct wl_protocol_logger_message *message)
{
	const union wl_argument *a = message->arguments;
	struct surface_view *view = &surface->pending.view;
	switch (message->message_opcode) {
	case VIEWPORT_SET_SOURCE:
		view->source_x = a[0].f;
		view->source_y = a[1].f;
		view->source_width = a[2].f;
		view->source_height = a[3].f;
		break;
	case VIEWPORT_SET_DESTINATION:
		view->shown_width = a[0].i;
		view->shown_height = a[1].i;
		break;
	case VIEWPORT_DESTROY:
		forget_viewport(surface);
		break;
	default:
		break;
	}
}

/* ---- Everything else ---- */

/* By these protocols the whole picture is copied, into a buffer of its size. */
static bool is_of_recorder(const struct wl_protocol_logger_message *message)
{
	return is_of(message, "zwlr_screencopy_frame_v1") ||
	       is_of(message, "weston_screenshooter") || is_of(message, "weston_capture_source_v1");
}

/* A screenshot, for example: the compositor may draw to a buffer that it gets so. */
static void on_other_request(
	const struct back *back, const struct wl_protocol_logger_message *message)
{
	int i = 0;
	for (const char *type = message->message->signature; *type; type++) {
		if (!strchr("iufsonah", *type))
			continue; /* a version, or the mark of an argument that may be null */
		struct wl_shm_buffer *buffer =
			*type == 'o' ? back->buffer_of(resource_in(message, i)) : NULL;
		if (buffer)
			back->lend(buffer, message->resource, is_of_recorder(message));
		i++;
	}
}

void requests_on_message(void *data, enum wl_protocol_logger_type type,
	const struct wl_protocol_logger_message *message)
{
	struct shm_display *display = data;
	if (type != WL_PROTOCOL_LOGGER_REQUEST)
		return;
	atomic_store(&display->thread, pthread_self());

	struct surface *surface;
	if (is_of(message, "wl_surface")) {
		surface = surface_of(message->resource);
		if (surface)
			on_surface_request(surface, message);
		else
			wl_resource_post_no_memory(message->resource);
	} else if (is_of(message, "wp_viewporter")) {
		on_viewporter_request(message);
	} else if (is_of(message, "wp_viewport")) {
		surface = viewport_surface(message->resource);
		if (surface)
			on_viewport_request(surface, message);
	} else {
		on_other_request(display->back, message);
	}
}
