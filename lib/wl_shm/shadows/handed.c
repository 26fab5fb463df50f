/* SPDX-License-Identifier: MIT */
/*
 * Files that a client hands over to be read once: the compositor gets a copy that is sealed, and
 * has zeros behind its end, since keymaps are read as strings. It is a list of requests, and not
 * all descriptors: some are for the compositor to write to.
 */
#include "shadows/handed.h"

#include "base/pages.h"
#include "content/pool_map.h"
#include "content/watch.h"
#include "record/client.h"
#include "shadows/pools.h"
#include "shadows/shadow.h"

#include <errno.h>
#include <string.h>
#include <uffd_guard.h>
#include <unistd.h>

#define MOST_BYTES (UINT64_C(32) << 20)

/* Numbers of arguments. offset: -1 if there is none, and it is 0 */
static const struct handing {
	const char *interface, *request;
	int fd, offset, length;
	bool is_string;
} handings[] = {
	{ "zwp_virtual_keyboard_v1", "keymap", 1, -1, 2, true },
	{ "wp_image_description_creator_icc_v1", "set_icc_file", 0, 1, 2, false },
};

/* To wait for these files costs the program what it costs with those that it shows. */
static int read_file(struct shm_client *client, int fd, struct shadow *copy, size_t length)
{
	const struct uffd_guard_map_options options = {
		.size = sizeof(options),
		.flags = pool_map_any_file(client, fd),
		.max_resident = 1, /* EAGER fills as little as it can */
	};
	struct uffd_guard_region *region;
	int err = uffd_guard_map(client->display->guard, fd, length, &options, &region);
	if (err)
		return err;
	const ssize_t got = uffd_guard_read(region, 0, copy->data, length);
	const bool has_waited = uffd_guard_region_take_losses(region) & UFFD_GUARD_LOST_TIMED_OUT;
	uffd_guard_unmap(region);
	if (has_waited && program_is_too_slow(client->program, &client->display->forgiveness))
		return -ETIMEDOUT;
	return got < 0 ? (int)got : 0;
}

/* Behind a last page that is full, a mapping has no room for a zero. */
static void end_string(struct shadow *copy, uint64_t length)
{
	if (length == page_ceil(length))
		copy->data[length - 1] = '\0';
}

static int hand_copy(struct shm_client *client, int fd, uint64_t length, bool is_string)
{
	struct shadow *copy;
	int err = shadow_create(page_ceil(length + 1), &copy);
	if (err)
		return err;
	err = read_file(client, fd, copy, length);
	if (is_string)
		end_string(copy, length);
	if (!err)
		err = shadow_put_behind(
			copy, fd, SHADOW_SEALED_WRITE, program_as_owner(client->program));
	shadow_destroy(copy);
	return err;
}

/* The rest of the protocol is for the handler to check. */
static void hand_over(struct shm_display *display, const struct handing *handing,
	const struct wl_protocol_logger_message *message)
{
	const union wl_argument *a = message->arguments;
	const uint64_t offset = handing->offset < 0 ? 0 : a[handing->offset].u;
	const uint64_t length = offset + a[handing->length].u;
	const int fd = a[handing->fd].h;
	if (a[handing->length].u == 0)
		return;
	struct shm_client *client = client_of(wl_resource_get_client(message->resource));
	int err = !client ? -ENOMEM : length > MOST_BYTES ? -EFBIG : watch_start(display);
	if (!err)
		err = hand_copy(client, fd, length, handing->is_string);
	if (!err || pools_leave_to_handler(fd, err))
		return;
	wl_resource_post_no_memory(message->resource);
	pools_withhold(client, &a[handing->fd]);
}

void handed_on_request(
	struct shm_display *display, const struct wl_protocol_logger_message *message)
{
	const char *interface = wl_resource_get_class(message->resource);
	for (size_t i = 0; i < sizeof(handings) / sizeof(handings[0]); i++) {
		if (strcmp(interface, handings[i].interface) == 0 &&
			strcmp(message->message->name, handings[i].request) == 0)
			hand_over(display, &handings[i], message);
	}
}
