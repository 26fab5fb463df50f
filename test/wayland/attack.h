/* SPDX-License-Identifier: MIT */
/* What hostile clients do, each by name, and what should become of them. */
#pragma once

#include "../support/rng.h"
#include "client.h"
#include "file.h"
#include "window.h"

enum fate {
	FATE_KEPT,	     /* stays connected: it did nothing wrong */
	FATE_INVALID_FD,     /* wl_shm.error.invalid_fd: it lied about its file */
	FATE_INVALID_STRIDE, /* wl_shm.error.invalid_stride */
	FATE_DIES,	     /* by its own hand */
	FATE_ANY,	     /* kept or thrown out */
	FATE_LIBWAYLANDS /* kept, and answered as libwayland answers: others may do as they like */
};

struct attacker {
	struct client client;
	struct window window;
	enum file_kind kind;
	struct rng rng;
	const char *complaint; /* what it saw that should not have been */
};

struct attack {
	const char *name, *summary;
	enum fate fate;
	unsigned kinds; /* of files, a bit for each */
	/* 0, or the error of the connection; -ENOTSUP: not on this compositor. */
	int (*run)(struct attacker *attacker);
};

extern const struct attack attacks[];
extern const unsigned n_attacks;

const struct attack *attack_find(const char *name);

int attack_mixture(struct attacker *attacker); /* mixture.c */
int attack_crowd(struct attacker *attacker);

/* Parts of attacks. A picture of the screen into @buffer, and a keymap that is shorter than it
 * says; -ENOTSUP: not on this compositor. */
int attack_capture(struct attacker *attacker, struct wl_buffer *buffer);
int attack_keymap(struct attacker *attacker);
