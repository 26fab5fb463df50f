/* SPDX-License-Identifier: MIT */
/*
 * Calls that are wrong: each must answer what the header says, and change nothing. That nothing has
 * changed shows in all that follows.
 */
#include "world.h"

#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void expect(const char *what, ssize_t got, int wanted)
{
	if (got != wanted)
		fail("%s answers %zd, and should %d", what, got, wanted);
}

/* ---- Ranges ---- */

static struct extent extent_outside(const struct view *view, uint8_t code)
{
	const uint64_t all = view->length;
	const struct extent extents[8] = {
		{ 0, all + 1 },
		{ all, 1 },
		{ all + 1, 0 },
		{ all - 1, 2 },
		{ 1, UINT64_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT64_MAX },
		{ UINT64_MAX - PAGE + 1, PAGE },
	};
	return extents[code % 8];
}

static void call_outside(struct view *view, const struct record *r)
{
	struct uffd_guard_region *region = view->region;
	const struct extent e = extent_outside(view, r->c);
	const struct uffd_guard_span spans[] = { { 0, view->length }, { e.offset, e.length } };
	unsigned char byte;
	switch (r->b % 6) {
	case 0:
		expect("refresh", uffd_guard_refresh(region, e.offset, e.length), -ERANGE);
		break;
	case 1:
		expect("refresh_spans", uffd_guard_refresh_spans(region, spans, 2), -ERANGE);
		break;
	case 2:
		expect("populate", uffd_guard_populate(region, e.offset, e.length), -ERANGE);
		break;
	case 3:
		expect("discard", uffd_guard_discard(region, e.offset, e.length), -ERANGE);
		break;
	case 4:
		expect("read", uffd_guard_read(region, e.offset, &byte, e.length), -ERANGE);
		break;
	default:
		expect("write_back", uffd_guard_write_back(region, e.offset, e.length), -ERANGE);
		break;
	}
}

/* Nothing is to be done, so nothing can go wrong. */
static void call_about_nothing(struct view *view, const struct record *r)
{
	struct uffd_guard_region *region = view->region;
	const uint64_t offset = record_extent(r, view->length).offset;
	expect("refresh", uffd_guard_refresh(region, offset, 0), 0);
	expect("refresh_spans", uffd_guard_refresh_spans(region, NULL, 0), 0);
	expect("populate", uffd_guard_populate(region, offset, 0), 0);
	expect("discard", uffd_guard_discard(region, offset, 0), 0);
	expect("read", uffd_guard_read(region, offset, NULL, 0), 0);
}

/* A buffer of which the last bytes cannot be written to. */
static void call_with_bad_buffer(struct view *view, const struct record *r)
{
	const struct extent extent = record_extent(r, view->length);
	const uint64_t at = view->offset + extent.offset;
	if (extent.length < 2 || at + extent.length > view->file->size)
		return; /* where the file has ended the buffer is for the library to write to */
	const size_t size = pages_in(extent.length) * PAGE + PAGE;
	unsigned char *buffer =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return;
	unsigned char *denied = buffer + size - PAGE;
	mprotect(denied, PAGE, PROT_NONE);
	expect("read into bad memory",
		uffd_guard_read(
			view->region, extent.offset, denied - extent.length / 2, extent.length),
		-EFAULT);
	munmap(buffer, size);
}

static void call_wrongly(struct view *view)
{
	struct uffd_guard_region *region = view->region;
	const size_t reserve = pages_in(view->reserve) * PAGE;
	expect("resize to 0", uffd_guard_resize(region, 0), -EINVAL);
	expect("resize", uffd_guard_resize(region, reserve + 1), -ENOSPC);
	expect("resize", uffd_guard_resize(region, SIZE_MAX), -ENOSPC);
	expect("spans", uffd_guard_refresh_spans(region, NULL, 1), -EINVAL);
	expect("spans", uffd_guard_refresh_spans(region, NULL, SIZE_MAX), -EINVAL);
	expect("read to NULL", uffd_guard_read(region, 0, NULL, 1), -EINVAL);
}

static void call_with_null(void)
{
	unsigned char byte;
	const struct uffd_guard_span span = { 0, 0 };
	expect("refresh", uffd_guard_refresh(NULL, 0, 0), -EINVAL);
	expect("spans", uffd_guard_refresh_spans(NULL, &span, 1), -EINVAL);
	expect("populate", uffd_guard_populate(NULL, 0, 0), -EINVAL);
	expect("discard", uffd_guard_discard(NULL, 0, 0), -EINVAL);
	expect("read", uffd_guard_read(NULL, 0, &byte, 1), -EINVAL);
	expect("write_back", uffd_guard_write_back(NULL, 0, 1), -EINVAL);
	expect("resize", uffd_guard_resize(NULL, 1), -EINVAL);
	expect("take_losses", uffd_guard_region_take_losses(NULL), 0);
	expect("length", (ssize_t)uffd_guard_region_length(NULL), 0);
	expect("get_fd", uffd_guard_get_fd(NULL), -EINVAL);
	expect("create", uffd_guard_create(NULL, NULL), -EINVAL);
	uffd_guard_unmap(NULL);
	uffd_guard_destroy(NULL);
}

/* ---- map ---- */

static int fd_of_kind(uint8_t kind)
{
	switch (kind % 5) {
	case 0:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 1:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 2:
		return open("/", O_PATH | O_CLOEXEC);
	case 3:
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	default:
		return -1;
	}
}

static void map_wrong_file(struct world *world, const struct record *r)
{
	static const int answers[5] = { -ENODEV, -ENODEV, -EBADF, -EACCES, -EBADF };
	struct uffd_guard_region *region;
	int fd = fd_of_kind(r->b);
	expect("map of a wrong file",
		uffd_guard_map(world->guards[0].guard, fd, PAGE, NULL, &region), answers[r->b % 5]);
	if (fd >= 0)
		close(fd);
}

struct wrong_map {
	size_t length;
	struct uffd_guard_map_options options;
	int answer;
};

#define WITH	   .options.size = sizeof(struct uffd_guard_map_options)
#define OFFSET_MAX (((uint64_t)INT64_MAX) & ~(uint64_t)(PAGE - 1))

static const struct wrong_map wrong_maps[] = {
	{ 0, { 0 }, -EINVAL },
	{ 0, { .size = sizeof(struct uffd_guard_map_options) }, -EINVAL },
	{ PAGE, { .size = 0 }, -EINVAL },
	{ PAGE, { .size = sizeof(size_t) - 1 }, -EINVAL },
	{ PAGE, WITH, .options.flags = 1u << 31, .answer = -EINVAL },
	{ PAGE, WITH, .options.flags = UFFD_GUARD_MAP_SEAL, .answer = -EINVAL },
	{ PAGE, WITH, .options.offset = 1, .answer = -EINVAL },
	{ PAGE, WITH, .options.offset = PAGE / 2, .answer = -EINVAL },
	{ PAGE, WITH, .options.offset = OFFSET_MAX, .answer = -EOVERFLOW },
	{ PAGE, WITH, .options.offset = OFFSET_MAX, .options.reserve = PAGE, .answer = -EOVERFLOW },
	{ PAGE, WITH, .options.offset = ~(uint64_t)(PAGE - 1), .answer = -EOVERFLOW },
	{ PAGE, WITH, .options.reserve = PAGE - 1, .answer = -EINVAL },
	{ PAGE, WITH, .options.reserve = SIZE_MAX, .answer = -EOVERFLOW },
	{ SIZE_MAX, WITH, .answer = -EOVERFLOW },
	{ (size_t)PTRDIFF_MAX + 1, WITH, .answer = -EOVERFLOW },
	{ PAGE, WITH, .options.addr = (void *)PAGE, .answer = -EINVAL },
	{ PAGE, WITH, .options.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE, .answer = -EINVAL },
	{ PAGE, WITH, .options.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE,
		.options.addr = (void *)(16 * PAGE + 1), .answer = -EINVAL },
};
#define N_WRONG_MAPS (sizeof(wrong_maps) / sizeof(wrong_maps[0]))

static void map_wrongly(struct world *world, const struct record *r)
{
	const struct wrong_map *wrong = &wrong_maps[r->b % N_WRONG_MAPS];
	const struct file *file = world_file(world, r->slot);
	struct uffd_guard_region *region;
	if (!file)
		return;
	trace("	way %zu", r->b % N_WRONG_MAPS);
	expect("map",
		uffd_guard_map(
			world->guards[0].guard, file->fd, wrong->length, &wrong->options, &region),
		wrong->answer);
	expect("map without a guard", uffd_guard_map(NULL, file->fd, PAGE, NULL, &region), -EINVAL);
	expect("map to nowhere", uffd_guard_map(world->guards[0].guard, file->fd, PAGE, NULL, NULL),
		-EINVAL);
}

static void map_over(struct world *world, const struct view *view, const struct record *r)
{
	struct uffd_guard_region *region;
	const size_t page = r->b % pages_in(view->reserve);
	const struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE,
		.addr = view->data + page * PAGE,
	};
	int err = uffd_guard_map(world->guards[0].guard, view->file->fd, PAGE, &options, &region);
	expect("map over a region", err,
		view->file->is_tmpfs ? -EEXIST : -ENODEV); /* the kind of file is looked at first */
}

/* ---- Structs with sizes ---- */

static void pass_long_struct(struct world *world, const struct record *r)
{
	struct {
		struct uffd_guard_map_options known;
		unsigned char unknown[32];
	} map = { .known.size = sizeof(map) };
	struct {
		struct uffd_guard_options known;
		unsigned char unknown[32];
	} create = { .known.size = sizeof(create) };
	const struct file *file = world_file(world, r->slot);
	struct uffd_guard_region *region;
	struct uffd_guard *guard;

	map.unknown[r->b % 32] = create.unknown[r->b % 32] = r->c | 1;
	expect("create", uffd_guard_create(&create.known, &guard), -E2BIG);
	if (file)
		expect("map",
			uffd_guard_map(world->guards[0].guard, file->fd, PAGE, &map.known, &region),
			-E2BIG);
}

static void create_wrongly(void)
{
	struct uffd_guard *guard;
	struct uffd_guard_options options = { .size = sizeof(options), .flags = 1u << 31 };
	expect("create", uffd_guard_create(&options, &guard), -EINVAL);
	options.flags = UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_REQUIRE_KERNEL_FAULTS;
	expect("create", uffd_guard_create(&options, &guard), -EINVAL);
	options.size = sizeof(size_t) - 1;
	expect("create", uffd_guard_create(&options, &guard), -EINVAL);
}

/* Not a byte behind the size that was given. */
static void ask_stats_of_any_size(const struct world *world, uint8_t code)
{
	const size_t most_bytes = sizeof(struct uffd_guard_stats) + 64;
	const size_t size = sizeof(size_t) + code * 3u % (most_bytes - sizeof(size_t));
	unsigned char *stats = malloc(size);
	if (!stats)
		return;
	memcpy(stats, &size, sizeof(size));
	expect("get_stats", uffd_guard_get_stats(world->guards[0].guard, (void *)stats), 0);
	free(stats);

	struct uffd_guard_stats wrong = { .size = code % sizeof(size_t) };
	expect("get_stats", uffd_guard_get_stats(world->guards[0].guard, &wrong), -EINVAL);
	expect("get_stats", uffd_guard_get_stats(world->guards[0].guard, NULL), -EINVAL);
	expect("get_stats", uffd_guard_get_stats(NULL, &wrong), -EINVAL);
	expect("dispatch", uffd_guard_dispatch(world->guards[0].guard, NULL, NULL), -EINVAL);
}

/* ---- */

enum bad_call {
	RANGE_OUTSIDE,
	RANGE_EMPTY,
	BAD_BUFFER,
	WRONG_ARGUMENT,
	NULL_ARGUMENT,
	WRONG_FILE,
	WRONG_MAP,
	MAP_OVER_REGION,
	STRUCT_TOO_LONG,
	WRONG_CREATE,
	STATS_OF_ANY_SIZE,
	N_BAD_CALLS
};

void op_bad_call(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	const enum bad_call call = r->f % N_BAD_CALLS;
	if (!world->guards[0].guard || world->guards[0].most_regions)
		return; /* destroyed, or full: then that is the answer */
	trace("bad call %d", call);
	switch (call) {
	case NULL_ARGUMENT:
		call_with_null();
		break;
	case WRONG_FILE:
		map_wrong_file(world, r);
		break;
	case WRONG_MAP:
		map_wrongly(world, r);
		break;
	case STRUCT_TOO_LONG:
		pass_long_struct(world, r);
		break;
	case WRONG_CREATE:
		create_wrongly();
		break;
	case STATS_OF_ANY_SIZE:
		ask_stats_of_any_size(world, r->b);
		break;
	default:
		break;
	}
	if (!view)
		return;
	switch (call) {
	case RANGE_OUTSIDE:
		call_outside(view, r);
		break;
	case RANGE_EMPTY:
		call_about_nothing(view, r);
		break;
	case BAD_BUFFER:
		call_with_bad_buffer(view, r);
		break;
	case WRONG_ARGUMENT:
		call_wrongly(view);
		break;
	case MAP_OVER_REGION:
		map_over(world, view, r);
		break;
	default:
		break;
	}
}
