/* SPDX-License-Identifier: MIT */
/* Find the processes that publish what their guards do. Only processes are found whose descriptors
 * the user may see. */
#include "search.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

static int look_at(pid_t pid, struct found *found)
{
	struct reading reading;
	*found = (struct found){ .n_guards = 0 };
	int err = process_open(&found->process, pid);
	if (err)
		return err;
	err = process_read(&found->process, &reading);
	if (!err && reading.n_guards == 0)
		err = -ENOENT;
	found->n_guards = reading.n_guards;
	for (size_t i = 0; i < reading.n_guards; i++) {
		found->n_regions += reading.guards[i].stats.regions;
		found->bytes_resident += reading.guards[i].stats.bytes_resident;
	}
	reading_free(&reading);
	if (err)
		process_close(&found->process);
	return err;
}

static int append(struct found **all, size_t *n, const struct found *found)
{
	struct found *more = realloc(*all, (*n + 1) * sizeof(**all));
	if (!more)
		return -ENOMEM;
	more[*n] = *found;
	*all = more;
	++*n;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;
	return (a->process.pid > b->process.pid) - (a->process.pid < b->process.pid);
}

ssize_t search_all(struct found **found)
{
	size_t n = 0;
	int err = 0;
	*found = NULL;
	DIR *processes = opendir("/proc");
	if (!processes)
		return -errno;
	for (struct dirent *entry; !err && (entry = readdir(processes));) {
		struct found one;
		if (isdigit((unsigned char)entry->d_name[0]) &&
			look_at((pid_t)atoi(entry->d_name), &one) == 0) {
			err = append(found, &n, &one);
			if (err)
				process_close(&one.process);
		}
	}
	closedir(processes);
	if (err) {
		search_free(*found, n);
		return err;
	}
	if (n > 0)
		qsort(*found, n, sizeof(**found), compare);
	return (ssize_t)n;
}

void search_free(struct found *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		process_close(&found[i].process);
	free(found);
}
