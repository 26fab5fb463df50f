/* SPDX-License-Identifier: MIT */
/*
 * A file whose file system is another process, which answers as the test says. Page i has
 * page_value(i). With such a file a client can make a server wait as long as it likes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum fuse_behaviour {
	FUSE_ANSWERS,
	FUSE_STALLS,	/* answers nothing until the behaviour changes, then all requests */
	FUSE_HESITATES, /* each read is answered after 30 ms */
	FUSE_FAILS,	/* EIO */
	FUSE_IS_SHORT,	/* as if the file had half the pages */
};

struct fuse_file;

/* NULL after runner_skip(). The kernel may keep what it was answered in its page cache, or not. */
struct fuse_file *fuse_file_start(size_t n_pages, bool is_cached);
/* The same, and /proc/self/fd shows it as "/NAME". */
struct fuse_file *fuse_file_start_as(const char *name, size_t n_pages, bool is_cached);
int fuse_file_fd(const struct fuse_file *file); /* the file's own */
void fuse_file_close(struct fuse_file *file);	/* earlier than fuse_file_stop() does */
void fuse_file_behave(struct fuse_file *file, enum fuse_behaviour behaviour);
size_t fuse_file_count_held(const struct fuse_file *file); /* requests that were not answered yet */
void fuse_file_stop(struct fuse_file *file);
