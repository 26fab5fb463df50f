/* SPDX-License-Identifier: MIT */
/* Memory of our own that may be one huge page: for staging and spares. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define STAGING_SIZE ((size_t)2 << 20) /* a huge page, and aligned like one */

/* STAGING_SIZE of it, without pages; or NULL. */
char *huge_memory_map(void);
/* The same in its place, without pages and page tables. False: it is as it was. */
bool huge_memory_map_again(char *memory);
