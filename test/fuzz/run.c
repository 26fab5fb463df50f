/* SPDX-License-Identifier: MIT */
/* One input from its first record to its last, and that nothing is left of it afterwards. */
#include "world.h"

#include "trace.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static operation_fn *const operations[N_OPS] = {
	[OP_FILE] = op_file,
	[OP_MAP] = op_map,
	[OP_UNMAP] = op_unmap,
	[OP_RESIZE] = op_resize,
	[OP_READ] = op_read,
	[OP_STORE] = op_store,
	[OP_SYSCALL] = op_syscall,
	[OP_REFRESH] = op_refresh,
	[OP_REFRESH_SPANS] = op_refresh_spans,
	[OP_POPULATE] = op_populate,
	[OP_DISCARD] = op_discard,
	[OP_COPY] = op_copy,
	[OP_WRITE_BACK] = op_write_back,
	[OP_TAKE_LOSSES] = op_take_losses,
	[OP_DISPATCH] = op_dispatch,
	[OP_CLIENT_WRITE] = op_client_write,
	[OP_CLIENT_TRUNCATE] = op_client_truncate,
	[OP_CLIENT_PUNCH] = op_client_punch,
	[OP_CLIENT_ALLOCATE] = op_client_allocate,
	[OP_CLIENT_SEAL] = op_client_seal,
	[OP_CLIENT_CLOSE] = op_client_close,
	[OP_STRAY] = op_stray,
	[OP_BAD_CALL] = op_bad_call,
	[OP_REFRESH_RECTS] = op_refresh_rects,
	[OP_UPDATE] = op_update,
	[OP_UPDATE_RECTS] = op_update_rects,
	[OP_MARK_RECTS] = op_mark_rects,
	[OP_BEGIN] = op_begin,
	[OP_ENSURE] = op_ensure,
	[OP_COPY_RECT] = op_copy_rect,
	[OP_WRITE] = op_write,
	[OP_WRITE_RECT] = op_write_rect,
	[OP_MAKE_DIRECT] = op_make_direct,
	[OP_DESTROY] = op_destroy,
	[OP_BAD_RECTS] = op_bad_rects,
};

/* ---- What is left ---- */

static size_t count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;
	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

/* The lowest number that is free: a descriptor that leaks mostly shows here, and this is cheap. */
static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);
	close(fd);
	return fd;
}

/* Regions are private memory, files are mapped only for a moment. */
static void check_no_file_is_mapped(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "/memfd:fuzzed"))
			fail("a file is still mapped: %s", line);
	}
	if (maps)
		fclose(maps);
}

/* ---- An input ---- */

static void check_files(const struct world *world)
{
	for (size_t i = 0; i < world->n_files; i++)
		file_check(world->files[i]);
}

static void do_records(struct world *world, const uint8_t *data, size_t n_records)
{
	for (size_t i = 0; i < n_records; i++) {
		const struct record record = record_read(data + i * RECORD_SIZE);
		if (record.op >= N_OPS || !operations[record.op])
			continue;
		operations[record.op](world, &record);
		check_files(world);
	}
}

/* All that nobody has looked at. */
static void look_at_everything(struct world *world)
{
	trace("at last, look at everything");
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct view *view = world->views[i];
		if (!view)
			continue;
		view_look_at_all(view);
		losses_check_taken(view, uffd_guard_region_take_losses(view->region));
	}
	world_dispatch(world, JUST_NOTE);
	check_files(world);
}

static void check_guard_is_empty(const struct fuzzed_guard *guard)
{
	const struct uffd_guard_stats stats = stats_of(guard);
	if (stats.regions || stats.bytes_resident)
		fail("all is unmapped, but %llu regions and %llu bytes are counted",
			(unsigned long long)stats.regions,
			(unsigned long long)stats.bytes_resident);
}

static void unmap_everything(struct world *world)
{
	for (uint8_t slot = 0; slot < N_SLOTS; slot++)
		world_unmap(world, slot);
	world_dispatch(world, JUST_NOTE); /* no region is there that an event might be of */
	for (size_t i = 0; i < world->n_guards; i++) {
		if (world->guards[i].guard)
			check_guard_is_empty(&world->guards[i]);
	}
	for (size_t i = 0; i < world->n_files; i++)
		file_destroy(world->files[i]);
}

static struct record guard_record(const uint8_t *data, size_t size)
{
	struct record record = { .op = OP_GUARD };
	if (size >= RECORD_SIZE && data[0] == OP_GUARD)
		record = record_read(data);
	return record;
}

static bool acquire_guards(struct world *world, const struct record *record)
{
	struct fuzzed_guard *guards = world->guards;
	if (!guards_acquire(record, &guards[0]))
		return false;
	guards_acquire_other(&guards[0], &guards[1]);
	world->n_guards = guards[1].guard ? 2 : 1;
	for (size_t i = 0; i < world->n_guards; i++)
		guards[i].losses_dispatched = stats_of(&guards[i]).losses;
	trace("guard: flags %#x, budget %d", record->a, guards[0].has_budget);
	return true;
}

static void release_guards(const struct world *world)
{
	for (size_t i = 0; i < world->n_guards; i++) {
		if (world->guards[i].guard)
			guards_release(world->guards[i].guard);
	}
}

static bool is_userfaultfd(const char *number)
{
	char path[64], target[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%.20s", number);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return strstr(target, "userfaultfd");
}

static void check_no_guard_is_left(void)
{
	DIR *directory = opendir("/proc/self/fd");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (is_userfaultfd(entry->d_name))
			fail("all guards are destroyed, but descriptor %s is a userfaultfd",
				entry->d_name);
	}
	if (directory)
		closedir(directory);
}

static void check_nothing_is_left(void)
{
	check_no_file_is_mapped();
	guards_destroy_all();
	check_no_guard_is_left();
}

/* Descriptors that are there before and after a run. */
struct descriptors {
	int lowest_free;
	size_t n; /* 0: not counted */
};

static struct descriptors look_at_descriptors(bool is_counted)
{
	return (struct descriptors){ .lowest_free = lowest_free(),
		.n = is_counted ? count_descriptors() : 0 };
}

/* The library adds a seal aside (UFFD_GUARD_MAP_SEAL), with a descriptor that is closed soon after.
 * That of an earlier input, which has destroyed its guard, may still be open before. */
static bool is_back_soon(const struct descriptors *before)
{
	for (unsigned n_ms = 0; n_ms < 2000; n_ms++) {
		const struct descriptors now = look_at_descriptors(before->n > 0);
		if (now.lowest_free <= before->lowest_free && now.n <= before->n)
			return true;
		usleep(1000);
	}
	return false;
}

#define THOROUGHLY_EVERY 256

bool run(const uint8_t *data, size_t size, bool is_shown)
{
	static unsigned n_inputs;
	const bool is_thorough = is_shown || ++n_inputs % THOROUGHLY_EVERY == 0;
	const size_t n_records = least(size / RECORD_SIZE, MAX_RECORDS);
	const struct record guard = guard_record(data, size);
	struct world world = { .n_files = 0 };
	arena_reset();
	moment_reset();
	trace_reset(is_shown);
	if (!acquire_guards(&world, &guard))
		return false;
	const struct descriptors before = look_at_descriptors(is_thorough);

	do_records(&world, data, n_records);
	look_at_everything(&world);
	unmap_everything(&world);
	const bool are_guards_there = world.n_destroyed == 0;
	if (are_guards_there && !is_back_soon(&before))
		fail("a descriptor leaks");
	release_guards(&world);
	if (is_thorough)
		check_nothing_is_left();
	return true;
}
