/* SPDX-License-Identifier: MIT */
/*
 * Starting the compositor: with the libraries in front, and, where somebody has to be there at the
 * end, as a child whose signals and whose end are passed through.
 */
#include "run/run.h"

#include "base/settings.h"
#include "run/run_check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int cannot(const char *what)
{
	fprintf(stderr, PROGRAM ": cannot %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- Environment ---- */

static int prepare_preload(const struct run_options *options, const char *directory)
{
	const char *before = getenv("LD_PRELOAD");
	char *list;
	int length =
		asprintf(&list, "%s/" LIBRARY "%s%s%s%s%s", directory, options->mmap ? ":" : "",
			options->mmap ? directory : "", options->mmap ? "/" LIBRARY_MMAP : "",
			before && *before ? ":" : "", before ? before : "");
	if (length < 0)
		return cannot("set the environment");
	int result = setenv("LD_PRELOAD", list, 1);
	free(list);
	return result < 0 ? cannot("set the environment") : 0;
}

int run_prepare(const struct run_options *options, const char *directory)
{
	if (options->mode && setenv(SETTING_MODE, options->mode, 1) < 0)
		return cannot("set the environment");
	return prepare_preload(options, directory);
}

static int prepare_stats(const struct run_options *options, int stats_fd)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", stats_fd);
	if (setenv(SETTING_STATS, number, 1) < 0 ||
		(options->mmap && setenv(SETTING_MMAP_STATS, number, 1) < 0))
		return cannot("set the environment");
	return 0;
}

/* As execvp(3) does with what is no program: a script that does not say whose. */
static void become_shell(const struct run_options *options, const char *path)
{
	size_t n = 0;
	while (options->command[n])
		n++;
	const char **arguments = calloc(n + 2, sizeof(*arguments));
	if (!arguments)
		return;
	arguments[0] = "sh";
	arguments[1] = path;
	for (size_t i = 1; i < n; i++)
		arguments[i + 1] = options->command[i];
	execv("/bin/sh", (char *const *)arguments);
	free(arguments);
}

int run_become(const struct run_options *options, const char *path)
{
	execv(path, options->command);
	if (errno == ENOEXEC)
		become_shell(options, path);
	const int err = errno;
	fprintf(stderr, PROGRAM ": %s: %s\n", path, strerror(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}

/* ---- As a child ---- */

static void list_signals(sigset_t *signals)
{
	static const int all[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT,
		SIGCHLD };
	sigemptyset(signals);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sigaddset(signals, all[i]);
}

/* What a terminal sends, it sends to the child too; but that it hangs up, it tells only the leader
 * of the session. */
static void pass_on(pid_t child, const siginfo_t *signal)
{
	const bool is_hangup = signal->si_signo == SIGHUP && getsid(0) == getpid();
	if (signal->si_code <= 0 || is_hangup)
		kill(child, signal->si_signo);
}

/* ECHILD cannot be; but with nobody to wait for, there is nobody to pass signals to either. */
static bool has_ended(pid_t child, int *status)
{
	const pid_t ended = waitpid(child, status, WNOHANG);
	if (ended < 0)
		*status = W_EXITCODE(EXIT_CANNOT, 0);
	return ended != 0;
}

static int wait_for_child(pid_t child, const sigset_t *signals)
{
	for (;;) {
		siginfo_t signal;
		int status;
		if (sigwaitinfo(signals, &signal) < 0)
			continue; /* EINTR: stopped, and going on */
		if (signal.si_signo != SIGCHLD)
			pass_on(child, &signal);
		else if (has_ended(child, &status))
			return status;
	}
}

/* What the parent has changed for itself, and the command is to have as this program had it. */
struct inherited {
	sigset_t mask;
	struct sigaction on_child_end;
};

/* Where whoever started us ignores SIGCHLD, so would we: it would never come, and the kernel would
 * wait for the child in our place. */
static void block_signals(const sigset_t *signals, struct inherited *before)
{
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	sigaction(SIGCHLD, &normal, &before->on_child_end);
	sigprocmask(SIG_BLOCK, signals, &before->mask);
}

static void restore_signals(const struct inherited *before)
{
	sigaction(SIGCHLD, &before->on_child_end, NULL);
	sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

static void run_child(const struct run_options *options, const char *path, pid_t parent,
	const struct inherited *before)
{
	/* Who kills the parent, means the compositor. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_CANNOT);
	restore_signals(before);
	_exit(run_become(options, path));
}

int run_and_wait(const struct run_options *options, const char *path, int stats_fd)
{
	struct inherited before;
	sigset_t signals;
	if (prepare_stats(options, stats_fd) < 0)
		return -1;
	list_signals(&signals);
	block_signals(&signals, &before);
	const pid_t parent = getpid(), child = fork();
	if (child < 0)
		return cannot("start a process");
	if (child == 0)
		run_child(options, path, parent, &before);
	return wait_for_child(child, &signals);
}
