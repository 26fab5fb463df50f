/* SPDX-License-Identifier: MIT */
/* Telling losses. Any thread, the handler's too: nothing here waits or allocates. */
#pragma once

#include "state/events.h"

void loss_overflow_init(struct loss_overflow *overflow);
/* Take the losses folded together since the last call. With events.delivery. */
struct loss loss_overflow_take(struct uffd_guard_region *region);

/* Post before the pages are filled, so that whoever reads them knows. */
void loss_post(const struct loss *loss);

/* Post that bytes of [start, end) read as zero and should not: as far as they lie within the
 * length. */
void region_report_loss(struct uffd_guard_region *region, uint64_t start, uint64_t end,
	uint32_t reasons, int error);
/* The same, by what reading the file has answered: 0 where it ended, or a negative errno. */
void region_report_failure(struct uffd_guard_region *region, uint64_t start, uint64_t end, int err);

/* Drop all queued losses, and their references to regions, as the guard ends. */
void loss_drop_all(struct events *events);
