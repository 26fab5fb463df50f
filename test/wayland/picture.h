/* SPDX-License-Identifier: MIT */
/* Pictures of the screen: taken with whichever protocol the compositor has, kept as PNG, compared.
 */
#pragma once

#include "client.h"
#include "file.h"

struct picture {
	int32_t width, height;
	uint32_t *pixels; /* 0xffRRGGBB */
};

/* Of the client's output, through a buffer in a file of this kind, which is grey before.
 * 0; an error of the connection; -ENOTSUP without a protocol; -EIO: the compositor refused;
 * -ENODATA: it stored nothing. */
int picture_take(struct picture *picture, struct client *client, enum file_kind kind);
void picture_finish(struct picture *picture);

int picture_write(const struct picture *picture, const char *path);
int picture_read(struct picture *picture, const char *path);

/* Pixels that differ; all of them if the sizes do. */
uint64_t picture_count_differences(const struct picture *a, const struct picture *b);
