/* SPDX-License-Identifier: MIT */
/*
 * The trial that LIBRARY_WAYLAND makes when it is loaded, made beforehand: in a child, since it is
 * the libwayland-server of another program that may be tried, and with the library in the same
 * place of the loader's list as in that program, between the program and libwayland-server.
 */
#include "run/run_trial.h"

#include "run/run_check.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SECONDS 10

typedef int set_guarded_fn(void *display, int is_guarded);

/* Its message leads to this program. */
static void silence(void)
{
	const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nothing >= 0)
		dup2(nothing, STDERR_FILENO);
}

/* RTLD_GLOBAL: the library asks for the wl_display_create() that is next behind its own. */
static int try_library(const char *directory, const char *server)
{
	char path[2 * PATH_MAX];
	set_guarded_fn *set_guarded;
	snprintf(path, sizeof(path), "%s/" LIBRARY_WAYLAND, directory);
	if (*server && !dlopen(server, RTLD_NOW | RTLD_LOCAL))
		return -ELIBACC;
	void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	void *address = library ? dlsym(library, "uffd_guard_wayland_set_guarded") : NULL;
	if (!address)
		return -ELIBACC;
	memcpy(&set_guarded, &address, sizeof(address));
	return set_guarded(NULL, 1);
}

static _Noreturn void be_child(const char *directory, const char *server)
{
	silence();
	alarm(MOST_SECONDS);
	_exit(-try_library(directory, server));
}

int run_trial(const char *directory, const char *server)
{
	int status;
	const pid_t pid = fork();
	if (pid == 0)
		be_child(directory, server);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

const char *run_trial_text(int result)
{
	static char text[128];
	if (result > 0)
		snprintf(text, sizeof(text), "it was killed by signal %d (%s)", result,
			strsignal(result));
	else if (result == -ENOTSUP)
		return "its libwayland-server does not show requests before they are handled, "
		       "or memory cannot be guarded";
	else if (result == -ELIBACC)
		return "the library, or libwayland-server, cannot be loaded";
	else if (result)
		return strerror(-result);
	else
		return "it works";
	return text;
}
