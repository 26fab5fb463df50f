/* SPDX-License-Identifier: MIT */
/*
 * A client that does whatever comes to mind: some hundred steps, drawn by a seed, over a few pools,
 * buffers and two surfaces. Requests are legal, so that it is the memory that goes wrong and not
 * the protocol, which would end the client before it has done any harm.
 */
#include "attack.h"

#include "viewporter-client-protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_STEPS	      150
#define N_SLOTS	      4
#define N_IN_CROWD    4
#define MOST_PIXELS   256 /* of an edge */
#define PAGE	      4096
#define DARK	      0xff203010 /* opaque: blended, it could look like the witness */
#define MAX_POOL_SIZE (16 << 20)

struct slot {
	int fd;
	int32_t size;
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;
};

struct mixture {
	struct attacker *attacker;
	struct slot slots[N_SLOTS];
	struct wl_surface *surfaces[2];
	struct wp_viewport *viewport;
	int err;
};

static uint32_t below(struct mixture *mixture, uint32_t limit)
{
	return (uint32_t)rng_below(&mixture->attacker->rng, limit);
}

static struct slot *any_slot(struct mixture *mixture)
{
	return &mixture->slots[below(mixture, N_SLOTS)];
}

static struct wl_surface *any_surface(struct mixture *mixture)
{
	return mixture->surfaces[below(mixture, 3) == 0];
}

static void cut(int fd, off_t size)
{
	if (ftruncate(fd, size) < 0)
		return; /* sealed */
}

/* ---- Steps ---- */

static void commit(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	wl_surface_commit(mixture->surfaces[1]);
	wl_surface_commit(mixture->surfaces[0]);
}

/* Not between attach and commit: that would take the window off the screen. */
static void destroy_buffer(struct mixture *mixture, struct slot *slot)
{
	commit(mixture, slot);
	if (slot->buffer)
		wl_buffer_destroy(slot->buffer);
	slot->buffer = NULL;
}

static void empty_slot(struct mixture *mixture, struct slot *slot)
{
	destroy_buffer(mixture, slot);
	if (slot->pool)
		wl_shm_pool_destroy(slot->pool);
	if (slot->fd >= 0)
		close(slot->fd);
	*slot = (struct slot){ .fd = -1 };
}

static void fill_slot(struct mixture *mixture, struct slot *slot)
{
	empty_slot(mixture, slot);
	const int32_t size = (int32_t)(MOST_PIXELS * MOST_PIXELS * 4 + below(mixture, PAGE * 64));
	const off_t file_size = below(mixture, 4) ? size : (off_t)below(mixture, (uint32_t)size);
	*slot = (struct slot){ .fd = file_make_sized(mixture->attacker->kind, file_size) };
	if (slot->fd < 0) {
		mixture->err = slot->fd;
		return;
	}
	slot->size = size;
	slot->pool = wl_shm_create_pool(mixture->attacker->client.shm, slot->fd, size);
}

static void make_buffer(struct mixture *mixture, struct slot *slot)
{
	if (!slot->pool)
		return;
	destroy_buffer(mixture, slot);
	const int32_t width = 2 + 2 * (int32_t)below(mixture, MOST_PIXELS / 2 - 1);
	const int32_t height = 2 + 2 * (int32_t)below(mixture, MOST_PIXELS / 2 - 1);
	const int32_t stride = width * 4 + 4 * (int32_t)below(mixture, 2);
	const int32_t room = slot->size - stride * height;
	const int32_t offset = room > 4 ? (int32_t)below(mixture, (uint32_t)room) & ~3 : 0;
	slot->buffer = wl_shm_pool_create_buffer(slot->pool, offset, width, height, stride,
		below(mixture, 2) ? WL_SHM_FORMAT_XRGB8888 : WL_SHM_FORMAT_ARGB8888);
}

static void resize_pool(struct mixture *mixture, struct slot *slot)
{
	const int32_t size = slot->size + (int32_t)below(mixture, 1 << 20);
	if (!slot->pool || size > MAX_POOL_SIZE)
		return;
	if (below(mixture, 4))
		cut(slot->fd, size);
	wl_shm_pool_resize(slot->pool, size);
	slot->size = size;
}

static void destroy_pool(struct mixture *mixture, struct slot *slot)
{
	(void)mixture;
	if (slot->pool)
		wl_shm_pool_destroy(slot->pool);
	slot->pool = NULL;
}

static void attach(struct mixture *mixture, struct slot *slot)
{
	if (slot->buffer)
		wl_surface_attach(any_surface(mixture), slot->buffer, 0, 0);
}

static void damage(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	void (*const tell)(struct wl_surface *, int32_t, int32_t, int32_t, int32_t) =
		below(mixture, 2) ? wl_surface_damage : wl_surface_damage_buffer;
	const int32_t x = (int32_t)below(mixture, MOST_PIXELS) - 8;
	const int32_t y = (int32_t)below(mixture, MOST_PIXELS) - 8;
	tell(any_surface(mixture), x, y, (int32_t)below(mixture, MOST_PIXELS) + 1,
		(int32_t)below(mixture, MOST_PIXELS) + 1);
}

static void attach_all_and_commit(struct mixture *mixture, struct slot *slot)
{
	attach(mixture, slot);
	wl_surface_damage(mixture->surfaces[0], 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_damage(mixture->surfaces[1], 0, 0, INT32_MAX, INT32_MAX);
	commit(mixture, slot);
}

static void wait_for_frame(struct mixture *mixture, struct slot *slot)
{
	attach_all_and_commit(mixture, slot);
	mixture->err = window_show(&mixture->attacker->window, NULL);
}

static void cut_file(struct mixture *mixture, struct slot *slot)
{
	if (slot->fd >= 0 && slot->size > 0)
		cut(slot->fd, below(mixture, 2) ? 0 : below(mixture, (uint32_t)slot->size));
}

static void grow_file(struct mixture *mixture, struct slot *slot)
{
	(void)mixture;
	if (slot->fd >= 0)
		cut(slot->fd, slot->size);
}

static void punch_file(struct mixture *mixture, struct slot *slot)
{
	if (slot->fd >= 0 && fallocate(slot->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     below(mixture, 8) * PAGE, (1 + below(mixture, 32)) * PAGE) < 0)
		return;
}

static void paint(struct mixture *mixture, struct slot *slot)
{
	if (slot->fd >= 0 && slot->size > 0)
		file_paint(slot->fd, below(mixture, (uint32_t)slot->size) & ~3U,
			below(mixture, 20000), DARK);
}

static void transform(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	wl_surface_set_buffer_transform(any_surface(mixture), (int32_t)below(mixture, 8));
}

static void scale(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	wl_surface_set_buffer_scale(any_surface(mixture), 1 + (int32_t)below(mixture, 2));
}

static void set_viewport(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	if (!mixture->viewport)
		return;
	if (below(mixture, 3))
		wp_viewport_set_destination(mixture->viewport, 1 + (int32_t)below(mixture, 256),
			1 + (int32_t)below(mixture, 256));
	else
		wp_viewport_set_destination(mixture->viewport, -1, -1);
}

/* Not of Weston, which would remember the buffer when the client is gone: see attack_capture(). */
static void capture(struct mixture *mixture, struct slot *slot)
{
	struct client *client = &mixture->attacker->client;
	const uint32_t size = (uint32_t)client->output_width * (uint32_t)client->output_height * 4;
	struct sheet sheet;
	(void)slot;
	if (!client->screencopy)
		return;
	int fd = file_make_sized(
		mixture->attacker->kind, below(mixture, 4) ? size : below(mixture, size));
	if (fd < 0) {
		mixture->err = fd;
		return;
	}
	sheet_init(&sheet, client, fd, client->output_width, client->output_height);
	mixture->err = attack_capture(mixture->attacker, sheet.buffer);
	sheet_finish(&sheet);
}

/* Seldom: compositors throw out who does. */
static void hand_over_keymap(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	if (below(mixture, 8))
		return;
	int err = attack_keymap(mixture->attacker);
	mixture->err = err == -ENOTSUP ? 0 : err;
}

static void listen(struct mixture *mixture, struct slot *slot)
{
	(void)slot;
	mixture->err = client_roundtrip(&mixture->attacker->client);
}

/* As often as they stand here. */
static void (*const steps[])(struct mixture *mixture, struct slot *slot) = { fill_slot, make_buffer,
	make_buffer, attach, attach, attach_all_and_commit, attach_all_and_commit, damage, damage,
	commit, commit, wait_for_frame, wait_for_frame, cut_file, cut_file, grow_file, punch_file,
	paint, paint, empty_slot, destroy_pool, resize_pool, transform, scale, set_viewport,
	capture, hand_over_keymap, listen };
#define N_KINDS_OF_STEPS (sizeof(steps) / sizeof(steps[0]))

static void add_surfaces(struct mixture *mixture)
{
	struct client *client = &mixture->attacker->client;
	mixture->surfaces[0] = mixture->attacker->window.surface;
	mixture->surfaces[1] = wl_compositor_create_surface(client->compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		client->subcompositor, mixture->surfaces[1], mixture->surfaces[0]);
	wl_subsurface_set_position(subsurface, 40, 30);
	if (below(mixture, 2))
		wl_subsurface_set_desync(subsurface);
	if (client->viewporter)
		mixture->viewport =
			wp_viewporter_get_viewport(client->viewporter, mixture->surfaces[1]);
}

int attack_mixture(struct attacker *attacker)
{
	struct mixture mixture = { .attacker = attacker };
	add_surfaces(&mixture);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		mixture.slots[i].fd = -1;
		fill_slot(&mixture, &mixture.slots[i]);
		make_buffer(&mixture, &mixture.slots[i]);
	}
	wl_surface_attach(mixture.surfaces[0], mixture.slots[0].buffer, 0, 0);
	wl_surface_commit(mixture.surfaces[0]);
	for (unsigned i = 0; i < N_STEPS && !mixture.err; i++)
		steps[below(&mixture, N_KINDS_OF_STEPS)](&mixture, any_slot(&mixture));
	return mixture.err;
}

/* ---- Several at once ---- */

static void join_crowd(const struct attacker *leader, uint64_t seed)
{
	struct attacker attacker = { .kind = leader->kind, .rng = rng_of(seed, 0) };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int err = client_connect(&attacker.client, NULL);
	if (!err)
		err = window_open(&attacker.window, &attacker.client, "hostile");
	if (!err)
		attack_mixture(&attacker);
	raise(SIGKILL);
}

int attack_crowd(struct attacker *attacker)
{
	int err = 0;
	for (unsigned i = 0; i < N_IN_CROWD; i++) {
		const uint64_t seed = rng_below(&attacker->rng, UINT32_MAX);
		if (fork() == 0)
			join_crowd(attacker, seed);
	}
	/* Until none is left. */
	while (!err && waitpid(-1, NULL, WNOHANG) >= 0)
		err = client_doze(&attacker->client, 10);
	return err ? err : client_roundtrip(&attacker->client);
}
