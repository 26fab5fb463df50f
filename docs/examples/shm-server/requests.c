/* SPDX-License-Identifier: MIT */
/*
 * Clients' memory, guarded. The whole use of uffd_guard:
 *
 *	attach	map the file: however short it is or becomes, nothing here raises a signal
 *	put	read_rect, from the client's file straight into the picture
 *	get	write_rect, from the picture straight into the client's file
 *	both	plain loads and stores where the client has sealed its file (DIRECT): for nothing
 *	pixmap	make_direct (or ONLY_DIRECT at attach): memory that both draw into must be live
 *	damage	mark_rects: of a window that is hidden nothing is copied
 *	show	ensure, then plain loads: what was marked comes over, however often it was
 *	detach	unmap
 *
 * Put and get fill no page of a region, so a segment costs the server a descriptor and addresses,
 * but no memory; a sealed one no descriptor either. Show fills pages. What a file lacks is the
 *answer of the very call that missed it: no events are needed.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#define MOST_LENGTH ((uint64_t)1 << 30)
#define PIXEL_SIZE  4

int requests_start(struct server *server)
{
	const struct uffd_guard_options options = {
		.size = sizeof(options), .flags = UFFD_GUARD_NO_EVENTS, .max_regions = MOST_REGIONS
	};
	return uffd_guard_create(&options, &server->guard);
}

/* ---- Attach and detach ---- */

static uint32_t map_flags(uint32_t flags)
{
	return UFFD_GUARD_MAP_DIRECT | (flags & SHM_WRITE ? UFFD_GUARD_MAP_WRITE : 0) |
	       (flags & SHM_PIXMAP_ONLY ? UFFD_GUARD_MAP_ONLY_DIRECT : 0);
}

static int attach(struct server *server, struct uffd_guard_region **segment,
	const struct shm_request *request, int fd)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = map_flags(request->flags) };
	if (*segment)
		return -EEXIST;
	if (request->length > MOST_LENGTH)
		return -EINVAL;
	/* The library would find out at the first get. */
	if (request->flags & SHM_WRITE && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return -EACCES;
	return uffd_guard_map(server->guard, fd, (size_t)request->length, &options, segment);
}

static int detach(struct uffd_guard_region **segment)
{
	uffd_guard_unmap(*segment);
	*segment = NULL;
	return 0;
}

void client_forget(struct client *client)
{
	for (unsigned i = 0; i < MOST_SEGMENTS; i++)
		detach(&client->segments[i]);
}

/* ---- Sealed segments: memory like any other ---- */

static struct uffd_guard_rect rect_of(const struct shm_request *request)
{
	return (struct uffd_guard_rect){ request->offset, request->stride,
		(uint64_t)request->width * PIXEL_SIZE, request->height };
}

static bool is_inside(struct uffd_guard_region *segment, const struct uffd_guard_rect *rect)
{
	const size_t length = uffd_guard_region_length(segment);
	return rect->height > 0 && rect->offset <= length && rect->width <= length - rect->offset &&
	       (rect->height - 1) * rect->stride <= length - rect->offset - rect->width;
}

/* Where stores are kept: here nothing is written, but an error is told. */
static int check_stores(struct uffd_guard_region *segment)
{
	ssize_t n = uffd_guard_write_back(segment, 0, 1);
	return n < 0 ? (int)n : 0;
}

static void copy_rows(char *to, size_t to_stride, const char *from, size_t from_stride,
	const struct uffd_guard_rect *rect)
{
	for (uint64_t row = 0; row < rect->height; row++)
		memcpy(to + row * to_stride, from + row * from_stride, rect->width);
}

static int transfer_live(struct uffd_guard_region *segment, const struct shm_request *request,
	void *picture, size_t stride)
{
	const struct uffd_guard_rect rect = rect_of(request);
	char *data = uffd_guard_region_data(segment);
	int err = request->kind == SHM_GET ? check_stores(segment) : 0;
	if (err || !is_inside(segment, &rect))
		return err ? err : -ERANGE;
	if (request->kind == SHM_PUT)
		copy_rows(picture, stride, data + rect.offset, rect.stride, &rect);
	else
		copy_rows(data + rect.offset, rect.stride, picture, stride, &rect);
	return 0;
}

/* ---- Put and get ---- */

static int status_of(ssize_t n, const struct uffd_guard_rect *rect)
{
	if (n < 0)
		return (int)n; /* -ERANGE: not in the segment, and nobody else needs to ask */
	return (uint64_t)n == rect->width * rect->height ? 0 : -ENODATA;
}

static int transfer(
	struct server *server, struct uffd_guard_region *segment, const struct shm_request *request)
{
	if (request->x > server->width || request->width > server->width - request->x ||
		request->y > server->height || request->height > server->height - request->y)
		return -ERANGE;
	const struct uffd_guard_rect rect = rect_of(request);
	const size_t stride = (size_t)server->width * PIXEL_SIZE;
	uint32_t *at = server->picture + (size_t)request->y * server->width + request->x;
	if (uffd_guard_region_mode(segment) == UFFD_GUARD_MODE_DIRECT)
		return transfer_live(segment, request, at, stride);
	if (request->kind == SHM_PUT)
		return status_of(uffd_guard_read_rect(segment, &rect, at, stride), &rect);
	return status_of(uffd_guard_write_rect(segment, &rect, at, stride), &rect);
}

/* ---- Hidden windows ---- */

static int note_damage(const struct server *server, struct uffd_guard_region *segment,
	const struct shm_request *request)
{
	const struct uffd_guard_rect rect = rect_of(request);
	if (request->width > server->width || request->height > server->height)
		return -ERANGE;
	return uffd_guard_mark_rects(segment, &rect, 1);
}

static int show(
	struct server *server, struct uffd_guard_region *segment, const struct shm_request *request)
{
	const struct uffd_guard_rect rect = rect_of(request);
	const size_t stride = (size_t)server->width * PIXEL_SIZE;
	if (request->x > server->width || request->width > server->width - request->x ||
		request->y > server->height || request->height > server->height - request->y ||
		!is_inside(segment, &rect))
		return -ERANGE;
	int err = uffd_guard_ensure(
		segment, rect.offset, (rect.height - 1) * rect.stride + rect.width);
	if (err)
		return err;
	copy_rows((char *)(server->picture + (size_t)request->y * server->width + request->x),
		stride, (const char *)uffd_guard_region_data(segment) + rect.offset, rect.stride,
		&rect);
	return uffd_guard_region_take_losses(segment) ? -ENODATA : 0;
}

/* ---- Pixmaps ---- */

static int make_pixmap(struct uffd_guard_region *segment)
{
	int is_direct = uffd_guard_region_make_direct(segment, 0);
	if (is_direct < 0)
		return is_direct;
	return is_direct ? 0 : -EPERM;
}

static int fill(const struct server *server, struct uffd_guard_region *segment,
	const struct shm_request *request)
{
	const struct uffd_guard_rect rect = rect_of(request);
	if (uffd_guard_region_mode(segment) != UFFD_GUARD_MODE_DIRECT)
		return -EPERM;
	if (!is_inside(segment, &rect) || (rect.offset | rect.stride) % PIXEL_SIZE)
		return -ERANGE;
	if (request->width > server->width || request->height > server->height)
		return -ERANGE; /* no request takes longer than one of the picture */
	int err = check_stores(segment);
	char *data = uffd_guard_region_data(segment);
	for (uint64_t row = 0; row < rect.height && !err; row++) {
		uint32_t *to = (uint32_t *)(data + rect.offset + row * rect.stride);
		for (uint32_t i = 0; i < request->width; i++)
			to[i] = request->colour;
	}
	return err;
}

/* ---- All of them ---- */

int request_obey(
	struct server *server, struct client *client, const struct shm_request *request, int fd)
{
	if (request->segment >= MOST_SEGMENTS)
		return -ENFILE;
	struct uffd_guard_region **segment = &client->segments[request->segment];
	if (request->kind == SHM_ATTACH)
		return attach(server, segment, request, fd);
	if (!*segment)
		return -ENOENT;
	switch (request->kind) {
	case SHM_PUT:
	case SHM_GET:
		return transfer(server, *segment, request);
	case SHM_PIXMAP:
		return make_pixmap(*segment);
	case SHM_FILL:
		return fill(server, *segment, request);
	case SHM_DAMAGE:
		return note_damage(server, *segment, request);
	case SHM_SHOW:
		return show(server, *segment, request);
	case SHM_DETACH:
		return detach(segment);
	}
	return -EINVAL;
}
