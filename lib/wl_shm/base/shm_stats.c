/* SPDX-License-Identifier: MIT */
#include "base/shm_stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct shm_stats own = { .magic = SHM_STATS_MAGIC };
static struct shm_stats *shared = &own;

struct shm_stats *shm_stats(void)
{
	return shared;
}

bool shm_stats_are_shared(void)
{
	return shared != &own;
}

void shm_stats_share(const char *variable)
{
	const char *text = secure_getenv(variable);
	struct stat st;
	if (!text)
		return;
	int fd = atoi(text);
	if (fstat(fd, &st) < 0 || st.st_size != (off_t)sizeof(struct shm_stats) ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return;
	struct shm_stats *map =
		mmap(NULL, sizeof(struct shm_stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return;
	fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK); /* fails if uffd-guard-run has sealed it, or nobody can */
	if (map->magic == SHM_STATS_MAGIC)
		shared = map;
	else
		munmap(map, sizeof(struct shm_stats));
}

static void read_name(pid_t pid, char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, SHM_STATS_NAME, f))
		name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

struct shm_stats_client *shm_stats_add_client(pid_t pid)
{
	struct shm_stats_client *rows = shared->clients, *last = &rows[SHM_STATS_CLIENTS - 1];
	for (struct shm_stats_client *row = rows; row < last; row++) {
		if (atomic_load(&row->pid) == 0) {
			read_name(pid, row->name);
			atomic_store(&row->pid, pid);
			return row;
		}
	}
	atomic_store(&last->pid, -1);
	return last;
}
