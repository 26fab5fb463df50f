/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Count and survive SIGBUS and SIGSEGV of this process from now on. */
void signals_install(void);
uint64_t signals_count(void);
uintptr_t signals_first_address(void);
