/* SPDX-License-Identifier: MIT */
/* Its tools have one library in common, which they load before all others. Asked of the loader: the
 * environment may be another's by now. */
#include "kernel/valgrind.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

static int is_valgrinds(struct dl_phdr_info *object, size_t size, void *data)
{
	(void)size;
	(void)data;
	return object->dlpi_name && strstr(object->dlpi_name, "/vgpreload_core") != NULL;
}

bool valgrind_is_there(void)
{
	return dl_iterate_phdr(is_valgrinds, NULL) != 0;
}
