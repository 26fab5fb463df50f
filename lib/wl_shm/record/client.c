/* SPDX-License-Identifier: MIT */
/* What is kept of each client: its pools, and that it is to be disconnected. */
#include "record/client.h"

#include "record/back.h"

#include <stdlib.h>

/* ---- Life ---- */

struct shm_client *client_ref(struct shm_client *client)
{
	client->references++;
	return client;
}

void client_unref(struct shm_client *client)
{
	if (--client->references > 0)
		return;
	program_unref(client->program);
	display_unref(client->display);
	free(client);
}

static void client_on_destroy(struct wl_listener *listener, void *data)
{
	struct shm_client *client = wl_container_of(listener, client, destroy);
	(void)data;
	if (client->disconnect)
		wl_event_source_remove(client->disconnect);
	client->disconnect = NULL;
	if (client->postponed_timer)
		wl_event_source_remove(client->postponed_timer);
	client->postponed_timer = NULL;
	if (client->display->back && client->display->back->client_destroyed)
		client->display->back->client_destroyed(client);
	client->wl_client = NULL;
	display_update_stats(client->display);
	client_unref(client);
}

struct shm_client *client_of(struct wl_client *wl_client)
{
	struct wl_listener *listener = wl_client_get_destroy_listener(wl_client, client_on_destroy);
	struct shm_client *client;
	if (listener)
		return wl_container_of(listener, client, destroy);

	struct shm_display *display = display_of(wl_client_get_display(wl_client));
	client = display ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return NULL;
	struct shm_program *program = program_of(&display->programs, wl_client);
	if (!program) {
		free(client);
		return NULL;
	}
	*client = (struct shm_client){
		.wl_client = wl_client,
		.display = display,
		.program = program,
		.destroy = { .notify = client_on_destroy },
		.references = 1,
	};
	display->references++;
	wl_list_init(&client->postponed);
	wl_client_add_destroy_listener(wl_client, &client->destroy);
	return client;
}

/* ---- Disconnecting ---- */

static void client_on_disconnect(void *data)
{
	struct shm_client *client = data;
	client->disconnect = NULL; /* libwayland frees an idle source after its call */
	wl_client_destroy(client->wl_client);
}

void client_disconnect_soon(struct shm_client *client)
{
	if (!client->wl_client || client->disconnect)
		return;
	struct wl_event_loop *loop = wl_display_get_event_loop(client->display->wl_display);
	client->disconnect = wl_event_loop_add_idle(loop, client_on_disconnect, client);
	if (client->stats)
		atomic_store(&client->stats->is_disconnected, true);
}

void client_count_loss(struct shm_client *client, uint64_t bytes)
{
	if (!client->stats)
		client->stats = shm_stats_add_client(client->program->pid);
	shm_stats_add(&client->stats->losses, 1);
	shm_stats_add(&client->stats->bytes_lost, bytes);
}
