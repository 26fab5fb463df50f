/* SPDX-License-Identifier: MIT */
#include "scanner.h"

#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <unistd.h>

int scanner_start(void)
{
	if (!runner_is_root()) {
		runner_skip("may not scan files");
		return -1;
	}
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/tmp", "tmpfs", 0, NULL) < 0) {
		runner_skip("may not mount a tmpfs");
		return -1;
	}
	const int scanner = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	if (scanner < 0) {
		runner_skip("may not scan files");
		return -1;
	}
	assert_ok(fanotify_mark(
		scanner, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_ACCESS_PERM, AT_FDCWD, "/tmp"));
	return scanner;
}

void scanner_end(int *scanner)
{
	if (*scanner >= 0)
		close(*scanner);
	*scanner = -1;
}

int scanner_create_file(const char *path, size_t n_pages)
{
	const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < n_pages; i++)
		file_write_page(fd, i, page_value(i));
	return fd;
}
