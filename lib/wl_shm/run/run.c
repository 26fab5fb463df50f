/* SPDX-License-Identifier: MIT */
/*
 * Starting the compositor with the libraries in LD_PRELOAD: in place of this process, or, for
 * --stats, as a child. Signals are passed to the child, and its end is passed to our parent.
 */
#include "run/run.h"

#include "base/settings.h"
#include "run/run_check.h"
#include "run/run_watch.h"

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

/* What may go into all programs is named without its directory: then it also goes into a compositor
 * with file capabilities that the command starts. */
static int list_libraries(
	const struct run_options *options, enum placing placing, const char *directory, char **list)
{
	if (placing == PLACED_BY_ITSELF)
		return asprintf(list, "%s", "");
	if (placing == PLACED_BY_NAME)
		return asprintf(list, LIBRARY_WAYLAND);
	const bool by_name = run_is_let_into_all(directory);
	return asprintf(list, "%s/" LIBRARY ":%s%s" LIBRARY_WAYLAND "%s%s%s", directory,
		by_name ? "" : directory, by_name ? "" : "/", options->mmap ? ":" : "",
		options->mmap ? directory : "", options->mmap ? "/" LIBRARY_MMAP : "");
}

static int put_in_front(const char *list)
{
	const char *before = getenv("LD_PRELOAD");
	char *all;
	if (!*list)
		return 0;
	if (asprintf(&all, "%s%s%s", list, before && *before ? ":" : "", before ? before : "") < 0)
		return -1;
	int result = setenv("LD_PRELOAD", all, 1);
	free(all);
	return result;
}

int run_prepare(
	const struct run_options *options, const struct run_command *command, const char *directory)
{
	char *list;
	if (options->mode && setenv(SETTING_MODE, options->mode, 1) < 0)
		return cannot("set the environment");
	if (list_libraries(options, command->placing, directory, &list) < 0)
		return cannot("set the environment");
	const int result = put_in_front(list);
	free(list);
	return result < 0 ? cannot("set the environment") : 0;
}

int run_prepare_stats(const struct run_options *options, int stats_fd)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", stats_fd);
	if (setenv(SETTING_STATS, number, 1) < 0 || setenv(SETTING_WAYLAND_STATS, number, 1) < 0 ||
		(options->mmap && options->stats && setenv(SETTING_MMAP_STATS, number, 1) < 0))
		return cannot("set the environment");
	return 0;
}

/* Run a script without #! by the shell, as execvp(3) does. */
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

/* Pass on signals of processes. Those of a terminal reach the child without us, except for its
 * hang-up, which only the leader of the session gets. */
static void pass_on(pid_t child, const siginfo_t *signal)
{
	const bool is_hangup = signal->si_signo == SIGHUP && getsid(0) == getpid();
	if (signal->si_code <= 0 || is_hangup)
		kill(child, signal->si_signo);
}

/* waitpid() cannot fail. If it does, there is no child to pass signals to, so it counts as ended.
 */
static bool has_ended(pid_t child, int *status)
{
	const pid_t ended = waitpid(child, status, WNOHANG);
	if (ended < 0)
		*status = W_EXITCODE(EXIT_CANNOT, 0);
	return ended != 0;
}

/* ---- Watching the child ---- */

struct child {
	pid_t pid;
	bool is_required;  /* to be guarded */
	bool is_undecided; /* whether it is */
	bool was_ended_by_us;
	struct watch watch;
};

static void end_child(struct child *child)
{
	child->was_ended_by_us = true;
	kill(child->watch.unguarded, SIGTERM);
	kill(child->pid, SIGTERM);
}

static void look_at_child(struct child *child)
{
	const enum watched result = watch_look(&child->watch);
	child->is_undecided = result == WATCHED_SO_FAR;
	if (result != WATCHED_UNGUARDED)
		return;
	watch_tell_unguarded(&child->watch);
	if (child->is_required)
		end_child(child);
}

static int status_of(struct child *child, int status)
{
	if (child->is_undecided && atomic_load(&child->watch.stats->loads) == 0) {
		watch_tell_nothing();
		child->was_ended_by_us = child->is_required;
	}
	return child->was_ended_by_us ? W_EXITCODE(EXIT_CANNOT, 0) : status;
}

static int wait_for_child(struct child *child, const sigset_t *signals)
{
	const struct timespec a_moment = { .tv_nsec = 100 * 1000 * 1000 };
	for (;;) {
		siginfo_t signal;
		int status;
		const int number =
			sigtimedwait(signals, &signal, child->is_undecided ? &a_moment : NULL);
		if (number < 0 && errno == EAGAIN)
			look_at_child(child);
		else if (number < 0)
			continue; /* EINTR: this process was stopped and continued */
		else if (signal.si_signo != SIGCHLD)
			pass_on(child->pid, &signal);
		else if (has_ended(child->pid, &status))
			return status_of(child, status);
	}
}

/* ---- Signals ---- */

/* Signal state that block_signals() changes; the command gets it back. */
struct inherited {
	sigset_t mask;
	struct sigaction on_child_end;
};

/* SIGCHLD must not be ignored, as it is if our parent ignored it: it would never come, and the
 * kernel would reap the child. */
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
	/* A signal that kills the parent is meant for the compositor. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_CANNOT);
	restore_signals(before);
	_exit(run_become(options, path));
}

int run_and_wait(const struct run_options *options, const char *path, const struct watch *watch)
{
	struct inherited before;
	sigset_t signals;
	list_signals(&signals);
	block_signals(&signals, &before);
	const pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return cannot("start a process");
	if (pid == 0)
		run_child(options, path, parent, &before);
	struct child child = {
		.pid = pid,
		.is_required = options->require,
		.is_undecided = true,
		.watch = *watch,
	};
	child.watch.root = pid;
	return wait_for_child(&child, &signals);
}
