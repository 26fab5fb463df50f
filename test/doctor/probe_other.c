/* SPDX-License-Identifier: MIT */
/* Try a seccomp filter for the sandbox, a store, files on a tmpfs, and the two kinds of huge pages.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- Sandbox ---- */

/* Install a filter that denies getppid(), which fails for no other reason, and see it fail. */
int probe_filter(struct facts *facts)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	(void)facts;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return syscall(SYS_getppid) < 0 && errno == EDOM ? 0 : -EBADMSG;
}

/* ---- Stores ---- */

int probe_store(struct facts *facts)
{
	char from = 1, to = 0;
	const struct iovec source = { .iov_base = &from, .iov_len = 1 };
	const struct iovec place = { .iov_base = &to, .iov_len = 1 };
	(void)facts;
	ssize_t n = process_vm_readv(getpid(), &place, 1, &source, 1, 0);
	if (n < 0)
		n = process_vm_writev(getpid(), &source, 1, &place, 1, 0);
	return n == 1 ? 0 : n < 0 ? -errno : -EBADMSG;
}

/* ---- Files on a tmpfs ---- */

/* A page of data and a hole; or a negative errno. */
static int open_shm_file(void)
{
	const int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* Stored by a mapping: of write(2) too, a scanner may be asked. */
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (ftruncate(fd, 2 * (off_t)page) < 0)
		return -errno;
	char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*map = 1;
	munmap(map, page);
	return fd;
}

/* As the library does: holes are told by a second userfaultfd of faults in user mode. */
int probe_view(struct facts *facts)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char byte = 0;
	const struct iovec to = { &byte, 1 };
	(void)facts;
	const int fd = open_shm_file(), uffd = fd < 0 ? fd : probe_open_user_mode();
	if (fd < 0 || uffd < 0)
		return fd < 0 ? fd : uffd;
	char *map = mmap(NULL, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	const int err = probe_register(uffd, map, 2 * page);
	if (err || mprotect(map, 2 * page, PROT_READ) < 0)
		return err ? err : -errno;
	const struct iovec data = { map, 1 }, hole = { map + page, 1 };
	if (process_vm_readv(getpid(), &to, 1, &data, 1, 0) < 0)
		return -errno;
	const ssize_t n = process_vm_readv(getpid(), &to, 1, &hole, 1, 0);
	return byte == 1 && n < 0 && errno == EFAULT ? 0 : -EBADMSG;
}

int probe_shm_read(struct facts *facts)
{
	char byte = 0;
	(void)facts;
	const int fd = open_shm_file();
	if (fd < 0)
		return fd;
	return pread(fd, &byte, 1, 0) == 1 && byte == 1 ? 0 : -errno;
}

int probe_statx(struct facts *facts)
{
	struct statx stx;
	(void)facts;
	return statx(STDIN_FILENO, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0 &&
			       errno != EBADF
		       ? -errno
		       : 0;
}

/* ---- Huge pages ---- */

#define HUGE_PAGE ((size_t)2 << 20) /* what the library moves at a time */

/* -1: cannot be read. */
static long kib_in_huge_pages(void)
{
	char line[128];
	long kib = -1;
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "AnonHugePages: %ld kB", &kib);
	if (file)
		fclose(file);
	return kib;
}

int probe_huge_page(struct facts *facts)
{
	(void)facts;
	char *memory = probe_memory(2 * HUGE_PAGE);
	if (!memory)
		return -ENOMEM;
	char *page = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	long before = kib_in_huge_pages();
	if (madvise(page, HUGE_PAGE, MADV_HUGEPAGE) < 0)
		return -errno;
	*(volatile char *)page = 1;
	long after = kib_in_huge_pages();
	if (before < 0 || after < 0)
		return -ENODATA;
	return after > before ? 0 : -ENOMEM;
}

/* mmap() reserves the page, so a client is refused here if there is none. */
int probe_hugetlb(struct facts *facts)
{
	struct stat st;
	(void)facts;
	int fd = memfd_create("uffd-guard-doctor", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd < 0 || fstat(fd, &st) < 0 || ftruncate(fd, st.st_blksize) < 0)
		return -errno;
	void *map = mmap(NULL, (size_t)st.st_blksize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return map == MAP_FAILED ? -errno : 0;
}
