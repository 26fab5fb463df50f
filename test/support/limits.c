/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

size_t count_fds_of(const char *file)
{
	DIR *dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	size_t n = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char target[256];
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));
		n += length == (ssize_t)strlen(file) && memcmp(target, file, (size_t)length) == 0;
	}
	closedir(dir);
	return n;
}

#define MOST_MAPPINGS ((size_t)1 << 20)

/* Half of it of another kind, so that nothing merges. */
static char *map_piece(size_t page)
{
	char *piece = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (piece == MAP_FAILED)
		return NULL;
	if (mprotect(piece, page, PROT_READ | PROT_WRITE) < 0) {
		munmap(piece, 2 * page);
		return NULL;
	}
	return piece;
}

void use_up_mappings(struct mappings *mappings)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	*mappings = (struct mappings){ .pieces = calloc(MOST_MAPPINGS, sizeof(char *)) };
	while (mappings->n_pieces < MOST_MAPPINGS &&
		(mappings->pieces[mappings->n_pieces] = map_piece(page)))
		mappings->n_pieces++;
	ck_assert_uint_lt(mappings->n_pieces, MOST_MAPPINGS);
}

void give_mappings_back(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->n_pieces; i++)
		munmap(mappings->pieces[i], 2 * (size_t)sysconf(_SC_PAGESIZE));
	free(mappings->pieces);
}
