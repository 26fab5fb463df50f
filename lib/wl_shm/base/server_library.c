/* SPDX-License-Identifier: MIT */
#include "base/server_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All of libwayland up to 1.26. */
static const char *const known[] = {
	"wl_display_add_shm_format",
	"wl_display_init_shm",
	"wl_shm_buffer_begin_access",
	"wl_shm_buffer_create",
	"wl_shm_buffer_end_access",
	"wl_shm_buffer_get",
	"wl_shm_buffer_get_data",
	"wl_shm_buffer_get_format",
	"wl_shm_buffer_get_height",
	"wl_shm_buffer_get_stride",
	"wl_shm_buffer_get_width",
	"wl_shm_buffer_ref",
	"wl_shm_buffer_ref_pool",
	"wl_shm_buffer_unref",
	"wl_shm_pool_unref",
};

static bool is_known(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i]) == 0)
			return true;
	}
	return false;
}

/* Answer what @tag points to, or NULL. The loader has added the load address to it, except for some
 * objects. */
static const void *table_of(const struct link_map *map, int64_t tag)
{
	for (const ElfW(Dyn) *at = map->l_ld; at && at->d_tag != DT_NULL; at++) {
		const ElfW(Addr) address = at->d_un.d_ptr;
		if (at->d_tag == tag)
			return (const void *)(address < map->l_addr ? address + map->l_addr
								    : address);
	}
	return NULL;
}

/* The table of symbols has no length. The hash table leads to the last of them. */
static size_t count_symbols(const struct link_map *map)
{
	const uint32_t *hash = table_of(map, DT_GNU_HASH);
	if (!hash)
		return 0;
	const uint32_t n_buckets = hash[0], first = hash[1], n_bloom = hash[2];
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(const void *)(hash + 4);
	const uint32_t *buckets = (const uint32_t *)(const void *)(bloom + n_bloom),
		       *chain = buckets + n_buckets;
	uint32_t last = 0;
	for (uint32_t i = 0; i < n_buckets; i++)
		last = buckets[i] > last ? buckets[i] : last;
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return (size_t)last + 1;
}

static bool is_of_wl_shm(const char *name)
{
	return strncmp(name, "wl_shm_", strlen("wl_shm_")) == 0 ||
	       (strncmp(name, "wl_display_", strlen("wl_display_")) == 0 && strstr(name, "_shm"));
}

static const char *unknown_in(const struct link_map *map)
{
	const ElfW(Sym) *symbols = table_of(map, DT_SYMTAB);
	const char *strings = table_of(map, DT_STRTAB);
	const size_t n = symbols && strings ? count_symbols(map) : 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = strings + symbols[i].st_name;
		if (symbols[i].st_shndx != SHN_UNDEF && (symbols[i].st_info & 0xf) == STT_FUNC &&
			is_of_wl_shm(name) && !is_known(name))
			return name;
	}
	return NULL;
}

const char *server_library_unknown_function(void)
{
	void *library = dlopen("libwayland-server.so.0", RTLD_LAZY | RTLD_NOLOAD);
	struct link_map *map = NULL;
	const char *name = NULL;
	if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0)
		name = unknown_in(map);
	if (library)
		dlclose(library);
	return name;
}
