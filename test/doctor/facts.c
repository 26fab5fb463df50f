/* SPDX-License-Identifier: MIT */
/*
 * Gather all facts: first those that can be read, then one attempt after the other. The struct is
 * in memory that children share, since most attempts have more to tell than an errno.
 */
#include "facts.h"

#include "attempt.h"
#include "probe.h"
#include "system.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

static const struct {
	const char *name;
	attempt_fn *fn;
} attempts[N_ATTEMPTS] = {
	[ATTEMPT_DEVICE_OPEN] = { "device_open", probe_device_open },
	[ATTEMPT_DEVICE] = { "device", probe_device },
	[ATTEMPT_SYSCALL] = { "syscall", probe_syscall },
	[ATTEMPT_SYSCALL_USER] = { "syscall_user_mode", probe_syscall_user },
	[ATTEMPT_FILL] = { "fill", probe_fill },
	[ATTEMPT_MOVE] = { "move", probe_move },
	[ATTEMPT_RING] = { "ring", probe_ring },
	[ATTEMPT_RING_RESTRICT] = { "ring_restrict", probe_ring_restrict },
	[ATTEMPT_RING_READ] = { "ring_read", probe_ring_read },
	[ATTEMPT_FILTER] = { "filter", probe_filter },
	[ATTEMPT_STORE] = { "store", probe_store },
	[ATTEMPT_VIEW] = { "view", probe_view },
	[ATTEMPT_SHM_READ] = { "shm_read", probe_shm_read },
	[ATTEMPT_STATX] = { "statx", probe_statx },
	[ATTEMPT_HUGE_PAGE] = { "huge_page", probe_huge_page },
	[ATTEMPT_HUGETLB] = { "hugetlb", probe_hugetlb },
	[ATTEMPT_GUARD] = { "guard", probe_guard },
	[ATTEMPT_GUARD_KERNEL_FAULTS] = { "guard_kernel_faults", probe_guard_kernel_faults },
	[ATTEMPT_LAZY] = { "lazy", probe_lazy },
	[ATTEMPT_SYSCALL_READS] = { "syscall_reads", probe_syscall_reads },
	[ATTEMPT_EAGER] = { "eager", probe_eager },
};

const char *attempt_name(enum attempt_id id)
{
	return attempts[id].name;
}

static bool is_pointless(const struct facts *facts, enum attempt_id id)
{
	return id == ATTEMPT_EAGER && attempt_works(facts, ATTEMPT_LAZY);
}

static int make_attempts(struct facts *facts)
{
	int err = 0;
	for (unsigned i = 0; i < N_ATTEMPTS && !err; i++) {
		enum attempt_id id = (enum attempt_id)i;
		if (!is_pointless(facts, id))
			err = attempt_make(facts, id, attempts[id].fn);
	}
	return err;
}

int facts_gather(struct facts **facts)
{
	struct facts *fresh = mmap(
		NULL, sizeof(*fresh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return -errno;
	signal(SIGCHLD, SIG_DFL); /* if ignored, children have no status */
	system_read(fresh);
	int err = make_attempts(fresh);
	if (err) {
		munmap(fresh, sizeof(*fresh));
		return err;
	}
	*facts = fresh;
	return 0;
}
