/* SPDX-License-Identifier: MIT */
/*
 * What reaches a compositor that maps files by itself in other ways than by a surface alone:
 * screenshots as wayland-protocols has them, surfaces that are subsurfaces, cursors or icons of a
 * drag, and commits that are applied later.
 */
#include "world.h"

#include "../support/fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define OLD  0x11111111u
#define NEW  0x22222222u
#define SHOT 0x55555555u

/* A test adds one global, and the second of some. */
enum { FIRST_NAME = N_GLOBALS + 1, SECOND_NAME };

struct stage {
	struct world world;
	struct guest guest;
	struct wl_surface *surface;
	struct memory memory;
	struct picture picture;
	bool is_later;		       /* commits are applied when the test says so */
	struct wl_resource *latest;    /* of these, the buffer */
	uint32_t texture[SIDE * SIDE]; /* what the compositor uploads */
};

static void stage_start(struct stage *s, int seals)
{
	world_start(&s->world);
	s->world.data = s;
	guest_join(&s->guest, &s->world);
	s->surface = wl_compositor_create_surface(s->guest.compositor);
	memory_create(&s->memory, &s->guest, BYTES, seals);
	picture_create(&s->picture, &s->guest, &s->memory, 0);
	picture_fill(&s->picture, OLD);
}

static void stage_end(struct stage *s)
{
	wl_surface_destroy(s->surface);
	wl_buffer_destroy(s->picture.buffer);
	memory_destroy(&s->memory);
	guest_leave(&s->guest);
	world_stop(&s->world);
}

static void stage_stop(struct stage *s)
{
	assert_no_error(&s->guest);
	stage_end(s);
}

static void stage_stop_offended(struct stage *s)
{
	assert_error(&s->guest, "wl_buffer", WL_SHM_ERROR_INVALID_FD);
	assert_disconnected(&s->guest);
	stage_end(s);
}

static void *add_global(struct stage *s, const struct wl_interface *interface, uint32_t name,
	wl_global_bind_func_t bind)
{
	struct wl_global *global = wl_global_create(s->world.display, interface, 1, s, bind);
	ck_assert_ptr_nonnull(global);
	return wl_registry_bind(s->guest.registry, name, interface, 1);
}

static void request_destroy(struct wl_client *client, struct wl_resource *resource)
{
	(void)client;
	wl_resource_destroy(resource);
}

static void add_resource(struct wl_client *client, const struct wl_interface *interface,
	uint32_t id, const void *implementation, void *data)
{
	struct wl_resource *resource = wl_resource_create(client, interface, 1, id);
	ck_assert_ptr_nonnull(resource);
	wl_resource_set_implementation(resource, implementation, data, NULL);
}

/* ---- Screenshots: ext-image-copy-capture-v1 ---- */

enum { FRAME_ATTACH = 1, FRAME_DAMAGE, FRAME_CAPTURE };
enum { FRAME_READY = 3, FRAME_FAILED };

static const struct wl_interface *frame_types[] = { NULL, NULL, NULL, NULL, &wl_buffer_interface };
static const struct wl_message frame_requests[] = {
	{ "destroy", "", frame_types },
	{ "attach_buffer", "o", frame_types + 4 },
	{ "damage_buffer", "iiii", frame_types },
	{ "capture", "", frame_types },
};
static const struct wl_message frame_events[] = {
	{ "transform", "u", frame_types },
	{ "damage", "iiii", frame_types },
	{ "presentation_time", "uuu", frame_types },
	{ "ready", "", frame_types },
	{ "failed", "u", frame_types },
};
static const struct wl_interface frame_interface = { "ext_image_copy_capture_frame_v1", 1, 4,
	frame_requests, 5, frame_events };

/* The compositor's side of a frame. */
struct frame {
	struct stage *stage;
	struct wl_resource *resource, *buffer;
};

static struct frame frames[4]; /* of the test's process */
static unsigned n_frames;

static void frame_attach(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *buffer)
{
	struct frame *frame = wl_resource_get_user_data(resource);
	(void)client;
	frame->buffer = buffer;
}

static void frame_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	(void)client, (void)resource, (void)x, (void)y, (void)width, (void)height;
}

static void frame_capture(struct wl_client *client, struct wl_resource *resource)
{
	(void)client, (void)resource;
}

static const struct {
	void (*destroy)(struct wl_client *, struct wl_resource *);
	void (*attach_buffer)(struct wl_client *, struct wl_resource *, struct wl_resource *);
	void (*damage_buffer)(
		struct wl_client *, struct wl_resource *, int32_t, int32_t, int32_t, int32_t);
	void (*capture)(struct wl_client *, struct wl_resource *);
} frame_implementation = { request_destroy, frame_attach, frame_damage, frame_capture };

static void bind_frame(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct frame *frame = &frames[n_frames++];
	(void)version;
	frame->stage = data;
	frame->resource = wl_resource_create(client, &frame_interface, 1, id);
	wl_resource_set_implementation(frame->resource, &frame_implementation, frame, NULL);
}

/* A frame as clients ask for it: the buffer, what they lack of it, and go. */
static struct wl_proxy *ask_for_frame(struct stage *s, struct wl_proxy *frame)
{
	wl_proxy_marshal(frame, FRAME_ATTACH, s->picture.buffer);
	wl_proxy_marshal(frame, FRAME_DAMAGE, 0, 0, SIDE, SIDE);
	wl_proxy_marshal(frame, FRAME_CAPTURE);
	exchange(&s->guest);
	return frame;
}

/* Some frames later, on the compositor's own mapping. */
static void draw(const struct frame *frame, int n)
{
	uint32_t *pixels = wl_shm_buffer_get_data(wl_shm_buffer_get(frame->buffer));
	for (int i = 0; i < n; i++)
		pixels[i] = SHOT;
}

static void assert_file_is(const struct stage *s, int first, int n, uint32_t colour)
{
	for (int i = 0; i < n; i++)
		ck_assert_uint_eq(s->picture.pixels[first + i], colour);
}

/* A stage that is asked for a frame, of a file with @seals. */
static struct wl_proxy *start_with_frame(struct stage *s, int seals)
{
	stage_start(s, seals);
	return ask_for_frame(s, add_global(s, &frame_interface, FIRST_NAME, bind_frame));
}

START_TEST(frame_is_in_the_file_before_ready_is_sent)
{
	const int seals[] = { 0, F_SEAL_SHRINK };
	struct stage s;
	struct wl_proxy *frame = start_with_frame(&s, seals[_i]);
	draw(&frames[0], SIDE * SIDE);
	wl_resource_post_event(
		frames[0].resource, FRAME_READY); /* it lies in libwayland's buffer */
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	wl_proxy_destroy(frame);
	stage_stop(&s);
}
END_TEST

/* What the compositor has not drawn may be new of the client. */
START_TEST(frame_leaves_pages_that_were_not_drawn)
{
	const int half = SIDE * SIDE / 2;
	struct stage s;
	struct wl_proxy *frame = start_with_frame(&s, 0);
	draw(&frames[0], half);
	picture_fill(&s.picture, NEW);
	wl_resource_post_event(frames[0].resource, FRAME_READY);
	assert_file_is(&s, 0, half, SHOT);
	assert_file_is(&s, half, half, NEW);
	wl_proxy_destroy(frame);
	stage_stop(&s);
}
END_TEST

START_TEST(frame_that_failed_writes_nothing_and_the_next_is_whole)
{
	struct stage s;
	struct wl_proxy *frame = start_with_frame(&s, 0);
	draw(&frames[0], SIDE);
	wl_resource_post_event(frames[0].resource, FRAME_FAILED, 0);
	assert_file_is(&s, 0, SIDE * SIDE, OLD);
	struct wl_proxy *next = ask_for_frame(
		&s, wl_registry_bind(s.guest.registry, FIRST_NAME, &frame_interface, 1));
	draw(&frames[1], SIDE * SIDE);
	wl_resource_post_event(frames[0].resource, FRAME_READY); /* no longer its buffer */
	assert_file_is(&s, 0, SIDE * SIDE, OLD);
	wl_resource_post_event(frames[1].resource, FRAME_READY);
	assert_file_is(&s, 0, SIDE * SIDE, SHOT);
	wl_proxy_destroy(frame);
	wl_proxy_destroy(next);
	stage_stop(&s);
}
END_TEST

START_TEST(frame_of_a_file_that_was_cut_is_an_error)
{
	struct stage s;
	struct wl_proxy *frame = start_with_frame(&s, 0);
	memory_cut(&s.memory, 8192);
	draw(&frames[0], SIDE * SIDE);
	wl_resource_post_event(frames[0].resource, FRAME_READY);
	exchange(&s.guest);
	wl_proxy_destroy(frame);
	stage_stop_offended(&s);
}
END_TEST

/* ---- Surfaces with a role ---- */

static void no_request(struct wl_client *client, struct wl_resource *resource)
{
	(void)client, (void)resource;
}

static void set_cursor(struct wl_client *client, struct wl_resource *resource, uint32_t serial,
	struct wl_resource *surface, int32_t x, int32_t y)
{
	(void)client, (void)resource, (void)serial, (void)surface, (void)x, (void)y;
}

static const struct wl_pointer_interface pointer_implementation = { .set_cursor = set_cursor };

static void get_pointer(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	(void)resource;
	add_resource(client, &wl_pointer_interface, id, &pointer_implementation, NULL);
}

static const struct wl_seat_interface seat_implementation = { .get_pointer = get_pointer };

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	(void)version;
	add_resource(client, &wl_seat_interface, id, &seat_implementation, data);
}

static void start_drag(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *source, struct wl_resource *origin, struct wl_resource *icon,
	uint32_t serial)
{
	(void)client, (void)resource, (void)source, (void)origin, (void)icon, (void)serial;
}

static const struct wl_data_device_interface device_implementation = { .start_drag = start_drag };

static void get_device(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *seat)
{
	(void)resource, (void)seat;
	add_resource(client, &wl_data_device_interface, id, &device_implementation, NULL);
}

static const struct wl_data_device_manager_interface manager_implementation = {
	.get_data_device = get_device
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	(void)version;
	add_resource(client, &wl_data_device_manager_interface, id, &manager_implementation, data);
}

static void set_position(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y)
{
	(void)client, (void)resource, (void)x, (void)y;
}

static const struct wl_subsurface_interface subsurface_implementation = {
	.destroy = request_destroy,
	.set_position = set_position,
	.set_sync = no_request,
	.set_desync = no_request,
};

static void get_subsurface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface, struct wl_resource *parent)
{
	(void)resource, (void)surface, (void)parent;
	add_resource(client, &wl_subsurface_interface, id, &subsurface_implementation, NULL);
}

static const struct wl_subcompositor_interface subcompositor_implementation = {
	.destroy = request_destroy,
	.get_subsurface = get_subsurface,
};

static void bind_subcompositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	(void)version;
	add_resource(client, &wl_subcompositor_interface, id, &subcompositor_implementation, data);
}

enum role { ROLE_SYNC, ROLE_DESYNC, ROLE_CURSOR, ROLE_ICON, N_ROLES };

static void become_subsurface(
	struct stage *s, struct wl_surface *child, struct wl_surface *parent, bool is_desync)
{
	struct wl_subcompositor *subcompositor =
		add_global(s, &wl_subcompositor_interface, FIRST_NAME, bind_subcompositor);
	struct wl_subsurface *subsurface =
		wl_subcompositor_get_subsurface(subcompositor, child, parent);
	if (is_desync)
		wl_subsurface_set_desync(subsurface);
	else
		wl_subsurface_set_sync(subsurface);
	wl_subsurface_set_position(subsurface, 0, 0);
	wl_proxy_destroy((struct wl_proxy *)subsurface);
	wl_proxy_destroy((struct wl_proxy *)subcompositor);
}

static void become_cursor(struct stage *s, struct wl_surface *child)
{
	struct wl_seat *seat = add_global(s, &wl_seat_interface, FIRST_NAME, bind_seat);
	struct wl_pointer *pointer = wl_seat_get_pointer(seat);
	wl_pointer_set_cursor(pointer, 1, child, 4, 4);
	wl_proxy_destroy((struct wl_proxy *)pointer);
	wl_proxy_destroy((struct wl_proxy *)seat);
}

static void become_icon(struct stage *s, struct wl_surface *child, struct wl_surface *origin)
{
	struct wl_seat *seat = add_global(s, &wl_seat_interface, FIRST_NAME, bind_seat);
	struct wl_data_device_manager *manager =
		add_global(s, &wl_data_device_manager_interface, SECOND_NAME, bind_manager);
	struct wl_data_device *device = wl_data_device_manager_get_data_device(manager, seat);
	wl_data_device_start_drag(device, NULL, origin, child, 1);
	wl_proxy_destroy((struct wl_proxy *)device);
	wl_proxy_destroy((struct wl_proxy *)manager);
	wl_proxy_destroy((struct wl_proxy *)seat);
}

/* From the compositor's mapping to what is shown. */
static void apply(struct stage *s)
{
	struct wl_shm_buffer *buffer = wl_shm_buffer_get(s->latest);
	ck_assert_ptr_nonnull(buffer);
	memcpy(s->texture, wl_shm_buffer_get_data(buffer), sizeof(s->texture));
}

static void on_commit(struct canvas *canvas)
{
	struct stage *s = canvas->world->data;
	if (canvas->attached)
		s->latest = canvas->attached;
	if (!s->is_later)
		apply(s);
}

static void assert_uploaded(const struct stage *s, uint32_t colour)
{
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s->texture[i], colour);
}

static struct wl_surface *create_with_role(struct stage *s, enum role role)
{
	struct wl_surface *child = wl_compositor_create_surface(s->guest.compositor);
	s->world.on_commit = on_commit;
	s->is_later = role == ROLE_SYNC;
	if (role == ROLE_CURSOR)
		become_cursor(s, child);
	else if (role == ROLE_ICON)
		become_icon(s, child, s->surface);
	else
		become_subsurface(s, child, s->surface, role == ROLE_DESYNC);
	return child;
}

/* A synchronized subsurface is shown with its parent. */
static void show_with_role(struct stage *s, struct wl_surface *child)
{
	show_all(&s->guest, child, &s->picture);
	if (!s->is_later)
		return;
	wl_surface_commit(s->surface);
	exchange(&s->guest);
	apply(s);
}

START_TEST(surface_with_a_role_is_shown_right)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *child = create_with_role(&s, (enum role)_i);
	for (uint32_t colour = OLD; colour < OLD + 5; colour++) {
		picture_fill(&s.picture, colour);
		show_with_role(&s, child);
		assert_uploaded(&s, colour);
	}
	wl_surface_destroy(child);
	stage_stop(&s);
}
END_TEST

START_TEST(surface_with_a_role_shows_what_one_percent_of_damage_has_changed)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *child = create_with_role(&s, (enum role)_i);
	show_with_role(&s, child);
	s.picture.pixels[20 * SIDE + 30] = NEW;
	show(&s.guest, child, &s.picture, 28, 18, 6, 6);
	apply(&s);
	for (int i = 0; i < SIDE * SIDE; i++)
		ck_assert_uint_eq(s.texture[i], i == 20 * SIDE + 30 ? NEW : OLD);
	wl_surface_destroy(child);
	stage_stop(&s);
}
END_TEST

START_TEST(surface_with_a_role_and_a_cut_file_is_an_error)
{
	struct stage s;
	stage_start(&s, 0);
	struct wl_surface *child = create_with_role(&s, (enum role)_i);
	show_with_role(&s, child);
	memory_cut(&s.memory, 0);
	assert_all_pixels(s.picture.served, OLD);
	show_all(&s.guest, child, &s.picture);
	wl_surface_destroy(child);
	stage_stop_offended(&s);
}
END_TEST

/* ---- Commits that are applied later: fifo-v1, commit-timing-v1, syncobj, a queue ---- */

static const struct wl_interface *no_types[] = { NULL, NULL, NULL };
static const struct wl_message fifo_requests[] = { { "set_barrier", "", no_types },
	{ "wait_barrier", "", no_types }, { "destroy", "", no_types } };
static const struct wl_interface fifo_interface = { "wp_fifo_v1", 1, 3, fifo_requests, 0, NULL };
static const struct wl_message timer_requests[] = { { "set_timestamp", "uuu", no_types },
	{ "destroy", "", no_types } };
static const struct wl_interface timer_interface = { "wp_commit_timer_v1", 1, 2, timer_requests, 0,
	NULL };
enum { FIFO_SET_BARRIER, FIFO_WAIT_BARRIER, TIMER_SET_TIMESTAMP = 0 };

static void set_timestamp(struct wl_client *client, struct wl_resource *resource, uint32_t high,
	uint32_t low, uint32_t nanoseconds)
{
	(void)client, (void)resource, (void)high, (void)low, (void)nanoseconds;
}

static const struct {
	void (*set_barrier)(struct wl_client *, struct wl_resource *);
	void (*wait_barrier)(struct wl_client *, struct wl_resource *);
	void (*destroy)(struct wl_client *, struct wl_resource *);
} fifo_implementation = { no_request, no_request, request_destroy };

static const struct {
	void (*set_timestamp)(
		struct wl_client *, struct wl_resource *, uint32_t, uint32_t, uint32_t);
	void (*destroy)(struct wl_client *, struct wl_resource *);
} timer_implementation = { set_timestamp, request_destroy };

static void bind_fifo(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	(void)version;
	add_resource(client, &fifo_interface, id, &fifo_implementation, data);
}

static void bind_timer(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	(void)version;
	add_resource(client, &timer_interface, id, &timer_implementation, data);
}

static void ask_to_wait(struct wl_proxy *waiting, bool is_timer)
{
	if (is_timer)
		wl_proxy_marshal(waiting, TIMER_SET_TIMESTAMP, 0, 1, 0);
	else
		wl_proxy_marshal(waiting, FIFO_WAIT_BARRIER);
}

/* Two frames at once: the second waits until the first was seen, and the client has cut its file by
 * then. */
START_TEST(commit_that_is_applied_later_shows_what_was_committed)
{
	const bool is_timer = _i == 1;
	struct stage s;
	struct memory memory;
	struct picture second;
	stage_start(&s, 0);
	s.world.on_commit = on_commit;
	s.is_later = true;
	struct wl_proxy *waiting =
		is_timer ? add_global(&s, &timer_interface, FIRST_NAME, bind_timer)
			 : add_global(&s, &fifo_interface, FIRST_NAME, bind_fifo);
	picture_create_alone(&second, &memory, &s.guest, NEW);
	if (!is_timer)
		wl_proxy_marshal(waiting, FIFO_SET_BARRIER);
	show_all(&s.guest, s.surface, &s.picture);
	apply(&s);
	assert_uploaded(&s, OLD);
	ask_to_wait(waiting, is_timer);
	show_all(&s.guest, s.surface, &second);
	memory_cut(&memory, 0);
	exchange(&s.guest);
	apply(&s);
	assert_uploaded(&s, NEW);
	wl_proxy_destroy(waiting);
	wl_buffer_destroy(second.buffer);
	memory_destroy(&memory);
	stage_stop(&s);
}
END_TEST

/* ---- Cases ---- */

static TCase *case_frames(void)
{
	TCase *tcase = tcase_create("frames");
	tcase_add_loop_test(tcase, frame_is_in_the_file_before_ready_is_sent, 0, 2);
	tcase_add_test(tcase, frame_leaves_pages_that_were_not_drawn);
	tcase_add_test(tcase, frame_that_failed_writes_nothing_and_the_next_is_whole);
	tcase_add_test(tcase, frame_of_a_file_that_was_cut_is_an_error);
	return tcase;
}

static TCase *case_roles(void)
{
	TCase *tcase = tcase_create("roles");
	tcase_add_loop_test(tcase, surface_with_a_role_is_shown_right, 0, N_ROLES);
	tcase_add_loop_test(tcase, surface_with_a_role_shows_what_one_percent_of_damage_has_changed,
		0, N_ROLES);
	tcase_add_loop_test(tcase, surface_with_a_role_and_a_cut_file_is_an_error, 0, N_ROLES);
	return tcase;
}

static TCase *case_later(void)
{
	TCase *tcase = tcase_create("later");
	tcase_add_loop_test(tcase, commit_that_is_applied_later_shows_what_was_committed, 0, 2);
	return tcase;
}

RUNNER_MAIN("extensions", case_frames, case_roles, case_later)
