/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Whether this program runs under valgrind, where one thread runs at a time: one that waits for a
 * page in the midst of a load keeps the turn, and whoever could bring the page never gets it. */
bool valgrind_is_there(void);
