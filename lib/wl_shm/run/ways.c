/* SPDX-License-Identifier: MIT */
/*
 * What of a program would be guarded, told from its file and from its libraries.
 *
 * To need libwayland-server is not enough: many compositors take the protocol from it, and have a
 * wl_shm of their own (wlroots since 0.17, KWin 6, Smithay). Who takes that too names
 * wl_display_init_shm among its dynamic symbols.
 *
 * Where libraries lie is known to the loader only, with its cache, run paths and environment. So it
 * is asked for its list, which runs nothing of the program.
 */
#include "run/ways.h"

#include "run/elf_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER "libwayland-server.so"

static void look_at(struct ways *ways, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (strncmp(name, SERVER, strlen(SERVER)) == 0) {
		if (ways->serving == SERVING_NOTHING)
			ways->serving = SERVING_OWN;
		return;
	}
	if (strncmp(name, "libc.so", 7) == 0)
		return;
	ways->receives_files |= elf_names(path, "recvmsg") || elf_names(path, "recvmmsg");
	if (!*ways->asker && elf_names(path, "wl_display_init_shm"))
		snprintf(ways->asker, sizeof(ways->asker), "%s", path);
}

/* "libx.so.0 => /usr/lib/libx.so.0 (0x7f...)", or without the arrow. */
static void look_at_line(struct ways *ways, char *line)
{
	char *path = strchr(line, '/'), *end = path ? strstr(path, " (0x") : NULL;
	if (!end)
		return;
	*end = '\0';
	look_at(ways, path);
}

static _Noreturn void become_loader(const char *loader, const char *path, int out)
{
	const int nothing = open("/dev/null", O_RDWR);
	dup2(nothing, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	execl(loader, loader, "--list", path, (char *)NULL);
	_exit(127);
}

static void look_at_libraries(struct ways *ways, const char *loader, const char *path)
{
	char line[PATH_MAX + 128];
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	const pid_t pid = fork();
	if (pid == 0)
		become_loader(loader, path, ends[1]);
	close(ends[1]);
	FILE *list = pid < 0 ? NULL : fdopen(ends[0], "r");
	while (list && fgets(line, sizeof(line), list))
		look_at_line(ways, line);
	if (list)
		fclose(list);
	else
		close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void ways_find(struct ways *ways, const char *path)
{
	char loader[PATH_MAX];
	*ways = (struct ways){ .serving = SERVING_UNKNOWN };
	if (!elf_loader(path, loader)) {
		if (elf_is_any(path))
			ways->serving = SERVING_FOREIGN;
		return;
	}
	ways->serving = SERVING_NOTHING;
	look_at(ways, path);
	look_at_libraries(ways, loader, path);
	if (ways->serving == SERVING_OWN && *ways->asker)
		ways->serving = SERVING_LIBWAYLAND;
}

bool ways_are_there(const struct ways *ways, bool with_mmap)
{
	return ways->serving == SERVING_UNKNOWN || ways->serving == SERVING_LIBWAYLAND ||
	       ways->serving == SERVING_OWN || (with_mmap && ways->receives_files);
}
