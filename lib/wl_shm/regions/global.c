/* SPDX-License-Identifier: MIT */
/* The global wl_shm: it announces formats and takes create_pool. */
#include "regions/global.h"

#include "base/close_aside.h"
#include "record/client.h"
#include "regions/pool_requests.h"

static void shm_request_create_pool(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t id, int32_t fd, int32_t size)
{
	if (size <= 0)
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_STRIDE, "invalid size (%d)", size);
	else
		pool_requests_create(wl_client, resource, id, fd, size);
	const struct shm_client *client = client_of(wl_client);
	if (!close_aside(fd, program_as_owner(client ? client->program : NULL)))
		wl_client_post_no_memory(wl_client);
}

#ifdef WL_SHM_RELEASE_SINCE_VERSION
#define VERSION 2
static void shm_request_release(struct wl_client *wl_client, struct wl_resource *resource)
{
	(void)wl_client;
	wl_resource_destroy(resource);
}
#else
#define VERSION 1
#endif

static const struct wl_shm_interface implementation = {
	.create_pool = shm_request_create_pool,
#ifdef WL_SHM_RELEASE_SINCE_VERSION
	.release = shm_request_release,
#endif
};

static void shm_bind(struct wl_client *wl_client, void *data, uint32_t version, uint32_t id)
{
	const struct shm_display *display = data;
	struct wl_resource *resource =
		wl_resource_create(wl_client, &wl_shm_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(wl_client);
		return;
	}
	wl_resource_set_implementation(resource, &implementation, NULL, NULL);

	wl_shm_send_format(resource, WL_SHM_FORMAT_ARGB8888);
	wl_shm_send_format(resource, WL_SHM_FORMAT_XRGB8888);
	const uint32_t *codes = display->formats.data;
	for (size_t i = 0; i < display->formats.size / sizeof(*codes); i++)
		wl_shm_send_format(resource, codes[i]);
}

int global_create(struct shm_display *display)
{
	return wl_global_create(display->wl_display, &wl_shm_interface, VERSION, display, shm_bind)
		       ? 0
		       : -1;
}
