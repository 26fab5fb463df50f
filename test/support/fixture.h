/* SPDX-License-Identifier: MIT */
/* A guard, a client's file, and a region of it. The test plays the client: it has the file's
 * descriptor. */
#pragma once

#include "room.h"
#include "runner.h"
#include "self.h"

#include <uffd_guard.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_kind { FILE_MEMFD, FILE_TMPFS, FILE_HUGETLB, N_FILE_KINDS };

struct fixture_options {
	enum file_kind kind;
	size_t n_pages;	      /* of the file, each filled with its number + 1; and of the region */
	bool is_sparse;	      /* without data */
	uint32_t guard_flags; /* in addition to runner_guard_flags() */
	uint32_t map_flags;
	size_t length; /* of the region; 0: the file's */
	size_t reserve;
	uint32_t read_deadline_ms; /* 0: longer than a busy machine holds anybody up */
	void *user_data;
};

struct fixture {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	volatile unsigned char *data;
	int fd;
	size_t page;
};

/* A file of @n_pages pages, or -1 after runner_skip(). */
int file_create(enum file_kind kind, size_t n_pages, bool is_sparse);
void file_write_page(int fd, size_t page, unsigned char value);
void file_punch(int fd, size_t first, size_t n_pages);
size_t file_allocated_bytes(int fd);
/* In this process. */
size_t file_count_mappings(int fd);
/* Files of the kind are multiples of this: a page, or a huge page for hugetlb. */
size_t file_granularity(enum file_kind kind);

struct uffd_guard *guard_start(uint32_t flags);

/* False after runner_skip(): return from the test. */
bool fixture_start(struct fixture *f, const struct fixture_options *options);
void fixture_stop(struct fixture *f);

struct uffd_guard_region *map_at(struct uffd_guard *guard, int fd, size_t length, void *address);

void fixture_truncate(struct fixture *f, size_t n_pages);
/* Call after the client has changed its file: refreshes the region if it is EAGER. */
void fixture_changed(struct fixture *f);
/* Have pages filled without touching them. */
void fixture_ask(struct fixture *f, size_t first, size_t n_pages);
enum uffd_guard_mode mode_without_direct(void);
/* In EAGER, before Linux 6.5: nothing tells where they are. */
bool holes_are_read(void);
/* True: return from the test. EAGER needs that call to tell holes, and to read past scanners. */
bool skip_no_cachestat(void);
/* True: return from the test. A sanitizer has no room for a terabyte, and EAGER would read all its
 * holes. */
bool skip_terabyte(void);
unsigned char page_value(size_t page); /* the value of each byte of that page of a new file */

void assert_page_is(const struct fixture *f, size_t page, unsigned char value);
void assert_bytes_are(const struct fixture *f, size_t from, size_t to, unsigned char value);
void assert_losses_eq(const struct fixture *f, uint32_t reasons);
struct uffd_guard_stats fixture_stats(const struct fixture *f);
