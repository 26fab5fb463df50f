/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-run: run a Wayland compositor with libuffd_guard_wl_shm.so, and
 * libuffd_guard_wayland.so, in LD_PRELOAD.
 *
 * It checks that the compositor will be guarded, and becomes it by execve(2). Only for --stats and
 * --require it stays as the parent, and ends as the compositor ends.
 */
#include "cli/cli.h"

#include "run/run.h"
#include "run/run_check.h"
#include "run/run_report.h"
#include "run/run_trial.h"
#include "run/run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Create memory for the compositor's counters, to be read when it has ended, even if by a signal.
 */
static struct shm_stats *share_stats(int *fd)
{
	const int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	*fd = memfd_create("uffd-guard-run stats", MFD_ALLOW_SEALING); /* inherited */
	if (*fd < 0 || ftruncate(*fd, sizeof(struct shm_stats)) < 0 ||
		fcntl(*fd, F_ADD_SEALS, size_seals) < 0)
		return NULL;
	struct shm_stats *stats =
		mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (stats == MAP_FAILED)
		return NULL;
	stats->magic = SHM_STATS_MAGIC;
	return stats;
}

/* End with the same status, or by the same signal without another core dump. */
static int end_as(int status)
{
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	sigset_t signals;
	const int number = WTERMSIG(status);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	signal(number, SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, number);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	raise(number);
	return 128 + number;
}

static int report(const struct run_options *options, const struct shm_stats *stats)
{
	if (options->json)
		report_json(stats);
	else if (options->stats)
		report_text(stats, options->command[0]);
	return cli_finish_output();
}

static int run_as_parent(
	const struct run_options *options, const char *path, const struct watch *watch)
{
	int status = run_and_wait(options, path, watch);
	if (status < 0)
		return EXIT_CANNOT;
	const bool is_written = report(options, watch->stats) == 0;
	if (WIFSIGNALED(status))
		fprintf(stderr, PROGRAM ": %s was killed by signal %d (%s)\n", path,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return status == 0 && !is_written ? CLI_EXIT_NOT_WRITTEN : end_as(status);
}

static int run_it(const struct run_options *options, const char *path, const char *directory)
{
	int fd;
	struct shm_stats *stats = share_stats(&fd);
	if (!stats) {
		fprintf(stderr, PROGRAM ": cannot share statistics: %s\n", strerror(errno));
		return EXIT_CANNOT;
	}
	stats->has_reporter = options->stats;
	if (run_prepare_stats(options, fd) < 0)
		return EXIT_CANNOT;
	const struct watch watch = { .stats = stats,
		.is_let_into_all = run_is_let_into_all(directory) };
	if (options->stats || options->require)
		return run_as_parent(options, path, &watch);
	watch_from_aside(&watch);
	return run_become(options, path);
}

/* There the library reads no environment, so it cannot be given counters, and who has no privileges
 * cannot look at the process. */
static int run_in_secure_mode(const struct run_options *options, const char *path)
{
	if (!options->stats)
		return run_become(options, path);
	fprintf(stderr,
		PROGRAM ": %s has file capabilities, and tells nobody what it does: leave "
			"out --stats and --json\n",
		path);
	return EXIT_CANNOT;
}

/* ---- Whether it can be guarded ---- */

/* What has a wl_shm of its own, and fails at the trial, would run as it is. */
static int look_at_ways(
	struct check *check, const struct run_command *command, const char *directory)
{
	ways_find(&check->ways, command, directory);
	return ways_are_there(&check->ways, check->with_mmap) ? 0 : EXIT_CANNOT;
}

static int tell_check(const struct run_options *options, const struct run_command *command,
	const char *directory, struct check *check)
{
	const char *path = options->command && !check->err ? command->path : NULL;
	if (path && check->exit_code == 0)
		check->exit_code = look_at_ways(check, command, directory);
	else if (!check->err)
		check->ways.trial = run_trial(directory, "");
	if (options->json)
		report_check_json(check, path);
	else if (!check->err)
		report_check_text(check, check->exit_code == EXIT_NOT_RUN ? NULL : path);
	return cli_finish_output() ? CLI_EXIT_NOT_WRITTEN : check->exit_code;
}

/* Before it is started: the library would be in front of it, and do nothing. What others start is
 * looked at when it runs. */
static int refuse_failing(const struct run_options *options, const struct run_command *command,
	const char *directory, struct check *check)
{
	if (!options->require || look_at_ways(check, command, directory) == 0 ||
		!check->ways.gets_copies)
		return 0;
	fprintf(stderr, PROGRAM ": nothing of %s would be guarded: " PROGRAM " --check says why\n",
		command->path);
	return EXIT_CANNOT;
}

int main(int argc, char **argv)
{
	struct run_options options;
	struct run_command command = { .placing = PLACED_BY_PATH };
	struct check check = { 0 };
	char directory[PATH_MAX];

	int err = run_options_parse(&options, argc, argv);
	if (err)
		return err == -EINVAL ? EXIT_CANNOT : cli_exit_code(err);
	check.with_mmap = options.mmap;
	check.err = run_check_libraries(options.mmap, directory);
	if (!check.err)
		check.err = run_check_machine(&check.features);
	if (check.err)
		check.exit_code = EXIT_CANNOT;
	else if (options.command)
		check.exit_code = run_check_command(options.command[0], directory, &command);
	check.placing = command.placing;
	if (options.only_check)
		return tell_check(&options, &command, directory, &check);
	if (!check.exit_code)
		check.exit_code = refuse_failing(&options, &command, directory, &check);
	if (check.exit_code)
		return check.exit_code;
	if (run_prepare(&options, &command, directory))
		return EXIT_CANNOT;
	return command.placing == PLACED_BY_PATH ? run_it(&options, command.path, directory)
						 : run_in_secure_mode(&options, command.path);
}
