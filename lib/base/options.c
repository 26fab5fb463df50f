/* SPDX-License-Identifier: MIT */
/* The one reader (and writer) of size-first structs, so that an old program and a new library get
 * along and vice versa. */
#include "base/options.h"

#include "base/page.h"

#include <errno.h>
#include <string.h>

static int size_of_theirs(const void *theirs, size_t *size)
{
	memcpy(size, theirs, sizeof(*size));
	return *size < sizeof(*size) ? -EINVAL : 0;
}

int options_read(void *to, size_t size, const void *from)
{
	memset(to, 0, size);
	if (!from)
		return 0;

	size_t theirs;
	int err = size_of_theirs(from, &theirs);
	if (err)
		return err;
	for (size_t i = size; i < theirs; i++) {
		if (((const unsigned char *)from)[i])
			return -E2BIG;
	}
	memcpy(to, from, min_u64(size, theirs));
	return 0;
}

int options_write(void *to, const void *from, size_t size)
{
	size_t theirs;
	int err = size_of_theirs(to, &theirs);
	if (err)
		return err;

	memset(to, 0, theirs);
	memcpy(to, from, min_u64(size, theirs));
	memcpy(to, &theirs, sizeof(theirs));
	return 0;
}
