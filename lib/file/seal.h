/* SPDX-License-Identifier: MIT */
/* Adding a seal without waiting for the client. Callers; any thread, no lock. */
#pragma once

#include <stdbool.h>

struct source;

/* An attempt to add F_SEAL_SHRINK, made elsewhere. */
struct sealing;

enum seal_prospect {
	SEAL_THERE,   /* the file cannot shrink already */
	SEAL_REFUSED, /* it can never be sealed by us */
	SEAL_MISSING, /* it may be tried */
};
enum seal_prospect seal_prospect(const struct source *source);

/* NULL: not now, for as many are waiting for clients as may, or there is no memory. */
struct sealing *sealing_begin(const struct source *source);
/* Wait a little, for a client that does not hold it up; less, if others were waited for lately.
 * Whether the attempt has ended: the seal is there, or was refused. */
bool sealing_wait(struct sealing *sealing);
bool sealing_has_ended(const struct sealing *sealing);
/* Does not wait: an attempt that has not ended goes on. NULL is a no-op. */
void sealing_drop(struct sealing *sealing);
