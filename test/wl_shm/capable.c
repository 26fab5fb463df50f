/* SPDX-License-Identifier: MIT */
/* A compositor with file capabilities and a wl_shm of its own: capable.sh starts it. It says which
 * file its wl_display_create() is of, whether the loader was in secure mode, and whether it has
 * CAP_SYS_NICE. */
#include <dlfcn.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wayland-server.h>

static int may_be_nice(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	syscall(SYS_capget, &header, data);
	return (data[0].effective & 1u << CAP_SYS_NICE) != 0;
}

int main(void)
{
	Dl_info info;
	struct wl_display *(*function)(void) = wl_display_create;
	void *address;
	memcpy(&address, &function, sizeof(address));
	if (!dladdr(address, &info))
		return 1;
	const char *slash = strrchr(info.dli_fname, '/');
	printf("%s secure=%d nice=%d\n", slash ? slash + 1 : info.dli_fname,
		getauxval(AT_SECURE) != 0, may_be_nice());
	fflush(stdout);
	struct wl_display *display = wl_display_create();
	if (!display)
		return 1;
	wl_display_destroy(display);
	return 0;
}
