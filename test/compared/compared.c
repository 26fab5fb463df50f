/* SPDX-License-Identifier: MIT */
/*
 * The ways to read a client's memory that docs/compared.md names, under the same attacks: who
 * lives, and who loses bytes that the file still has. Each attack is on a process of its own.
 *
 * Ends with 1 if uffd_guard, or pread, dies or loses one.
 */
#include "peer.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAGES 16
#define N_KEPT	8 /* pages that the file has after it was cut */

static size_t page;

/* ---- A handler that gives up the whole mapping, for good ---- */

static struct whole {
	char *data;
	size_t length;
} whole;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	(void)context;
	if ((size_t)((char *)info->si_addr - whole.data) >= whole.length ||
		mmap(whole.data, whole.length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0) == MAP_FAILED)
		signal(number, SIG_DFL); /* the load is repeated, and ends the process */
}

static void *whole_open(int fd, size_t length)
{
	const struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	whole = (struct whole){ mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0), length };
	return whole.data == MAP_FAILED || sigaction(SIGBUS, &action, NULL) < 0 ? NULL : &whole;
}

static const char *whole_begin(void *self, const struct damage *damage)
{
	(void)damage;
	return ((const struct whole *)self)->data;
}

static void whole_end(void *self)
{
	(void)self;
}

static const struct peer peer_whole = {
	.name = "whole", .open = whole_open, .begin = whole_begin, .end = whole_end
};

/* ---- A victim ---- */

struct victim {
	const struct peer *peer;
	void *self;
	int fd;
	unsigned char seen[N_PAGES]; /* the first byte of each page, as it was read last */
};

static void fill(const struct victim *victim, unsigned char value)
{
	for (size_t i = 0; i < N_PAGES; i++)
		if (pwrite(victim->fd, &value, 1, (off_t)(i * page)) != 1)
			_exit(EXIT_FAILURE);
}

static void set_pages(const struct victim *victim, size_t n)
{
	if (ftruncate(victim->fd, (off_t)(n * page)) < 0)
		_exit(EXIT_FAILURE);
}

static const char *begin(const struct victim *victim)
{
	struct uffd_guard_span all = { .offset = 0, .length = N_PAGES * page };
	return victim->peer->begin(victim->self, &(struct damage){ .spans = &all, .n_spans = 1 });
}

static void look(struct victim *victim, const char *data)
{
	for (size_t i = 0; i < N_PAGES; i++)
		victim->seen[i] = *(const volatile unsigned char *)(data + i * page);
}

/* ---- Attacks ---- */

/* Two frames: some ways lose in the first what the second would need. */
static void cut(struct victim *victim)
{
	set_pages(victim, N_KEPT);
	for (int i = 0; i < 2; i++) {
		look(victim, begin(victim));
		victim->peer->end(victim->self);
	}
}

static void cut_after_access(struct victim *victim)
{
	const char *data = begin(victim);
	victim->peer->end(victim->self);
	set_pages(victim, N_KEPT);
	look(victim, data);
}

struct reader {
	struct victim *victim;
	const char *data;
};

static void *look_aside(void *data)
{
	const struct reader *reader = data;
	look(reader->victim, reader->data);
	return NULL;
}

static void cut_under_a_thread(struct victim *victim)
{
	pthread_t thread;
	set_pages(victim, N_KEPT);
	struct reader reader = { victim, begin(victim) };
	if (pthread_create(&thread, NULL, look_aside, &reader) != 0)
		_exit(EXIT_FAILURE);
	pthread_join(thread, NULL);
	victim->peer->end(victim->self);
}

/* The client draws again, and all of the file is there. */
static void cut_and_regrow(struct victim *victim)
{
	cut(victim);
	set_pages(victim, N_PAGES);
	fill(victim, 2);
	look(victim, begin(victim));
	victim->peer->end(victim->self);
}

static const struct attack {
	const char *what;
	void (*run)(struct victim *);
	unsigned char value; /* of the pages that are there */
	size_t n_there;
} attacks[] = {
	{ "cut", cut, 1, N_KEPT },
	{ "cut after access", cut_after_access, 1, N_KEPT },
	{ "cut, other thread", cut_under_a_thread, 1, N_KEPT },
	{ "cut and regrown", cut_and_regrow, 2, N_PAGES },
};
#define N_ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

/* ---- The judge ---- */

static _Noreturn void be_attacked(const struct peer *peer, const struct attack *attack)
{
	struct victim victim = { .peer = peer, .fd = memfd_create("client", MFD_CLOEXEC) };
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_ALLOW_EAGER };
	struct uffd_guard *guard;
	int n_lost = 0;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	if (uffd_guard_create(&options, &guard))
		_exit(EXIT_FAILURE);
	peer_uffd_guard_use(guard);
	set_pages(&victim, N_PAGES);
	fill(&victim, 1);
	victim.self = peer->open(victim.fd, N_PAGES * page);
	if (!victim.self)
		_exit(EXIT_FAILURE);
	attack->run(&victim);
	for (size_t i = 0; i < attack->n_there; i++)
		n_lost += victim.seen[i] != attack->value;
	_exit(100 + n_lost);
}

static int outcome_of(const struct peer *peer, const struct attack *attack)
{
	int status;
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0)
		be_attacked(peer, attack);
	return pid < 0 || waitpid(pid, &status, 0) < 0 ? -1 : status;
}

/* Answers whether it lived, and lost nothing. */
static bool print_outcome(const struct attack *attack, int status)
{
	char text[32];
	const int n_lost = WEXITSTATUS(status) - 100;
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (n_lost < 0)
		snprintf(text, sizeof(text), "could not run");
	else if (n_lost)
		snprintf(text, sizeof(text), "loses %d of %zu", n_lost, attack->n_there);
	else
		snprintf(text, sizeof(text), "loses none");
	printf("  %-*s", attack == &attacks[N_ATTACKS - 1] ? 0 : 18, text);
	return !WIFSIGNALED(status) && n_lost == 0;
}

static const struct way {
	const char *what;
	const struct peer *peer;
	bool must_hold;
} ways[] = {
	{ "no handler", &peer_map_shared, false },
	{ "handler: the page", &peer_sigbus, false },
	{ "handler: the mapping", &peer_whole, false },
	{ "libwayland's wl_shm", &peer_wl_shm, false },
	{ "pread, a buffer", &peer_pread, true },
	{ "uffd_guard, LAZY", &peer_uffd_guard, true },
};

static bool attack_all(const struct way *way)
{
	bool holds = true;
	printf("%-22s", way->what);
	for (size_t i = 0; i < N_ATTACKS; i++)
		holds &= print_outcome(&attacks[i], outcome_of(way->peer, &attacks[i]));
	putchar('\n');
	return holds;
}

int main(void)
{
	bool all_hold = true;
	page = (size_t)sysconf(_SC_PAGESIZE);
	printf("%-22s", "pages that are there");
	for (size_t i = 0; i < N_ATTACKS; i++)
		printf("  %-*s", i == N_ATTACKS - 1 ? 0 : 18, attacks[i].what);
	putchar('\n');
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].peer->open && !attack_all(&ways[i]) && ways[i].must_hold)
			all_hold = false;
	return all_hold ? EXIT_SUCCESS : EXIT_FAILURE;
}
