/* SPDX-License-Identifier: MIT */
/*
 * What lies between uffd-guard-run and the compositor may drop LD_PRELOAD: a script with env -i, or
 * that sets it anew; a program with file capabilities, or a wrapper of one. Then the compositor
 * runs unguarded, and the user, who believes otherwise, is told.
 *
 * The library counts itself in shared memory when it is loaded into a process that it is for. Until
 * then, /proc is looked at for a process that uses libwayland-server without it.
 */
#include "run/run_watch.h"

#include "cli/name.h"

#include "run/elf_file.h"
#include "run/run_check.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER "libwayland-server.so"

/* ---- One process ---- */

static FILE *open_proc(pid_t pid, const char *file)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

/* What it maps cannot be read of a process with privileges, but what it was started as can. */
static bool is_privileged_server(pid_t pid)
{
	char name[PATH_MAX] = "", path[PATH_MAX];
	FILE *f = open_proc(pid, "cmdline");
	if (!f)
		return false;
	const size_t length = fread(name, 1, sizeof(name) - 1, f);
	fclose(f);
	name[length] = '\0';
	return run_find_command(name, path) && elf_needs(path, SERVER);
}

static enum watched look_at_privileged(const struct watch *watch, pid_t pid)
{
	if (!is_privileged_server(pid))
		return WATCHED_SO_FAR;
	return watch->is_let_into_all ? WATCHED_GUARDED : WATCHED_UNGUARDED;
}

static enum watched look_at(const struct watch *watch, pid_t pid)
{
	char line[PATH_MAX + 256];
	bool has_server = false, has_library = false;
	FILE *f = open_proc(pid, "maps");
	if (!f)
		return errno == EACCES ? look_at_privileged(watch, pid) : WATCHED_SO_FAR;
	errno = 0;
	while (fgets(line, sizeof(line), f)) {
		has_server |= strstr(line, "/" SERVER) != NULL;
		has_library |= strstr(line, "/" LIBRARY) || strstr(line, "/" LIBRARY_WAYLAND);
	}
	const bool is_denied = errno == EACCES;
	fclose(f);
	if (is_denied)
		return look_at_privileged(watch, pid);
	return has_server && !has_library ? WATCHED_UNGUARDED : WATCHED_SO_FAR;
}

static pid_t parent_of(pid_t pid)
{
	char text[512] = "";
	int parent = 0;
	FILE *f = open_proc(pid, "stat");
	if (!f)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	const char *behind_name = strrchr(text, ')');
	if (!behind_name || sscanf(behind_name, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool descends_from(pid_t pid, pid_t root)
{
	for (unsigned i = 0; i < 64 && pid > 1; i++, pid = parent_of(pid)) {
		if (pid == root)
			return true;
	}
	return false;
}

/* ---- All of them ---- */

enum watched watch_look(struct watch *watch)
{
	if (atomic_load(&watch->stats->loads) > 0)
		return WATCHED_GUARDED;
	DIR *all = opendir("/proc");
	enum watched result = WATCHED_SO_FAR;
	for (struct dirent *entry; all && result == WATCHED_SO_FAR && (entry = readdir(all));) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (!isdigit((unsigned char)entry->d_name[0]) || !descends_from(pid, watch->root))
			continue;
		watch->unguarded = pid;
		result = look_at(watch, pid);
	}
	if (all)
		closedir(all);
	return result;
}

void watch_tell_unguarded(const struct watch *watch)
{
	char raw[32] = "?", name[sizeof(raw) + 1];
	FILE *f = open_proc(watch->unguarded, "comm");
	if (f && fgets(raw, sizeof(raw), f))
		raw[strcspn(raw, "\n")] = '\0';
	if (f)
		fclose(f);
	name_clean(raw, sizeof(raw), name);
	fprintf(stderr,
		PROGRAM ": %s (pid %d) IS NOT GUARDED: it runs without " LIBRARY ". What started "
			"it has dropped LD_PRELOAD (env -i, unset, set anew), or it has privileges "
			"(file capabilities), with which the loader ignores that. Call " PROGRAM
			" last, next to the compositor itself.\n",
		name, (int)watch->unguarded);
}

void watch_tell_nothing(void)
{
	fputs(PROGRAM ": nothing was guarded: no process that was started needed " SERVER
		      " and had " LIBRARY " in front of it\n",
		stderr);
}

/* ---- Aside ---- */

#define OFTEN  100  /* milliseconds, in the beginning */
#define SELDOM 1000 /* milliseconds, later */

/* True if it has ended. */
static bool wait_for_end(int pidfd, int milliseconds)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	return poll(&end, 1, milliseconds) != 0;
}

static void tell_until_end(struct watch *watch, int pidfd)
{
	for (unsigned i = 0;; i++) {
		const bool has_ended = wait_for_end(pidfd, i < 100 ? OFTEN : SELDOM);
		switch (watch_look(watch)) {
		case WATCHED_GUARDED:
			return;
		case WATCHED_UNGUARDED:
			watch_tell_unguarded(watch);
			return;
		case WATCHED_SO_FAR:
			break;
		}
		if (has_ended) {
			watch_tell_nothing();
			return;
		}
	}
}

/* Only standard error stays open: nobody waits for the end of the others' streams because of us. */
static void leave_streams(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
}

static _Noreturn void be_aside(struct watch watch)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, watch.root, 0);
	if (pidfd < 0 || fork() != 0)
		_exit(0);
	leave_streams();
	tell_until_end(&watch, pidfd);
	_exit(0);
}

void watch_from_aside(const struct watch *watch)
{
	struct watch ours = *watch;
	ours.root = getpid();
	const pid_t between = fork();
	int status;
	if (between == 0)
		be_aside(ours);
	if (between > 0)
		waitpid(between, &status, 0);
}
