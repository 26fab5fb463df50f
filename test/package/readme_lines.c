/* SPDX-License-Identifier: MIT */
/* The lines of C in README.md are C++ too, as many compositors are. */
#include <uffd_guard.h>

struct client;

void draw(const void *pixels, size_t length);
void disconnect(struct client *client);
int readme_lines_compile(int fd, size_t length, struct client *client);

int readme_lines_compile(int fd, size_t length, struct client *client)
{
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
#include "readme_lines.inc"
	return 0;
}
