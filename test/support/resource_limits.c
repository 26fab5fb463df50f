/* SPDX-License-Identifier: MIT */
#include "resource_limits.h"

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define FEW_DESCRIPTORS 100

static void set_descriptor_limit(rlim_t n)
{
	struct rlimit limit;
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
}

void use_up_descriptors(void)
{
	set_descriptor_limit(FEW_DESCRIPTORS);
	while (dup(STDIN_FILENO) >= 0)
		;
	ck_assert_int_eq(errno, EMFILE);
}

void raise_descriptor_limit(void)
{
	set_descriptor_limit(RLIM_INFINITY);
}

#define MOST_MAPPINGS ((size_t)1 << 20)

/* Map two kinds in turns, so that the kernel does not merge neighbours. */
static char *map_piece(bool is_writable)
{
	void *piece = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE),
		is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		0);
	return piece == MAP_FAILED ? NULL : piece;
}

void use_up_mappings(struct mappings *mappings)
{
	size_t n = 0;
	char **pieces = calloc(MOST_MAPPINGS, sizeof(char *));
	ck_assert_ptr_nonnull(pieces);
	while (n < MOST_MAPPINGS && (pieces[n] = map_piece(n % 2)))
		n++;
	ck_assert_uint_lt(n, MOST_MAPPINGS);
	*mappings = (struct mappings){ .pieces = pieces, .n_pieces = n };
}

void give_mappings_back(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->n_pieces; i++)
		munmap(mappings->pieces[i], (size_t)sysconf(_SC_PAGESIZE));
	free(mappings->pieces);
}
