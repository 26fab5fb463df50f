/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-stress: hostile clients against a server that reads through uffd_guard.
 *
 * A run gives up privileges, forks the clients, receives their files, makes the control experiment,
 * starts the server's threads, lets all run for some seconds, stops them, and reports. Processes
 * are forked before there is any thread.
 */
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#include "../support/nobody.h"
#include "../support/time_ns.h"
#include "control_experiment.h"
#include "report.h"
#include "selftest.h"
#include "signals.h"
#include "slot.h"
#include "stress_client.h"
#include "stress_options.h"
#include "stress_server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct run {
	const struct options *options;
	struct control *control;
	struct client *clients;
	struct server server;
	struct experiment experiments[N_ATTACKS];
	int interrupt; /* the signal that ended the run early, or 0 */
};

/* ---- Preparations ---- */

/* Allow two descriptors for each region, beyond the hard limit if permitted. One is enough for some
 * regions. */
static int raise_descriptor_limit(const struct options *options)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return cli_cannot(-errno, "learn the limit of open files");
	rlim_t wanted = 2 * (rlim_t)options->n_regions + 3 * (rlim_t)options->n_clients + 256;
	struct rlimit more = { .rlim_cur = wanted, .rlim_max = wanted };
	if (wanted > limit.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	rlim_t needed = server_least_descriptors(options);
	if (limit.rlim_cur >= needed)
		return 0;
	fprintf(stderr,
		"uffd-guard-stress: %u regions need %llu open files, and the limit is %llu; raise "
		"it (ulimit -n), or use fewer --regions\n",
		options->n_regions, (unsigned long long)needed, (unsigned long long)limit.rlim_cur);
	return -EMFILE;
}

static int give_up_privileges(void)
{
	int err = geteuid() == 0 ? become_user(NOBODY) : 0;
	return err ? cli_cannot(err, "give up privileges") : 0;
}

/* ---- Clients ---- */

static int start_clients(struct run *run)
{
	const struct options *options = run->options;
	for (unsigned i = 0; i < options->n_clients; i++) {
		int err = client_start(&run->clients[i], i, options, run->control);
		if (err)
			return cli_cannot(err, "start a client");
	}
	return 0;
}

static void on_file(uint32_t file, int fd, void *data)
{
	struct run *run = data;
	server_take_file(&run->server, file, fd);
}

static int take_files_of(struct run *run, struct client *client, const struct pollfd *fd)
{
	if (client->n_received == client->n_sent || !fd->revents)
		return 0;
	int err = client_receive_files(client, on_file, run);
	return err ? cli_cannot(err,
			     "take over the files of a client (is there room for them in memory?)")
		   : 0;
}

/* Take files from whichever client has sent some. Taking one client after the other could hang:
 * descriptors in flight count against one limit, and those of later clients could keep the first
 * from sending. */
static int take_files(struct run *run)
{
	unsigned n_clients = run->options->n_clients;
	struct pollfd *fds = calloc(n_clients, sizeof(*fds));
	int err = fds ? 0 : cli_cannot(-ENOMEM, "start");
	for (unsigned n_complete = 0; !err && n_complete < n_clients;) {
		for (unsigned i = 0; i < n_clients; i++) {
			const struct client *client = &run->clients[i];
			bool is_complete = client->n_received == client->n_sent;
			fds[i].fd = is_complete ? -1 : client->socket;
			fds[i].events = POLLIN;
		}
		poll(fds, n_clients, -1);
		n_complete = 0;
		for (unsigned i = 0; i < n_clients && !err; i++) {
			struct client *client = &run->clients[i];
			err = take_files_of(run, client, &fds[i]);
			n_complete += client->n_received == client->n_sent;
		}
	}
	free(fds);
	return err;
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

static void sample_holdings(struct run *run, uint64_t ns)
{
	struct holdings holdings;
	const uint64_t whole = run->options->seconds * NS_PER_S;
	if (holdings_take(&holdings))
		growth_add(
			&run->server.growth, (unsigned)(ns * GROWTH_QUARTERS / whole), &holdings);
}

static void tick(struct run *run, uint64_t start)
{
	static uint64_t faults_before, time_before;
	uint64_t faults = server_stats(&run->server).faults, now = clock_ns();
	uint64_t since = time_before ? time_before : start;
	const struct progress progress = { .ns = now - start,
		.faults_per_second =
			(double)(faults - faults_before) * 1e9 / (double)(now - since) };
	judge_signals(&run->server.judge);
	host_judge(&run->server.host);
	captures_judge(&run->server);
	look_after_clients(run);
	sample_holdings(run, progress.ns);
	report_progress(&run->server, &progress);
	faults_before = faults;
	time_before = now;
}

/* Wait until the time is over, or interrupt_wait() answers a signal. */
static void wait_for_the_end(struct run *run, uint64_t start)
{
	uint64_t end = start + run->options->seconds * NS_PER_S;
	for (uint64_t now; (now = clock_ns()) < end;) {
		run->interrupt = interrupt_wait(end - now < NS_PER_S ? end - now : NS_PER_S);
		if (run->interrupt)
			break;
		tick(run, start);
	}
	progress_clear();
}

static void report(struct run *run, uint64_t ns)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	uint32_t features = server_features(&run->server);
	const struct outcome outcome = {
		.server = &run->server,
		.clients = run->clients,
		.experiments = run->experiments,
		.stats = server_stats(&run->server),
		.ns = ns,
		.is_interrupted = run->interrupt,
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
	server->judge.may_split = run->options->attacks & (1u << ATTACK_ODD);
	int err = server_start(server);
	if (err)
		return err;

	uint64_t start = clock_ns();
	atomic_store(&run->control->phase, PHASE_RUN);
	wait_for_the_end(run, start);
	bool has_stopped = server_stop_readers(server);
	uint64_t ns = clock_ns() - start;
	judge_signals(&server->judge);
	if (run->options->seconds >= GROWTH_LEAST_SECONDS && !run->interrupt)
		growth_judge(&server->growth, &server->judge, run->options->n_readers);
	stop_clients(run);
	report(run, ns);
	cli_flush_output();
	if (!has_stopped)
		_exit(EXIT_VIOLATION); /* a reader hangs in guarded memory */
	return 0;
}

static int prepare(struct run *run)
{
	const struct options *options = run->options;
	int err = raise_descriptor_limit(options);
	if (!err && options->unprivileged)
		err = give_up_privileges();
	if (err)
		return err;
	interrupt_expect();

	run->control = control_create(
		options->n_regions, (uint32_t)(options->size / (uint64_t)sysconf(_SC_PAGESIZE)));
	if (!run->control)
		return cli_cannot(-errno, "get shared memory");
	run->clients = calloc(options->n_clients, sizeof(*run->clients));
	err = run->clients ? server_init(&run->server, options, run->control) : -ENOMEM;
	return err ? cli_cannot(err, "start") : 0;
}

static int run_all(const struct options *options)
{
	static struct run run; /* large */
	run.options = options;
	int err = prepare(&run);
	if (err)
		return EXIT_NOT_RUN;

	err = start_clients(&run);
	if (!err)
		err = take_files(&run);
	if (!err && host_init(&run.server.host, &run.server))
		err = cli_cannot(-errno, "start the helper of the host");
	if (!err && !options->no_control)
		experiment_make_all(
			run.control, run.server.slots[0].fd, options->attacks, run.experiments);
	if (!err)
		err = run_server(&run);
	if (err) {
		stop_clients(&run);
		_exit(EXIT_NOT_RUN); /* threads may be running */
	}
	int exit_code = judge_violations(&run.server.judge) ? EXIT_VIOLATION : EXIT_NO_VIOLATION;
	if (exit_code == EXIT_NO_VIOLATION && run.interrupt)
		exit_code = interrupt_exit_code(run.interrupt);
	server_finish(&run.server);
	free(run.clients);
	control_destroy(run.control);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct options options;
	int err = stress_options_parse(&options, argc, argv);
	if (err)
		return cli_exit_code(err);
	int exit_code = options.selftest ? (int)selftest_run() : run_all(&options);
	return exit_code == EXIT_NO_VIOLATION && cli_finish_output() ? EXIT_NOT_RUN : exit_code;
}
