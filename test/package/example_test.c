/* SPDX-License-Identifier: MIT */
/*
 * The client of docs/examples/server.c: a friendly one, one that truncates, one that truncates all
 * the time while the server reads. Each gets a server of its own; none may end by a signal.
 */
#include "../support/send_fd.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH ((uint32_t)1 << 20)

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			exit(EXIT_FAILURE);                                                        \
		}                                                                                  \
	} while (0)

struct session {
	pid_t server;
	int socket, file;
	FILE *answers;
};

static uint32_t checksum(int file)
{
	unsigned char *bytes = calloc(1, LENGTH);
	uint32_t sum = 0;
	CHECK(bytes && pread(file, bytes, LENGTH, 0) >= 0);
	for (uint32_t i = 0; i < LENGTH; i++)
		sum = sum * 31 + bytes[i];
	free(bytes);
	return sum;
}

static void write_noise(int file, unsigned seed)
{
	unsigned char *bytes = malloc(LENGTH);
	CHECK(bytes);
	for (uint32_t i = 0; i < LENGTH; i++)
		bytes[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
	CHECK(pwrite(file, bytes, LENGTH, 0) == LENGTH);
	free(bytes);
}

static void send_descriptor(int socket, int file)
{
	uint32_t length = LENGTH;
	CHECK(send_fd(socket, &length, sizeof(length), file) == sizeof(length));
}

static struct session start(const char *path)
{
	int ends[2], answers[2];
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0 && pipe(answers) == 0);

	struct session session = { .server = fork(), .socket = ends[0] };
	CHECK(session.server >= 0);
	if (session.server == 0) {
		dup2(ends[1], STDIN_FILENO);
		dup2(answers[1], STDOUT_FILENO);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execl(path, path, (char *)NULL);
		_exit(126);
	}
	close(ends[1]);
	close(answers[1]);
	session.answers = fdopen(answers[0], "r");
	session.file = memfd_create("client", MFD_CLOEXEC);
	CHECK(session.answers && session.file >= 0);
	write_noise(session.file, 1);
	send_descriptor(session.socket, session.file);
	return session;
}

static void expect(struct session *session, uint32_t sum, const char *rest)
{
	char line[80], expected[80];
	CHECK(fgets(line, sizeof(line), session->answers));
	snprintf(expected, sizeof(expected), "%08x%s\n", sum, rest);
	if (strcmp(line, expected) != 0) {
		fprintf(stderr, "answer: %sexpected: %s", line, expected);
		exit(EXIT_FAILURE);
	}
}

static void ask(struct session *session)
{
	CHECK(send(session->socket, &(uint32_t){ 0 }, sizeof(uint32_t), MSG_NOSIGNAL) > 0);
}

static void stop(struct session *session)
{
	int status;
	close(session->socket);
	CHECK(waitpid(session->server, &status, 0) == session->server);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "the server ended with status 0x%x\n", (unsigned)status);
		exit(EXIT_FAILURE);
	}
	fclose(session->answers);
	close(session->file);
}

static void friendly_client(const char *path)
{
	struct session session = start(path);
	expect(&session, checksum(session.file), "");
	write_noise(session.file, 2);
	ask(&session);
	expect(&session, checksum(session.file), "");
	stop(&session);
}

static void truncating_client(const char *path)
{
	struct session session = start(path);
	expect(&session, checksum(session.file), "");

	CHECK(ftruncate(session.file, 5000) == 0); /* in the midst of a page */
	ask(&session);
	expect(&session, checksum(session.file), ", bytes are missing");

	write_noise(session.file, 3); /* grows it again */
	ask(&session);
	expect(&session, checksum(session.file), "");
	stop(&session);
}

static void truncate_for_ever(int file)
{
	for (unsigned i = 0; ftruncate(file, i % 2 ? LENGTH : 0) == 0; i++)
		;
	_exit(EXIT_FAILURE);
}

static void restless_client(const char *path)
{
	struct session session = start(path);
	pid_t restless = fork();
	CHECK(restless >= 0);
	if (restless == 0)
		truncate_for_ever(session.file);

	char line[80];
	int n_lossy = 0;
	for (int i = 0; i < 300 || (n_lossy == 0 && i < 100000); i++) {
		CHECK(fgets(line, sizeof(line), session.answers));
		n_lossy += strstr(line, "missing") != NULL;
		ask(&session);
	}
	CHECK(n_lossy > 0);
	CHECK(fgets(line, sizeof(line), session.answers));
	kill(restless, SIGKILL);
	CHECK(waitpid(restless, NULL, 0) == restless);
	stop(&session);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	friendly_client(argv[1]);
	truncating_client(argv[1]);
	restless_client(argv[1]);
	return 0;
}
