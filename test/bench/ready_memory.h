/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* Have the kernel's free memory begin with @length bytes that were in use a moment ago. */
void ready_memory(size_t length);
