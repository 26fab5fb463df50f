/* SPDX-License-Identifier: MIT */
/*
 * Each pool keeps a descriptor, unlike libwayland's pools, and Xwayland, which is one client, has a
 * pool for each pixmap. So the soft limit is raised to the hard one. Programs that the compositor
 * starts get the old limit back, because some of them use select(2) and cannot have more than 1024.
 *
 * A program may have as many pools as it leaves free for all others, on all its connections: a
 * single one gets half of the descriptors, two get a third each, and something is always left for
 * the next one.
 */
#include "record/descriptors.h"

#include "base/log.h"

#include <pthread.h>
#include <sys/resource.h>

#define FOR_CONNECTIONS 16    /* a sixteenth of all descriptors is for no pool */
#define MOST_POOLS	16384 /* a pool takes mappings too, and a process can have 65530 of them */

static struct rlimit before, raised;

static void on_fork_in_child(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == raised.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &before);
}

static void raise_limit(void)
{
	if (getrlimit(RLIMIT_NOFILE, &before) < 0 || before.rlim_cur == before.rlim_max)
		return;
	raised = before;
	raised.rlim_cur = before.rlim_max;
	if (pthread_atfork(NULL, NULL, on_fork_in_child) == 0)
		setrlimit(RLIMIT_NOFILE, &raised);
}

void descriptors_raise_limit(void)
{
	static pthread_once_t raised_once = PTHREAD_ONCE_INIT;
	pthread_once(&raised_once, raise_limit);
}

static unsigned most_pools(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_cur < MOST_POOLS ? (unsigned)limit.rlim_cur : MOST_POOLS;
}

/* The kernel gives the lowest number that is free: there are at least @fd others. */
static unsigned count_left(const struct shm_display *display, int fd, unsigned most)
{
	const unsigned taken = display->n_pools, others = (unsigned)fd,
		       used = (taken > others ? taken : others) + most / FOR_CONNECTIONS;
	return used < most ? most - used : 0;
}

bool descriptors_allow_pool(struct shm_client *client, int fd)
{
	const unsigned left = count_left(client->display, fd, most_pools());
	const struct shm_program *program = client->program;
	if (program->n_pools < left)
		return true;
	shm_log("a program (pid %d) has %u pools and gets no more: each takes a descriptor, of "
		"which %u are left to all others. Where that is too few, raise the "
		"compositor's hard limit (ulimit -Hn, LimitNOFILE=)",
		(int)program->pid, program->n_pools, left);
	return false;
}
