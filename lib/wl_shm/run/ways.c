/* SPDX-License-Identifier: MIT */
/*
 * What of a program would be guarded, told from its file and from its libraries.
 *
 * To need libwayland-server is not enough: many compositors take the protocol from it, and have a
 * wl_shm of their own (wlroots since 0.17, KWin 6, Smithay). Who takes that too names
 * wl_display_init_shm among its dynamic symbols.
 */
#include "run/ways.h"

#include "run/elf_file.h"
#include "run/loader_list.h"
#include "run/run_trial.h"

#include <stdio.h>
#include <string.h>

#define SERVER "libwayland-server.so"

static void look_at(void *data, const char *path)
{
	struct ways *ways = data;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (strncmp(name, SERVER, strlen(SERVER)) == 0) {
		if (ways->serving == SERVING_NOTHING)
			ways->serving = SERVING_OWN;
		if (!*ways->server)
			snprintf(ways->server, sizeof(ways->server), "%s", path);
		return;
	}
	if (strncmp(name, "libc.so", 7) == 0)
		return;
	ways->receives_files |= elf_names(path, "recvmsg") || elf_names(path, "recvmmsg");
	if (!*ways->asker && elf_names(path, "wl_display_init_shm"))
		snprintf(ways->asker, sizeof(ways->asker), "%s", path);
}

static void find_serving(struct ways *ways, const char *path)
{
	char loader[PATH_MAX];
	ways->serving = SERVING_UNKNOWN;
	if (!elf_loader(path, loader)) {
		if (elf_is_any(path))
			ways->serving = SERVING_FOREIGN;
		return;
	}
	ways->serving = SERVING_NOTHING;
	look_at(ways, path);
	loader_list(loader, path, look_at, ways);
	if (ways->serving == SERVING_OWN && *ways->asker)
		ways->serving = SERVING_LIBWAYLAND;
}

/* In secure mode there is no other library in front. */
void ways_find(struct ways *ways, const struct run_command *command, const char *directory)
{
	*ways = (struct ways){ 0 };
	find_serving(ways, command->path);
	ways->gets_copies =
		ways->serving == SERVING_OWN ||
		(ways->serving == SERVING_LIBWAYLAND && command->placing != PLACED_BY_PATH);
	ways->trial = run_trial(directory, ways->server);
}

bool ways_are_there(const struct ways *ways, bool with_mmap)
{
	if (ways->gets_copies && ways->trial == 0)
		return true;
	return ways->serving == SERVING_UNKNOWN || (with_mmap && ways->receives_files) ||
	       (ways->serving == SERVING_LIBWAYLAND && !ways->gets_copies);
}
