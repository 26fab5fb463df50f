/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#ifndef LOG_NAME
#define LOG_NAME "uffd_guard_wl_shm"
#endif

void shm_log(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	flockfile(stderr);
	fputs(LOG_NAME ": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
}
