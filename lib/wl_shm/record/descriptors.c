/* SPDX-License-Identifier: MIT */
/*
 * Each pool keeps a descriptor, unlike libwayland's pools, and Xwayland, which is one client, has a
 * pool for each pixmap. So the soft limit is raised to the hard one when half of it is used, and
 * not before: programs that the compositor starts by posix_spawn(3) inherit it, and some of them
 * use select(2) and cannot have more than 1024. Children of fork(2) get the old limit back.
 *
 * A program may have as many pools as it leaves free for all others, on all its connections: a
 * single one gets half of the descriptors, two get a third each, and something is always left for
 * the next one.
 */
#include "record/descriptors.h"

#include "base/log.h"

#include <pthread.h>
#include <sys/resource.h>

#define FOR_CONNECTIONS 16 /* a sixteenth of all descriptors is for no pool */

/* Of a program, from what is for connections: one that comes late can show something. */
#define FIRST_POOLS 2
#define LEAST_LEFT  16

static struct rlimit before, raised;

static void on_fork_in_child(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == raised.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &before);
}

static void raise_limit(void)
{
	if (getrlimit(RLIMIT_NOFILE, &before) < 0 || before.rlim_cur >= before.rlim_max)
		return;
	raised = before;
	raised.rlim_cur = before.rlim_max;
	if (pthread_atfork(NULL, NULL, on_fork_in_child) == 0)
		setrlimit(RLIMIT_NOFILE, &raised);
}

static void raise_limit_if_half_is_used(unsigned n_used)
{
	static pthread_once_t raised_once = PTHREAD_ONCE_INIT;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && n_used >= limit.rlim_cur / 2)
		pthread_once(&raised_once, raise_limit);
}

static unsigned most_pools(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_max < MOST_POOLS ? (unsigned)limit.rlim_max : MOST_POOLS;
}

static unsigned count_left(unsigned n_used, unsigned most)
{
	n_used += most / FOR_CONNECTIONS;
	return n_used < most ? most - n_used : 0;
}

bool descriptors_allow_pool(struct shm_client *client, int fd)
{
	/* The kernel gives the lowest number that is free: there are at least @fd others. */
	const unsigned n_pools = client->display->n_pools, n_others = (unsigned)fd,
		       n_used = n_pools > n_others ? n_pools : n_others;
	raise_limit_if_half_is_used(n_used);
	const unsigned left = count_left(n_used, most_pools());
	const struct shm_program *program = client->program;
	const bool is_first = program->n_pools < FIRST_POOLS && n_used + LEAST_LEFT < most_pools();
	if (program->n_pools < left || is_first)
		return true;
	shm_log("a program (pid %d) has %u pools and gets no more: each takes a descriptor, of "
		"which %u are left to all others. Where that is too few, raise the "
		"compositor's hard limit (ulimit -Hn, LimitNOFILE=)",
		(int)program->pid, program->n_pools, left);
	return false;
}
