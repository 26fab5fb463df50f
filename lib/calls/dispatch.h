/* SPDX-License-Identifier: MIT */
/* Delivering losses. Callers' threads, without a lock that a fault needs. */
#pragma once

struct uffd_guard_region;

/* The region is unmapped: wait for a delivery under way on another thread; there is none after. */
void dispatch_forget_region(struct uffd_guard_region *region);
