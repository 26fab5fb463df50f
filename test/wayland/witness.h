/* SPDX-License-Identifier: MIT */
/* A client that does no harm, and knows what of it should be on the screen. */
#pragma once

#include "picture.h"
#include "window.h"

#define WITNESS_WIDTH  240
#define WITNESS_HEIGHT 160
#define WITNESS_BANDS  8

struct witness {
	struct client client;
	struct window window;
	struct sheet sheets[2]; /* one in a file that may shrink, one in a file that may not */
	uint32_t *pixels[2];
	uint32_t generation; /* of the latest commit */
	int32_t x, y;	     /* on the screen */
	bool is_blind; /* nobody takes pictures of this compositor: its frames are what is seen */
	unsigned n_pictures;
	struct picture last; /* the latest picture, for whoever wants to see what was wrong */
};

/* Connects, shows itself, and waits until it sees itself on the screen, as it is. To be stopped
 * also if it fails. @is_sealed: with both buffers. */
int witness_start(struct witness *witness, const char *socket, bool is_sealed);
void witness_stop(struct witness *witness);

/* Goes on painting for some time. */
int witness_serve(struct witness *witness, int ms);

struct testimony {
	uint32_t n_late;   /* generations: the screen shows what was right then */
	uint64_t n_torn;   /* pixels of ours that do not belong to that generation */
	uint64_t n_hidden; /* pixels that are not ours */
};

/* Commits once more, takes a picture, and compares it with what it should be. */
int witness_look(struct witness *witness, struct testimony *testimony);

/* Sees this many of its frames painted. -ETIMEDOUT if not. */
int witness_see_frames(struct witness *witness, unsigned n);
