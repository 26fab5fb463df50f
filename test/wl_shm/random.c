/* SPDX-License-Identifier: MIT */
/*
 * Whatever comes to mind: two clients that send requests and treat their files at random, while the
 * compositor reads and draws at random. One that does all by the rules is among them, and what is
 * seen of its surfaces must be what it has painted. A seed is a run; RANDOM_SEED is added to
 * the number of the test.
 */
#include "world.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define N_STEPS 3000
#define N_RUNS	6

/* ---- Chance ---- */

static uint64_t state;

static uint32_t chance(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33);
}

static uint32_t below(uint32_t limit)
{
	return chance() % limit;
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

static int32_t any_int(void)
{
	const int32_t edges[] = { 0, 1, -1, 2, SIDE - 1, SIDE, SIDE + 1, STRIDE, 4095, 4096, BYTES,
		INT_MAX, INT_MIN, INT_MAX - 4095, 1 << 20, 1 << 30 };
	return one_in(2) ? (int32_t)below(2 * SIDE) : edges[below(sizeof(edges) / sizeof(*edges))];
}

/* ---- The client that keeps to the rules ---- */

#define N_SLOTS	   4
#define N_SURFACES 2

struct slot {
	struct memory memory; /* a pool of its own, though perhaps not a file */
	int32_t offset;
	struct wl_buffer *buffer;
	int shown_on; /* a surface, or one of these: */
#define FREE	 (-1)
#define REPLACED (-2) /* and not released yet */
};

struct painter {
	struct guest guest;
	struct slot slots[N_SLOTS];
	struct wl_surface *surfaces[N_SURFACES];
	struct wl_proxy *viewports[N_SURFACES];
	int32_t transforms[N_SURFACES], scales[N_SURFACES];
	bool is_cropped[N_SURFACES];
	uint32_t painted[N_SURFACES][SIDE * SIDE];
	int file; /* that slots may have in common, each a part of it */
};

#define PART (3 * BYTES)

static void slot_make_buffer(struct slot *slot)
{
	slot->buffer = wl_shm_pool_create_buffer(
		slot->memory.pool, slot->offset, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888);
}

static uint32_t *pixels_of(const struct slot *slot)
{
	return slot->memory.pixels + slot->offset / 4;
}

/* One more pool of the file that others have too. */
static void memory_share(struct memory *memory, struct painter *painter, size_t length)
{
	*memory = (struct memory){ .fd = dup(painter->file), .length = length };
	memory->pixels = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	ck_assert_ptr_ne(memory->pixels, MAP_FAILED);
	memory->pool = wl_shm_create_pool(painter->guest.shm, memory->fd, (int32_t)length);
}

static void slot_make(struct painter *painter, struct slot *slot)
{
	const int seals[] = { 0, 0, F_SEAL_SHRINK, F_SEAL_SEAL };
	const size_t part = (size_t)(slot - painter->slots) * PART;
	slot->offset = (int32_t)below(BYTES / 4) * 4 * (int32_t)below(2);
	if (one_in(2)) {
		slot->offset += (int32_t)part;
		memory_share(&slot->memory, painter, part + PART);
	} else {
		memory_create(&slot->memory, &painter->guest, 2 * BYTES, seals[below(4)]);
	}
	slot_make_buffer(slot);
	slot->shown_on = FREE;
}

static void slot_empty(struct slot *slot)
{
	wl_buffer_destroy(slot->buffer);
	memory_destroy(&slot->memory);
}

static void painter_start(struct painter *painter, struct world *world)
{
	guest_join(&painter->guest, world);
	painter->file = memfd_create("common", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(painter->file, N_SLOTS * PART), 0);
	for (int i = 0; i < N_SURFACES; i++) {
		painter->surfaces[i] = wl_compositor_create_surface(painter->guest.compositor);
		painter->viewports[i] = viewport_create(&painter->guest, painter->surfaces[i]);
		painter->scales[i] = 1;
	}
	for (int i = 0; i < N_SLOTS; i++)
		slot_make(painter, &painter->slots[i]);
	exchange(&painter->guest);
}

static void painter_stop(struct painter *painter)
{
	assert_no_error(&painter->guest);
	for (int i = 0; i < N_SLOTS; i++)
		slot_empty(&painter->slots[i]);
	for (int i = 0; i < N_SURFACES; i++) {
		wl_proxy_destroy(painter->viewports[i]);
		wl_surface_destroy(painter->surfaces[i]);
	}
	close(painter->file);
	guest_leave(&painter->guest);
}

/* What the compositor sees of a surface. */
static bool is_seen(struct painter *painter, const struct slot *slot)
{
	struct wl_shm_buffer *served = served_buffer(&painter->guest, slot->buffer);
	const bool is_in_access = !one_in(3);
	if (is_in_access)
		wl_shm_buffer_begin_access(served);
	const bool is_it = memcmp(wl_shm_buffer_get_data(served), painter->painted[slot->shown_on],
				   BYTES) == 0;
	if (is_in_access)
		wl_shm_buffer_end_access(served);
	return is_it;
}

/* What goes beyond an allowance, all clients' perhaps, comes later. */
static void assert_seen(struct painter *painter)
{
	const struct timespec period = { .tv_nsec = 20000000 };
	for (int i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &painter->slots[i];
		bool is_it = slot->shown_on < 0 || is_seen(painter, slot);
		for (int patience = 0; !is_it && patience < 100; patience++) {
			nanosleep(&period, NULL);
			turn(painter->guest.world);
			is_it = is_seen(painter, slot);
		}
		ck_assert_msg(is_it, "a surface does not show what was painted");
		ck_assert(slot->shown_on < 0 ||
			  memcmp(pixels_of(slot), painter->painted[slot->shown_on], BYTES) == 0);
	}
}

static void serve(struct painter *painter)
{
	exchange(&painter->guest);
	for (int i = 0; i < N_SLOTS; i++) {
		if (painter->slots[i].shown_on == REPLACED)
			painter->slots[i].shown_on = FREE;
	}
}

static struct slot *free_slot(struct painter *painter)
{
	struct slot *slot = &painter->slots[below(N_SLOTS)];
	return slot->shown_on == FREE ? slot : NULL;
}

static void paint_rect(struct painter *painter, int on)
{
	const int32_t x = (int32_t)below(SIDE), y = (int32_t)below(SIDE),
		      width = 1 + (int32_t)below((uint32_t)(SIDE - x)),
		      height = 1 + (int32_t)below((uint32_t)(SIDE - y));
	const uint32_t colour = chance();
	for (int32_t row = y; row < y + height; row++)
		for (int32_t column = x; column < x + width; column++)
			painter->painted[on][row * SIDE + column] = colour;
	if (painter->transforms[on] == WL_OUTPUT_TRANSFORM_NORMAL && painter->scales[on] == 1 &&
		!painter->is_cropped[on] && one_in(2))
		wl_surface_damage(painter->surfaces[on], x, y, width, height);
	else
		wl_surface_damage_buffer(painter->surfaces[on], x, y, width, height);
}

static void take_off(struct painter *painter, int on)
{
	for (int i = 0; i < N_SLOTS; i++) {
		if (painter->slots[i].shown_on == on)
			painter->slots[i].shown_on = REPLACED;
	}
}

/* The pool and its file grow; what was there stays. Not where others have their parts. */
static void grow(struct slot *slot)
{
	const size_t length = slot->memory.length + 1000 * (1 + below(20));
	const bool is_common = slot->memory.length % PART == 0;
	if (is_common || ftruncate(slot->memory.fd, (off_t)length) < 0)
		return;
	munmap(slot->memory.pixels, slot->memory.length);
	slot->memory.length = length;
	slot->memory.pixels =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, slot->memory.fd, 0);
	ck_assert_ptr_ne(slot->memory.pixels, MAP_FAILED);
	wl_shm_pool_resize(slot->memory.pool, (int32_t)length);
}

static void show_slot(struct painter *painter, struct slot *slot, int on)
{
	take_off(painter, on);
	memcpy(pixels_of(slot), painter->painted[on], BYTES);
	slot->shown_on = on;
	wl_surface_attach(painter->surfaces[on], slot->buffer, 0, 0);
	if (one_in(8))
		grow(slot);
	wl_surface_commit(painter->surfaces[on]);
}

/* What a surface may do besides: its pixels stay what they are in the buffer. */
static void change_view(struct painter *painter, int on)
{
	switch (below(4)) {
	case 0:
		painter->transforms[on] = (int32_t)below(8);
		wl_surface_set_buffer_transform(painter->surfaces[on], painter->transforms[on]);
		break;
	case 1:
		painter->scales[on] = 1 + (int32_t)below(2);
		wl_surface_set_buffer_scale(painter->surfaces[on], painter->scales[on]);
		break;
	case 2:
		painter->is_cropped[on] = true;
		viewport_set_source(painter->viewports[on], (int)below(8), (int)below(8),
			1 + (int)below(16), 1 + (int)below(16));
		break;
	default:
		painter->is_cropped[on] = true;
		viewport_set_destination(
			painter->viewports[on], 1 + (int)below(200), 1 + (int)below(200));
	}
}

/* Nothing is shown, or what has no memory of a client; and a camera that takes no picture. */
static void show_nothing(struct painter *painter, int on)
{
	take_off(painter, on);
	wl_surface_attach(painter->surfaces[on], NULL, 0, 0);
	wl_surface_commit(painter->surfaces[on]);
}

static void give_to_camera(struct painter *painter)
{
	const struct slot *slot = &painter->slots[below(N_SLOTS)];
	camera_shoot(&painter->guest, slot->buffer);
	if (one_in(2))
		camera_answer();
}

static void paint(struct painter *painter)
{
	struct slot *slot = free_slot(painter);
	const int on = (int)below(N_SURFACES);
	if (!slot)
		return;
	if (one_in(8))
		change_view(painter, on);
	if (one_in(16))
		show_nothing(painter, on);
	if (one_in(16))
		give_to_camera(painter);
	for (uint32_t i = below(6); i > 0; i--)
		paint_rect(painter, on);
	show_slot(painter, slot, on);
	if (!one_in(4))
		serve(painter);
}

static void replace_slot(struct painter *painter)
{
	struct slot *slot = free_slot(painter);
	if (!slot)
		return;
	if (one_in(2)) {
		slot_empty(slot);
		slot_make(painter, slot);
	} else {
		wl_buffer_destroy(slot->buffer);
		slot_make_buffer(slot);
	}
}

/* ---- The client that keeps to none ---- */

#define N_FILES	  4
#define N_POOLS	  4
#define N_BUFFERS 8

struct vandal {
	struct guest guest;
	int files[N_FILES];
	struct wl_shm_pool *pools[N_POOLS];
	struct wl_buffer *buffers[N_BUFFERS];
	struct wl_surface *surfaces[N_SURFACES];
	struct wl_proxy *viewports[N_SURFACES];
};

static int any_file(void)
{
	const unsigned flags[] = { MFD_ALLOW_SEALING, 0, MFD_ALLOW_SEALING, MFD_HUGETLB };
	const int fd = memfd_create("any", MFD_CLOEXEC | flags[below(one_in(20) ? 4 : 3)]);
	return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void vandal_start(struct vandal *vandal, struct world *world)
{
	*vandal = (struct vandal){ 0 };
	guest_join(&vandal->guest, world);
	for (int i = 0; i < N_FILES; i++)
		vandal->files[i] = any_file();
	for (int i = 0; i < N_SURFACES; i++)
		vandal->surfaces[i] = wl_compositor_create_surface(vandal->guest.compositor);
}

static void vandal_stop(struct vandal *vandal)
{
	for (int i = 0; i < N_BUFFERS; i++)
		if (vandal->buffers[i])
			wl_buffer_destroy(vandal->buffers[i]);
	for (int i = 0; i < N_POOLS; i++)
		if (vandal->pools[i])
			wl_shm_pool_destroy(vandal->pools[i]);
	for (int i = 0; i < N_SURFACES; i++) {
		if (vandal->viewports[i])
			wl_proxy_destroy(vandal->viewports[i]);
		wl_surface_destroy(vandal->surfaces[i]);
	}
	for (int i = 0; i < N_FILES; i++)
		close(vandal->files[i]);
	guest_leave(&vandal->guest);
}

static int32_t any_size(void)
{
	const int32_t sizes[] = { 1, 4095, 4096, BYTES, BYTES + 100, 16 * BYTES, 4 << 20, INT_MAX };
	return one_in(100) ? any_int() : sizes[below(one_in(10) ? 8 : 7)];
}

/* What fails here fails on purpose. */
static void ignore(int64_t result)
{
	(void)result;
}

static void treat_file(struct vandal *vandal)
{
	const int fd = vandal->files[below(N_FILES)];
	const int seals[] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_FUTURE_WRITE,
		F_SEAL_WRITE };
	const off_t at = (off_t)below(64) * 1000;
	switch (below(8)) {
	case 0:
		ignore(ftruncate(fd, one_in(2) ? 0 : any_size()));
		break;
	case 1:
		ignore(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 1 + at));
		break;
	case 2:
		if (one_in(10))
			ignore(fcntl(fd, F_ADD_SEALS, seals[below(5)]));
		break;
	case 3:
		ignore(pwrite(fd, "some bytes", 10, at));
		break;
	default:
		ignore(ftruncate(fd, INT_MAX)); /* long enough for most */
		break;
	}
}

static void make_pool(struct vandal *vandal, struct wl_shm_pool **pool)
{
	if (*pool)
		wl_shm_pool_destroy(*pool);
	*pool = wl_shm_create_pool(vandal->guest.shm, vandal->files[below(N_FILES)], any_size());
}

static void make_buffer(struct vandal *vandal, struct wl_buffer **buffer)
{
	const uint32_t formats[] = { WL_SHM_FORMAT_ARGB8888, WL_SHM_FORMAT_XRGB8888,
		WL_SHM_FORMAT_NV12, WL_SHM_FORMAT_RGB565 };
	struct wl_shm_pool *pool = vandal->pools[below(N_POOLS)];
	const int32_t width = 1 + (int32_t)below(SIDE), stride = width * (1 + (int32_t)below(8)),
		      height = 1 + (int32_t)below(8);
	if (!pool)
		return;
	if (*buffer)
		wl_buffer_destroy(*buffer);
	if (one_in(50))
		*buffer = wl_shm_pool_create_buffer(
			pool, any_int(), any_int(), any_int(), any_int(), formats[below(4)]);
	else
		*buffer = wl_shm_pool_create_buffer(pool, (int32_t)below(3) * 1000, width, height,
			stride, formats[below(one_in(10) ? 4 : 2)]);
}

static void act_on_buffer(struct vandal *vandal, struct wl_buffer **buffer)
{
	struct wl_surface *surface = vandal->surfaces[below(N_SURFACES)];
	switch (*buffer ? below(6) : 5) {
	case 0:
		wl_buffer_destroy(*buffer);
		*buffer = NULL;
		break;
	case 1:
		wl_proxy_marshal(vandal->guest.camera, 0, 0u, *buffer);
		break;
	case 2:
		wl_proxy_marshal(vandal->guest.recorder, 0, 0u, *buffer);
		break;
	case 3:
	case 4:
		wl_surface_attach(surface, *buffer, any_int(), any_int());
		break;
	default:
		make_buffer(vandal, buffer);
	}
}

static void act_on_viewport(struct vandal *vandal, int i)
{
	struct wl_proxy **viewport = &vandal->viewports[i];
	if (!*viewport) {
		*viewport = viewport_create(&vandal->guest, vandal->surfaces[i]);
	} else if (one_in(4)) {
		wl_proxy_marshal(*viewport, 0);
		wl_proxy_destroy(*viewport);
		*viewport = NULL;
	} else if (one_in(2)) {
		viewport_set_source(*viewport, any_int() / 256, any_int() / 256, any_int() / 256,
			any_int() / 256);
	} else {
		viewport_set_destination(*viewport, any_int(), any_int());
	}
}

static void act_on_surface(struct vandal *vandal, int i)
{
	struct wl_surface **surface = &vandal->surfaces[i];
	switch (below(10)) {
	case 0:
		wl_surface_destroy(*surface);
		*surface = wl_compositor_create_surface(vandal->guest.compositor);
		break;
	case 1:
		wl_surface_damage(*surface, any_int(), any_int(), any_int(), any_int());
		break;
	case 2:
		wl_surface_damage_buffer(*surface, any_int(), any_int(), any_int(), any_int());
		break;
	case 3:
		wl_surface_set_buffer_scale(*surface, any_int());
		break;
	case 4:
		wl_surface_set_buffer_transform(*surface, any_int());
		break;
	case 5:
		act_on_viewport(vandal, i);
		break;
	default:
		wl_surface_commit(*surface);
	}
}

static void act(struct vandal *vandal)
{
	struct wl_shm_pool **pool = &vandal->pools[below(N_POOLS)];
	switch (below(16)) {
	case 0:
		make_pool(vandal, pool);
		break;
	case 1:
		if (*pool)
			wl_shm_pool_resize(*pool, any_size());
		break;
	case 2:
	case 3:
		treat_file(vandal);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		act_on_buffer(vandal, &vandal->buffers[below(N_BUFFERS)]);
		break;
	case 8:
	case 9:
		exchange(&vandal->guest);
		break;
	default:
		act_on_surface(vandal, (int)below(N_SURFACES));
	}
}

/* Gone for what it has done, or for no reason. */
static void live(struct vandal *vandal)
{
	struct world *world = vandal->guest.world;
	if (!wl_display_get_error(vandal->guest.connection) && vandal->guest.client &&
		!one_in(500)) {
		act(vandal);
		return;
	}
	vandal_stop(vandal);
	turn(world);
	vandal_start(vandal, world);
}

/* ---- The compositor ---- */

#define N_ACCESSES 3

static struct wl_shm_buffer *accessed[N_ACCESSES];
static struct wl_shm_pool *kept[N_ACCESSES];

static char *data_of(struct wl_shm_buffer *buffer, size_t *length)
{
	*length =
		(size_t)wl_shm_buffer_get_stride(buffer) * (size_t)wl_shm_buffer_get_height(buffer);
	return wl_shm_buffer_get_data(buffer);
}

static void look(struct wl_shm_buffer *buffer)
{
	size_t length;
	const volatile char *data = data_of(buffer, &length);
	for (size_t i = 0; i < length; i += 512)
		(void)data[i];
	(void)data[length - 1];
}

static void draw(struct wl_shm_buffer *buffer)
{
	size_t length;
	wl_shm_buffer_begin_access(buffer);
	char *data = data_of(buffer, &length);
	if (length < (1 << 20))
		memset(data, (int)below(256), one_in(4) ? length / 2 : length);
	wl_shm_buffer_end_access(buffer);
}

/* An access may last, and end after its buffer. */
static void read_for_long(struct wl_shm_buffer *buffer)
{
	struct wl_shm_buffer **place = &accessed[below(N_ACCESSES)];
	if (*place)
		wl_shm_buffer_end_access(*place);
	wl_shm_buffer_begin_access(buffer);
	look(buffer);
	*place = buffer;
}

static void keep_pool(struct wl_shm_buffer *buffer)
{
	struct wl_shm_pool **place = &kept[below(N_ACCESSES)];
	if (*place)
		wl_shm_pool_unref(*place);
	*place = wl_shm_buffer_ref_pool(buffer);
}

static void let_go(void)
{
	for (int i = 0; i < N_ACCESSES; i++) {
		if (accessed[i])
			wl_shm_buffer_end_access(accessed[i]);
		if (kept[i])
			wl_shm_pool_unref(kept[i]);
		accessed[i] = NULL;
		kept[i] = NULL;
	}
}

static void on_commit(struct canvas *canvas)
{
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(canvas->attached);
	if (!buffer)
		return;
	switch (below(10)) {
	case 0:
		read_for_long(buffer);
		break;
	case 1:
		keep_pool(buffer);
		break;
	case 2:
		let_go();
		break;
	case 3:
		break;
	case 4:
		look(buffer);
		break;
	default:
		wl_shm_buffer_begin_access(buffer);
		look(buffer);
		wl_shm_buffer_end_access(buffer);
	}
}

static void answer_camera(struct vandal *vandal)
{
	struct wl_buffer *buffer = vandal->buffers[below(N_BUFFERS)];
	struct wl_shm_buffer *served =
		buffer && vandal->guest.client ? served_buffer(&vandal->guest, buffer) : NULL;
	if (served)
		draw(served);
	camera_answer();
}

/* ---- All together ---- */

static void step(struct painter *painter, struct vandal vandals[2])
{
	switch (below(8)) {
	case 0:
		paint(painter);
		break;
	case 1:
		replace_slot(painter);
		break;
	case 2:
		serve(painter);
		assert_seen(painter);
		break;
	case 3:
		answer_camera(&vandals[below(2)]);
		break;
	default:
		live(&vandals[below(2)]);
	}
}

START_TEST(random_clients_hurt_nobody_and_what_is_painted_is_seen)
{
	const char *base = getenv("RANDOM_SEED");
	struct world world;
	struct painter *painter = calloc(1, sizeof(*painter));
	struct vandal vandals[2];
	state = (uint64_t)_i + (base ? strtoull(base, NULL, 10) : 0);
	world_start(&world);
	world.on_commit = on_commit;
	painter_start(painter, &world);
	for (int i = 0; i < 2; i++)
		vandal_start(&vandals[i], &world);
	for (int i = 0; i < N_STEPS; i++)
		step(painter, vandals);
	let_go();
	painter_stop(painter);
	for (int i = 0; i < 2; i++)
		vandal_stop(&vandals[i]);
	world_stop(&world);
	free(painter);
}
END_TEST

static TCase *case_random(void)
{
	TCase *tcase = tcase_create("random");
	tcase_add_loop_test(
		tcase, random_clients_hurt_nobody_and_what_is_painted_is_seen, 0, N_RUNS);
	return tcase;
}

RUNNER_MAIN("random", case_random)
