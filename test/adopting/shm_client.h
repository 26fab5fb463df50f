/* SPDX-License-Identifier: MIT */
/* The client's end of docs/examples/shm-server, and the server as a child. */
#pragma once

#include "../../docs/examples/shm-server/protocol.h"

#include <stddef.h>
#include <sys/types.h>

#define SHM_PIXEL 4

struct shm_server {
	pid_t pid;
	char directory[32], path[48]; /* of the socket */
};

/* Started, and listening. All return 0 or a negative errno. */
int shm_server_start(
	struct shm_server *server, const char *program, unsigned width, unsigned height);
/* Its status, as of waitpid(): SIGTERM if nothing else ended it before. */
int shm_server_stop(struct shm_server *server);

/* A socket. */
int shm_connect(const struct shm_server *server);
/* @fd -1: no descriptor. */
int shm_send(int socket, const struct shm_request *request, int fd);
/* The reply's status; -EPIPE: the server has hung up. */
int shm_receive(int socket);
int shm_ask(int socket, const struct shm_request *request, int fd);

int shm_attach(int socket, uint32_t segment, int fd, size_t length, uint32_t flags);
/* SHM_PUT or SHM_GET of a whole picture that begins with the segment. */
int shm_transfer(int socket, uint32_t kind, uint32_t segment, uint32_t width, uint32_t height);
