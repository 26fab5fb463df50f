/* SPDX-License-Identifier: MIT */
/* Adding a seal without waiting for the client. Callers; any thread, no lock. */
#pragma once

#include <stdbool.h>

struct aside;
struct source;

enum seal_prospect {
	SEAL_THERE,   /* the file cannot shrink already */
	SEAL_REFUSED, /* it can never be sealed by us */
	SEAL_MISSING, /* it may be tried */
};
enum seal_prospect seal_prospect(const struct source *source);

/* Have F_SEAL_SHRINK added. NULL: not now, for as many are waiting for clients as may, or there is
 * no memory. */
struct aside *sealing_begin(const struct source *source);
/* Wait a little, for a client that does not hold it up; less, if others were waited for lately.
 * Whether the attempt has ended: the seal is there, or was refused. */
bool sealing_wait(struct aside *sealing);
