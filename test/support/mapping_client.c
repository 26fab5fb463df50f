/* SPDX-License-Identifier: MIT */
#include "mapping_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OF_A_PROCESS 60000 /* vm.max_map_count allows 65530 */

struct job {
	int fd;
	size_t size;
	int n_mappings; /* 0: read */
	int ready;
};

static void fill(const struct job *job)
{
	static const char bytes[4096] = { 1 };
	for (size_t at = 0; at < job->size; at += sizeof(bytes)) {
		if (pwrite(job->fd, bytes, sizeof(bytes), (off_t)at) < 0)
			_exit(1);
	}
}

static const volatile char *map(const struct job *job, int protection)
{
	const volatile char *map = mmap(NULL, job->size, protection, MAP_SHARED, job->fd, 0);
	if (map == MAP_FAILED)
		_exit(1);
	return map;
}

static void tell_ready(const struct job *job)
{
	if (write(job->ready, "", 1) < 0)
		_exit(1);
}

/* A fault maps what there is of the pages beside it as well. */
static void read_for_ever(const struct job *job)
{
	const volatile char *bytes = map(job, PROT_READ);
	tell_ready(job);
	for (size_t at = 0;; at = (at + 4096) % job->size)
		(void)bytes[at];
}

/* Of different protection, or two that lie side by side would become one. */
static void map_and_punch(const struct job *job)
{
	for (int i = 0; i < job->n_mappings; i++)
		map(job, i % 2 ? PROT_READ : PROT_NONE);
	tell_ready(job);
	for (;;) {
		fill(job);
		fallocate(job->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)job->size);
	}
}

static int start(struct mapping_client *client, struct job job)
{
	int ends[2];
	char byte;
	if (client->n_processes == MAPPING_CLIENT_MOST)
		return -EINVAL;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	job.ready = ends[1];
	const pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(job.n_mappings ? map_and_punch : read_for_ever)(&job);
	}
	close(ends[1]);
	if (pid > 0)
		client->processes[client->n_processes++] = pid;
	const int err = pid > 0 && read(ends[0], &byte, 1) == 1 ? 0 : -ENOMEM;
	close(ends[0]);
	return err;
}

int mapping_client_start(
	struct mapping_client *client, int fd, size_t size, int n_mappings, int n_readers)
{
	struct job job = { .fd = fd, .size = size };
	int err = 0;
	client->n_processes = 0;
	for (int i = 0; i < n_readers && !err; i++)
		err = start(client, job);
	for (int left = n_mappings; left > 0 && !err; left -= job.n_mappings) {
		job.n_mappings = left < OF_A_PROCESS ? left : OF_A_PROCESS;
		err = start(client, job);
	}
	if (err)
		mapping_client_end(client);
	return err;
}

void mapping_client_end(struct mapping_client *client)
{
	while (client->n_processes > 0) {
		const pid_t pid = client->processes[--client->n_processes];
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}
