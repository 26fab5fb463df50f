/* SPDX-License-Identifier: MIT */
/*
 * A server of the X server's shape: clients share memory with it, put rectangles of it into the
 * server's picture and get others back. One thread, one poll(2), any number of hostile clients.
 *
 * What a client may have is bounded, so that none takes what others need: segments (each holds a
 * descriptor), the bytes of each, pixels of a request (no more than the picture has), and requests
 * in a turn (one). A client that does not read its replies, or sends what is no request, is
 * disconnected.
 */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Messages ---- */

/* With room for one descriptor: the kernel closes what is sent besides. */
static bool receive(int socket, struct shm_request *request, int *fd)
{
	long control[CMSG_SPACE(sizeof(*fd)) / sizeof(long)] = { 0 };
	struct iovec body = { request, sizeof(*request) };
	struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control };
	message.msg_controllen = CMSG_LEN(sizeof(*fd));
	ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return n == sizeof(*request);
}

static bool serve(struct server *server, struct client *client)
{
	struct shm_request request;
	struct shm_reply reply;
	int fd;
	bool is_good = receive(client->socket, &request, &fd);
	if (is_good) {
		reply.status = request_obey(server, client, &request, fd);
		is_good = send(client->socket, &reply, sizeof(reply),
				  MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(reply);
	}
	if (fd >= 0)
		close(fd); /* the region has one of its own */
	return is_good;
}

/* ---- Clients ---- */

static void disconnect(struct client *client)
{
	client_forget(client);
	close(client->socket);
	client->socket = -1;
}

static struct client *find_place(struct server *server)
{
	for (unsigned i = 0; i < MOST_CLIENTS; i++) {
		if (server->clients[i].socket < 0)
			return &server->clients[i];
	}
	return NULL; /* who comes now waits until another has gone */
}

static void take_turn(struct server *server)
{
	struct pollfd fds[MOST_CLIENTS + 1];
	struct client *place = find_place(server);
	for (unsigned i = 0; i < MOST_CLIENTS; i++)
		fds[i] = (struct pollfd){ .fd = server->clients[i].socket, .events = POLLIN };
	fds[MOST_CLIENTS] =
		(struct pollfd){ .fd = place ? server->listening : -1, .events = POLLIN };
	if (poll(fds, MOST_CLIENTS + 1, -1) < 0)
		return;
	for (unsigned i = 0; i < MOST_CLIENTS; i++) {
		if (fds[i].revents && !serve(server, &server->clients[i]))
			disconnect(&server->clients[i]);
	}
	if (fds[MOST_CLIENTS].revents)
		place->socket = accept4(server->listening, NULL, NULL, SOCK_CLOEXEC);
}

/* ---- The program ---- */

/* Descriptors for all that all clients may have: then accept() never lacks one. */
static int raise_descriptor_limit(void)
{
	struct rlimit limit;
	const rlim_t needed = MOST_REGIONS + MOST_CLIENTS + 64;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur >= needed)
		return 0;
	limit.rlim_cur = needed;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, MOST_CLIENTS) < 0)
		return -errno;
	return fd;
}

static int start(struct server *server, const char *path)
{
	for (unsigned i = 0; i < MOST_CLIENTS; i++)
		server->clients[i].socket = -1;
	server->picture = calloc((size_t)server->width * server->height, sizeof(uint32_t));
	if (!server->picture)
		return -ENOMEM;
	int err = raise_descriptor_limit();
	if (!err)
		err = requests_start(server);
	if (!err)
		err = server->listening = listen_at(path);
	return err < 0 ? err : 0;
}

int main(int argc, char **argv)
{
	static struct server server;
	if (argc != 3 || sscanf(argv[2], "%ux%u", &server.width, &server.height) != 2) {
		fprintf(stderr, "Usage: shm-server SOCKET WIDTHxHEIGHT\n");
		return 2;
	}
	int err = start(&server, argv[1]);
	if (err) {
		fprintf(stderr, "shm-server: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	for (;;) /* until a signal ends it */
		take_turn(&server);
}
