/* SPDX-License-Identifier: MIT */
/* Where libraries lie is known to the loader only, with its cache, run paths and environment. So it
 * is asked for its list, which runs nothing of the program. */
#include "run/loader_list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* "libx.so.0 => /usr/lib/libx.so.0 (0x7f...)", or without the arrow. */
static const char *file_of(char *line)
{
	char *path = strchr(line, '/'), *end = path ? strstr(path, " (0x") : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	return path;
}

static _Noreturn void become_loader(const char *loader, const char *path, int out)
{
	const int nothing = open("/dev/null", O_RDWR);
	dup2(nothing, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	execl(loader, loader, "--list", path, (char *)NULL);
	_exit(127);
}

void loader_list(const char *loader, const char *path, loader_list_fn *on_file, void *data)
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
	while (list && fgets(line, sizeof(line), list)) {
		const char *file = file_of(line);
		if (file)
			on_file(data, file);
	}
	if (list)
		fclose(list);
	else
		close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
