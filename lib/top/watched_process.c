/* SPDX-License-Identifier: MIT */
/*
 * A process, and what its guards publish: memfds of a certain name among its descriptors.
 *
 * Any program can make a memfd of that name, or a file that only looks like one. So the device is
 * looked at before the file is opened, memfds are read, not mapped, and no number in them is used
 * as an index without a check. Each reading looks for all of them again, since guards come
 * and go.
 */
#include "watched_process.h"

#include "cli/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define MOST_GUARDS 64
#define SEALS	    (F_SEAL_SHRINK | F_SEAL_GROW)

/* ---- The process ---- */

static void read_command(struct process *process)
{
	char path[64], command[COMMAND_LETTERS] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)process->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, command, sizeof(command));
	if (fd >= 0)
		close(fd);
	if (n > 0 && command[n - 1] == '\n')
		command[n - 1] = '\0';
	name_clean(command, sizeof(command), process->command);
}

int process_open(struct process *process, pid_t pid)
{
	*process = (struct process){ .pid = pid };
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0) /* EINVAL, ENOENT: the number of a thread */
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	read_command(process);
	return 0;
}

void process_close(struct process *process)
{
	close(process->pidfd);
}

bool process_ends_within(const struct process *process, int milliseconds)
{
	struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };
	return poll(&fd, 1, milliseconds) > 0;
}

/* The process number that the process itself sees, in its innermost namespace. */
static uint32_t read_own_pid(const struct process *process)
{
	char path[64], line[256];
	unsigned long pid = (unsigned long)process->pid;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NSpid:", 6) == 0)
			pid = strtoul(strrchr(line, '\t'), NULL, 10);
	}
	if (file)
		fclose(file);
	return (uint32_t)pid;
}

/* ---- What it publishes ---- */

static bool is_published(int links, const char *name)
{
	static const char expected[] = "/memfd:" PUBLISHED_NAME " (deleted)";
	char target[sizeof(expected) + 1];
	ssize_t n = readlinkat(links, name, target, sizeof(target));
	return n == (ssize_t)sizeof(expected) - 1 && memcmp(target, expected, (size_t)n) == 0;
}

/* The device of all memfds; 0: unknown. No file system that can be mounted has its number. */
static dev_t device_of_memfds(void)
{
	static dev_t device;
	struct stat stat;
	int fd = device ? -1 : memfd_create("device", MFD_CLOEXEC);
	if (fd < 0)
		return device;
	if (fstat(fd, &stat) == 0)
		device = stat.st_dev;
	close(fd);
	return device;
}

/* Asks the kernel only, and not who serves the file. */
static bool is_memfd(int path_fd)
{
	struct statx stx;
	const dev_t device = device_of_memfds();
	if (statx(path_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0)
		return false;
	return device && makedev(stx.stx_dev_major, stx.stx_dev_minor) == device &&
	       S_ISREG(stx.stx_mode);
}

/* A file of any kind can have the name. To open it, to ask for its size or to close it may wait for
 * its server as long as that likes (FUSE), but not so with O_PATH. */
static int open_memfd(int links, const char *name)
{
	char path[32];
	int path_fd = openat(links, name, O_PATH | O_CLOEXEC);
	if (path_fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	int fd = is_memfd(path_fd) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	close(path_fd);
	return fd < 0 ? -EINVAL : fd;
}

static int open_page(int links, const char *name)
{
	int fd = open_memfd(links, name);
	if (fd < 0)
		return fd;
	struct stat stat;
	if (fstat(fd, &stat) < 0 || stat.st_size < (off_t)sizeof(struct published) ||
		(fcntl(fd, F_GET_SEALS) & SEALS) != SEALS) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/* 0; -EINVAL: the file is not a page of counters; -EPROTONOSUPPORT: the page is of another version.
 */
static int read_page(int links, const char *name, struct published *page)
{
	int fd = open_page(links, name);
	if (fd < 0)
		return fd;
	ssize_t n = pread(fd, page, sizeof(*page), 0);
	close(fd);
	if (n != (ssize_t)sizeof(*page) || page->magic != PUBLISHED_MAGIC)
		return -EINVAL;
	return page->version == PUBLISHED_VERSION ? 0 : -EPROTONOSUPPORT;
}

static int make_room(struct reading *reading)
{
	struct published *more =
		realloc(reading->guards, (reading->n_guards + 1) * sizeof(*reading->guards));
	if (!more)
		return -ENOMEM;
	reading->guards = more;
	return 0;
}

/* A child inherits the descriptor, but the guards are its parent's. */
static int take_page(struct reading *reading, int links, const char *name, uint32_t own_pid)
{
	int err = make_room(reading);
	if (err)
		return err;
	struct published *page = &reading->guards[reading->n_guards];
	err = read_page(links, name, page);
	if (!err && page->pid == own_pid)
		reading->n_guards++;
	else if (err == -EPROTONOSUPPORT)
		reading->has_other_version = true;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int process_read(const struct process *process, struct reading *reading)
{
	char path[64];
	*reading = (struct reading){ .at_ns = now_ns() };
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process->pid);
	DIR *links = opendir(path);
	if (!links)
		return -errno;

	const uint32_t own_pid = read_own_pid(process);
	int err = 0;
	for (struct dirent *link;
		!err && reading->n_guards < MOST_GUARDS && (link = readdir(links));) {
		if (is_published(dirfd(links), link->d_name))
			err = take_page(reading, dirfd(links), link->d_name, own_pid);
	}
	closedir(links);
	if (err)
		reading_free(reading);
	return err;
}

void reading_free(struct reading *reading)
{
	free(reading->guards);
	*reading = (struct reading){ .at_ns = 0 };
}
