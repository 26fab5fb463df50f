/* SPDX-License-Identifier: MIT */
/* A compositor with a wl_shm of its own, as far as `uffd-guard-run --check` is concerned: it needs
 * libwayland-server and takes files over a socket, and asks for nothing else. */
#include <sys/socket.h>
#include <wayland-server.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 1;
	struct msghdr message = { 0 };
	struct wl_display *display = wl_display_create();
	if (!display || recvmsg(-1, &message, 0) >= 0)
		return 1;
	wl_display_destroy(display);
	return 0;
}
