/* SPDX-License-Identifier: MIT */
/* The files that clients hand over: of each kind that toolkits use, and some that nobody should. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_HUGE_PAGE ((size_t)2 << 20)

enum file_kind {
	FILE_MEMFD,	      /* may be sealed, is not */
	FILE_MEMFD_SEALED,    /* F_SEAL_SHRINK: as most toolkits do */
	FILE_MEMFD_SEAL_SEAL, /* can never be sealed */
	FILE_SHM_OPEN,
	FILE_TMPFS,   /* in /dev/shm, unlinked */
	FILE_DISK,    /* in a directory on a disk, unlinked */
	FILE_HUGETLB, /* a memfd of huge pages, of which its size is a multiple */
	N_FILE_KINDS
};

extern const char *const file_kind_names[N_FILE_KINDS];

/* Where files of FILE_DISK are made. */
void file_set_directory(const char *path);

/* An empty file. A descriptor, or a negative errno; -ENOTBLK: there is no disk below the directory;
 * -ENXIO: there are no huge pages. */
int file_make(enum file_kind kind);
/* Of this size, and then sealed if its kind is. */
int file_make_sized(enum file_kind kind, off_t size);

/* Pixels of one colour, through write(2): a mapping would be ours to lose. */
void file_paint(int fd, off_t offset, size_t n_pixels, uint32_t colour);
