/* SPDX-License-Identifier: MIT */
/*
 * A shadow: a memfd that is sealed against shrinking.
 *
 * Whether the compositor still has it cannot be asked of a memfd, but of a file that was opened
 * twice: ours and theirs are two opens of it by /proc, and a lease for writing is granted only
 * while ours is the only one. A mapping counts as long as it lives.
 *
 * A compositor that may open /dev/udmabuf can have pages of it pinned for the graphics card, which
 * sees these pages and not the file. Then no hole is punched, or the card would go on with the old
 * pages.
 */
#include "shadows/shadow.h"

#include "base/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#endif

/* ---- The file ---- */

static int set_size(int fd, size_t size)
{
	struct rlimit limit;
	/* Beyond it there is a signal. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
		return -EFBIG;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int reopen(int fd, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static int open_file(void)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("uffd-guard-shadow", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("uffd-guard-shadow", flags);
	return fd < 0 ? -errno : fd;
}

static int shadow_open(struct shadow *shadow)
{
	int fd = open_file(), again = fd < 0 ? -1 : reopen(fd, O_RDWR);
	shadow->tells_use = again >= 0;
	shadow->fd = again >= 0 ? again : fd;
	if (again >= 0)
		close(fd);
	if (fd < 0)
		return fd;
	int err = set_size(shadow->fd, shadow->size);
	if (!err && fcntl(shadow->fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		err = -errno;
	return err;
}

static int shadow_map(struct shadow *shadow)
{
	void *data = mmap(NULL, shadow->size, PROT_READ | PROT_WRITE, MAP_SHARED, shadow->fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	shadow->data = data;
	return 0;
}

/* ---- Life ---- */

int shadow_create(size_t size, struct shadow **answer)
{
	struct shadow *shadow = calloc(1, sizeof(*shadow));
	if (!shadow)
		return -ENOMEM;
	shadow->size = size;
	wl_list_init(&shadow->link);
	int err = shadow_open(shadow);
	if (!err)
		err = shadow_map(shadow);
	if (err) {
		shadow_destroy(shadow);
		return err;
	}
	*answer = shadow;
	return 0;
}

void shadow_destroy(struct shadow *shadow)
{
	if (!shadow)
		return;
	wl_list_remove(&shadow->link);
	if (shadow->data)
		munmap(shadow->data, shadow->size);
	if (shadow->fd >= 0)
		close(shadow->fd);
	free(shadow);
}

int shadow_grow(struct shadow *shadow, size_t size)
{
	if (size <= shadow->size)
		return 0;
	int err = set_size(shadow->fd, size);
	if (err)
		return err;
	void *data = mremap(shadow->data, shadow->size, size, MREMAP_MAYMOVE);
	if (data == MAP_FAILED)
		return -errno;
	shadow->data = data;
	shadow->size = size;
	return 0;
}

/* ---- Use ---- */

int shadow_put_behind(struct shadow *shadow, int fd, enum shadow_rights rights, uint64_t owner)
{
	/* Our mapping was made before, and may go on to store. */
	if (rights == SHADOW_SEALED_WRITE &&
		fcntl(shadow->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0)
		return -errno;
	if (rights != SHADOW_WRITE)
		shadow->tells_use = false;
	int theirs = reopen(shadow->fd, rights == SHADOW_READ_ONLY ? O_RDONLY : O_RDWR);
	if (theirs < 0 && rights == SHADOW_WRITE) {
		theirs = fcntl(shadow->fd, F_DUPFD_CLOEXEC, 0);
		shadow->tells_use = false;
	}
	if (theirs < 0)
		return -errno;
	int err = exchange_descriptor(fd, theirs, owner);
	close(theirs);
	return err;
}

bool shadow_is_in_use(const struct shadow *shadow)
{
	if (fcntl(shadow->fd, F_SETLEASE, F_WRLCK) < 0)
		return true;
	fcntl(shadow->fd, F_SETLEASE, F_UNLCK);
	return false;
}

void shadow_clear(struct shadow *shadow, uint64_t offset, uint64_t length)
{
	if (shadows_may_be_pinned() ||
		fallocate(shadow->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			(off_t)length) < 0)
		memset(shadow->data + offset, 0, length);
}

uint64_t shadow_memory(const struct shadow *shadow)
{
	struct stat file;
	return fstat(shadow->fd, &file) < 0 ? shadow->size : (uint64_t)file.st_blocks * 512;
}

static bool may_be_pinned;

static void look_for_udmabuf(void)
{
	may_be_pinned = access("/dev/udmabuf", R_OK | W_OK) == 0;
}

bool shadows_may_be_pinned(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, look_for_udmabuf);
	return may_be_pinned;
}
