/* SPDX-License-Identifier: MIT */
/*
 * What display servers do today: map the file, and let a handler of SIGBUS put pages of zeros
 * behind its end. The handler belongs to the whole process, so a thread says before it reads where
 * it will read. A signal from elsewhere is left to the handler that was there before.
 */
#include "../peer.h"

#include "plain_map.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local const struct plain_map *current;
static struct sigaction before;
static unsigned n_open;
static uintptr_t page_mask;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	const struct plain_map *access = current;
	uintptr_t address = (uintptr_t)info->si_addr;
	(void)context;

	if (!access || address - (uintptr_t)access->data >= access->length) {
		sigaction(signal, &before, NULL); /* it gets the load when that is repeated */
		return;
	}
	void *page = (char *)info->si_addr - (address & page_mask);
	if (mmap(page, page_mask + 1, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED)
		_exit(EXIT_FAILURE);
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER };
	page_mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
	if (n_open++ == 0)
		sigaction(SIGBUS, &action, &before);
}

static void *sigbus_open(int fd, size_t length)
{
	struct plain_map *map = plain_map_open(fd, length);
	if (map)
		install();
	return map;
}

static const char *sigbus_begin(void *self, const struct damage *damage)
{
	struct plain_map *map = self;
	(void)damage;
	current = map;
	return map->data;
}

static void sigbus_end(void *self)
{
	(void)self;
	current = NULL;
}

static void sigbus_close(void *self)
{
	if (--n_open == 0)
		sigaction(SIGBUS, &before, NULL);
	plain_map_close(self);
}

const struct peer peer_sigbus = {
	.name = "sigbus",
	.open = sigbus_open,
	.begin = sigbus_begin,
	.end = sigbus_end,
	.close = sigbus_close,
};
