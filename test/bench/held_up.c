/* SPDX-License-Identifier: MIT */
/*
 * How long a client that maps its file very often, and makes holes in it, can hold up a server: by
 * each way to read that file or store to it, with the kernel's calls alone; and meanwhile, another
 * thread of the server that maps memory of its own.
 */
#include "../support/mapping_client.h"
#include "../support/time_ns.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define N_PAGES 64
#define PAGE	4096
#define SIZE	((size_t)N_PAGES * PAGE)
#define AT	(5 * PAGE) /* where the server reads and stores */

static int file;
static char *kept;

/* ---- The server ---- */

/* As the library does: lib/kernel/copy.c. */
static ssize_t copy(bool stores, char *map)
{
	static char own[PAGE];
	const struct iovec here = { own, PAGE }, there = { map, PAGE };
	return process_vm_readv(
		getpid(), stores ? &there : &here, 1, stores ? &here : &there, 1, 0);
}

static void read_by_call(void)
{
	char bytes[PAGE];
	(void)!pread(file, bytes, PAGE, AT);
}

static void read_all_by_call(void)
{
	static char bytes[SIZE];
	(void)!pread(file, bytes, SIZE, 0);
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
	printf("%-36s %9.3f ms mean %9.1f ms longest; mmap beside it %9.1f ms longest\n", name,
		ms(client.n ? client.sum_ns / client.n : 0), ms(client.longest_ns),
		ms(beside.longest_ns));
	fflush(stdout);
}

static int print_help(void)
{
	printf("held-up [MAPPINGS [SECONDS [READERS]]]\n"
	       "How long a client that maps its file so often (100000), makes holes in it all the\n"
	       "time, and reads it meanwhile in so many processes (0), holds up a server: each "
	       "way\n"
	       "to read or store 4 KiB for so many seconds (5).\n");
	return 0;
}

static bool fill(void)
{
	static char bytes[SIZE];
	memset(bytes, 1, sizeof(bytes));
	return pwrite(file, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
}

int main(int argc, char **argv)
{
	struct mapping_client client;
	if (argc > 1 && argv[1][0] == '-')
		return print_help();
	const int n_mappings = argc > 1 ? atoi(argv[1]) : 100000;
	const int seconds = argc > 2 ? atoi(argv[2]) : 5, n_readers = argc > 3 ? atoi(argv[3]) : 0;
	file = memfd_create("held-up", MFD_CLOEXEC);
	if (file < 0 || !fill() ||
		mapping_client_start(&client, file, SIZE, n_mappings, n_readers) < 0)
		return 3;
	kept = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (kept == MAP_FAILED)
		return 3;
	measure("pread(2)", read_by_call, seconds);
	measure("pread(2) of 256 KiB", read_all_by_call, seconds);
	measure("pwrite(2)", write_by_call, seconds);
	measure("a read through a mapping", read_by_kept, seconds);
	measure("a store through a mapping", store_by_kept, seconds);
	measure("a store through a mapping of its own", store_by_fresh, seconds);
	mapping_client_end(&client);
	return 0;
}
