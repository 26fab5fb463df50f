/* SPDX-License-Identifier: MIT */
/* Regions come, change their length, and go. */
#include "world.h"

#include "../support/room.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- map ---- */

enum struct_size { SIZE_OF_TODAY, SIZE_OF_TOMORROW, N_STRUCT_SIZES };

/* What a program built with a newer header would pass. */
struct longer_options {
	struct uffd_guard_map_options known;
	unsigned char unknown[24];
};

struct request {
	struct file *file;
	size_t length;
	bool is_read_only;
	const struct fuzzed_guard *guard;
	size_t number; /* of the guard */
	struct longer_options options;
	bool could_be_direct; /* before the call: a seal asked for earlier may come meanwhile */
};

static const uint32_t map_flags = UFFD_GUARD_MAP_WRITE | UFFD_GUARD_MAP_DIRECT |
				  UFFD_GUARD_MAP_SEAL | UFFD_GUARD_MAP_ANY_FILE |
				  UFFD_GUARD_MAP_FIXED_NOREPLACE | UFFD_GUARD_MAP_POPULATE |
				  UFFD_GUARD_MAP_ONLY_DIRECT;

/* A place that was free when first asked. */
static void *fixed_place(void)
{
	static void *place;
	if (!place)
		place = find_room((VIEW_PAGES + 512) * PAGE);
	return place;
}

static uint64_t offset_of_code(uint8_t code)
{
	static const uint64_t offsets[8] = { 0, 0, 0, 1, 2, 3, 7, 40 };
	return offsets[code % 8] * PAGE;
}

static size_t reserve_of_code(uint8_t code, size_t length)
{
	static const uint16_t more[8] = { 0, 1, 2, 4, 8, 16, 64, 512 };
	const size_t reserve = length + more[code % 8] * PAGE;
	return code % 8 && reserve <= VIEW_PAGES * PAGE ? reserve : 0;
}

/* a: flags; b, c: length; d: file and offset; e: reserve and max_resident; f: oddities */
static struct request read_request(const struct world *world, const struct record *r)
{
	const size_t length = most(1, least(size_of_codes(r->b, r->c), VIEW_PAGES * PAGE));
	uint32_t flags = r->a & map_flags;
	if (!(flags & UFFD_GUARD_MAP_DIRECT))
		flags &= ~(UFFD_GUARD_MAP_SEAL | UFFD_GUARD_MAP_ONLY_DIRECT);
	static const uint64_t budgets[8] = { 0, 0, 0, 0, PAGE, 3 * PAGE, 16 * PAGE, 64 * PAGE };
	const enum struct_size size = r->f % N_STRUCT_SIZES;
	return (struct request){
		.file = world_file(world, r->d),
		.length = length,
		.is_read_only = r->f & 2,
		.number = (r->f >> 2 & 1) % world->n_guards,
		.guard = &world->guards[(r->f >> 2 & 1) % world->n_guards],
		.options.known = {
			.size = size == SIZE_OF_TODAY ? sizeof(struct uffd_guard_map_options)
						      : sizeof(struct longer_options),
			.flags = flags,
			.addr = flags & UFFD_GUARD_MAP_FIXED_NOREPLACE ? fixed_place() : NULL,
			.offset = offset_of_code(r->d >> 2),
			.reserve = reserve_of_code(r->e, length),
			.max_resident = budgets[r->e >> 3 & 7],
		},
	};
}

static int reopen_read_only(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int call_map(const struct request *request, struct uffd_guard_region **region)
{
	int fd = request->is_read_only ? reopen_read_only(request->file->fd) : request->file->fd;
	if (fd < 0)
		fail("the file cannot be opened again");
	int err = uffd_guard_map(
		request->guard->guard, fd, request->length, &request->options.known, region);
	if (request->is_read_only)
		close(fd);
	return err;
}

/* What this release does not have is left out. */
static int map_as_far_as_possible(struct request *request, struct uffd_guard_region **region)
{
	struct uffd_guard_map_options *options = &request->options.known;
	int err = call_map(request, region);
	if (err == -EOPNOTSUPP && options->max_resident) {
		options->max_resident = 0;
		err = call_map(request, region);
	}
	if (err == -EOPNOTSUPP && options->flags & UFFD_GUARD_MAP_ANY_FILE) {
		options->flags &= ~UFFD_GUARD_MAP_ANY_FILE;
		err = call_map(request, region);
	}
	return err;
}

/* Whether all of it can be DIRECT; with MAP_SEAL once the seal has come. */
static bool can_be_direct(const struct request *request)
{
	const struct file *file = request->file;
	return file->is_tmpfs && file_seals(file) & F_SEAL_SHRINK &&
	       file->size >= request->options.known.offset + request->length;
}

/* Whether a seal that the library was asked for is still to come. */
static bool seal_is_to_come(const struct file *file, bool is_read_only)
{
	const int seals = file->is_tmpfs ? fcntl(file->fd, F_GET_SEALS) : -1;
	return seals >= 0 && !is_read_only && !(seals & (F_SEAL_SHRINK | F_SEAL_SEAL));
}

/* The library does not wait for it. On a busy machine it takes seconds. Afterwards the region is
 * DIRECT if it can be. */
static void wait_for_seal(
	const struct file *file, struct uffd_guard_region *region, bool is_read_only)
{
	for (int i = 0; i < 30000 && seal_is_to_come(file, is_read_only); i++)
		usleep(1000);
	if (seal_is_to_come(file, is_read_only))
		fail("the seal does not come");
	if (uffd_guard_region_make_direct(region, 0) < 0)
		fail("make_direct after the seal");
}

static uint32_t count_regions(const struct world *world, size_t guard)
{
	uint32_t n = 0;
	for (size_t i = 0; i < N_SLOTS; i++)
		n += world->views[i] && world->views[i]->guard == guard;
	return n;
}

static bool is_expected(const struct world *world, const struct request *request, int err)
{
	const uint32_t flags = request->options.known.flags;
	const bool may_be_refused = !request->file->is_tmpfs && !(flags & UFFD_GUARD_MAP_ANY_FILE);
	const uint32_t most_regions = request->guard->most_regions;
	const bool is_full = most_regions && count_regions(world, request->number) >= most_regions;
	if (is_full || err == -ENFILE)
		return is_full && (err == -ENFILE || err == -ENODEV);
	if (flags & UFFD_GUARD_MAP_ONLY_DIRECT && err == -EPERM && flags & UFFD_GUARD_MAP_SEAL)
		return true; /* the seal may have come late */
	if (flags & UFFD_GUARD_MAP_ONLY_DIRECT && (err == 0 || err == -EPERM))
		return err == 0 ? can_be_direct(request) : !request->could_be_direct;
	if (err == -EEXIST)
		return flags & UFFD_GUARD_MAP_FIXED_NOREPLACE;
	return may_be_refused ? err == -ENODEV : err == 0;
}

static void check_getters(const struct view *view)
{
	if (uffd_guard_region_length(view->region) != view->length)
		fail("the region's length is %zu, and should be %zu",
			uffd_guard_region_length(view->region), view->length);
	if (uffd_guard_region_data(view->region) != view->data)
		fail("the region's data has moved");
}

/* Ours is borrowed: the same file, and open. Or there is none, where nothing needs it. */
static void check_descriptor(const struct view *view)
{
	struct stat of_region, of_file;
	const int fd = uffd_guard_region_get_fd(view->region);
	if (fd == -EBADF && view->direct_end >= pages_in(view->reserve) * PAGE)
		return;
	if (fd < 3 || fstat(fd, &of_region) < 0 || fstat(view->file->fd, &of_file) < 0 ||
		of_region.st_ino != of_file.st_ino || of_region.st_dev != of_file.st_dev)
		fail("the region's descriptor is %d, which is not of its file", fd);
}

static struct view *make_view(const struct request *request, struct uffd_guard_region *region)
{
	const struct uffd_guard_map_options *options = &request->options.known;
	struct view *view = arena_take(sizeof(*view));
	*view = (struct view){
		.region = region,
		.guard = request->number,
		.data = uffd_guard_region_data(region),
		.file = request->file,
		.offset = options->offset,
		.length = request->length,
		.reserve = most(options->reserve, request->length),
		.flags = options->flags,
		.is_read_only = request->is_read_only,
		.may_evict = request->guard->has_budget || options->max_resident,
		.tells_no_events = request->guard->tells_no_events,
	};
	if ((uintptr_t)view->data % PAGE || (options->addr && view->data != options->addr))
		fail("the region is at %p, and was wanted at %p", (void *)view->data,
			options->addr);
	return view;
}

void op_map(struct world *world, const struct record *r)
{
	struct request request = read_request(world, r);
	const struct uffd_guard_map_options *options = &request.options.known;
	const uint8_t slot = r->slot % N_SLOTS;
	if (!request.file || !request.guard->guard)
		return;
	world_unmap(world, slot);
	trace("map %d at guard %zu: flags %#x, %zu bytes from %llu, reserve %zu, max_resident "
	      "%llu%s",
		slot, request.number, (unsigned)options->flags, request.length,
		(unsigned long long)options->offset, options->reserve,
		(unsigned long long)options->max_resident,
		request.is_read_only ? ", read-only descriptor" : "");

	struct uffd_guard_region *region = NULL;
	request.could_be_direct = can_be_direct(&request);
	int err = map_as_far_as_possible(&request, &region);
	if (!is_expected(world, &request, err))
		fail("map: %s", strerror(-err));
	if (err) {
		trace("	refused: %s", strerror(-err));
		return;
	}
	if (options->flags & UFFD_GUARD_MAP_SEAL)
		wait_for_seal(request.file, region, request.is_read_only);
	struct view *view = make_view(&request, region);
	world->views[slot] = view;
	trace("	region %p at %p", (void *)region, (void *)view->data);
	view_begin(view);
	check_getters(view);
	check_descriptor(view);
	if (options->flags & UFFD_GUARD_MAP_POPULATE)
		view_note_filled(view, 0, view->length);
}

/* ---- unmap ---- */

static bool is_mapped(const void *address)
{
	unsigned char residency;
	return mincore((void *)address, PAGE, &residency) == 0;
}

void world_unmap(struct world *world, uint8_t slot)
{
	struct view *view = world->views[slot];
	if (!view)
		return;
	trace("unmap %d", slot);
	world->views[slot] = NULL;
	uffd_guard_unmap(view->region);
	if (is_mapped(view->data) || is_mapped(view->data + (pages_in(view->reserve) - 1) * PAGE))
		fail("the region is still mapped");
}

void op_unmap(struct world *world, const struct record *r)
{
	world_unmap(world, r->slot % N_SLOTS);
}

/* ---- resize ---- */

void op_resize(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	/* c odd: anywhere up to the reserve; else as the codes say */
	const uint64_t reserve = pages_in(view->reserve) * PAGE;
	const size_t length = most(1, r->c & 1 ? least(record_extent(r, reserve).offset, reserve)
					       : least(size_of_codes(r->a, r->b), reserve));
	trace("resize region %p from %zu to %zu", (void *)view->region, view->length, length);
	int err = uffd_guard_resize(view->region, length);
	if (err == -ENOSPC && length > view->reserve)
		return; /* the rest of the reserve's last page may be had, but need not */
	if (err == -EPERM && view->flags & UFFD_GUARD_MAP_ONLY_DIRECT &&
		length > file_bytes_from(view, 0))
		return; /* the file does not reach so far */
	if (err)
		fail("resize: %s", strerror(-err));
	view_note_resized(view, length);
	check_getters(view);
}

/* ---- make_direct ---- */

/* a: whether the library shall seal the file */
void op_make_direct(struct world *world, const struct record *r)
{
	struct view *view = world_view(world, r->slot);
	if (!view)
		return;
	const uint32_t flags = r->a & UFFD_GUARD_MAP_SEAL;
	int is_direct = uffd_guard_region_make_direct(view->region, flags);
	if (is_direct == 0 && flags) {
		wait_for_seal(view->file, view->region, view->is_read_only);
		is_direct = uffd_guard_region_make_direct(view->region, 0);
	}
	trace("make_direct of region %p, flags %#x: %d", (void *)view->region, (unsigned)flags,
		is_direct);
	if (is_direct < 0)
		fail("make_direct: %s", strerror(-is_direct));
	if (is_direct != view_note_made_direct(view))
		fail("make_direct answers %d", is_direct);
	check_getters(view);
}

/* ---- destroy ---- */

/* Regions go on, and tell of their losses by take_losses only. */
void op_destroy(struct world *world, const struct record *r)
{
	const size_t number = (r->a & 1) % world->n_guards;
	struct fuzzed_guard *guard = &world->guards[number];
	if (!guard->guard)
		return;
	trace("destroy guard %zu", number);
	guards_forget(guard->guard);
	uffd_guard_destroy(guard->guard);
	guard->guard = NULL;
	world->n_destroyed++;
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct view *view = world->views[i];
		if (view && view->guard == number) {
			view->tells_no_events = true;
			view->n_owed = 0;
		}
	}
}
