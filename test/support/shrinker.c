/* SPDX-License-Identifier: MIT */
#include "shrinker.h"

#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

void *shrinker_run(void *data)
{
	struct shrinker *shrinker = data;
	struct stat st;
	while (!atomic_load(&shrinker->shall_stop)) {
		assert_ok(ftruncate(shrinker->fd, 0));
		for (int i = 0; i < 50; i++) {
			assert_ok(fstat(shrinker->fd, &st));
			if (st.st_size != 0)
				atomic_store(&shrinker->has_grown_by_itself, true);
		}
		assert_ok(ftruncate(shrinker->fd, shrinker->size));
	}
	return NULL;
}
