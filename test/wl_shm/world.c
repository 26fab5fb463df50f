/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Interfaces of both sides: those of the extension, and a camera of our own ---- */

static const struct wl_interface viewport_interface;

static const struct wl_interface *viewport_types[] = {
	NULL,
	NULL,
	NULL,
	NULL,
	&viewport_interface,
	&wl_surface_interface,
};
static const struct wl_message viewport_requests[] = {
	{ "destroy", "", viewport_types },
	{ "set_source", "ffff", viewport_types },
	{ "set_destination", "ii", viewport_types },
};
static const struct wl_interface viewport_interface = {
	"wp_viewport",
	1,
	3,
	viewport_requests,
	0,
	NULL,
};
static const struct wl_message viewporter_requests[] = {
	{ "destroy", "", viewport_types },
	{ "get_viewport", "no", viewport_types + 4 },
};
static const struct wl_interface viewporter_interface = {
	"wp_viewporter",
	1,
	2,
	viewporter_requests,
	0,
	NULL,
};
enum { VIEWPORT_SET_SOURCE = 1, VIEWPORT_SET_DESTINATION, VIEWPORTER_GET_VIEWPORT = 1 };

static const struct wl_interface *camera_types[] = { NULL, &wl_buffer_interface };
static const struct wl_message camera_requests[] = { { "shoot", "u?o", camera_types } };
static const struct wl_message camera_events[] = { { "ready", "", camera_types } };
static const struct wl_interface camera_interface = { "camera", 1, 1, camera_requests, 1,
	camera_events };
static const struct wl_interface recorder_interface = { "zwlr_screencopy_frame_v1", 1, 1,
	camera_requests, 1, camera_events };

/* ---- The compositor's side ---- */

static void request_destroy(struct wl_client *client, struct wl_resource *resource)
{
	(void)client;
	wl_resource_destroy(resource);
}

static void on_attached_destroy(struct wl_listener *listener, void *data)
{
	struct canvas *canvas = wl_container_of(listener, canvas, attached_destroy);
	(void)data;
	wl_list_remove(&canvas->attached_destroy.link);
	wl_list_init(&canvas->attached_destroy.link);
	canvas->attached = NULL;
}

static void attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct canvas *canvas = wl_resource_get_user_data(resource);
	(void)client, (void)x, (void)y;
	wl_list_remove(&canvas->attached_destroy.link);
	wl_list_init(&canvas->attached_destroy.link);
	canvas->attached = buffer;
	if (buffer)
		wl_resource_add_destroy_listener(buffer, &canvas->attached_destroy);
}

static void damage(struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y,
	int32_t width, int32_t height)
{
	(void)client, (void)resource, (void)x, (void)y, (void)width, (void)height;
}

static void set_value(struct wl_client *client, struct wl_resource *resource, int32_t value)
{
	(void)client, (void)resource, (void)value;
}

static void commit(struct wl_client *client, struct wl_resource *resource)
{
	struct canvas *canvas = wl_resource_get_user_data(resource);
	(void)client;
	if (canvas->world->on_commit)
		canvas->world->on_commit(canvas);
}

static const struct wl_surface_interface surface_implementation = {
	.destroy = request_destroy,
	.attach = attach,
	.damage = damage,
	.commit = commit,
	.set_buffer_transform = set_value,
	.set_buffer_scale = set_value,
	.damage_buffer = damage,
};

static void canvas_destroy(struct wl_resource *resource)
{
	struct canvas *canvas = wl_resource_get_user_data(resource);
	wl_list_remove(&canvas->attached_destroy.link);
	free(canvas);
}

static void create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct canvas *canvas = calloc(1, sizeof(*canvas));
	ck_assert_ptr_nonnull(canvas);
	canvas->world = wl_resource_get_user_data(resource);
	canvas->attached_destroy.notify = on_attached_destroy;
	wl_list_init(&canvas->attached_destroy.link);
	struct wl_resource *surface = wl_resource_create(client, &wl_surface_interface, 4, id);
	wl_resource_set_implementation(surface, &surface_implementation, canvas, canvas_destroy);
}

static const struct wl_compositor_interface compositor_implementation = {
	.create_surface = create_surface,
};

/* As generated headers have it, one function for each request. */
struct viewport_implementation {
	void (*destroy)(struct wl_client *, struct wl_resource *);
	void (*set_source)(struct wl_client *, struct wl_resource *, wl_fixed_t, wl_fixed_t,
		wl_fixed_t, wl_fixed_t);
	void (*set_destination)(struct wl_client *, struct wl_resource *, int32_t, int32_t);
};

static void set_destination(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
	(void)client, (void)resource, (void)width, (void)height;
}

static const struct viewport_implementation viewport_implementation = {
	.destroy = request_destroy,
	.set_source = damage,
	.set_destination = set_destination,
};

static void get_viewport(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	(void)resource, (void)surface;
	struct wl_resource *viewport = wl_resource_create(client, &viewport_interface, 1, id);
	wl_resource_set_implementation(viewport, &viewport_implementation, NULL, NULL);
}

static const struct {
	void (*destroy)(struct wl_client *, struct wl_resource *);
	void (*get_viewport)(
		struct wl_client *, struct wl_resource *, uint32_t, struct wl_resource *);
} viewporter_implementation = { request_destroy, get_viewport };

static struct wl_resource *lens, *lens_before; /* the cameras that were used last */

static void shoot(struct wl_client *client, struct wl_resource *resource, uint32_t flags,
	struct wl_resource *buffer)
{
	struct world *world = wl_resource_get_user_data(resource);
	(void)client, (void)flags;
	world->shot = buffer;
	if (lens != resource)
		lens_before = lens;
	lens = resource;
}

static void forget_lens(struct wl_resource *resource)
{
	if (lens == resource)
		lens = NULL;
	if (lens_before == resource)
		lens_before = NULL;
}

void camera_answer(void)
{
	if (!lens)
		return;
	wl_resource_post_event(lens, 0);
	if (lens_before)
		lens = lens_before;
	lens_before = NULL;
}

static const struct {
	void (*shoot)(struct wl_client *, struct wl_resource *, uint32_t, struct wl_resource *);
} camera_implementation = { shoot };

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_compositor_interface, (int)version, id);
	wl_resource_set_implementation(resource, &compositor_implementation, data, NULL);
}

static void bind_viewporter(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &viewporter_interface, (int)version, id);
	wl_resource_set_implementation(resource, &viewporter_implementation, data, NULL);
}

static void bind_camera(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &camera_interface, (int)version, id);
	wl_resource_set_implementation(resource, &camera_implementation, data, forget_lens);
}

static void bind_recorder(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &recorder_interface, (int)version, id);
	wl_resource_set_implementation(resource, &camera_implementation, data, forget_lens);
}

/* These clients cut files that they might have sealed. */
static void respect_what_is_open_to_sealing(void)
{
	setenv("UFFD_GUARD_WL_SHM_MODE", "sealed", 0);
}

void world_start(struct world *world)
{
	respect_what_is_open_to_sealing();
	*world = (struct world){ .display = wl_display_create() };
	ck_assert_ptr_nonnull(world->display);
	struct wl_display *display = world->display;
	ck_assert_int_eq(wl_display_init_shm(display), 0);
	world->compositor =
		wl_global_create(display, &wl_compositor_interface, 4, world, bind_compositor);
	world->viewporter =
		wl_global_create(display, &viewporter_interface, 1, world, bind_viewporter);
	world->camera = wl_global_create(display, &camera_interface, 1, world, bind_camera);
	world->recorder = wl_global_create(display, &recorder_interface, 1, world, bind_recorder);
}

void world_stop(struct world *world)
{
	wl_display_destroy_clients(world->display);
	wl_display_destroy(world->display);
}

/* ---- The client's side ---- */

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct guest *guest = data;
	(void)version;
	if (strcmp(interface, wl_shm_interface.name) == 0)
		guest->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	else if (strcmp(interface, wl_compositor_interface.name) == 0)
		guest->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	else if (strcmp(interface, viewporter_interface.name) == 0)
		guest->viewporter = wl_registry_bind(registry, name, &viewporter_interface, 1);
	else if (strcmp(interface, camera_interface.name) == 0)
		guest->camera = wl_registry_bind(registry, name, &camera_interface, 1);
	else if (strcmp(interface, recorder_interface.name) == 0)
		guest->recorder = wl_registry_bind(registry, name, &recorder_interface, 1);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data, (void)registry, (void)name;
}

static const struct wl_registry_listener registry_listener = { on_global, on_global_remove };

static void on_format(void *data, struct wl_shm *shm, uint32_t format)
{
	struct guest *guest = data;
	(void)shm;
	ck_assert_uint_lt(guest->n_formats, sizeof(guest->formats) / sizeof(guest->formats[0]));
	guest->formats[guest->n_formats++] = format;
}

static const struct wl_shm_listener shm_listener = { on_format };

static void on_gone(struct wl_listener *listener, void *data)
{
	struct guest *guest = wl_container_of(listener, guest, gone);
	(void)data;
	guest->client = NULL;
}

/* A message of one byte, with two descriptors. */
struct parcel {
	char byte;
	long control[CMSG_SPACE(2 * sizeof(int)) / sizeof(long)];
	struct iovec body;
	struct msghdr message;
};

static void parcel_init(struct parcel *parcel)
{
	*parcel = (struct parcel){ .body = { &parcel->byte, 1 } };
	parcel->message = (struct msghdr){ .msg_iov = &parcel->body,
		.msg_iovlen = 1,
		.msg_control = parcel->control,
		.msg_controllen = sizeof(parcel->control) };
	*CMSG_FIRSTHDR(&parcel->message) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(2 * sizeof(int)) };
}

static _Noreturn void send_pairs(int to, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int pair[2];
		struct parcel parcel;
		parcel_init(&parcel);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			_exit(1);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&parcel.message)), pair, sizeof(pair));
		if (sendmsg(to, &parcel.message, 0) != 1)
			_exit(2);
		close(pair[0]);
		close(pair[1]);
	}
	_exit(0);
}

void process_connect(int sockets[][2], unsigned n)
{
	int line[2], status;
	struct parcel parcel;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
	const pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		send_pairs(line[1], n);
	for (unsigned i = 0; i < n; i++) {
		parcel_init(&parcel);
		ck_assert_int_eq(recvmsg(line[0], &parcel.message, MSG_CMSG_CLOEXEC), 1);
		memcpy(sockets[i], CMSG_DATA(CMSG_FIRSTHDR(&parcel.message)), sizeof(sockets[i]));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(line[0]);
	close(line[1]);
}

void guest_join(struct guest *guest, struct world *world)
{
	int sockets[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	guest_join_by(guest, world, sockets);
}

void guest_join_by(struct guest *guest, struct world *world, const int sockets[2])
{
	*guest = (struct guest){ .world = world, .gone = { .notify = on_gone } };
	guest->client = wl_client_create(world->display, sockets[0]);
	ck_assert_ptr_nonnull(guest->client);
	wl_client_add_destroy_listener(guest->client, &guest->gone);
	guest->connection = wl_display_connect_to_fd(sockets[1]);
	ck_assert_ptr_nonnull(guest->connection);
	guest->registry = wl_display_get_registry(guest->connection);
	wl_registry_add_listener(guest->registry, &registry_listener, guest);
	exchange(guest);
	ck_assert_ptr_nonnull(guest->shm);
	wl_shm_add_listener(guest->shm, &shm_listener, guest);
	exchange(guest);
}

void guest_leave(struct guest *guest)
{
	wl_display_flush(guest->connection);
	if (guest->client)
		wl_client_destroy(guest->client);
	if (guest->camera)
		wl_proxy_destroy(guest->camera);
	if (guest->recorder)
		wl_proxy_destroy(guest->recorder);
	if (guest->viewporter)
		wl_proxy_destroy(guest->viewporter);
	wl_compositor_destroy(guest->compositor);
	wl_shm_destroy(guest->shm);
	wl_registry_destroy(guest->registry);
	wl_display_disconnect(guest->connection);
}

static void listen_once(struct wl_display *connection)
{
	struct pollfd poll_fd = { .fd = wl_display_get_fd(connection), .events = POLLIN };
	while (wl_display_prepare_read(connection) < 0) {
		if (wl_display_dispatch_pending(connection) < 0)
			return;
	}
	if (poll(&poll_fd, 1, 0) > 0)
		wl_display_read_events(connection);
	else
		wl_display_cancel_read(connection);
	wl_display_dispatch_pending(connection);
}

void turn(struct world *world)
{
	wl_event_loop_dispatch(wl_display_get_event_loop(world->display), 0);
	wl_display_flush_clients(world->display);
}

void exchange(struct guest *guest)
{
	wl_display_flush(guest->connection);
	turn(guest->world);
	listen_once(guest->connection);
}

/* ---- Errors ---- */

uint32_t guest_error(struct guest *guest, const char **interface)
{
	const struct wl_interface *about = NULL;
	uint32_t id, code;
	for (int i = 0; i < 3; i++)
		exchange(guest);
	*interface = "";
	int err = wl_display_get_error(guest->connection);
	if (err != EPROTO)
		return 0;
	code = wl_display_get_protocol_error(guest->connection, &about, &id);
	*interface = about ? about->name : "";
	return code;
}

void assert_no_error(struct guest *guest)
{
	exchange(guest);
	exchange(guest);
	ck_assert_int_eq(wl_display_get_error(guest->connection), 0);
	ck_assert_ptr_nonnull(guest->client);
}

void assert_error(struct guest *guest, const char *interface, uint32_t code)
{
	const char *about;
	uint32_t got = guest_error(guest, &about);
	ck_assert_int_eq(wl_display_get_error(guest->connection), EPROTO);
	ck_assert_str_eq(about, interface);
	ck_assert_uint_eq(got, code);
}

void assert_disconnected(struct guest *guest)
{
	turn(guest->world);
	turn(guest->world);
	ck_assert_ptr_null(guest->client);
}

/* ---- Memory and pictures ---- */

void memory_create(struct memory *memory, struct guest *guest, size_t length, int seals)
{
	*memory = (struct memory){ .length = length };
	memory->fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(memory->fd, 0);
	ck_assert_int_eq(ftruncate(memory->fd, (off_t)length), 0);
	if (seals)
		ck_assert_int_eq(fcntl(memory->fd, F_ADD_SEALS, seals), 0);
	memory->pixels = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	ck_assert_ptr_ne(memory->pixels, MAP_FAILED);
	memory->pool = wl_shm_create_pool(guest->shm, memory->fd, (int32_t)length);
}

void memory_destroy(struct memory *memory)
{
	wl_shm_pool_destroy(memory->pool);
	munmap(memory->pixels, memory->length);
	close(memory->fd);
}

void memory_cut(const struct memory *memory, size_t length)
{
	ck_assert_int_eq(ftruncate(memory->fd, (off_t)length), 0);
}

struct wl_shm_buffer *served_buffer(struct guest *guest, struct wl_buffer *buffer)
{
	struct wl_resource *resource =
		wl_client_get_object(guest->client, wl_proxy_get_id((struct wl_proxy *)buffer));
	return wl_shm_buffer_get(resource);
}

void picture_create(
	struct picture *picture, struct guest *guest, struct memory *memory, size_t offset)
{
	*picture = (struct picture){
		.memory = memory,
		.pixels = memory->pixels + offset / sizeof(*memory->pixels),
		.buffer = wl_shm_pool_create_buffer(
			memory->pool, (int32_t)offset, SIDE, SIDE, STRIDE, WL_SHM_FORMAT_XRGB8888),
	};
	exchange(guest);
	picture->served = served_buffer(guest, picture->buffer);
	ck_assert_ptr_nonnull(picture->served);
}

void picture_fill(struct picture *picture, uint32_t colour)
{
	for (unsigned i = 0; i < SIDE * SIDE; i++)
		picture->pixels[i] = colour;
}

void picture_create_alone(
	struct picture *picture, struct memory *memory, struct guest *guest, uint32_t colour)
{
	memory_create(memory, guest, BYTES, 0);
	picture_create(picture, guest, memory, 0);
	picture_fill(picture, colour);
}

uint32_t pixel_at(struct wl_shm_buffer *buffer, int x, int y)
{
	uint32_t pixel;
	wl_shm_buffer_begin_access(buffer);
	const char *data = wl_shm_buffer_get_data(buffer);
	memcpy(&pixel, data + y * wl_shm_buffer_get_stride(buffer) + x * 4, sizeof(pixel));
	wl_shm_buffer_end_access(buffer);
	return pixel;
}

void assert_all_pixels(struct wl_shm_buffer *buffer, uint32_t colour)
{
	wl_shm_buffer_begin_access(buffer);
	const uint32_t *pixels = wl_shm_buffer_get_data(buffer);
	int i = 0; /* an assertion for each would take long */
	while (i < SIDE * SIDE - 1 && pixels[i] == colour)
		i++;
	ck_assert_uint_eq(pixels[i], colour);
	wl_shm_buffer_end_access(buffer);
}

void show(struct guest *guest, struct wl_surface *surface, const struct picture *picture, int x,
	int y, int width, int height)
{
	wl_surface_attach(surface, picture->buffer, 0, 0);
	wl_surface_damage_buffer(surface, x, y, width, height);
	wl_surface_commit(surface);
	exchange(guest);
}

void show_all(struct guest *guest, struct wl_surface *surface, const struct picture *picture)
{
	show(guest, surface, picture, 0, 0, INT32_MAX, INT32_MAX);
}

/* ---- Extensions ---- */

struct wl_proxy *viewport_create(struct guest *guest, struct wl_surface *surface)
{
	return wl_proxy_marshal_constructor(
		guest->viewporter, VIEWPORTER_GET_VIEWPORT, &viewport_interface, NULL, surface);
}

void viewport_set_source(struct wl_proxy *viewport, int x, int y, int width, int height)
{
	wl_proxy_marshal(viewport, VIEWPORT_SET_SOURCE, wl_fixed_from_int(x), wl_fixed_from_int(y),
		wl_fixed_from_int(width), wl_fixed_from_int(height));
}

void viewport_set_destination(struct wl_proxy *viewport, int width, int height)
{
	wl_proxy_marshal(viewport, VIEWPORT_SET_DESTINATION, width, height);
}

void camera_shoot(struct guest *guest, struct wl_buffer *buffer)
{
	wl_proxy_marshal(guest->camera, 0, 0u, buffer);
	exchange(guest);
}

void recorder_shoot(struct guest *guest, struct wl_buffer *buffer)
{
	wl_proxy_marshal(guest->recorder, 0, 0u, buffer);
	exchange(guest);
}
