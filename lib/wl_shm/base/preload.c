/* SPDX-License-Identifier: MIT */
/*
 * LD_PRELOAD, for one process only.
 *
 * Every child inherits LD_PRELOAD: the compositor, perhaps through a script that starts it, and
 * from there all programs of the session. So the library removes itself from the list in the
 * process that it is for: the first in which the program, or a library other than a driver, needs
 * libwayland-server. The shell of a script does not, nor does dbus-run-session. A launcher with a
 * window may have libwayland-server loaded, but only because graphics drivers need it to share
 * buffers: is_driver() ignores these.
 */
#include "base/preload.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER "libwayland-server.so"
#define OURS   "libuffd_guard_"

static const char *file_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *strings_of(const struct link_map *map)
{
	for (const ElfW(Dyn) *at = map->l_ld; at && at->d_tag != DT_NULL; at++) {
		if (at->d_tag == DT_STRTAB) {
			/* The loader has added the load address already, except for some objects.
			 */
			ElfW(Addr) address = at->d_un.d_ptr;
			return (const char *)(address < map->l_addr ? address + map->l_addr
								    : address);
		}
	}
	return NULL;
}

static bool needs_server(const struct link_map *map)
{
	const char *strings = strings_of(map);
	for (const ElfW(Dyn) *at = map->l_ld; strings && at->d_tag != DT_NULL; at++) {
		if (at->d_tag == DT_NEEDED && has_prefix(strings + at->d_un.d_val, SERVER))
			return true;
	}
	return false;
}

static bool is_driver(const char *file)
{
	static const char *const drivers[] = { "libgbm.so", "libEGL", "libGL", "libgallium",
		"libnvidia-", "libvulkan" };
	for (unsigned i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (has_prefix(file, drivers[i]))
			return true;
	}
	return false;
}

/* True for the program, or for a library by which it is a compositor, such as wlroots. */
static bool is_server(const struct link_map *map)
{
	const char *file = file_of(map->l_name);
	return !has_prefix(file, OURS) && !is_driver(file) && needs_server(map);
}

bool preload_is_for_this_process(void)
{
	void *self = dlopen(NULL, RTLD_LAZY | RTLD_NOLOAD);
	struct link_map *map = NULL;
	bool is_found = false;
	if (!self || dlinfo(self, RTLD_DI_LINKMAP, &map) < 0)
		map = NULL;
	for (; map && !is_found; map = map->l_next)
		is_found = is_server(map);
	if (self)
		dlclose(self);
	return is_found;
}

/* Copy @list without @library; true if it was in the list. Both colons and spaces separate, as for
 * the loader. */
static bool copy_without(char *to, const char *list, const char *library)
{
	char *begin = to;
	bool is_found = false;
	while (*list) {
		size_t length = strcspn(list, ": "), skip = strspn(list + length, ": ");
		char item[4096];
		snprintf(item, sizeof(item), "%.*s", (int)length, list);
		if (strcmp(file_of(item), library) == 0)
			is_found = true;
		else if (length > 0)
			to += sprintf(to, "%s%s", to == begin ? "" : ":", item);
		list += length + skip;
	}
	*to = '\0';
	return is_found;
}

bool preload_remove_from_environment(const char *library)
{
	const char *list = secure_getenv("LD_PRELOAD");
	char *rest = list ? malloc(strlen(list) + 1) : NULL;
	if (!rest)
		return false;
	const bool was_there = copy_without(rest, list, library);
	if (*rest)
		setenv("LD_PRELOAD", rest, 1);
	else
		unsetenv("LD_PRELOAD");
	free(rest);
	return was_there;
}
