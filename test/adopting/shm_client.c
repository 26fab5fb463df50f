/* SPDX-License-Identifier: MIT */
#include "shm_client.h"

#include "../support/send_fd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000

/* ---- The server ---- */

static void exec_server(const struct shm_server *server, const char *program, const char *size)
{
	execl(program, program, server->path, size, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Until it listens, or has ended. */
static int wait_for_server(const struct shm_server *server)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		int socket = shm_connect(server);
		if (socket >= 0) {
			close(socket);
			return 0;
		}
		if (waitpid(server->pid, NULL, WNOHANG) != 0)
			return -ECHILD;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

int shm_server_start(
	struct shm_server *server, const char *program, unsigned width, unsigned height)
{
	char size[32];
	snprintf(size, sizeof(size), "%ux%u", width, height);
	strcpy(server->directory, "/tmp/shm-server.XXXXXX");
	if (!mkdtemp(server->directory))
		return -errno;
	snprintf(server->path, sizeof(server->path), "%s/socket", server->directory);
	fflush(NULL);
	server->pid = fork();
	if (server->pid == 0)
		exec_server(server, program, size);
	return server->pid < 0 ? -errno : wait_for_server(server);
}

int shm_server_stop(struct shm_server *server)
{
	int status;
	kill(server->pid, SIGTERM);
	if (waitpid(server->pid, &status, 0) < 0)
		status = -errno;
	unlink(server->path);
	rmdir(server->directory);
	return status;
}

/* ---- Messages ---- */

int shm_connect(const struct shm_server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	strcpy(address.sun_path, server->path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

int shm_send(int socket, const struct shm_request *request, int fd)
{
	ssize_t n = send_fd(socket, request, sizeof(*request), fd);
	return n == sizeof(*request) ? 0 : -errno;
}

int shm_receive(int socket)
{
	struct shm_reply reply;
	ssize_t n = recv(socket, &reply, sizeof(reply), 0);
	return n == sizeof(reply) ? reply.status : -EPIPE;
}

int shm_ask(int socket, const struct shm_request *request, int fd)
{
	int err = shm_send(socket, request, fd);
	return err ? err : shm_receive(socket);
}

/* ---- Requests ---- */

int shm_attach(int socket, uint32_t segment, int fd, size_t length, uint32_t flags)
{
	const struct shm_request request = {
		.kind = SHM_ATTACH, .segment = segment, .length = length, .flags = flags
	};
	return shm_ask(socket, &request, fd);
}

int shm_transfer(int socket, uint32_t kind, uint32_t segment, uint32_t width, uint32_t height)
{
	const struct shm_request request = { .kind = kind,
		.segment = segment,
		.stride = width * SHM_PIXEL,
		.width = width,
		.height = height };
	return shm_ask(socket, &request, -1);
}
