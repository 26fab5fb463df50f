/* SPDX-License-Identifier: MIT */
/*
 * Handle SIGBUS and SIGSEGV. If the library keeps its promises the handler never runs. It maps a
 * page of zeros where the access went, so that the run goes on and shows what else is wrong.
 */
#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEAST_ADDRESS 65536 /* addresses below are NULL pointers: a bug of the tester */
#define MOST_SIGNALS  100000

static _Atomic uint64_t n_signals;
static _Atomic uintptr_t first_address;
static uintptr_t page_size;

static void give_up(void)
{
	static const char text[] =
		"uffd-guard-stress: a signal that cannot be survived; this is a bug\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)n;
	_exit(1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	uintptr_t address = (uintptr_t)info->si_addr, none = 0;
	atomic_compare_exchange_strong(&first_address, &none, address);
	void *page = (void *)(address & ~(page_size - 1));
	if (address < LEAST_ADDRESS || atomic_fetch_add(&n_signals, 1) > MOST_SIGNALS ||
		mmap(page, page_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up();
}

void signals_install(void)
{
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

uint64_t signals_count(void)
{
	return atomic_load(&n_signals);
}

uintptr_t signals_first_address(void)
{
	return atomic_load(&first_address);
}
