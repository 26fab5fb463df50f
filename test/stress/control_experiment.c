/* SPDX-License-Identifier: MIT */
/*
 * The control experiment: the same client makes the same attack, and the reader has a plain
 * mapping. It shows that the attacks are real, so that a run without a signal means something. The
 * report says which attacks do not hurt a plain mapping.
 */
#include "control_experiment.h"

#include "../support/time_ns.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DURATION (200 * NS_PER_MS)

static void read_for_ever(const struct control *control, int fd, _Atomic uint64_t *first_read)
{
	const struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGBUS, SIG_DFL);

	uint64_t n_words = control_file_words(control);
	const volatile uint64_t *words =
		mmap(NULL, n_words * sizeof(*words), PROT_READ, MAP_SHARED, fd, 0);
	if (words == MAP_FAILED)
		_exit(1);
	atomic_store(first_read, clock_ns());
	for (uint64_t i = 0;; i = (i + control->words_per_page) % n_words)
		(void)words[i];
}

/* Wait for the end of the child, at most @ns. False: it still runs. */
static bool wait_for(pid_t pid, uint64_t ns, int *status)
{
	uint64_t end = clock_ns() + ns;
	do {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		clock_sleep(NS_PER_MS / 10);
	} while (clock_ns() < end);
	return false;
}

static void wait_for_start(pid_t pid, const _Atomic uint64_t *first_read)
{
	for (unsigned i = 0; i < 1000 && kill(pid, 0) == 0 && atomic_load(first_read) == 0; i++)
		clock_sleep(NS_PER_MS / 10);
}

/* Wait until the client has repaired its file, so that the next reader does not suffer from this
 * attack. */
static void end_attack(struct control *control)
{
	atomic_store(&control->phase, PHASE_IDLE);
	for (unsigned i = 0; i < 10000 && atomic_load(&control->is_experimenting); i++)
		clock_sleep(NS_PER_MS / 10);
}

static void make(struct control *control, int fd, enum attack attack, _Atomic uint64_t *first_read,
	struct experiment *experiment)
{
	int status = 0;
	atomic_store(first_read, 0);
	pid_t pid = fork();
	if (pid < 0)
		return;
	if (pid == 0)
		read_for_ever(control, fd, first_read);

	wait_for_start(pid, first_read);
	atomic_store(&control->experiment_attack, attack);
	atomic_store(&control->phase, PHASE_EXPERIMENT);
	bool has_died = wait_for(pid, DURATION, &status);
	uint64_t end = clock_ns();
	end_attack(control);
	if (!has_died) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	*experiment = (struct experiment){
		.was_made = atomic_load(first_read) > 0,
		.signal = has_died && WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.ns = end - atomic_load(first_read),
	};
}

void experiment_make_all(
	struct control *control, int fd, uint32_t attacks, struct experiment experiments[N_ATTACKS])
{
	_Atomic uint64_t *first_read = mmap(NULL, sizeof(*first_read), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (first_read == MAP_FAILED)
		return;
	for (unsigned i = 0; i < N_ATTACKS; i++) {
		if (attacks & 1u << i)
			make(control, fd, (enum attack)i, first_read, &experiments[i]);
	}
	munmap((void *)first_read, sizeof(*first_read));
}

void experiment_describe(const struct experiment *experiment, char *text, int size)
{
	if (!experiment->was_made)
		snprintf(text, (size_t)size, "not tried");
	else if (experiment->signal == 0)
		snprintf(text, (size_t)size, "lives");
	else
		snprintf(text, (size_t)size, "killed by %s after %.1f ms",
			experiment->signal == SIGBUS ? "SIGBUS" : strsignal(experiment->signal),
			(double)experiment->ns / 1e6);
}
