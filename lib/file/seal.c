/* SPDX-License-Identifier: MIT */
/*
 * F_ADD_SEALS takes the inode's lock, uninterruptibly. A client may hold that for ever: write(2)
 * keeps it while it reads the writer's memory, which the client may serve itself. So somebody else
 * adds the seal (file/aside.c).
 */
#include "file/seal.h"

#include "base/clock.h"
#include "base/page.h"
#include "file/aside.h"
#include "file/source.h"

#include <fcntl.h>

#define MOST_SEALINGS 8

/* All callers together wait a hundredth of the time at most. */
#define MOST_WAIT_NS   (8 * NS_PER_MS)
#define SHARE_OF_WAITS 100

enum seal_prospect seal_prospect(const struct source *source)
{
	const int seals = fcntl(source->fd, F_GET_SEALS);
	if (source->kind != SOURCE_MEMORY || seals < 0)
		return SEAL_REFUSED;
	if (seals & F_SEAL_SHRINK)
		return SEAL_THERE;
	return source->writable && !(seals & F_SEAL_SEAL) ? SEAL_MISSING : SEAL_REFUSED;
}

static int add_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

struct aside *sealing_begin(const struct source *source)
{
	static struct aside_count count = { .most = MOST_SEALINGS };
	return aside_begin(&count, source->fd, &source->file, add_seal);
}

/* Up to when the time for waiting is used, if it is given out evenly. Two threads at once may use
 * the same. */
static _Atomic uint64_t used_until;

static uint64_t time_to_wait(uint64_t now)
{
	const uint64_t most = MOST_WAIT_NS * SHARE_OF_WAITS, used = atomic_load(&used_until);
	const uint64_t rest = now > used ? now - used : 0;
	return min_u64(rest, most) / SHARE_OF_WAITS;
}

static void note_wait(uint64_t begin, uint64_t end)
{
	const uint64_t most = MOST_WAIT_NS * SHARE_OF_WAITS;
	const uint64_t used = max_u64(atomic_load(&used_until), end > most ? end - most : 0);
	atomic_store(&used_until, used + (end - begin) * SHARE_OF_WAITS);
}

bool sealing_wait(struct aside *sealing)
{
	const uint64_t begin = now_ns(), limit = begin + time_to_wait(begin);
	const bool has_ended = aside_wait(sealing, limit);
	note_wait(begin, now_ns());
	return has_ended;
}
