/* SPDX-License-Identifier: MIT */
#pragma once

/* Answer the name of a function of wl_shm that the running libwayland-server has, and that this
 * library was written without; NULL if there is none. Such a function would be given our structs,
 * of which it knows nothing. */
const char *server_library_unknown_function(void);
