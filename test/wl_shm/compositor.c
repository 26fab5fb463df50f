/* SPDX-License-Identifier: MIT */
/* A compositor as far as uffd-guard-run is concerned: run.sh runs it, and sees how it ends. */
#include "base/shm_stats.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server.h>

static void on_signal(int number)
{
	_exit(number == SIGTERM ? 7 : 8);
}

static int say_who_serves(void)
{
	Dl_info info;
	int (*function)(struct wl_display *) = wl_display_init_shm;
	void *address;
	memcpy(&address, &function, sizeof(address));
	if (!dladdr(address, &info))
		return 1;
	const char *slash = strrchr(info.dli_fname, '/');
	printf("%s\n", slash ? slash + 1 : info.dli_fname);
	return 0;
}

static _Noreturn void wait_for_signal(void)
{
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

static int serve(void)
{
	struct wl_display *display = wl_display_create();
	if (!display || wl_display_init_shm(display))
		return 1;
	wl_display_destroy(display);
	return 0;
}

/* As the library counts a client that lost something, by a name with orders for a terminal. */
static int lose(void)
{
	static const char name[SHM_STATS_NAME] = "\x1b[2J\x1b]0;x\x07\xc2\x9bm";
	const char *fd = getenv("UFFD_GUARD_WL_SHM_STATS_FD");
	struct shm_stats *stats =
		fd ? mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(fd), 0)
		   : MAP_FAILED;
	if (stats == MAP_FAILED)
		return 1;
	struct shm_stats_client *client = &stats->clients[0];
	memcpy(client->name, name, sizeof(name));
	atomic_store(&client->pid, 1);
	atomic_store(&client->losses, 1);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "who") == 0)
		return say_who_serves();
	if (strcmp(what, "exit") == 0)
		return atoi(argv[2]);
	if (strcmp(what, "crash") == 0)
		abort();
	if (strcmp(what, "wait") == 0)
		wait_for_signal();
	if (strcmp(what, "serve") == 0)
		return serve();
	if (strcmp(what, "lose") == 0)
		return lose();
	if (strcmp(what, "environment") == 0) /* of what it starts */
		return system("env") == 0 ? 0 : 1;
	return 2;
}
