/* SPDX-License-Identifier: MIT */
/*
 * The host's thread in the server: it changes the user, cancels threads in the midst of calls, and
 * forks, while readers read. What would end the tester is left to the helper.
 */
#include "host.h"

#include "../support/nobody.h"
#include "../support/time_ns.h"
#include "judge.h"
#include "renew.h"
#include "signals.h"
#include "slot.h"
#include "stress_options.h"
#include "stress_server.h"
#include "watchdog.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOIN_LIMIT	   (10 * NS_PER_S)
#define SECONDS_OF_A_CHILD 10

const char *host_attack_name(enum host_attack attack)
{
	static const char *const names[N_HOST_ATTACKS] = { "setuid", "cancel", "close", "fork",
		"limits" };
	return names[attack];
}

static void report(struct host *host, enum host_attack attack, const char *text)
{
	judge_report(
		&host->server->judge, VIOLATION_HOST, "%s: %s", host_attack_name(attack), text);
}

/* Hold it for reading, if it is mapped. */
static struct slot *lock_a_slot(struct host *host)
{
	struct server *server = host->server;
	struct slot *slot = &server->slots[rng_choose(&host->rng, server->n_slots)];
	pthread_rwlock_rdlock(&slot->lock);
	if (slot->region)
		return slot;
	pthread_rwlock_unlock(&slot->lock);
	return NULL;
}

/* ---- setuid: glibc has every thread repeat the call ---- */

static bool change_user_and_back(void)
{
	const uid_t user = getuid();
	const gid_t group = getgid();
	if (user != 0)
		return setresgid(group, group, group) == 0 && setresuid(user, user, user) == 0;
	return setgroups(0, NULL) == 0 && setegid(NOBODY) == 0 && seteuid(NOBODY) == 0 &&
	       seteuid(0) == 0 && setegid(0) == 0;
}

static void attack_setuid(struct host *host)
{
	watch_begin(host->watch, WATCHED_CALL, 0);
	const bool has_worked = change_user_and_back();
	watch_end(host->watch);
	if (!has_worked)
		report(host, HOST_SETUID, strerror(errno));
}

/* ---- cancel ---- */

struct victim {
	struct slot *slot;
	struct rng rng;
	atomic_bool has_begun;
};

static void call_something(struct victim *victim)
{
	static range_fn *const calls[] = { uffd_guard_refresh, uffd_guard_populate,
		uffd_guard_discard, uffd_guard_update, uffd_guard_ensure };
	char buffer[4096];
	struct uffd_guard_region *region = victim->slot->region;
	const uint64_t length = uffd_guard_region_length(region);
	const unsigned i = (unsigned)rng_below(&victim->rng, 6);
	if (i < 5)
		calls[i](region, 0, length);
	else
		(void)!uffd_guard_read(
			region, 0, buffer, length < sizeof(buffer) ? length : sizeof(buffer));
}

static void on_cancel(void *data)
{
	struct victim *victim = data;
	change_end(&victim->slot->mutations);
}

/* Does nothing but call the library, and has to end all the same: before a call or after it. What
 * it left locked would stop the readers. */
static void *be_victim(void *data)
{
	struct victim *victim = data;
	change_begin(&victim->slot->mutations);
	pthread_cleanup_push(on_cancel, victim);
	atomic_store(&victim->has_begun, true);
	for (;;)
		call_something(victim);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_after_a_while(struct host *host, struct victim *victim, pthread_t thread)
{
	void *answer = NULL;
	while (!atomic_load(&victim->has_begun))
		clock_sleep(NS_PER_MS / 100);
	clock_sleep(rng_below(&host->rng, 2 * NS_PER_MS));
	pthread_cancel(thread);
	const struct timespec until = clock_timespec(clock_read(CLOCK_REALTIME) + JOIN_LIMIT);
	if (pthread_timedjoin_np(thread, &answer, &until)) {
		report(host, HOST_CANCEL, "a thread that was cancelled does not end");
		pthread_join(thread, &answer);
	}
	if (answer != PTHREAD_CANCELED)
		report(host, HOST_CANCEL, "a thread has ended before it was cancelled");
}

/* The lock is held here, so that nothing of the tester's has to be cleaned up in the victim. */
static void attack_cancel(struct host *host)
{
	pthread_t thread;
	struct victim victim = { .slot = lock_a_slot(host),
		.rng = { .state = rng_next(&host->rng) } };
	if (!victim.slot)
		return;
	if (pthread_create(&thread, NULL, be_victim, &victim) == 0)
		cancel_after_a_while(host, &victim, thread);
	pthread_rwlock_unlock(&victim.slot->lock);
}

/* ---- fork ---- */

enum in_child { CHILD_IS_FINE, CHILD_SAW_BYTES, CHILD_COULD_CALL, CHILD_HAD_SIGNAL };

/* A child goes on seeing the file where the region is DIRECT. That may be a part of it, and at a
 * fork in the midst of a resize nobody can say which: so slots that are never DIRECT are judged. */
static enum in_child look_around(const struct slot *slot, uint64_t n_signals)
{
	struct uffd_guard_region *region = slot->region;
	const bool may_see = slot->is_direct;
	const volatile uint64_t *words = slot_words(slot);
	const uint64_t n = uffd_guard_region_length(region) / sizeof(uint64_t);
	for (uint64_t i = 0; i < n; i += slot->control->words_per_page) {
		if (words[i] && !may_see)
			return CHILD_SAW_BYTES;
	}
	if (uffd_guard_refresh(region, 0, 1) != -ECHILD)
		return CHILD_COULD_CALL;
	uffd_guard_unmap(region); /* nothing, here */
	return signals_count() > n_signals ? CHILD_HAD_SIGNAL : CHILD_IS_FINE;
}

static void attack_fork(struct host *host)
{
	static const char *const complaints[] = {
		[CHILD_SAW_BYTES] = "a child saw bytes of a region",
		[CHILD_COULD_CALL] = "refresh in a child does not answer -ECHILD",
		[CHILD_HAD_SIGNAL] = "a child had a signal",
	};
	struct slot *slot = lock_a_slot(host);
	if (!slot)
		return;
	const uint64_t n_signals = signals_count();
	int status = 0;
	const pid_t pid = fork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(SECONDS_OF_A_CHILD);
		_exit((int)look_around(slot, n_signals));
	}
	pthread_rwlock_unlock(&slot->lock);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		report(host, HOST_FORK, "a child hangs, or was killed by a signal");
	else if (WEXITSTATUS(status) != CHILD_IS_FINE)
		report(host, HOST_FORK, complaints[WEXITSTATUS(status) % 4]);
}

/* ---- Life ---- */

static void (*const attacks[N_HOST_ATTACKS])(struct host *host) = {
	[HOST_SETUID] = attack_setuid,
	[HOST_CANCEL] = attack_cancel,
	[HOST_FORK] = attack_fork,
};

static uint32_t attacks_of_the_thread(const struct host *host)
{
	uint32_t ours = 0;
	for (unsigned i = 0; i < N_HOST_ATTACKS; i++)
		ours |= attacks[i] ? 1u << i : 0;
	return ours & host->server->options->host;
}

static void *run(void *data)
{
	struct host *host = data;
	const uint32_t ours = attacks_of_the_thread(host);
	while (!atomic_load(&host->shall_stop)) {
		const unsigned i = (unsigned)rng_below(&host->rng, N_HOST_ATTACKS);
		if (!(ours & 1u << i))
			continue;
		attacks[i](host);
		atomic_fetch_add(&host->n_done[i], 1);
		judge_count(&host->server->judge, CHECK_HOST, 1);
		clock_sleep(rng_below(&host->rng, 10) * NS_PER_MS);
	}
	return NULL;
}

static struct helper_file *list_files(const struct server *server)
{
	struct helper_file *files = calloc(server->n_slots, sizeof(*files));
	for (unsigned i = 0; files && i < server->n_slots; i++)
		files[i] = (struct helper_file){ .fd = server->slots[i].fd,
			.length =
				(uint64_t)server->control->max_pages * server->control->page_size };
	return files;
}

int host_init(struct host *host, struct server *server)
{
	host->server = server;
	host->rng = rng_of(server->options->seed, UINT64_C(2) << 32);
	struct helper_file *files = list_files(server);
	if (!files)
		return -ENOMEM;
	int err = helper_start(&host->helper, server->options->host, files, server->n_slots,
		rng_of(server->options->seed, UINT64_C(3) << 32));
	free(files);
	return err;
}

int host_start(struct host *host)
{
	if (!attacks_of_the_thread(host))
		return 0;
	int err = -pthread_create(&host->thread, NULL, run, host);
	host->is_running = !err;
	return err;
}

void host_judge(struct host *host)
{
	struct helper *helper = &host->helper;
	for (unsigned i = 0; helper->found && i < N_HOST_ATTACKS; i++) {
		const uint64_t n_failed = atomic_load(&helper->found->n_failed[i]);
		const uint64_t n_done = atomic_load(&helper->found->n_done[i]);
		for (; helper->n_reported[i] < n_failed; helper->n_reported[i]++)
			report(host, (enum host_attack)i, helper->found->text[i]);
		judge_count(&host->server->judge, CHECK_HOST,
			n_done - atomic_load(&host->n_done[i]) * (attacks[i] == NULL));
		if (!attacks[i])
			atomic_store(&host->n_done[i], n_done);
	}
}

uint64_t host_attacks_done(const struct host *host, enum host_attack attack)
{
	return atomic_load(&host->n_done[attack]);
}

void host_stop(struct host *host)
{
	atomic_store(&host->shall_stop, true);
	if (host->is_running)
		pthread_join(host->thread, NULL);
	host->is_running = false;
	host_judge(host);
	helper_stop(&host->helper);
}
