/* SPDX-License-Identifier: MIT */
/*
 * A descriptor that can be read while it is rung: of an epoll that waits for output on another file
 * of ours, which always has room for it, or waits for nothing.
 *
 * To ring is to change what it waits for (EPOLL_CTL_MOD), and the kernel does that only where the
 * one number is of an epoll, and the file with the other is in it under that number. So no file of
 * the program is written to or read from, even if it takes the place of ours at the last moment,
 * between a look at a number and its use. It would have to be an epoll of the program that has come
 * to the one number, with a file in it that has come to the other; which is why the other is far
 * away (descriptor_move_away()).
 */
#pragma once

#include <stdbool.h>

struct bell {
	int fd;	    /* to poll for reading; -1: none */
	int source; /* always has room for output, and is far away; borrowed */
	int mark;
};

/* Silent. 0, or a negative errno and .fd -1. */
int bell_open(struct bell *bell, int source, int mark);
void bell_close(struct bell *bell); /* also one that could not be opened */

/* Any thread. False: one of the two files is not ours any more, or the kernel denies it. */
bool bell_ring(const struct bell *bell);
bool bell_silence(const struct bell *bell);
