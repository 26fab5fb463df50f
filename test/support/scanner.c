/* SPDX-License-Identifier: MIT */
#include "scanner.h"

#include "fixture.h"

#include <fcntl.h>
#include <poll.h>
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

#define IGNORED (FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY)

void scanner_ignore(int scanner, const char *path)
{
	assert_ok(fanotify_mark(scanner, FAN_MARK_ADD | IGNORED, FAN_ACCESS_PERM, AT_FDCWD, path));
}

void scanner_watch(int scanner, const char *path)
{
	assert_ok(fanotify_mark(
		scanner, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, FAN_ACCESS_PERM, AT_FDCWD, path));
}

static void allow(int scanner)
{
	struct fanotify_event_metadata event;
	if (read(scanner, &event, sizeof(event)) != sizeof(event))
		return;
	const struct fanotify_response response = { .fd = event.fd, .response = FAN_ALLOW };
	ck_assert_int_eq(write(scanner, &response, sizeof(response)), sizeof(response));
	close(event.fd);
}

static void *answer(void *data)
{
	struct scanner_answers *answers = data;
	while (!atomic_load(&answers->shall_end)) {
		struct pollfd fd = { .fd = answers->scanner, .events = POLLIN };
		if (poll(&fd, 1, 5) == 1)
			allow(answers->scanner);
	}
	return NULL;
}

void scanner_start_answering(struct scanner_answers *answers, int scanner)
{
	answers->scanner = scanner;
	atomic_init(&answers->shall_end, false);
	assert_ok(pthread_create(&answers->thread, NULL, answer, answers));
}

void scanner_stop_answering(struct scanner_answers *answers)
{
	atomic_store(&answers->shall_end, true);
	pthread_join(answers->thread, NULL);
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
