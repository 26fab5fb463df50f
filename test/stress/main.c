/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-stress: hostile clients against a server that reads through uffd_guard.
 *
 * The life of a run: give up privileges, fork the clients, take over their files, show on one of
 * them what becomes of a plain mapping, start the server's threads, let it all go for some seconds,
 * stop, report. Processes are forked before there is any thread.
 */
#include "client.h"
#include "clock.h"
#include "control_experiment.h"
#include "options.h"
#include "report.h"
#include "selftest.h"
#include "server.h"
#include "signals.h"
#include "slot.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOBODY 65534

struct run {
	const struct options *options;
	struct control *control;
	struct client *clients;
	struct server server;
	struct experiment experiments[N_ATTACKS];
	sigset_t end_signals;
};

/* ---- Preparations ---- */

static int cannot(const char *what, int err)
{
	fprintf(stderr, "uffd-guard-stress: cannot %s: %s\n", what, strerror(-err));
	return err;
}

/* Two descriptors for each region; and beyond the hard limit if we may. */
static void raise_descriptor_limit(const struct options *options)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	rlim_t wanted = 2 * (rlim_t)options->n_regions + options->n_clients + 256;
	struct rlimit more = { .rlim_cur = wanted, .rlim_max = wanted };
	if (wanted > limit.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int give_up_privileges(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY))
		return cannot("give up privileges", -errno);
	prctl(PR_SET_DUMPABLE, 1); /* as after exec: /proc/self is ours */
	return 0;
}

static void block_end_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* ---- Clients ---- */

static int start_clients(struct run *run)
{
	const struct options *options = run->options;
	for (unsigned i = 0; i < options->n_clients; i++) {
		int err = client_start(&run->clients[i], i, options, run->control);
		if (err)
			return cannot("start a client", err);
	}
	return 0;
}

static void on_file(uint32_t file, int fd, void *data)
{
	struct run *run = data;
	server_take_file(&run->server, file, fd);
}

static int take_files(struct run *run)
{
	for (unsigned i = 0; i < run->options->n_clients; i++) {
		int err = client_receive_files(&run->clients[i], on_file, run);
		if (err)
			return cannot("take over the files of a client (is there room for them in "
				      "memory, and "
				      "is the limit of open files high enough?)",
				err);
	}
	return 0;
}

static void look_after_clients(struct run *run)
{
	for (unsigned i = 0; i < run->options->n_clients; i++)
		client_look_after(&run->clients[i]);
}

static void stop_clients(struct run *run)
{
	look_after_clients(run);
	atomic_store(&run->control->phase, PHASE_STOP);
	for (unsigned i = 0; i < run->options->n_clients; i++)
		client_stop(&run->clients[i]);
}

/* ---- The run ---- */

static struct uffd_guard_stats take_stats(const struct run *run)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	uffd_guard_get_stats(run->server.guard, &stats);
	return stats;
}

static void tick(struct run *run, uint64_t start)
{
	static uint64_t faults_before, time_before;
	uint64_t faults = take_stats(run).faults, now = clock_ns();
	uint64_t since = time_before ? time_before : start;
	const struct progress progress = { .ns = now - start,
		.faults_per_second =
			(double)(faults - faults_before) * 1e9 / (double)(now - since) };
	judge_signals(&run->server.judge);
	look_after_clients(run);
	if (isatty(STDERR_FILENO))
		report_progress(&run->server, &progress);
	faults_before = faults;
	time_before = now;
}

/* Until the time is over, or a signal says so. */
static void wait_for_the_end(struct run *run, uint64_t start)
{
	uint64_t end = start + run->options->seconds * NS_PER_S;
	for (uint64_t now; (now = clock_ns()) < end;) {
		struct timespec pause = clock_timespec(end - now < NS_PER_S ? end - now : NS_PER_S);
		if (sigtimedwait(&run->end_signals, NULL, &pause) > 0)
			break;
		tick(run, start);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
}

static void report(struct run *run, uint64_t ns)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	uint32_t features = uffd_guard_features(run->server.guard);
	const struct outcome outcome = {
		.server = &run->server,
		.clients = run->clients,
		.experiments = run->experiments,
		.stats = take_stats(run),
		.ns = ns,
		.uses_uring = features & UFFD_GUARD_FEATURE_IO_URING,
		.kernel_faults = features & UFFD_GUARD_FEATURE_KERNEL_FAULTS,
		.max_rss = (uint64_t)usage.ru_maxrss << 10,
	};
	if (run->options->json)
		report_print_json(&outcome);
	else
		report_print(&outcome);
}

static int run_server(struct run *run)
{
	struct server *server = &run->server;
	signals_install();
	int err = server_start(server);
	if (err)
		return err;

	uint64_t start = clock_ns();
	atomic_store(&run->control->phase, PHASE_RUN);
	wait_for_the_end(run, start);
	bool has_stopped = server_stop_readers(server);
	uint64_t ns = clock_ns() - start;
	judge_signals(&server->judge);
	stop_clients(run);
	report(run, ns);
	if (!has_stopped)
		_exit(EXIT_VIOLATION); /* a thread of ours hangs in guarded memory */
	return 0;
}

static int prepare(struct run *run)
{
	const struct options *options = run->options;
	raise_descriptor_limit(options);
	int err = options->unprivileged ? give_up_privileges() : 0;
	if (err)
		return err;
	block_end_signals(&run->end_signals);

	run->control = control_create(
		options->n_regions, (uint32_t)(options->size / (uint64_t)sysconf(_SC_PAGESIZE)));
	if (!run->control)
		return cannot("get shared memory", -errno);
	run->clients = calloc(options->n_clients, sizeof(*run->clients));
	err = run->clients ? server_init(&run->server, options, run->control) : -ENOMEM;
	return err ? cannot("start", err) : 0;
}

static enum exit_code run_all(const struct options *options)
{
	static struct run run; /* large */
	run.options = options;
	int err = prepare(&run);
	if (err)
		return EXIT_NOT_RUN;

	err = start_clients(&run);
	if (!err)
		err = take_files(&run);
	if (!err && !options->no_control)
		experiment_make_all(
			run.control, run.server.slots[0].fd, options->attacks, run.experiments);
	if (!err)
		err = run_server(&run);
	if (err) {
		stop_clients(&run);
		_exit(EXIT_NOT_RUN); /* threads may be running */
	}
	enum exit_code exit_code =
		judge_violations(&run.server.judge) ? EXIT_VIOLATION : EXIT_NO_VIOLATION;
	server_finish(&run.server);
	free(run.clients);
	control_destroy(run.control);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct options options;
	enum exit_code exit_code;
	if (options_parse(&options, argc, argv, &exit_code))
		return exit_code;
	return options.selftest ? selftest_run() : run_all(&options);
}
