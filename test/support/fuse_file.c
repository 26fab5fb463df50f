/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 35
#include "fuse_file.h"

#include "fixture.h"
#include "namespace.h"
#include "send_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define INODE	  2
#define MOST_HELD 64

struct shared {
	_Atomic int behaviour;
	_Atomic size_t n_held;
	size_t n_pages;
	bool is_cached;
};

struct fuse_file {
	struct shared *shared;
	int fd;
	pid_t server;
};

/* ---- The server's process ---- */

static struct shared *shared;
static struct held {
	fuse_req_t request;
	void (*answer)(fuse_req_t request, off_t offset, size_t size);
	off_t offset;
	size_t size;
} held[MOST_HELD];
static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t file_size(void)
{
	size_t n_pages = atomic_load(&shared->behaviour) == FUSE_IS_SHORT ? shared->n_pages / 2
									  : shared->n_pages;
	return n_pages * (size_t)getpagesize();
}

static struct stat attributes(fuse_ino_t inode)
{
	struct stat st = {
		.st_ino = inode, .st_nlink = 1, .st_uid = geteuid(), .st_gid = getegid()
	};
	st.st_mode = inode == INODE ? S_IFREG | 0600 : S_IFDIR | 0700;
	st.st_size = inode == INODE ? (off_t)file_size() : 0;
	return st;
}

static void answer_attributes(fuse_req_t request, off_t offset, size_t size)
{
	(void)size;
	const struct stat st = attributes((fuse_ino_t)offset);
	fuse_reply_attr(request, &st, 0); /* asked for again each time */
}

static void answer_read(fuse_req_t request, off_t offset, size_t size)
{
	if (atomic_load(&shared->behaviour) == FUSE_FAILS) {
		fuse_reply_err(request, EIO);
		return;
	}
	const size_t end = file_size(), page = (size_t)getpagesize();
	size_t n = (size_t)offset < end
			   ? (size < end - (size_t)offset ? size : end - (size_t)offset)
			   : 0;
	char *bytes = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)page_value(((size_t)offset + i) / page);
	fuse_reply_buf(request, bytes, n);
	free(bytes);
}

static void answer_flush(fuse_req_t request, off_t offset, size_t size)
{
	(void)offset;
	(void)size;
	fuse_reply_err(request, 0);
}

static void answer_or_hold(struct held call)
{
	const int behaviour = atomic_load(&shared->behaviour);
	if (behaviour == FUSE_HESITATES && call.answer == answer_read)
		usleep(30000);
	if (behaviour != FUSE_STALLS) {
		call.answer(call.request, call.offset, call.size);
		return;
	}
	pthread_mutex_lock(&held_lock);
	held[shared->n_held % MOST_HELD] = call;
	atomic_fetch_add(&shared->n_held, 1);
	pthread_mutex_unlock(&held_lock);
}

static void *answer_what_was_held(void *data)
{
	for (;;) {
		usleep(1000);
		if (atomic_load(&shared->behaviour) == FUSE_STALLS)
			continue;
		pthread_mutex_lock(&held_lock);
		for (size_t n = atomic_exchange(&shared->n_held, 0); n-- > 0;)
			held[n].answer(held[n].request, held[n].offset, held[n].size);
		pthread_mutex_unlock(&held_lock);
	}
	return data;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	const struct fuse_entry_param entry = { .ino = INODE, .attr = attributes(INODE) };
	fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)info;
	answer_or_hold((struct held){
		.request = request, .answer = answer_attributes, .offset = (off_t)inode });
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	info->direct_io = !shared->is_cached;
	fuse_reply_open(request, info);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	(void)inode;
	(void)info;
	answer_or_hold((struct held){
		.request = request, .answer = answer_read, .offset = offset, .size = size });
}

static void on_flush(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	(void)info;
	answer_or_hold((struct held){ .request = request, .answer = answer_flush });
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
	.flush = on_flush,
};

/* Mount where nobody else sees it. */
static bool make_mount_namespace(void)
{
	return enter_mount_namespace() && mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

/* A second thread opens the file, since the first has to answer the open. It also closes the file:
 * otherwise the server would have to answer itself when it ends. */
struct opening {
	int socket;
	const char *name;
};

/* Unmounted, the file is still open, and its path is nothing but its name. */
static int open_by_name(const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "/mnt/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	umount2("/mnt", MNT_DETACH);
	return fd;
}

static void *open_and_send(void *data)
{
	const struct opening *opening = data;
	int fd = opening->name ? open_by_name(opening->name)
			       : open("/mnt/file", O_RDONLY | O_CLOEXEC);
	send_fd(opening->socket, "", 1, fd);
	close(fd);
	close(opening->socket);
	return NULL;
}

static void serve(int socket, const char *name_of_file)
{
	struct opening opening = { socket, name_of_file };
	char name[] = "test", *arguments[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct fuse_session *session =
		make_mount_namespace() ? fuse_session_new(&args, &ops, sizeof(ops), NULL) : NULL;
	if (!session || fuse_session_mount(session, "/mnt") < 0) {
		send_fd(socket, "", 1, -1);
		_exit(0);
	}
	pthread_t opener, later;
	pthread_create(&opener, NULL, open_and_send, &opening);
	pthread_create(&later, NULL, answer_what_was_held, NULL);
	fuse_session_loop(session);
	_exit(0);
}

/* ---- The test's process ---- */

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec one = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &one,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	int fd;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	while (recv(socket, &byte, 1, 0) > 0) /* wait until the server has closed its end */
		;
	return fd;
}

struct fuse_file *fuse_file_start(size_t n_pages, bool is_cached)
{
	return fuse_file_start_as(NULL, n_pages, is_cached);
}

struct fuse_file *fuse_file_start_as(const char *name, size_t n_pages, bool is_cached)
{
	int sockets[2];
	struct fuse_file *file = calloc(1, sizeof(*file));
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	shared->n_pages = n_pages;
	shared->is_cached = is_cached;
	file->shared = shared;
	file->server = fork();
	ck_assert_int_ge(file->server, 0);
	if (file->server == 0) {
		close(sockets[0]);
		serve(sockets[1], name);
	}
	close(sockets[1]);
	file->fd = receive_fd(sockets[0]);
	close(sockets[0]);
	if (file->fd >= 0)
		return file;
	runner_skip("no FUSE for this user");
	fuse_file_stop(file);
	return NULL;
}

int fuse_file_fd(const struct fuse_file *file)
{
	return file->fd;
}

void fuse_file_close(struct fuse_file *file)
{
	close(file->fd);
	file->fd = -1;
}

void fuse_file_behave(struct fuse_file *file, enum fuse_behaviour behaviour)
{
	atomic_store(&file->shared->behaviour, behaviour);
}

size_t fuse_file_count_held(const struct fuse_file *file)
{
	return atomic_load(&file->shared->n_held);
}

void fuse_file_stop(struct fuse_file *file)
{
	kill(file->server, SIGKILL);
	waitpid(file->server, NULL, 0);
	if (file->fd >= 0)
		close(file->fd); /* the server has gone */
	munmap(file->shared, sizeof(*file->shared));
	free(file);
}
