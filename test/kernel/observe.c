/* SPDX-License-Identifier: MIT */
/*
 * observe: what this kernel answers where releases differ, or where the library relies on an
 * answer. One line a fact, "fact: answer"; docs/kernel.md has them side by side.
 *
 * It judges nothing: that is for the tests. Each fact is found by a child process of its own, which
 * may be killed by a signal for an answer. Run it as root, so that it can also be somebody else.
 */
#include <uffd_guard.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <liburing.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define PAGE   ((size_t)4096) /* of x86-64, which the kernels under test are for */

/* Newer than the headers of Debian 12. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
struct move {
	uint64_t dst, src, len, mode;
	int64_t move;
};
#define MOVE_REQUEST _IOWR(UFFDIO, 0x05, struct move)

/* ---- Answers ---- */

__attribute__((format(printf, 1, 2))) static void answer(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

static const char *name_of(int err)
{
	return err ? strerrorname_np(err) : "ok";
}

/* What a system call returned. */
static const char *outcome(long result)
{
	return name_of(result < 0 ? errno : 0);
}

/* A preparation. Where it fails, there is nothing to observe. */
static void need(bool condition, const char *what)
{
	if (condition)
		return;
	answer("not observed: %s: %s", what, strerror(errno));
	fflush(stdout);
	_exit(EXIT_SUCCESS);
}

/* ---- Things to try it with ---- */

static int uffd_open(int flags, uint64_t features)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);
	need(fd >= 0, "userfaultfd");
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	need(ioctl(fd, UFFDIO_API, &api) == 0, "UFFDIO_API");
	return fd;
}

static char *map_memory(size_t n_pages)
{
	char *memory = mmap(
		NULL, n_pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(memory != MAP_FAILED, "mmap");
	return memory;
}

/* Pages that wait to be filled. */
static char *map_registered(int uffd, size_t n_pages)
{
	char *memory = map_memory(n_pages);
	struct uffdio_register op = {
		.range = { .start = (uintptr_t)memory, .len = n_pages * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	need(ioctl(uffd, UFFDIO_REGISTER, &op) == 0, "UFFDIO_REGISTER");
	return memory;
}

static int create_file(size_t n_pages)
{
	int fd = memfd_create("client", MFD_CLOEXEC);
	need(fd >= 0 && ftruncate(fd, (off_t)(n_pages * PAGE)) == 0, "memfd_create");
	return fd;
}

static char *map_file(int fd, size_t n_pages)
{
	char *memory = mmap(NULL, n_pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(memory != MAP_FAILED, "mmap of a file");
	return memory;
}

static void answer_copy(int uffd, void *to, const void *from, size_t n_pages)
{
	enum { PRESET = 1 };
	struct uffdio_copy op = {
		.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = n_pages * PAGE, .copy = PRESET
	};
	const char *result = outcome(ioctl(uffd, UFFDIO_COPY, &op));
	if (op.copy == PRESET)
		answer("%s, count not written", result);
	else if (op.copy < 0)
		answer("%s, count -%s", result, name_of((int)-op.copy));
	else
		answer("%s, count %d pages", result, (int)(op.copy / (int64_t)PAGE));
}

static void *load_byte(void *address)
{
	return (void *)(intptr_t) * (volatile char *)address;
}

static void *drop_page(void *address)
{
	madvise(address, PAGE, MADV_DONTNEED);
	return NULL;
}

static void start_thread(void *(*function)(void *), void *data)
{
	pthread_t thread;
	need(pthread_create(&thread, NULL, function, data) == 0, "pthread_create");
	pthread_detach(thread);
}

/* ---- Who may do what ---- */

static void observe_release(void)
{
	struct utsname name;
	uname(&name);
	answer("%s", name.release);
}

static void observe_device(void)
{
	struct stat st;
	if (stat("/dev/userfaultfd", &st) < 0)
		answer("%s", outcome(-1));
	else
		answer("there, mode %04o", st.st_mode & 07777u);
}

static void answer_file(const char *path)
{
	char line[64] = "";
	FILE *f = fopen(path, "re");
	if (!f) {
		answer("%s", outcome(-1));
		return;
	}
	need(fgets(line, sizeof(line), f), "reading");
	answer("%.*s", (int)strcspn(line, "\n"), line);
}

static void observe_unprivileged_userfaultfd(void)
{
	answer_file("/proc/sys/vm/unprivileged_userfaultfd");
}

static void observe_io_uring_disabled(void)
{
	answer_file("/proc/sys/kernel/io_uring_disabled");
}

static void observe_full_userfaultfd(void)
{
	answer("%s", outcome(syscall(SYS_userfaultfd, O_CLOEXEC)));
}

static void observe_user_mode_userfaultfd(void)
{
	answer("%s", outcome(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
}

static void observe_guard(void)
{
	static const char *const names[] = { "KERNEL_FAULTS", "LAZY", "MOVE", "IO_URING",
		"SANDBOX" };
	struct uffd_guard *guard;
	int err = uffd_guard_create(NULL, &guard);
	if (err) {
		answer("%s", name_of(-err));
		return;
	}
	uint32_t features = uffd_guard_features(guard);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (features & (1u << i))
			answer("%s%s", features & ((1u << i) - 1) ? " " : "", names[i]);
	}
	uffd_guard_destroy(guard);
}

/* ---- userfaultfd ---- */

static void observe_features(void)
{
	static const struct {
		unsigned bit;
		const char *name;
	} newer[] = { { 13, "WP_UNPOPULATED" }, { 14, "POISON" }, { 15, "WP_ASYNC" },
		{ 16, "MOVE" } };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	need(fd >= 0, "userfaultfd");
	struct uffdio_api api = { .api = UFFD_API };
	need(ioctl(fd, UFFDIO_API, &api) == 0, "UFFDIO_API");
	answer("%#llx", (unsigned long long)api.features);
	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
		if (api.features >> newer[i].bit & 1)
			answer(" %s", newer[i].name);
	}
}

static void observe_move(void)
{
	int uffd = uffd_open(0, 0);
	char *to = map_registered(uffd, 1), *from = map_memory(1);
	*from = 1;
	struct move op = { .dst = (uintptr_t)to, .src = (uintptr_t)from, .len = PAGE };
	answer("%s", outcome(ioctl(uffd, MOVE_REQUEST, &op)));
}

static void observe_partial_copy(void)
{
	int uffd = uffd_open(0, 0);
	char *to = map_registered(uffd, 4), *from = map_memory(4);
	munmap(from + 2 * PAGE, PAGE);
	answer_copy(uffd, to, from, 4);
}

static void observe_copy_to_present(void)
{
	int uffd = uffd_open(0, 0);
	char *to = map_registered(uffd, 4), *from = map_memory(4);
	struct uffdio_copy op = { .dst = (uintptr_t)to, .src = (uintptr_t)from, .len = PAGE };
	need(ioctl(uffd, UFFDIO_COPY, &op) == 0, "UFFDIO_COPY");
	answer_copy(uffd, to, from, 4);
}

static void observe_copy_past_end(void)
{
	int uffd = uffd_open(0, 0), file = create_file(4);
	char *to = map_registered(uffd, 4), *from = map_file(file, 4);
	need(ftruncate(file, 0) == 0, "ftruncate");
	answer_copy(uffd, to, from, 4);
}

/* The thread sleeps in madvise() until the event is read, which nobody does. */
static void observe_copy_while_changing(void)
{
	int uffd = uffd_open(O_NONBLOCK, UFFD_FEATURE_EVENT_REMOVE);
	char *to = map_registered(uffd, 4), *from = map_memory(4);
	start_thread(drop_page, to);
	need(poll(&(struct pollfd){ .fd = uffd, .events = POLLIN }, 1, -1) == 1, "poll");
	answer_copy(uffd, to, from, 4);
}

static void observe_poll_when_blocking(void)
{
	struct pollfd poll_fd = { .fd = uffd_open(0, 0), .events = POLLIN };
	need(poll(&poll_fd, 1, -1) == 1, "poll");
	answer("%s", poll_fd.revents & POLLERR ? "POLLERR" : "no POLLERR");
}

static void observe_fork(void)
{
	char *memory = map_registered(uffd_open(0, 0), 1);
	pid_t child = fork();
	if (child == 0)
		_exit(*(volatile char *)memory);
	int status;
	need(waitpid(child, &status, 0) == child, "waitpid");
	answer("%s", status == 0 ? "reads zeros" : "does not read zeros");
}

/* ---- System calls on pages not filled, where userfaultfd is for user mode only ---- */

static char *map_for_user_mode(void)
{
	return map_registered(uffd_open(UFFD_USER_MODE_ONLY, 0), 1);
}

static void observe_write_from_unfilled(void)
{
	answer("%s", outcome(write(create_file(1), map_for_user_mode(), PAGE)));
}

static void observe_vm_readv_of_unfilled(void)
{
	struct iovec from = { map_for_user_mode(), PAGE }, to = { map_memory(1), PAGE };
	answer("%s", outcome(process_vm_readv(getpid(), &to, 1, &from, 1, 0)));
}

static void observe_populate_of_unfilled(void)
{
	answer("%s", outcome(madvise(map_for_user_mode(), PAGE, MADV_POPULATE_READ)));
}

/* ---- io_uring ---- */

static void observe_ring_of_one_issuer(void)
{
	struct io_uring ring;
	int err = io_uring_queue_init(
		8, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	answer("%s", name_of(-err));
}

static void observe_ring_read(void)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct uffd_msg message;
	int uffd = uffd_open(O_NONBLOCK, 0);
	errno = -io_uring_queue_init(8, &ring, 0);
	need(errno == 0, "io_uring_queue_init");
	io_uring_prep_read(io_uring_get_sqe(&ring), uffd, &message, sizeof(message), 0);
	need(io_uring_submit(&ring) == 1, "io_uring_submit");
	if (io_uring_peek_cqe(&ring, &cqe) == 0) {
		answer("%s at once", name_of(-cqe->res));
		return;
	}
	start_thread(load_byte, map_registered(uffd, 1));
	need(io_uring_wait_cqe(&ring, &cqe) == 0, "io_uring_wait_cqe");
	if (cqe->res < 0)
		answer("%s at the first fault", name_of(-cqe->res));
	else
		answer("waits, and reads %d bytes", cqe->res);
}

/* ---- Files and memory ---- */

static void observe_load_past_end(void)
{
	answer("reads %d", *(volatile char *)map_file(create_file(0), 1));
}

static void observe_vm_writev_past_end(void)
{
	int file = create_file(0);
	struct iovec from = { map_memory(1), PAGE }, to = { map_file(file, 1), PAGE };
	const char *result = outcome(process_vm_writev(getpid(), &from, 1, &to, 1, 0));
	struct stat st;
	need(fstat(file, &st) == 0, "fstat");
	answer("%s, file %s", result, st.st_size == 0 ? "not grown" : "grown");
}

static void answer_memory_of(int file)
{
	struct stat st;
	need(fstat(file, &st) == 0, "fstat");
	answer("%lld bytes", (long long)st.st_blocks * 512);
}

static void observe_pread_of_hole(void)
{
	int file = create_file(4);
	need(pread(file, map_memory(4), 4 * PAGE, 0) == (ssize_t)(4 * PAGE), "pread");
	answer_memory_of(file);
}

static void observe_load_of_hole(void)
{
	int file = create_file(4);
	load_byte(map_file(file, 4));
	answer_memory_of(file);
}

static void observe_dontneed_of_locked(void)
{
	char *memory = map_memory(1);
	need(mlock(memory, PAGE) == 0, "mlock");
	answer("%s", outcome(madvise(memory, PAGE, MADV_DONTNEED)));
}

static void observe_mapping_after_mlockall(void)
{
	need(mlockall(MCL_FUTURE) == 0, "mlockall");
	unsigned char is_there;
	need(mincore(map_memory(1), PAGE, &is_there) == 0, "mincore");
	answer("%s", is_there & 1 ? "there before it is touched" : "not there");
}

static void observe_secret(void)
{
#ifdef SYS_memfd_secret
	answer("%s", outcome(syscall(SYS_memfd_secret, O_CLOEXEC)));
#else
	answer("not observed: built with headers that have none");
#endif
}

static void observe_huge_pages(void)
{
	answer_file("/sys/kernel/mm/transparent_hugepage/enabled");
}

/* ---- All of it ---- */

static const struct fact {
	const char *name;
	void (*observe)(void);
	bool as_nobody;
} facts[] = {
	{ "release", observe_release, false },
	{ "uffd_guard_features(), root", observe_guard, false },
	{ "uffd_guard_features(), nobody", observe_guard, true },
	{ "/dev/userfaultfd", observe_device, false },
	{ "vm.unprivileged_userfaultfd", observe_unprivileged_userfaultfd, false },
	{ "userfaultfd(0), nobody", observe_full_userfaultfd, true },
	{ "userfaultfd(UFFD_USER_MODE_ONLY), nobody", observe_user_mode_userfaultfd, true },
	{ "features of UFFDIO_API", observe_features, false },
	{ "UFFDIO_MOVE", observe_move, false },
	{ "UFFDIO_COPY of 4 pages, the third unreadable", observe_partial_copy, false },
	{ "UFFDIO_COPY of 4 pages, the first there already", observe_copy_to_present, false },
	{ "UFFDIO_COPY from past the end of a mapped file", observe_copy_past_end, false },
	{ "UFFDIO_COPY while mappings change (event feature)", observe_copy_while_changing, false },
	{ "poll without O_NONBLOCK", observe_poll_when_blocking, false },
	{ "unfilled page in a child after fork", observe_fork, false },
	{ "write(2) from an unfilled page, user mode only", observe_write_from_unfilled, true },
	{ "process_vm_readv of an unfilled page, user mode only", observe_vm_readv_of_unfilled,
		true },
	{ "MADV_POPULATE_READ of an unfilled page, user mode only", observe_populate_of_unfilled,
		true },
	{ "kernel.io_uring_disabled", observe_io_uring_disabled, false },
	{ "ring with SINGLE_ISSUER and DEFER_TASKRUN", observe_ring_of_one_issuer, false },
	{ "READ of a userfaultfd by a ring", observe_ring_read, false },
	{ "load past the end of a mapped memfd", observe_load_past_end, false },
	{ "process_vm_writev past the end of a mapped memfd", observe_vm_writev_past_end, false },
	{ "memory of a memfd after pread of its hole", observe_pread_of_hole, false },
	{ "memory of a memfd after a load from its hole", observe_load_of_hole, false },
	{ "MADV_DONTNEED of a locked page", observe_dontneed_of_locked, false },
	{ "new mapping after mlockall(MCL_FUTURE)", observe_mapping_after_mlockall, false },
	{ "memfd_secret", observe_secret, false },
	{ "transparent huge pages", observe_huge_pages, false },
};
#define N_FACTS (sizeof(facts) / sizeof(facts[0]))

static bool become_nobody(void)
{
	if (geteuid() != 0)
		return true;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY))
		return false;
	prctl(PR_SET_DUMPABLE, 1); /* as after exec: /proc/self is ours */
	return true;
}

static void observe(const struct fact *fact)
{
	printf("%s: ", fact->name);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		need(!fact->as_nobody || become_nobody(), "becoming nobody");
		fact->observe();
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child)
		answer("not observed: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		answer("SIG%s", sigabbrev_np(WTERMSIG(status)));
	printf("\n");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		bool is_help = strcmp(argv[1], "--help") == 0;
		fprintf(is_help ? stdout : stderr,
			"usage: observe\nPrints what this kernel answers, one fact a line.\n");
		return is_help ? EXIT_SUCCESS : 2;
	}
	for (size_t i = 0; i < N_FACTS; i++)
		observe(&facts[i]);
	return EXIT_SUCCESS;
}
