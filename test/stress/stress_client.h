/* SPDX-License-Identifier: MIT */
#pragma once

#include "control.h"

#include <sys/types.h>

struct options;

/* A client as the server sees it: the owner of files [first, first + n_files). */
struct client {
	pid_t pid;
	int socket;
	uint32_t first, n_files;
	uint32_t n_sent;     /* these, and the one that the server writes to */
	uint32_t n_received; /* descriptors of them */
	int status;	     /* from waitpid(), if has_died */
	int has_died;
};

/* Fork a client. 0 or a negative errno. Call before any thread is started. */
int client_start(struct client *client, unsigned number, const struct options *options,
	struct control *control);
/* Receive files that the client has sent. 0 or a negative errno. */
int client_receive_files(
	struct client *client, void (*on_file)(uint32_t file, int fd, void *data), void *data);
/* End the client. .status stays. */
void client_stop(struct client *client);
/* Set has_died if the client has ended by itself. */
void client_look_after(struct client *client);
