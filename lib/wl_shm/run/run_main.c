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
	const struct run_options *options, const char *path, const struct shm_stats *stats)
{
	int status = run_and_wait(options, path, stats);
	if (status < 0)
		return EXIT_CANNOT;
	const bool is_written = report(options, stats) == 0;
	if (WIFSIGNALED(status))
		fprintf(stderr, PROGRAM ": %s was killed by signal %d (%s)\n", path,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return status == 0 && !is_written ? CLI_EXIT_NOT_WRITTEN : end_as(status);
}

static int run_it(const struct run_options *options, const char *path)
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
	if (options->stats || options->require)
		return run_as_parent(options, path, stats);
	watch_from_aside(stats);
	return run_become(options, path);
}

static int tell_check(const struct run_options *options, const char *path, struct check *check)
{
	const char *command = options->command && !check->err ? path : NULL;
	if (command && check->exit_code == 0) {
		ways_find(&check->ways, path);
		check->exit_code = ways_are_there(&check->ways, check->with_mmap) ? 0 : EXIT_CANNOT;
	}
	if (options->json)
		report_check_json(check, command);
	else if (!check->err)
		report_check_text(check, check->exit_code == EXIT_NOT_RUN ? NULL : command);
	return cli_finish_output() ? CLI_EXIT_NOT_WRITTEN : check->exit_code;
}

int main(int argc, char **argv)
{
	struct run_options options;
	char directory[PATH_MAX], path[PATH_MAX];

	int err = run_options_parse(&options, argc, argv);
	if (err)
		return err == -EINVAL ? EXIT_CANNOT : cli_exit_code(err);
	uint32_t features = 0;
	err = run_check_libraries(options.mmap, directory);
	if (!err)
		err = run_check_machine(&features);
	bool by_name = false;
	const int exit_code =
		err		  ? EXIT_CANNOT
		: options.command ? run_check_command(options.command[0], directory, path, &by_name)
				  : 0;
	if (options.only_check)
		return tell_check(&options, path,
			&(struct check){ err, features, exit_code, options.mmap, { 0 } });
	if (exit_code)
		return exit_code;
	if (run_prepare(&options, by_name ? NULL : directory))
		return EXIT_CANNOT;
	return run_it(&options, path);
}
