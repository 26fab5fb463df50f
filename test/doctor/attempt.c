/* SPDX-License-Identifier: MIT */
/*
 * An attempt may fail by an error, by a signal (a seccomp filter may kill the caller, a broken
 * kernel may raise SIGBUS), or never end. So each attempt is a process of its own. It has ended
 * when its end of a pipe is closed, and is killed if that takes too long. It leaves nothing behind,
 * not even a core.
 */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 10000 /* ms; nothing that is tried takes longer than a few */

static void die_quietly(void)
{
	static const int fatal[] = { SIGBUS, SIGSEGV, SIGSYS, SIGABRT };
	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL); /* a sanitizer may have a handler for it */
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void run_child(struct facts *facts, struct attempt *attempt, attempt_fn *fn)
{
	die_quietly();
	attempt->err = fn(facts);
	_exit(0);
}

static bool ends_in_time(int alive)
{
	struct pollfd end = { .fd = alive, .events = POLLIN };
	int n;
	do {
		n = poll(&end, 1, PATIENCE);
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

static void await_child(struct attempt *attempt, pid_t child, int alive)
{
	int status = 0;
	attempt->has_hung = !ends_in_time(alive);
	if (attempt->has_hung)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		attempt->signal = WTERMSIG(status);
}

int attempt_make(struct facts *facts, enum attempt_id id, attempt_fn *fn)
{
	struct attempt *attempt = &facts->attempts[id];
	int alive[2];
	if (pipe2(alive, O_CLOEXEC) < 0)
		return -errno;
	*attempt = (struct attempt){ .err = -ECANCELED }; /* if it ends without a word */

	pid_t child = fork();
	int err = child < 0 ? -errno : 0;
	if (child == 0)
		run_child(facts, attempt, fn);
	close(alive[1]);
	if (!err) {
		attempt->was_made = true;
		await_child(attempt, child, alive[0]);
	}
	close(alive[0]);
	return err;
}
