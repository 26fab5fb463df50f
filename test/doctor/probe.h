/* SPDX-License-Identifier: MIT */
/* All attempts. Each runs in a child of attempt.c, and answers 0 or a negative errno. */
#pragma once

#include "facts.h"

/* probe_uffd.c */
int probe_device_open(struct facts *facts);
int probe_device(struct facts *facts);
int probe_syscall(struct facts *facts);
int probe_syscall_user(struct facts *facts);
int probe_fill(struct facts *facts);
int probe_move(struct facts *facts);

/* Open a userfaultfd by the best way that works. A descriptor, or a negative errno. */
int probe_open_best(uint64_t *features);
int probe_open_user_mode(void); /* the same, of faults in user mode only */
int probe_register(int uffd, void *start, size_t length);
int probe_zero(int uffd, void *page, size_t length);
/* Private anonymous memory, or NULL. */
void *probe_memory(size_t length);

/* probe_uring.c */
int probe_ring(struct facts *facts);
int probe_ring_restrict(struct facts *facts);
int probe_ring_read(struct facts *facts);

/* probe_other.c */
int probe_filter(struct facts *facts);
int probe_store(struct facts *facts);
int probe_view(struct facts *facts);
int probe_shm_read(struct facts *facts);
int probe_statx(struct facts *facts);
int probe_huge_page(struct facts *facts);
int probe_hugetlb(struct facts *facts);

/* probe_guard.c */
int probe_guard(struct facts *facts);
int probe_guard_kernel_faults(struct facts *facts);
int probe_lazy(struct facts *facts);
int probe_syscall_reads(struct facts *facts);
int probe_eager(struct facts *facts);
