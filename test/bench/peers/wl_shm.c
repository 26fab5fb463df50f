/* SPDX-License-Identifier: MIT */
/*
 * libwayland-server, unmodified: a client in the same process creates a wl_shm_pool of the file and
 * a wl_buffer of it. The server reads between wl_shm_buffer_begin_access() and _end_access(). Both
 * sides run on one thread, in turns.
 */
#include "../peer.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-client.h>
#include <wayland-server.h>

#define PIXEL_SIZE 4

struct wl_shm_peer {
	struct wl_display *display; /* the server's */
	struct wl_client *client;
	struct wl_display *connection; /* the client's */
	struct wl_registry *registry;
	struct wl_shm *shm;
	struct wl_shm_pool *pool;
	struct wl_buffer *proxy;
	struct wl_shm_buffer *buffer;
};

static void client_listen(struct wl_display *connection)
{
	struct pollfd poll_fd = { .fd = wl_display_get_fd(connection), .events = POLLIN };
	while (wl_display_prepare_read(connection) < 0)
		wl_display_dispatch_pending(connection);
	if (poll(&poll_fd, 1, 0) > 0)
		wl_display_read_events(connection);
	else
		wl_display_cancel_read(connection);
	wl_display_dispatch_pending(connection);
}

static void exchange(struct wl_shm_peer *peer)
{
	wl_display_flush(peer->connection);
	wl_event_loop_dispatch(wl_display_get_event_loop(peer->display), 0);
	wl_display_flush_clients(peer->display);
	client_listen(peer->connection);
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct wl_shm_peer *peer = data;
	(void)version;
	if (strcmp(interface, wl_shm_interface.name) == 0)
		peer->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data;
	(void)registry;
	(void)name;
}

static const struct wl_registry_listener registry_listener = {
	.global = on_global,
	.global_remove = on_global_remove,
};

static bool connect_both(struct wl_shm_peer *peer)
{
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return false;
	peer->client = wl_client_create(peer->display, sockets[0]);
	if (!peer->client)
		close(sockets[0]);
	peer->connection = wl_display_connect_to_fd(sockets[1]); /* closes it if it fails */
	return peer->client && peer->connection;
}

static bool bind_shm(struct wl_shm_peer *peer)
{
	peer->registry = wl_display_get_registry(peer->connection);
	if (!peer->registry)
		return false;
	wl_registry_add_listener(peer->registry, &registry_listener, peer);
	exchange(peer);
	return peer->shm != NULL;
}

static bool create_buffer(struct wl_shm_peer *peer, int fd, size_t length)
{
	const int32_t n_pixels = (int32_t)(length / PIXEL_SIZE);
	peer->pool = wl_shm_create_pool(peer->shm, fd, (int32_t)length);
	peer->proxy = wl_shm_pool_create_buffer(
		peer->pool, 0, 1, n_pixels, PIXEL_SIZE, WL_SHM_FORMAT_ARGB8888);
	exchange(peer);

	struct wl_resource *resource =
		wl_client_get_object(peer->client, wl_proxy_get_id((struct wl_proxy *)peer->proxy));
	peer->buffer = resource ? wl_shm_buffer_get(resource) : NULL;
	return peer->buffer != NULL;
}

static void destroy_proxies(struct wl_shm_peer *peer)
{
	if (peer->proxy)
		wl_buffer_destroy(peer->proxy);
	if (peer->pool)
		wl_shm_pool_destroy(peer->pool);
	if (peer->shm)
		wl_shm_destroy(peer->shm);
	if (peer->registry)
		wl_registry_destroy(peer->registry);
}

static void wl_shm_close(void *self)
{
	struct wl_shm_peer *peer = self;
	destroy_proxies(peer);
	if (peer->connection)
		wl_display_disconnect(peer->connection);
	if (peer->display) {
		wl_display_destroy_clients(peer->display);
		wl_display_destroy(peer->display);
	}
	free(peer);
}

static void *wl_shm_open(int fd, size_t length)
{
	struct wl_shm_peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->display = length <= INT32_MAX ? wl_display_create() : NULL;
	if (peer->display && wl_display_init_shm(peer->display) == 0 && connect_both(peer) &&
		bind_shm(peer) && create_buffer(peer, fd, length))
		return peer;
	wl_shm_close(peer);
	errno = EPROTO;
	return NULL;
}

static const char *wl_shm_begin(void *self, const struct damage *damage)
{
	struct wl_shm_peer *peer = self;
	(void)damage;
	wl_shm_buffer_begin_access(peer->buffer);
	return wl_shm_buffer_get_data(peer->buffer);
}

static void wl_shm_end(void *self)
{
	struct wl_shm_peer *peer = self;
	wl_shm_buffer_end_access(peer->buffer);
}

const struct peer peer_wl_shm = {
	.name = "wl_shm",
	.open = wl_shm_open,
	.begin = wl_shm_begin,
	.end = wl_shm_end,
	.close = wl_shm_close,
};
