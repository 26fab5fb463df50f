/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *read_byte(void *data)
{
	struct reader *reader = data;
	atomic_store(&reader->value, *reader->address);
	return NULL;
}

void reader_start(struct reader *reader, volatile unsigned char *address)
{
	*reader = (struct reader){ .address = address, .value = -1 };
	assert_ok(pthread_create(&reader->thread, NULL, read_byte, reader));
}

int reader_finish(struct reader *reader)
{
	assert_ok(pthread_join(reader->thread, NULL));
	return atomic_load(&reader->value);
}

void assert_handler_gives_up(struct fixture *f)
{
	struct reader reader;
	reader_start(&reader, &f->data[0]);
	ck_assert_int_eq(reader_finish(&reader), 0);
	ck_assert_int_eq(uffd_guard_refresh(f->region, 0, 1), -EIO);
	assert_losses_eq(f, UFFD_GUARD_LOST_HANDLER);
}

static bool is_named(const char *tid, const char *name)
{
	char path[300], line[32] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", tid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false; /* the thread has ended meanwhile, or the entry is no thread */
	bool is_read = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return is_read && strcmp(line, name) == 0;
}

pid_t find_thread(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	ck_assert_ptr_nonnull(tasks);
	pid_t tid = 0;
	for (struct dirent *task; (task = readdir(tasks));) {
		if (is_named(task->d_name, name))
			tid = atoi(task->d_name);
	}
	closedir(tasks);
	return tid;
}

pid_t find_handler(void)
{
	const pid_t tid = find_thread("uffd-guard");
	ck_assert_int_gt(tid, 0);
	return tid;
}
