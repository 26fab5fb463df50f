/* SPDX-License-Identifier: MIT */
/* Settings of the environment and the machine. They are read once. */
#include "base/settings.h"

#include "base/log.h"
#include "base/pages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uffd_guard.h>

static struct settings values;

/* "direct" is the name that "auto" had when that sealed nothing. MAP_WRITE is in all modes: it is
 * not known at first which buffer will receive a screenshot. */
static uint32_t map_flags_of(const char *mode)
{
	const uint32_t lazy = UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_ANY_FILE;
	if (!mode || !*mode || strcmp(mode, "auto") == 0 || strcmp(mode, "direct") == 0)
		return lazy | UFFD_GUARD_MAP_DIRECT | UFFD_GUARD_MAP_SEAL;
	if (strcmp(mode, "sealed") == 0)
		return lazy | UFFD_GUARD_MAP_DIRECT;
	if (strcmp(mode, "lazy") == 0)
		return lazy;
	shm_log(SETTING_MODE "=%s: it is auto, sealed or lazy; taking auto", mode);
	return map_flags_of(NULL);
}

#define DEFAULT_MIB 256 /* three buffers of 8K are 380 MiB, and one of them is in use */

static uint64_t bytes_unused(const char *mib)
{
	char *end;
	if (!mib)
		return (uint64_t)DEFAULT_MIB << 20;
	const unsigned long n = strtoul(mib, &end, 10);
	if (end != mib && !*end && n <= UINT32_MAX)
		return (uint64_t)n << 20;
	shm_log(SETTING_MEMORY "=%s: it is a number of MiB; taking %d", mib, DEFAULT_MIB);
	return bytes_unused(NULL);
}

/* A quarter of the machine's memory; four of the largest pictures if that is more. */
static uint64_t bytes_in_use(void)
{
	const uint64_t quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) / 4 * page_size(),
		       least = UINT64_C(1) << 30;
	return quarter > least ? quarter : least;
}

/* With vm.overcommit_memory=2 the kernel counts all that is mapped, even with MAP_NORESERVE. */
static bool is_overcommit_denied(void)
{
	int mode = 0;
	FILE *f = fopen("/proc/sys/vm/overcommit_memory", "re");
	if (f && fscanf(f, "%d", &mode) != 1)
		mode = 0;
	if (f)
		fclose(f);
	return mode == 2;
}

static void read_settings(void)
{
	const char *broken = secure_getenv(SETTING_BREAK);
	values = (struct settings){
		.map_flags = map_flags_of(secure_getenv(SETTING_MODE)),
		.is_refresh_broken = broken && strstr(broken, "refresh"),
		.is_store_broken = broken && strstr(broken, "write-back"),
		.is_memory_counted = is_overcommit_denied(),
		.bytes_in_use = bytes_in_use(),
		.bytes_unused = bytes_unused(secure_getenv(SETTING_MEMORY)),
	};
	if (values.is_refresh_broken || values.is_store_broken)
		shm_log(SETTING_BREAK "=%s: what clients see and show is wrong on purpose", broken);
}

const struct settings *settings(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, read_settings);
	return &values;
}
