/* SPDX-License-Identifier: MIT */
/*
 * The mark is the signal that F_SETSIG keeps with an open file. Without O_ASYNC, which no file of
 * ours has, it is never sent. A file of the program's has none, or one that it has set itself.
 */
#include "kernel/descriptor.h"

#include "base/missing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define FIRST_MARK 36 /* a real-time signal, above those of the C library */
#define N_MARKS	   28

#define FIRST_NOT_STANDARD (STDERR_FILENO + 1)

#define FIRST_FAR 512 /* half of the usual limit */
#define N_FAR	  256

int descriptor_new_mark(void)
{
	static atomic_uint n_marks;
	return FIRST_MARK + (int)(atomic_fetch_add(&n_marks, 1) % N_MARKS);
}

int descriptor_duplicate(int fd)
{
	int fresh = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_NOT_STANDARD);
	if (fresh < 0 && errno == EINVAL)
		return -EMFILE; /* the limit is below that */
	return fresh < 0 ? -errno : fresh;
}

static int move_up(int fd)
{
	if (fd < 0 || fd >= FIRST_NOT_STANDARD)
		return fd;
	int fresh = descriptor_duplicate(fd);
	close(fd);
	return fresh;
}

int descriptor_adopt(int fd, int mark)
{
	fd = move_up(fd);
	if (fd < 0 || fcntl(fd, F_SETSIG, mark) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

/* Where fcntl(2) is denied, trust that the program closes only its own descriptors. */
bool descriptor_is_ours(int fd, int mark)
{
	if (fd < 0 || mark <= 0)
		return false;
	const int found = fcntl(fd, F_GETSIG);
	return found == mark || (found < 0 && errno != EBADF);
}

void descriptor_close(int fd, int mark)
{
	if (descriptor_is_ours(fd, mark))
		close(fd);
}

/* statx(2) may be denied, and is called only where fstat(2) may wait. */
int descriptor_find_file(int fd, bool may_block, struct descriptor_file *file)
{
	struct stat st;
	struct statx stx;
	*file = (struct descriptor_file){ .may_block = may_block };
	if (may_block ? statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &stx) < 0
		      : fstat(fd, &st) < 0)
		return -errno;
	file->device = may_block ? makedev(stx.stx_dev_major, stx.stx_dev_minor) : st.st_dev;
	file->inode = may_block ? stx.stx_ino : st.st_ino;
	return 0;
}

bool descriptor_same_file(const struct descriptor_file *one, const struct descriptor_file *other)
{
	return one->device == other->device && one->inode == other->inode;
}

int descriptor_move_away(int fd)
{
	static atomic_uint n_moved;
	if (fd < 0)
		return fd;
	const unsigned turn = atomic_fetch_add(&n_moved, 1) % N_FAR;
	const int fresh = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FAR + (int)turn);
	if (fresh < 0)
		return fd; /* the limit is below that */
	close(fd);
	return fresh;
}

bool descriptor_is_of(int fd, const struct descriptor_file *file)
{
	struct descriptor_file found;
	if (fd < 0)
		return false;
	const int err = descriptor_find_file(fd, file->may_block, &found);
	if (err)
		return err != -EBADF;
	return descriptor_same_file(&found, file);
}

int descriptor_pipe(int ends[2], int mark)
{
	char bytes[64];
	int made[2];
	ends[0] = ends[1] = -1;
	if (pipe2(made, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	const int from = descriptor_adopt(made[0], mark), to = descriptor_adopt(made[1], mark);
	if (from < 0 || to < 0) {
		descriptor_close(from, mark);
		descriptor_close(to, mark);
		return from < 0 ? from : to;
	}
	/* Before it was moved up, the program may have printed to it. */
	while (read(from, bytes, sizeof(bytes)) > 0)
		;
	ends[0] = from;
	ends[1] = to;
	return 0;
}

/* One that cannot be executed: another may be denied (vm.memfd_noexec). Before 6.3 there is no
 * such flag. */
static int create_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/* Beyond the limit the kernel would not only refuse, but send SIGXFSZ. */
static bool may_have(size_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur >= size;
}

int descriptor_memory(const char *name, size_t size, int mark)
{
	if (!may_have(size))
		return -EFBIG;
	int fd = descriptor_adopt(create_memfd(name), mark);
	/* Before it was moved up, the program may have printed to it. */
	if (fd >= 0 && (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
