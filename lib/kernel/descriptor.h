/* SPDX-License-Identifier: MIT */
/*
 * The guard's own descriptors, which share their numbers with the program's.
 *
 * None is a standard one: a program that was started without these prints to them all the same. And
 * each is known again before it is used or closed, for the program may have closed it and opened
 * another file in its place, as daemons do with all that they do not know.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the descriptors of one guard are known by. */
int descriptor_new_mark(void);

/* Take over @fd, a new descriptor: its number from now on, or a negative errno. Answers a negative
 * @fd as it is. */
int descriptor_adopt(int fd, int mark);
/* Another descriptor of @fd's file, which stays open and is not marked. */
int descriptor_duplicate(int fd);

/* To a number that few programs come to, and that is another each time: so that what is closed and
 * opened does not get it. Answers the new number, and @fd is closed; or @fd, which may be a
 * negative errno. */
int descriptor_move_away(int fd);

bool descriptor_is_ours(int fd, int mark);
void descriptor_close(int fd, int mark); /* if it is */

/* Which file a descriptor is of, for one that may not be marked: others have its file open too. */
struct descriptor_file {
	dev_t device;
	ino_t inode;
	bool may_block; /* its server is not to be asked */
};
int descriptor_find_file(int fd, bool may_block, struct descriptor_file *file);
bool descriptor_is_of(int fd, const struct descriptor_file *file);
bool descriptor_same_file(const struct descriptor_file *one, const struct descriptor_file *other);

/* A new pipe, empty and without blocking: ends[0] to read from, ends[1] to write to. 0, or a
 * negative errno and both ends -1. */
int descriptor_pipe(int ends[2], int mark);

/* A new memfd of @size bytes, all hole; or a negative errno, -EFBIG where the process may not have
 * files of that size. */
int descriptor_memory(const char *name, size_t size, int mark);
