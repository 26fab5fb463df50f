/* SPDX-License-Identifier: MIT */
/*
 * A test at load: a client that asks for a pool, over a pair of sockets, and a handler as a
 * compositor has. All of it rests on two habits of libwayland: the logger is called before the
 * handler, and with the arguments that the handler gets.
 */
#include "shadows/trial.h"

#include "shadows/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 4096

struct trial {
	ino_t sent;
	bool is_exchanged;
};

/* ---- The compositor ---- */

static void create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t fd, int32_t size)
{
	struct trial *trial = wl_resource_get_user_data(resource);
	struct stat file;
	(void)client, (void)id;
	trial->is_exchanged = size == SIZE && fstat(fd, &file) == 0 && file.st_ino != trial->sent &&
			      file.st_size >= SIZE && fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK;
	close(fd);
}

static const struct wl_shm_interface implementation = { .create_pool = create_pool };

static void bind_shm(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_shm_interface, (int)version, id);
	if (resource)
		wl_resource_set_implementation(resource, &implementation, data, NULL);
}

/* ---- The client ---- */

/* On the wire: get_registry, bind to the first global, create_pool. */
static const union {
	struct {
		uint32_t get_registry[3];
		uint32_t bind[4];
		char interface[8];
		uint32_t bind_end[2];
		uint32_t create_pool[4];
	} requests;
	char bytes[1];
} wire = {
	.requests = {
		.get_registry = { 1, 12 << 16 | 1, 2 },
		.bind = { 2, 32 << 16 | 0, 1, 7 },
		.interface = "wl_shm",
		.bind_end = { 1, 3 },
		.create_pool = { 3, 16 << 16 | 0, 4, SIZE },
	},
};

static bool send_requests(int socket, int fd)
{
	struct iovec bytes = { (void *)wire.bytes, sizeof(wire) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { { 0 } };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(wire);
}

static bool exchange_is_seen(
	struct wl_display *wl_display, struct trial *trial, const int sockets[2], int fd)
{
	struct stat file;
	if (fstat(fd, &file) < 0 || !send_requests(sockets[1], fd))
		return false;
	trial->sent = file.st_ino;
	struct wl_client *client = wl_client_create(wl_display, sockets[0]);
	if (!client)
		return false;
	wl_event_loop_dispatch(wl_display_get_event_loop(wl_display), 0);
	wl_client_destroy(client); /* closes its socket */
	return trial->is_exchanged;
}

static int try_exchange(struct wl_display *wl_display)
{
	struct trial trial = { 0 };
	int sockets[2], fd = memfd_create("uffd-guard-trial", MFD_CLOEXEC); /* not to be sealed */
	if (fd < 0 || ftruncate(fd, SIZE) < 0 ||
		!wl_global_create(wl_display, &wl_shm_interface, 1, &trial, bind_shm) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	const bool is_seen = exchange_is_seen(wl_display, &trial, sockets, fd);
	close(sockets[1]);
	close(fd);
	return is_seen ? 0 : -ENOTSUP;
}

int trial_run(struct wl_display *wl_display)
{
	if (!wl_display)
		return -ENOMEM;
	int err = follow_start(wl_display);
	if (!err)
		err = try_exchange(wl_display);
	wl_display_destroy(wl_display);
	return err;
}
