/* SPDX-License-Identifier: MIT */
#pragma once

#include "protocol.h"

#include <uffd_guard.h>

#define MOST_CLIENTS  16
#define MOST_SEGMENTS 32 /* of a client */
#define MOST_REGIONS  (MOST_CLIENTS * MOST_SEGMENTS)

struct client {
	int socket;					   /* -1: there is none */
	struct uffd_guard_region *segments[MOST_SEGMENTS]; /* or NULL */
};

struct server {
	struct uffd_guard *guard;
	struct client clients[MOST_CLIENTS];
	int listening;
	uint32_t width, height;
	uint32_t *picture;
};

/* ---- requests.c: all that touches clients' memory. 0, or a negative errno. ---- */

int requests_start(struct server *server);
/* The descriptor that came with the request, or -1, stays the caller's. */
int request_obey(
	struct server *server, struct client *client, const struct shm_request *request, int fd);
/* Detaches all. */
void client_forget(struct client *client);
