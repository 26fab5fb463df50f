/* SPDX-License-Identifier: MIT */
#include "host_helper.h"

#include "../support/time_ns.h"
#include "starvation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_LIMIT    (20 * NS_PER_S) /* in which it could run; a hang is what it is there for */
#define CHILD_PATIENCE 10	       /* limits, after which it is a hang all the same */
#define CHILD_LOOK     (100 * NS_PER_MS)
#define FILE_OF_CHILD  3
#define EXIT_FOUND     1

typedef int child_fn(struct rng *rng, const struct helper_file *file, char *text);

static child_fn *const children[N_HOST_ATTACKS] = {
	[HOST_CLOSE] = child_closes,
	[HOST_LIMITS] = child_lowers_limits,
};

static sigset_t its_mask; /* which a child goes on with */

/* Leave the child nothing of the tester's but the file, as descriptor 3. */
static void keep_only(int fd)
{
	if (fd != FILE_OF_CHILD && dup2(fd, FILE_OF_CHILD) < 0)
		_exit(EXIT_FOUND);
	syscall(SYS_close_range, FILE_OF_CHILD + 1, ~0u, 0);
}

static void be_child(child_fn *child, struct rng rng, const struct helper_file *file, char *text)
{
	const struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	sigprocmask(SIG_SETMASK, &its_mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	keep_only(file->fd);
	const struct helper_file ours = { .fd = FILE_OF_CHILD, .length = file->length };
	_exit(child(&rng, &ours, text) ? EXIT_FOUND : 0);
}

/* Until the child ends, or there is something to look at. */
static bool has_ended(pid_t pid, int *status)
{
	const struct timespec rest = { .tv_nsec = CHILD_LOOK };
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	if (waitpid(pid, status, WNOHANG) == pid)
		return true;
	sigtimedwait(&ends, NULL, &rest);
	return waitpid(pid, status, WNOHANG) == pid;
}

/* True: it hung, and was killed. */
static bool await_child(pid_t pid, int *status)
{
	static struct starvation starvation;
	uint64_t could_run_ns = 0;
	const uint64_t begun = clock_ns();
	starvation = (struct starvation){ .process = pid };
	starvation_look(&starvation, 0);
	while (!has_ended(pid, status)) {
		starvation_look(&starvation, CHILD_LOOK);
		could_run_ns +=
			starvation.step_ns - starvation_step(&starvation, pid, SERVED_BY_ANY);
		if (could_run_ns > CHILD_LIMIT ||
			clock_ns() - begun > CHILD_PATIENCE * CHILD_LIMIT) {
			kill(pid, SIGKILL);
			while (waitpid(pid, status, 0) < 0 && errno == EINTR)
				;
			return true;
		}
	}
	return false;
}

static void describe_death(char *text, int status, bool has_hung)
{
	char doing[HELPER_TEXT];
	memcpy(doing, text, sizeof(doing));
	if (has_hung)
		snprintf(text, HELPER_TEXT, "a process hangs%s%.200s", doing[0] ? ": " : "", doing);
	else if (WIFSIGNALED(status))
		snprintf(text, HELPER_TEXT, "a process was killed by a signal: %s",
			strsignal(WTERMSIG(status)));
}

static void try_child(struct helper_found *found, enum host_attack attack, struct rng *rng,
	const struct helper_file *file)
{
	const struct rng its_rng = { .state = rng_next(rng) };
	char *text = found->doing;
	int status = 0;
	text[0] = '\0';
	pid_t pid = fork();
	if (pid < 0)
		return;
	if (pid == 0)
		be_child(children[attack], its_rng, file, text);
	const bool has_hung = await_child(pid, &status);
	describe_death(text, status, has_hung);
	if (status != 0) {
		memcpy(found->text[attack], text, HELPER_TEXT);
		atomic_fetch_add(&found->n_failed[attack], 1);
	}
	atomic_fetch_add(&found->n_done[attack], 1);
}

static void be_helper(struct helper_found *found, uint32_t attacks, const struct helper_file *files,
	unsigned n_files, struct rng rng)
{
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, &its_mask);
	for (;;) {
		const enum host_attack attack = (enum host_attack)rng_below(&rng, N_HOST_ATTACKS);
		if (!children[attack] || !(attacks & 1u << attack))
			continue;
		try_child(found, attack, &rng, &files[rng_below(&rng, n_files)]);
		clock_sleep(rng_below(&rng, 20) * NS_PER_MS);
	}
}

int helper_start(struct helper *helper, uint32_t attacks, const struct helper_file *files,
	unsigned n_files, struct rng rng)
{
	*helper = (struct helper){ .pid = 0 };
	if (!(attacks & (1u << HOST_CLOSE | 1u << HOST_LIMITS)))
		return 0;
	struct helper_found *found = mmap(
		NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		return -errno;
	const pid_t server = getpid(), pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != server)
			_exit(1);
		be_helper(found, attacks, files, n_files, rng);
	}
	helper->found = found;
	helper->pid = pid;
	return 0;
}

void helper_stop(struct helper *helper)
{
	int status;
	if (!helper->pid)
		return;
	kill(helper->pid, SIGKILL);
	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
		;
	helper->pid = 0;
}
