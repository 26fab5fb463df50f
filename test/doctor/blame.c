/* SPDX-License-Identifier: MIT */
/*
 * Who denies something: the kernel, a setting, or somebody in between. The same errno comes from
 * many sides, so it is weighed against what else is known.
 *
 * - ENOSYS from a kernel that shows the thing elsewhere (its sysctl, its device) is a lie, and who
 *   lies is a seccomp filter. Podman's profile answers ENOSYS for most of what it denies.
 * - EPERM to a call that the kernel denies to nobody, as userfaultfd(2) with UFFD_USER_MODE_ONLY,
 *   is a filter's too, provided that there is one. Docker's profile answers EPERM.
 * - EACCES is what security modules say; files do also, hence the device is judged apart.
 */
#include "blame.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- Names ---- */

const char *error_name(int err)
{
	static char number[32];
	static const struct {
		int err;
		const char *name;
	} names[] = { { EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { ENXIO, "ENXIO" },
		{ EAGAIN, "EAGAIN" }, { ENOMEM, "ENOMEM" }, { EACCES, "EACCES" },
		{ EFAULT, "EFAULT" }, { EEXIST, "EEXIST" }, { ENODEV, "ENODEV" },
		{ EINVAL, "EINVAL" }, { ENFILE, "ENFILE" }, { EMFILE, "EMFILE" },
		{ ENOTTY, "ENOTTY" }, { ENOSYS, "ENOSYS" }, { EIO, "EIO" }, { EBADF, "EBADF" },
		{ EBADMSG, "EBADMSG" }, { ENODATA, "ENODATA" }, { ECANCELED, "ECANCELED" },
		{ EOPNOTSUPP, "EOPNOTSUPP" }, { EBADFD, "EBADFD" }, { EBUSY, "EBUSY" } };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].err == -err)
			return names[i].name;
	}
	snprintf(number, sizeof(number), "errno %d", -err);
	return number;
}

const char *attempt_text(const struct attempt *attempt, char *text, size_t size)
{
	if (attempt->has_hung)
		snprintf(text, size, "it hung");
	else if (attempt->signal == SIGSYS)
		snprintf(text, size, "killed by a seccomp filter");
	else if (attempt->signal == SIGBUS || attempt->signal == SIGSEGV)
		snprintf(text, size, "killed by %s",
			attempt->signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
	else if (attempt->signal)
		snprintf(text, size, "killed by signal %d", attempt->signal);
	else if (attempt->err == -EBADMSG)
		snprintf(text, size, "not what it should be");
	else
		snprintf(text, size, "%s", attempt->err ? error_name(attempt->err) : "it works");
	return text;
}

/* ---- System calls ---- */

enum presence { IS_ABSENT, IS_PRESENT, IS_UNCERTAIN };

/* Whether the kernel was built with it, by its sysctl, which is there since release @since. */
static enum presence presence_by_sysctl(const struct facts *facts, int64_t value, unsigned since)
{
	if (value != UNKNOWN)
		return IS_PRESENT;
	/* A container may hide /proc/sys. */
	return facts->kernel >= since && facts->max_map_count != UNKNOWN ? IS_ABSENT : IS_UNCERTAIN;
}

static bool has_filter(const struct facts *facts)
{
	return facts->seccomp == 2;
}

static enum blame blame_for_enosys(const struct facts *facts, enum presence presence)
{
	if (presence == IS_PRESENT)
		return has_filter(facts) ? BLAME_SECCOMP : BLAME_UNKNOWN;
	if (presence == IS_UNCERTAIN && has_filter(facts))
		return BLAME_UNKNOWN;
	return BLAME_KERNEL;
}

static enum blame blame_for_call(
	const struct facts *facts, enum attempt_id id, enum presence presence)
{
	if (attempt_works(facts, id))
		return BLAME_NOBODY;
	if (facts->attempts[id].signal == SIGSYS)
		return BLAME_SECCOMP;
	switch (-attempt_error(facts, id)) {
	case ENOSYS:
		return blame_for_enosys(facts, presence);
	case EPERM:
		return has_filter(facts) ? BLAME_SECCOMP : BLAME_SECURITY_MODULE;
	case EACCES:
		return BLAME_SECURITY_MODULE;
	case EINVAL:
		return BLAME_KERNEL;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return BLAME_LIMIT;
	default:
		return BLAME_UNKNOWN;
	}
}

static enum presence userfaultfd_presence(const struct facts *facts)
{
	if (facts->has_device_driver || facts->has_device_node)
		return IS_PRESENT;
	return presence_by_sysctl(facts, facts->unprivileged_userfaultfd, 5002);
}

static bool is_denied_by_sysctl(const struct facts *facts)
{
	return facts->unprivileged_userfaultfd == 0 &&
	       attempt_error(facts, ATTEMPT_SYSCALL) == -EPERM;
}

enum blame blame_for_kernel_faults(const struct facts *facts)
{
	if (attempt_works(facts, ATTEMPT_SYSCALL_USER) && is_denied_by_sysctl(facts))
		return BLAME_SYSCTL;
	return blame_for_call(facts, ATTEMPT_SYSCALL, userfaultfd_presence(facts));
}

enum blame blame_for_userfaultfd(const struct facts *facts)
{
	if (attempt_works(facts, ATTEMPT_SYSCALL) || attempt_works(facts, ATTEMPT_SYSCALL_USER))
		return BLAME_NOBODY;
	/* Before Linux 5.11 there is no UFFD_USER_MODE_ONLY, and the sysctl denies all kinds. */
	if (attempt_error(facts, ATTEMPT_SYSCALL_USER) == -EINVAL)
		return is_denied_by_sysctl(facts) ? BLAME_SYSCTL
						  : blame_for_call(facts, ATTEMPT_SYSCALL,
							    userfaultfd_presence(facts));
	return blame_for_call(facts, ATTEMPT_SYSCALL_USER, userfaultfd_presence(facts));
}

enum blame blame_for_io_uring(const struct facts *facts)
{
	bool is_trusted = has_capability(facts, CAP_SYS_ADMIN) || facts->is_in_uring_group;
	bool is_off =
		facts->io_uring_disabled == 2 || (facts->io_uring_disabled == 1 && !is_trusted);
	if (is_off && attempt_error(facts, ATTEMPT_RING) == -EPERM)
		return BLAME_SYSCTL;
	enum presence presence = presence_by_sysctl(facts, facts->io_uring_disabled, 6006);
	return blame_for_call(facts, ATTEMPT_RING, presence);
}

/* ---- The device ---- */

static enum blame blame_for_opening(const struct facts *facts)
{
	if (facts->attempts[ATTEMPT_DEVICE_OPEN].signal == SIGSYS)
		return BLAME_SECCOMP;
	switch (-attempt_error(facts, ATTEMPT_DEVICE_OPEN)) {
	case ENOENT:
		return facts->has_device_driver ? BLAME_NO_NODE : BLAME_KERNEL;
	case ENXIO:
	case ENODEV:
		return BLAME_KERNEL; /* a node without a driver */
	case EACCES:
		return BLAME_FILE_MODE;
	case EPERM:
		return BLAME_CGROUP;
	case EMFILE:
	case ENFILE:
		return BLAME_LIMIT;
	default:
		return BLAME_UNKNOWN;
	}
}

enum blame blame_for_device(const struct facts *facts)
{
	if (attempt_works(facts, ATTEMPT_DEVICE))
		return BLAME_NOBODY;
	if (attempt_works(facts, ATTEMPT_DEVICE_OPEN))
		return blame_for_call(facts, ATTEMPT_DEVICE, IS_PRESENT);
	return blame_for_opening(facts);
}

/* ---- In words ---- */

static const char *text_of_filter(const struct attempt *attempt)
{
	return attempt->signal ? "by a seccomp filter, which kills who asks"
			       : "by a seccomp filter (Seccomp: 2 in /proc/self/status)";
}

static const char *text_of(enum blame blame, const struct attempt *attempt, char *text, size_t size)
{
	char how[64];
	attempt_text(attempt, how, sizeof(how));
	if (blame == BLAME_SECCOMP)
		snprintf(text, size, "%s", text_of_filter(attempt));
	else if (blame == BLAME_KERNEL)
		snprintf(text, size, "by the kernel: %s (%s)",
			attempt->err == -EINVAL ? "too old" : "not built in", how);
	else if (blame == BLAME_SECURITY_MODULE)
		snprintf(text, size, "by a security module such as SELinux (%s)", how);
	else if (blame == BLAME_LIMIT)
		snprintf(text, size, "by a limit on memory or open files (%s)", how);
	else
		snprintf(text, size, "by something that does not tell (%s)", how);
	return text;
}

const char *blame_text_userfaultfd(const struct facts *facts, char *text, size_t size)
{
	enum blame blame = blame_for_userfaultfd(facts);
	if (blame != BLAME_SYSCTL)
		return text_of(blame, &facts->attempts[ATTEMPT_SYSCALL_USER], text, size);
	snprintf(text, size, "by the sysctl vm.unprivileged_userfaultfd = 0");
	return text;
}

const char *blame_text_io_uring(const struct facts *facts, char *text, size_t size)
{
	enum blame blame = blame_for_io_uring(facts);
	if (blame != BLAME_SYSCTL)
		return text_of(blame, &facts->attempts[ATTEMPT_RING], text, size);
	snprintf(text, size, "by the sysctl kernel.io_uring_disabled = %d",
		(int)facts->io_uring_disabled);
	return text;
}
