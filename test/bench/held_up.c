/* SPDX-License-Identifier: MIT */
/*
 * How long a client that maps its file very often, and makes holes in it, can hold up a server: by
 * each way to read that file or store to it, with the kernel's calls alone; and meanwhile, another
 * thread of the server that maps memory of its own.
 *   held-up [MAPPINGS [SECONDS]]
 */
#include "../support/time_ns.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAGES	    64
#define PAGE	    4096
#define SIZE	    ((size_t)N_PAGES * PAGE)
#define AT	    (5 * PAGE) /* where the server reads and stores */
#define OF_A_CLIENT 60000      /* vm.max_map_count allows 65530 */

static int file;
static char *kept;

/* ---- The client ---- */

static void fill(void)
{
	static char bytes[SIZE];
	memset(bytes, 1, sizeof(bytes));
	if (pwrite(file, bytes, sizeof(bytes), 0) < 0)
		_exit(1);
}

static void map_and_punch(int n_mappings, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < n_mappings; i++) {
		/* Of different protection, or two that lie side by side would become one. */
		const int protection = i % 2 ? PROT_READ : PROT_NONE;
		if (mmap(NULL, SIZE, protection, MAP_SHARED, file, 0) == MAP_FAILED)
			_exit(1);
	}
	if (write(ready, "", 1) < 0)
		_exit(1);
	for (;;) {
		fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)SIZE);
		fill();
	}
}

/* False: it could not map so often. */
static bool start_client(int n_mappings)
{
	int ends[2];
	char byte;
	if (pipe(ends) < 0)
		return false;
	if (fork() == 0) {
		close(ends[0]);
		map_and_punch(n_mappings, ends[1]);
	}
	close(ends[1]);
	const bool is_ready = read(ends[0], &byte, 1) == 1;
	close(ends[0]);
	return is_ready;
}

/* ---- The server ---- */

static ssize_t copy(bool stores, char *map)
{
	static char own[PAGE];
	const struct iovec here = { own, PAGE }, there = { map, PAGE };
	return stores ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
		      : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
}

static void read_by_call(void)
{
	char bytes[PAGE];
	(void)!pread(file, bytes, PAGE, AT);
}

static void write_by_call(void)
{
	static char bytes[PAGE];
	(void)!pwrite(file, bytes, PAGE, AT);
}

static void read_by_kept(void)
{
	copy(false, kept + AT);
}

static void store_by_kept(void)
{
	copy(true, kept + AT);
}

static void store_by_fresh(void)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, AT);
	if (map == MAP_FAILED)
		return;
	copy(true, map);
	munmap(map, PAGE);
}

static void map_own(void)
{
	void *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		munmap(memory, PAGE);
}

/* ---- Measuring ---- */

struct series {
	void (*step)(void);
	atomic_bool shall_stop;
	uint64_t n, sum_ns, longest_ns;
};

static void *repeat(void *data)
{
	struct series *series = data;
	while (!atomic_load(&series->shall_stop)) {
		const uint64_t start = clock_ns();
		series->step();
		const uint64_t took = clock_ns() - start;
		series->n++;
		series->sum_ns += took;
		series->longest_ns = took > series->longest_ns ? took : series->longest_ns;
		clock_sleep(NS_PER_MS / 2);
	}
	return NULL;
}

static double ms(uint64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static void measure(const char *name, void (*step)(void), int seconds)
{
	struct series client = { .step = step }, beside = { .step = map_own };
	pthread_t threads[2];
	pthread_create(&threads[0], NULL, repeat, &client);
	pthread_create(&threads[1], NULL, repeat, &beside);
	clock_sleep((uint64_t)seconds * NS_PER_S);
	atomic_store(&client.shall_stop, true);
	atomic_store(&beside.shall_stop, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	printf("%-34s %9.3f ms mean %9.1f ms longest; mmap beside it %9.1f ms longest\n", name,
		ms(client.n ? client.sum_ns / client.n : 0), ms(client.longest_ns),
		ms(beside.longest_ns));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const int n_mappings = argc > 1 ? atoi(argv[1]) : 100000;
	const int seconds = argc > 2 ? atoi(argv[2]) : 5;
	file = memfd_create("held-up", MFD_CLOEXEC);
	if (file < 0)
		return 3;
	fill();
	for (int left = n_mappings; left > 0; left -= OF_A_CLIENT) {
		if (!start_client(left < OF_A_CLIENT ? left : OF_A_CLIENT))
			return 3;
	}
	kept = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (kept == MAP_FAILED)
		return 3;
	measure("pread(2)", read_by_call, seconds);
	measure("pwrite(2)", write_by_call, seconds);
	measure("a read through a mapping", read_by_kept, seconds);
	measure("a store through a mapping", store_by_kept, seconds);
	measure("a store through a mapping of its own", store_by_fresh, seconds);
	return 0;
}
