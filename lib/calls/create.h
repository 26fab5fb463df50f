/* SPDX-License-Identifier: MIT */
#pragma once

struct uffd_guard;

/* Give a reference up (guard.h). With the last one the handler stops, and all goes. */
void guard_unref(struct uffd_guard *guard);
