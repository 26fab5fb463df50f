/* SPDX-License-Identifier: MIT */
/* How much of a file is memory. Any thread, no lock. */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* Debian 12's headers have no name for it, nor has libseccomp */
#endif

/* Pages of the range that are not a hole, of a file that is memory; or a negative errno where that
 * is not told: before Linux 6.5, of hugetlb, without the right to write to the file. */
int64_t cached_pages(int fd, uint64_t position, uint64_t length);
