/* SPDX-License-Identifier: MIT */
/* The client: a file, what it holds now, and what it held at each moment before. */
#pragma once

#include "block.h"

#include <stdbool.h>

#define FILE_PAGES  768
#define MOST_MOMENT 250
#define FOREVER	    255

/* The time of the model: a change of any file begins the next moment. */
uint8_t moment_now(void);
void moment_reset(void);
bool moment_is_last(void); /* no more changes, please */

struct version;
struct size_version;

enum file_kind { FILE_MEMFD, FILE_MEMFD_SEALABLE, FILE_SHM, FILE_DISK, N_FILE_KINDS };

struct file {
	int fd;
	bool is_closed; /* by the client, who can change it no more; ours is another number */
	bool is_tmpfs;
	bool was_direct; /* pages of it may come by loads and stores */
	uint64_t size, n_blocks;
	struct version *pages[FILE_PAGES];
	struct size_version *sizes;
};

enum file_fill { FILL_DATA, FILL_HOLE, FILL_EVERY_OTHER, FILL_ZEROS, N_FILE_FILLS };

/* NULL: not on this machine. */
struct file *file_create(enum file_kind kind, uint64_t size, enum file_fill fill);
void file_destroy(struct file *file);
/* The size is as it should be, and so is the memory the file holds. */
void file_check(const struct file *file);

/* What a client does. The kernel may refuse, because of a seal. */
void file_write(struct file *file, uint64_t offset, uint64_t length, const struct block *pattern);
void file_truncate(struct file *file, uint64_t size);
void file_punch(struct file *file, uint64_t offset, uint64_t length);
void file_allocate(struct file *file, uint64_t offset, uint64_t length);
void file_seal(struct file *file, int seals);
void file_close(struct file *file);

/* A store through a mapping of the file has changed it. */
void file_note_stored(
	struct file *file, uint64_t offset, uint64_t length, const struct block *pattern);
/* The library has written to the file. */
void file_note_written(
	struct file *file, uint64_t offset, uint64_t length, const struct block *pattern);
/* write_back may have changed the page; this is what it holds now. In the moment that began with
 * file_note_change(). */
void file_note_change(void);
void file_note_page(struct file *file, size_t page, const struct block *block);
void file_note_allocated(struct file *file);

int file_seals(const struct file *file); /* 0 where it cannot have any */

/* ---- What it held. Pages and bytes that are not there are zeros. ---- */

const struct block *file_block(const struct file *file, uint64_t page); /* now */
/* One that holds the bytes and was the page's at some moment from @since to @until, or NULL. */
const struct block *file_find_block(const struct file *file, uint64_t page, const uint8_t *bytes,
	size_t length, uint8_t since, uint8_t until);
bool file_had_byte(const struct file *file, uint64_t page, size_t place, uint8_t byte,
	uint8_t since, uint8_t until);
uint64_t file_least_size(const struct file *file, uint8_t since, uint8_t until);
uint64_t file_most_size(const struct file *file, uint8_t since, uint8_t until);
