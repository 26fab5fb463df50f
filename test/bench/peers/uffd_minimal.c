/* SPDX-License-Identifier: MIT */
/*
 * The loop of the manual page of userfaultfd(2): a thread that waits with poll(2), reads one
 * message, reads one page of the file, and copies it in. Single faults are compared with it. It
 * does not survive the attacks that the library survives.
 *
 * The thread starts with the first region and runs until the program ends.
 */
#include "../peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_REGIONS 16
#define MOST_PAGE    65536

struct minimal {
	int fd;
	char *data;
	size_t length;
	bool is_used;
};

static int uffd = -1;
static size_t page_size;
static _Alignas(MOST_PAGE) char page_buffer[MOST_PAGE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct minimal *regions[MOST_REGIONS]; /* lock */

static struct minimal *find(uintptr_t address)
{
	for (int i = 0; i < MOST_REGIONS; i++) {
		if (regions[i] && address - (uintptr_t)regions[i]->data < regions[i]->length)
			return regions[i];
	}
	return NULL;
}

static void read_page(const struct minimal *region, uintptr_t address)
{
	ssize_t n = pread(
		region->fd, page_buffer, page_size, (off_t)(address - (uintptr_t)region->data));
	size_t got = n < 0 ? 0 : (size_t)n;
	memset(page_buffer + got, 0, page_size - got);
}

static void answer(uintptr_t address)
{
	address &= ~(uintptr_t)(page_size - 1);
	pthread_mutex_lock(&lock);
	const struct minimal *region = find(address);
	if (region) {
		read_page(region, address);
		struct uffdio_copy copy = {
			.dst = address, .src = (uintptr_t)page_buffer, .len = page_size
		};
		struct uffdio_range range = { .start = address, .len = page_size };
		if (ioctl(uffd, UFFDIO_COPY, &copy) < 0)
			ioctl(uffd, UFFDIO_WAKE, &range);
	}
	pthread_mutex_unlock(&lock);
}

static void *run(void *data)
{
	(void)data;
	for (;;) {
		struct pollfd poll_fd = { .fd = uffd, .events = POLLIN };
		struct uffd_msg message;
		poll(&poll_fd, 1, -1);
		if (read(uffd, &message, sizeof(message)) == sizeof(message) &&
			message.event == UFFD_EVENT_PAGEFAULT)
			answer((uintptr_t)message.arg.pagefault.address);
	}
	return NULL;
}

static int open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool start(void)
{
	pthread_t thread;
	if (uffd >= 0)
		return true;
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	uffd = open_uffd();
	if (uffd < 0)
		return false;
	int err = pthread_create(&thread, NULL, run, NULL);
	if (err) {
		close(uffd);
		uffd = -1;
		errno = err;
		return false;
	}
	pthread_setname_np(thread, "uffd-minimal");
	pthread_detach(thread);
	return true;
}

static bool put_on_list(struct minimal *old, struct minimal *fresh)
{
	int i = 0;
	pthread_mutex_lock(&lock);
	while (i < MOST_REGIONS && regions[i] != old)
		i++;
	if (i < MOST_REGIONS)
		regions[i] = fresh;
	pthread_mutex_unlock(&lock);
	return i < MOST_REGIONS;
}

static bool map(struct minimal *region)
{
	region->data = mmap(NULL, region->length, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region->data == MAP_FAILED)
		return false;
	struct uffdio_register request = {
		.range = { .start = (uintptr_t)region->data, .len = region->length },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	if (ioctl(uffd, UFFDIO_REGISTER, &request) == 0)
		return true;
	munmap(region->data, region->length);
	return false;
}

static void *minimal_open(int fd, size_t length)
{
	if (!start())
		return NULL;
	struct minimal *region = malloc(sizeof(*region));
	if (!region)
		return NULL;
	*region = (struct minimal){ .fd = fd,
		.length = (length + page_size - 1) / page_size * page_size };
	if (map(region)) {
		if (put_on_list(NULL, region))
			return region;
		munmap(region->data, region->length);
		errno = ENOMEM;
	}
	free(region);
	return NULL;
}

/* Drop the pages of the damage: they are read again when they are touched. */
static const char *minimal_begin(void *self, const struct damage *damage)
{
	struct minimal *region = self;
	for (size_t i = 0; region->is_used && i < damage->n_spans; i++) {
		size_t first = damage->spans[i].offset / page_size * page_size;
		size_t end = damage->spans[i].offset + damage->spans[i].length;
		madvise(region->data + first, end - first, MADV_DONTNEED);
	}
	region->is_used = true;
	return region->data;
}

static void minimal_end(void *self)
{
	(void)self;
}

static void minimal_close(void *self)
{
	struct minimal *region = self;
	put_on_list(region, NULL);
	munmap(region->data, region->length);
	free(region);
}

const struct peer peer_uffd_minimal = {
	.name = "uffd_minimal",
	.open = minimal_open,
	.begin = minimal_begin,
	.end = minimal_end,
	.close = minimal_close,
};
