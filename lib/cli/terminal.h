/* SPDX-License-Identifier: MIT */
/* What a descriptor's terminal can do. */
#pragma once

#include <stdbool.h>

/* A terminal that can move its cursor: TERM says which, and is not "dumb". */
bool terminal_can_redraw(int fd);

/* The columns of the terminal at @fd, or of the variable COLUMNS where it does not say; 80 where
 * neither does. 0: it is no terminal. */
unsigned terminal_columns(int fd);
