/* SPDX-License-Identifier: MIT */
/*
 * What clients and the server say to each other, over a Unix socket of SOCK_SEQPACKET: one request,
 * one reply. Pixels have four bytes. The shape is that of the X server's MIT-SHM.
 */
#pragma once

#include <stdint.h>

enum shm_kind {
	SHM_ATTACH, /* the message carries the descriptor of a file: it is the segment */
	SHM_PUT,    /* pixels of the segment into the picture */
	SHM_GET,    /* pixels of the picture into the segment */
	SHM_PIXMAP, /* the segment is to be drawn into, too: -EPERM unless it is sealed */
	SHM_FILL,   /* draw into it */
	SHM_DAMAGE, /* pixels of the segment are new, but nobody sees them now: its window is hidden
		     */
	SHM_SHOW,   /* it is seen again: these pixels, into the picture */
	SHM_DETACH
};

/* With SHM_ATTACH. */
#define SHM_WRITE	0x1u /* the server may store to it */
#define SHM_PIXMAP_ONLY 0x2u /* -EPERM unless it can be a pixmap */

struct shm_request {
	uint32_t kind;
	uint32_t segment;	      /* a number that the client chooses */
	uint32_t flags, colour;	      /* colour: SHM_FILL */
	uint64_t length;	      /* SHM_ATTACH: bytes of the segment */
	uint64_t offset;	      /* bytes from its begin to the first pixel */
	uint32_t stride;	      /* bytes from a row to the next, in the segment */
	uint32_t x, y, width, height; /* pixels; x, y: in the picture */
	uint32_t reserved;
};

struct shm_reply {
	int32_t status; /* 0, or a negative errno; -ENODATA: the file is too short, and pixels that
			   it does not have are zeros */
};
