/* SPDX-License-Identifier: MIT */
/* Making pages without a userfaultfd. Callers' threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* As install_copy() and install_zeros(), for a guard without a userfaultfd. */
int install_plain_copy(uintptr_t start, const void *source, size_t length, size_t *done);
int install_plain_zeros(uintptr_t start, size_t length, size_t *done);
