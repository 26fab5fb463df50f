/* SPDX-License-Identifier: MIT */
/*
 * The lines of C in README.md, compiled as they stand there and run: with a client that leaves its
 * file alone, with one that has cut it, and with one that cuts it while the server reads. Only one
 * whose bytes were missing is disconnected, and no signal ends this program.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <uffd_guard.h>
#include <unistd.h>

#define LENGTH ((size_t)4 << 20)

enum habit { LEAVES_ALONE, CUTS_BEFORE, CUTS_MEANWHILE };

struct client {
	enum habit habit;
	int fd;
	unsigned sum;
	bool is_disconnected;
};

static struct client *client;
static struct uffd_guard *guard;
static struct uffd_guard_region *region;

static void cut(void)
{
	if (ftruncate(client->fd, 0))
		abort();
}

static void draw(const void *pixels, size_t length)
{
	const unsigned char *bytes = pixels;
	for (size_t i = 0; i < length; i++) {
		client->sum += bytes[i];
		if (client->habit == CUTS_MEANWHILE && i == 0)
			cut();
	}
}

static void disconnect(struct client *offender)
{
	offender->is_disconnected = true;
}

static int serve(int fd, size_t length)
{
#include "readme_lines.inc"
	return 0;
}

/* 0, or what is wrong with the lines. */
static int try(enum habit habit)
{
	struct client one = { .habit = habit, .fd = memfd_create("client", MFD_CLOEXEC) };
	unsigned char *bytes = malloc(LENGTH);
	if (one.fd < 0 || !bytes)
		abort();
	memset(bytes, 1, LENGTH);
	if (write(one.fd, bytes, LENGTH) != (ssize_t)LENGTH)
		abort();
	free(bytes);

	client = &one;
	guard = NULL;
	region = NULL;
	if (habit == CUTS_BEFORE)
		cut();
	int err = serve(one.fd, LENGTH);
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
	close(one.fd);

	bool is_whole = one.sum == LENGTH, shall_be_whole = habit != CUTS_BEFORE;
	if (!err && is_whole == shall_be_whole && one.is_disconnected != shall_be_whole)
		return 0;
	fprintf(stderr, "client %d: answer %d, sum %u, %s\n", habit, err, one.sum,
		one.is_disconnected ? "disconnected" : "not disconnected");
	return -1;
}

int main(void)
{
	struct uffd_guard *probe;
	int err = uffd_guard_create(NULL, &probe);
	if (err) {
		printf("SKIP: userfaultfd is denied: %s\n", strerror(-err));
		return 77;
	}
	uffd_guard_destroy(probe);
	bool is_wrong = false;
	for (enum habit habit = LEAVES_ALONE; habit <= CUTS_MEANWHILE; habit++)
		is_wrong |= try(habit) != 0;
	return is_wrong;
}
