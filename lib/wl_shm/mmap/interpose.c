/* SPDX-License-Identifier: MIT */
/*
 * libuffd_guard_mmap.so: guards a program's mappings of other processes' files, without a change to
 * the program. It is for compositors that parse keymaps; `uffd-guard-run --mmap` preloads it.
 *
 * A read-only mmap(2) of a descriptor that came over a socket becomes a region of a guard. Such a
 * mapping is a snapshot, unless the file is sealed. If there can be no region now, mmap(2) fails:
 * a program that was told to be guarded must not map a client's file unguarded when descriptors or
 * memory are short, which a client can bring about. What is no regular file is passed on, since no
 * guard takes it, and so is every other call. Mappings that the guard itself makes come here too,
 * and are passed on.
 *
 * close(2) of such a descriptor is left to another thread if the file may have a server, which is
 * asked then, and may be the client (FUSE). That is so also where libwayland closes what a client
 * has sent and nobody has taken.
 */
/* With _FILE_OFFSET_BITS, what is called mmap here would get the name of mmap64, which is defined
 * below. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS /* goes with it only */
#include "base/close_aside.h"
#include "base/log.h"
#include "base/preload.h"
#include "base/settings.h"
#include "base/shm_stats.h"
#include "mmap/arrivals.h"
#include "mmap/maps.h"
#include "mmap/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- The functions of libc ---- */

typedef ssize_t recvmsg_fn(int fd, struct msghdr *message, int flags);
typedef int recvmmsg_fn(
	int fd, struct mmsghdr *messages, unsigned n_messages, int flags, struct timespec *timeout);
typedef int close_fn(int fd);

/* These are cancellation points, so libc's functions are called and not the system calls.
 *
 * Another preloaded library may have a dlsym() of its own in front of libc's. For that, RTLD_NEXT
 * is what comes behind the other library, which may be ours. */
static bool is_own(void *function)
{
	static const char here;
	Dl_info of_function, of_us;
	return dladdr(function, &of_function) && dladdr(&here, &of_us) &&
	       of_function.dli_fbase == of_us.dli_fbase;
}

static void find_behind(const char *name, void *function)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (!found || is_own(found)) {
		void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
		found = libc ? dlsym(libc, name) : NULL;
	}
	memcpy(function, &found, sizeof(found));
}

static recvmsg_fn *real_recvmsg(void)
{
	static _Atomic(recvmsg_fn *) known;
	recvmsg_fn *function = atomic_load(&known);
	if (!function) {
		find_behind("recvmsg", &function);
		atomic_store(&known, function);
	}
	return function;
}

static recvmmsg_fn *real_recvmmsg(void)
{
	static _Atomic(recvmmsg_fn *) known;
	recvmmsg_fn *function = atomic_load(&known);
	if (!function) {
		find_behind("recvmmsg", &function);
		atomic_store(&known, function);
	}
	return function;
}

static close_fn *real_close(void)
{
	static _Atomic(close_fn *) known;
	close_fn *function = atomic_load(&known);
	if (!function) {
		find_behind("close", &function);
		atomic_store(&known, function);
	}
	return function;
}

/* Before main(): without these functions nothing would work, and a loop would hide why. */
static _Noreturn void give_up_without_libc(void)
{
	shm_log("libuffd_guard_mmap.so does not find libc's functions behind another preloaded "
		"library; leave out --mmap, or that library");
	_exit(127);
}

/* Look all up now: dlsym() in a forked child may wait for ever for a lock of another thread. */
static void find_all(void)
{
	real_recvmsg();
	real_recvmmsg();
	if (!real_recvmsg() || !real_recvmmsg() || !real_close())
		give_up_without_libc();
}

/* ---- The functions in front of them ---- */

static bool should_guard(int prot, int flags, int fd)
{
	const int sharing = flags & MAP_TYPE;
	return prot == PROT_READ && !(flags & (MAP_ANONYMOUS | MAP_FIXED | MAP_FIXED_NOREPLACE)) &&
	       (sharing == MAP_PRIVATE || sharing == MAP_SHARED) && arrivals_has(fd);
}

static void *fail_with(int error)
{
	errno = error;
	return MAP_FAILED;
}

static void *fail_without_memory(void)
{
	return fail_with(ENOMEM);
}

static void *map_guarded_or_plain(
	void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
	if (should_guard(prot, flags, fd)) {
		void *guarded;
		const int err = maps_create(fd, length, offset, &guarded);
		if (!err)
			return guarded;
		if (err != -ENODEV || arrivals_is_regular(fd))
			return fail_with(-err);
	}
	if (flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE) &&
		!maps_make_plain(address, length))
		return fail_without_memory();
	return real_mmap(address, length, prot, flags, fd, offset);
}

EXPORT void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	return map_guarded_or_plain(address, length, prot, flags, fd, offset);
}

#if defined(__GLIBC__)
EXPORT void *mmap64(void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
	return map_guarded_or_plain(address, length, prot, flags, fd, offset);
}
#endif

EXPORT int munmap(void *address, size_t length)
{
	if (maps_keeps_mapped(address) || maps_unmap(address, length))
		return 0;
	if (!maps_make_plain(address, length)) {
		errno = ENOMEM;
		return -1;
	}
	return real_munmap(address, length);
}

/* A region that was moved would read as zeros, so moving one fails. */
EXPORT void *mremap(void *address, size_t old_length, size_t length, int flags, ...)
{
	void *to = NULL;
	if (flags & MREMAP_FIXED) {
		va_list args;
		va_start(args, flags);
		to = va_arg(args, void *);
		va_end(args);
	}
	if (maps_has(address, old_length) || (flags & MREMAP_FIXED && !maps_make_plain(to, length)))
		return fail_without_memory();
	return real_mremap(address, old_length, length, flags, to);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t result = real_recvmsg()(fd, message, flags);
	if (result >= 0)
		arrivals_note(message);
	return result;
}

EXPORT int recvmmsg(
	int fd, struct mmsghdr *messages, unsigned n_messages, int flags, struct timespec *timeout)
{
	const int n_received = real_recvmmsg()(fd, messages, n_messages, flags, timeout);
	for (int i = 0; i < n_received; i++)
		arrivals_note(&messages[i].msg_hdr);
	return n_received;
}

/* Not the number of a child of vfork(2), which has descriptors of its own, but our memory. */
static pid_t own_pid;

static void after_fork_in_child(void)
{
	own_pid = getpid();
	close_aside_begin_anew();
}

/* Whose program it was is not known here, but who serves the file. */
static uint64_t server_of(int fd)
{
	struct statx stx;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) < 0)
		return 0;
	return (uint64_t)stx.stx_dev_major << 32 | stx.stx_dev_minor;
}

EXPORT int close(int fd)
{
	const bool has_arrived = arrivals_has(fd);
	arrivals_forget(fd);
	if (has_arrived && close_would_wait(fd) && getpid() == own_pid) {
		close_aside(fd, server_of(fd));
		return 0;
	}
	return real_close()(fd);
}

/* ---- Loading ---- */

__attribute__((constructor)) static void on_load(void)
{
	find_all();
	own_pid = getpid();
	maps_watch_forks();
	pthread_atfork(NULL, NULL, after_fork_in_child);
	if (!preload_is_for_this_process())
		return;
	shm_stats_share(SETTING_MMAP_STATS);
	unsetenv(SETTING_MMAP_STATS);
	preload_remove_from_environment("libuffd_guard_mmap.so");
}
