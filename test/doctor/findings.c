/* SPDX-License-Identifier: MIT */
/*
 * Say what the facts mean for a server: a line for each thing that the library can use. A line says
 * what is gained or lost. It gives the answer of the kernel only where a reader would search for
 * it.
 */
#include "findings.h"

#include "blame.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uffd_guard.h>

#define FEW_FILES     4096
#define FEW_MAPPINGS  65530 /* the kernel's default */
#define RING_MEMORY   ((uint64_t)64 << 10)
#define NEEDS_ONE     "needs a userfaultfd"
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

const char *state_name(enum state state)
{
	static const char *const names[] = { "ok", "limited", "missing", "unknown" };
	return names[state];
}

__attribute__((format(printf, 3, 4))) static void say(
	struct finding *finding, enum state state, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(finding->meaning, sizeof(finding->meaning), format, args);
	va_end(args);
	finding->state = state;
}

/* ---- userfaultfd ---- */

static void find_kernel(const struct facts *facts, struct finding *finding)
{
	if (facts->kernel == 0)
		say(finding, STATE_UNKNOWN, "does not tell its release");
	else if (facts->kernel >= 6010)
		say(finding, STATE_OK, "Linux %u.%u: has all that the library has a use for",
			facts->kernel / 1000, facts->kernel % 1000);
	else if (facts->kernel >= 4011)
		say(finding, STATE_LIMITED,
			"Linux %u.%u: serves; it would serve better from 6.10 on",
			facts->kernel / 1000, facts->kernel % 1000);
	else
		say(finding, STATE_MISSING, "Linux %u.%u: too old, 4.11 is needed",
			facts->kernel / 1000, facts->kernel % 1000);
}

static void find_device(const struct facts *facts, struct finding *finding)
{
	char how[64];
	switch (blame_for_device(facts)) {
	case BLAME_NOBODY:
		say(finding, STATE_OK, "may be opened, and serves faults inside system calls too");
		break;
	case BLAME_KERNEL:
		say(finding, STATE_MISSING, "not in this kernel: it came with Linux 6.1");
		break;
	case BLAME_NO_NODE:
		say(finding, STATE_MISSING, "the kernel has it, but there is no such file here");
		break;
	case BLAME_FILE_MODE:
		say(finding, STATE_MISSING, "may not be opened: mode %04o, of %.16s:%.16s",
			facts->device_mode, facts->device_owner, facts->device_group);
		break;
	case BLAME_CGROUP:
		say(finding, STATE_MISSING,
			"may not be opened: a device cgroup forbids it (EPERM)");
		break;
	case BLAME_SECCOMP:
		say(finding, STATE_MISSING, "may be opened, but a seccomp filter forbids its use");
		break;
	default:
		attempt_text(&facts->attempts[ATTEMPT_DEVICE], how, sizeof(how));
		say(finding, STATE_MISSING, "cannot be used (%s)", how);
	}
}

static void find_syscall(const struct facts *facts, struct finding *finding)
{
	char by[128];
	if (attempt_works(facts, ATTEMPT_SYSCALL))
		say(finding, STATE_OK, "allowed, and serves faults inside system calls too");
	else if (!attempt_works(facts, ATTEMPT_SYSCALL_USER))
		say(finding, STATE_MISSING, "denied %s",
			blame_text_userfaultfd(facts, by, sizeof(by)));
	else if (blame_for_kernel_faults(facts) == BLAME_SYSCTL)
		say(finding, STATE_LIMITED,
			"faults of user code only: vm.unprivileged_userfaultfd is 0");
	else
		say(finding, STATE_LIMITED, "faults of user code only (%s)",
			attempt_text(&facts->attempts[ATTEMPT_SYSCALL], by, sizeof(by)));
}

static void find_filling(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_FILL))
		say(finding, STATE_OK, "pages can be copied and zeroed into their places");
	else if (!has_userfaultfd(facts))
		say(finding, STATE_MISSING, NEEDS_ONE);
	else
		say(finding, STATE_MISSING, "no page can be filled (%s)",
			attempt_text(&facts->attempts[ATTEMPT_FILL], how, sizeof(how)));
}

static void find_kernel_faults(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_SYSCALL_READS))
		say(finding, STATE_OK, "system calls may be handed pages that nobody has read yet");
	else if (attempt_error(facts, ATTEMPT_SYSCALL_READS) == -EFAULT)
		say(finding, STATE_LIMITED,
			"system calls get EFAULT on unread pages: populate these before");
	else if (!attempt_works(facts, ATTEMPT_GUARD))
		say(finding, STATE_MISSING, "needs a guard");
	else
		say(finding, STATE_MISSING, "fails with an unread page: %s",
			attempt_text(&facts->attempts[ATTEMPT_SYSCALL_READS], how, sizeof(how)));
}

static void find_move(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_MOVE))
		say(finding, STATE_OK, "huge pages are moved into their places, not copied");
	else if (!has_userfaultfd(facts))
		say(finding, STATE_MISSING, NEEDS_ONE);
	else if (attempt_error(facts, ATTEMPT_MOVE) == -EOPNOTSUPP)
		say(finding, STATE_MISSING,
			"not in this kernel: it came with Linux 6.8. Pages are copied");
	else
		say(finding, STATE_MISSING, "denied (%s): pages are copied",
			attempt_text(&facts->attempts[ATTEMPT_MOVE], how, sizeof(how)));
}

/* ---- io_uring and sandbox ---- */

static void find_ring(const struct facts *facts, struct finding *finding)
{
	char by[128];
	if (!attempt_works(facts, ATTEMPT_RING))
		say(finding, STATE_MISSING, "denied %s",
			blame_text_io_uring(facts, by, sizeof(by)));
	else if (attempt_works(facts, ATTEMPT_GUARD) &&
		 !(facts->guard_features & UFFD_GUARD_FEATURE_IO_URING))
		say(finding, STATE_LIMITED,
			"allowed, but the handler waits with poll all the same");
	else
		say(finding, STATE_OK, "the handler waits with a ring: fewer system calls");
}

static void find_ring_read(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_RING_READ))
		say(finding, STATE_OK, "a ring reads faults itself");
	else if (!attempt_works(facts, ATTEMPT_RING))
		say(finding, STATE_MISSING, "needs io_uring: the handler waits with poll");
	else if (!has_userfaultfd(facts))
		say(finding, STATE_MISSING, NEEDS_ONE);
	else if (attempt_error(facts, ATTEMPT_RING_READ) == -EAGAIN)
		say(finding, STATE_LIMITED,
			"not in this kernel: it came with Linux 6.10. The ring polls");
	else
		say(finding, STATE_MISSING, "failed (%s): the ring polls",
			attempt_text(&facts->attempts[ATTEMPT_RING_READ], how, sizeof(how)));
}

static void find_sandbox(const struct facts *facts, struct finding *finding)
{
	char how[64];
	bool may_fence =
		attempt_works(facts, ATTEMPT_RING_RESTRICT) || !attempt_works(facts, ATTEMPT_RING);
	if (facts->guard_features & UFFD_GUARD_FEATURE_SANDBOX)
		say(finding, STATE_OK, "the handler runs under a seccomp filter of its own");
	else if (!attempt_works(facts, ATTEMPT_FILTER))
		say(finding, STATE_MISSING, "no seccomp filter can be set (%s)",
			attempt_text(&facts->attempts[ATTEMPT_FILTER], how, sizeof(how)));
	else if (!may_fence)
		say(finding, STATE_LIMITED,
			"a seccomp filter can be set, but a ring cannot be fenced in");
	else if (attempt_works(facts, ATTEMPT_GUARD))
		say(finding, STATE_LIMITED,
			"a seccomp filter could be set, but this library sets none");
	else
		say(finding, STATE_OK, "a seccomp filter can be set, and a ring be fenced in");
}

/* ---- Memory ---- */

static void find_stores(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_STORE))
		say(finding, STATE_OK, "stores are copied into clients' files once");
	else
		say(finding, STATE_LIMITED, "copied twice: process_vm_readv fails (%s)",
			attempt_text(&facts->attempts[ATTEMPT_STORE], how, sizeof(how)));
}

/* Which mounts a scanner watches is told to root alone, and to nobody of another namespace: so a
 * read is tried. */
static void find_scanners(const struct facts *facts, struct finding *finding)
{
	const struct attempt *read = &facts->attempts[ATTEMPT_SHM_READ];
	const bool is_past = attempt_works(facts, ATTEMPT_VIEW);
	char how[64];
	attempt_text(&facts->attempts[ATTEMPT_VIEW], how, sizeof(how));
	if (read->has_hung && is_past)
		say(finding, STATE_MISSING, "one does not answer: set UFFD_GUARD_PAST_SCANNERS=1");
	else if (read->has_hung)
		say(finding, STATE_MISSING, "one holds up calls in /dev/shm (%s)", how);
	else if (!attempt_works(facts, ATTEMPT_SHM_READ))
		say(finding, STATE_UNKNOWN, "no file in /dev/shm can be read");
	else
		say(finding, STATE_OK, "none holds up a read in /dev/shm now");
}

static void find_statx(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_STATX))
		say(finding, STATE_OK, "files are told apart without asking a server");
	else
		say(finding, STATE_LIMITED, "UFFD_GUARD_MAP_ANY_FILE takes no file: %s",
			attempt_text(&facts->attempts[ATTEMPT_STATX], how, sizeof(how)));
}

static void find_huge_pages(const struct facts *facts, struct finding *finding)
{
	if (strcmp(facts->thp, "never") == 0)
		say(finding, STATE_MISSING, "turned off: pages are copied one by one");
	else if (facts->is_thp_disabled)
		say(finding, STATE_MISSING,
			"turned off for this process (PR_SET_THP_DISABLE): copied one by one");
	else if (attempt_works(facts, ATTEMPT_HUGE_PAGE))
		say(finding, STATE_OK, "to be had where the library asks for them");
	else if (facts->thp[0] == '\0')
		say(finding, STATE_MISSING, "not in this kernel: pages are copied one by one");
	else
		say(finding, STATE_LIMITED, "turned on (%s), but just now none was to be had",
			facts->thp);
}

static void find_hugetlb(const struct facts *facts, struct finding *finding)
{
	if (attempt_works(facts, ATTEMPT_HUGETLB))
		say(finding, STATE_OK, "clients can share such memory, too");
	else
		say(finding, STATE_MISSING, "none for clients to share; the library needs none");
}

static void find_overcommit(const struct facts *facts, struct finding *finding)
{
	if (facts->overcommit_memory == UNKNOWN)
		say(finding, STATE_UNKNOWN, "vm.overcommit_memory cannot be read");
	else if (facts->overcommit_memory == 2)
		say(finding, STATE_LIMITED,
			"never (vm.overcommit_memory = 2): regions count in full, read or not");
	else
		say(finding, STATE_OK, "what is not read of a region costs nothing");
}

/* ---- Limits ---- */

static const char *format_limit(uint64_t limit, char *text, size_t size)
{
	if (limit == UINT64_MAX)
		snprintf(text, size, "no limit");
	else
		snprintf(text, size, "%" PRIu64, limit);
	return text;
}

static void find_open_files(const struct facts *facts, struct finding *finding)
{
	char soft[24], hard[24];
	format_limit(facts->open_files.soft, soft, sizeof(soft));
	format_limit(facts->open_files.hard, hard, sizeof(hard));
	if (facts->open_files.soft >= FEW_FILES)
		say(finding, STATE_OK, "%s; each region takes one", soft);
	else
		say(finding, STATE_LIMITED, "%s (could be raised to %s); each region takes one",
			soft, hard);
}

static void find_mappings(const struct facts *facts, struct finding *finding)
{
	if (facts->max_map_count == UNKNOWN)
		say(finding, STATE_UNKNOWN, "vm.max_map_count cannot be read");
	else
		say(finding, facts->max_map_count < FEW_MAPPINGS ? STATE_LIMITED : STATE_OK,
			"%" PRId64 "; each region takes one or two", facts->max_map_count);
}

static void find_locked_memory(const struct facts *facts, struct finding *finding)
{
	char soft[24];
	format_limit(facts->locked_memory.soft, soft, sizeof(soft));
	if (facts->kernel < 5012 && facts->locked_memory.soft < RING_MEMORY)
		say(finding, STATE_LIMITED, "%s bytes; before Linux 5.12 a ring counts against it",
			soft);
	else
		say(finding, STATE_OK, "%s%s; the library locks none", soft,
			facts->locked_memory.soft == UINT64_MAX ? "" : " bytes");
}

static void find_realtime(const struct facts *facts, struct finding *finding)
{
	if (facts->realtime_priority.soft > 0 || has_capability(facts, CAP_SYS_NICE))
		say(finding, STATE_OK, "the handler can be as urgent as its creator");
	else
		say(finding, STATE_LIMITED,
			"RLIMIT_RTPRIO is 0: the handler of a real-time server may not be one");
}

/* ---- The library ---- */

static void find_eager(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_LAZY))
		say(finding, STATE_OK, "not needed here");
	else if (attempt_works(facts, ATTEMPT_EAGER))
		say(finding, STATE_OK, "works: create the guard with UFFD_GUARD_ALLOW_EAGER");
	else if (attempt_error(facts, ATTEMPT_EAGER) == -EOPNOTSUPP)
		say(finding, STATE_MISSING, "not in this version of the library");
	else
		say(finding, STATE_MISSING, "fails as well: %s",
			attempt_text(&facts->attempts[ATTEMPT_EAGER], how, sizeof(how)));
}

static const char *const step_names[N_STEPS] = {
	[STEP_CREATE] = "to create a guard",
	[STEP_FILE] = "to create a memfd",
	[STEP_MAP] = "to map a memfd",
	[STEP_TRUNCATE] = "to truncate the memfd",
	[STEP_READ] = "to read a page",
	[STEP_READ_LOST] = "to read a page past the end",
	[STEP_LOSS] = "to be told of the loss",
	[STEP_REGROW] = "to read what has grown back",
	[STEP_END] = "to unmap and destroy",
};

static void find_end_to_end(const struct facts *facts, struct finding *finding)
{
	char how[64];
	if (attempt_works(facts, ATTEMPT_LAZY))
		say(finding, STATE_OK,
			"a truncated memfd reads as zeros, without a signal; the loss is told");
	else
		say(finding, STATE_MISSING, "failed %s: %s", step_names[facts->step],
			attempt_text(&facts->attempts[ATTEMPT_LAZY], how, sizeof(how)));
}

static const struct {
	const char *id, *title;
	void (*find)(const struct facts *facts, struct finding *finding);
} rows[N_FINDINGS] = {
	{ "kernel", "kernel", find_kernel },
	{ "device", "/dev/userfaultfd", find_device },
	{ "syscall", "userfaultfd(2)", find_syscall },
	{ "fill", "filling pages", find_filling },
	{ "kernel_faults", "faults in syscalls", find_kernel_faults },
	{ "move", "UFFDIO_MOVE", find_move },
	{ "io_uring", "io_uring", find_ring },
	{ "io_uring_read", "ring reads faults", find_ring_read },
	{ "sandbox", "sandbox", find_sandbox },
	{ "stores", "stores", find_stores },
	{ "scanners", "scanners of files", find_scanners },
	{ "statx", "statx(2)", find_statx },
	{ "huge_pages", "huge pages", find_huge_pages },
	{ "hugetlb", "reserved huge pages", find_hugetlb },
	{ "overcommit", "overcommit", find_overcommit },
	{ "open_files", "open files", find_open_files },
	{ "mappings", "mappings", find_mappings },
	{ "locked_memory", "locked memory", find_locked_memory },
	{ "realtime", "real-time priority", find_realtime },
	{ "eager", "mode EAGER", find_eager },
	{ "end_to_end", "end to end", find_end_to_end },
};

void findings_make(const struct facts *facts, struct finding findings[N_FINDINGS])
{
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		findings[i] = (struct finding){ .id = rows[i].id, .title = rows[i].title };
		rows[i].find(facts, &findings[i]);
	}
}

/* ---- What it comes to ---- */

bool verdict_works(const struct facts *facts)
{
	return attempt_works(facts, ATTEMPT_LAZY);
}

static const char *text_of_success(const struct facts *facts)
{
	if (attempt_works(facts, ATTEMPT_SYSCALL_READS))
		return "uffd_guard works here, and system calls may touch pages that nobody has "
		       "read";
	return "uffd_guard works here; populate pages before a system call is handed them";
}

const char *verdict_text(const struct facts *facts, char *text, size_t size)
{
	char why[160];
	const char *but = attempt_works(facts, ATTEMPT_EAGER)
				  ? ". Mode EAGER does: UFFD_GUARD_ALLOW_EAGER"
				  : "";
	if (verdict_works(facts)) {
		snprintf(text, size, "%s", text_of_success(facts));
	} else if (!has_userfaultfd(facts)) {
		snprintf(text, size, "uffd_guard does not work here: userfaultfd is denied %s%s",
			blame_text_userfaultfd(facts, why, sizeof(why)), but);
	} else {
		attempt_text(&facts->attempts[ATTEMPT_LAZY], why, sizeof(why));
		snprintf(text, size, "uffd_guard does not work here: it failed %s: %s%s",
			step_names[facts->step], why, but);
	}
	return text;
}
