/* SPDX-License-Identifier: MIT */
#pragma once

typedef void loader_list_fn(void *data, const char *path);

/* Call @on_file for each library that the loader finds for a program. Only the loader runs. */
void loader_list(const char *loader, const char *path, loader_list_fn *on_file, void *data);
