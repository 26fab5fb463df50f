/* SPDX-License-Identifier: MIT */
/*
 * Say what to change where something is denied: only what applies to this machine and this user,
 * with commands that can be copied as they are. A change that costs security says so. If two
 * changes have the same effect the narrower one is given: a group that may open a device, not a
 * sysctl for everybody.
 */
#include "changes.h"

#include "blame.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GROUP	     "uffd"
#define RING_GROUP   "io_uring"
#define FEW_FILES    4096
#define MANY_FILES   65536
#define FEW_MAPPINGS 65530

__attribute__((format(printf, 2, 3))) static void because(
	struct change *change, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(change->why, sizeof(change->why), format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void run(
	struct change *change, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(
		change->commands[change->n_commands++], sizeof(change->commands[0]), format, args);
	va_end(args);
}

/* @name if a shell takes it literally, otherwise a word in capitals to be replaced. */
static const char *user_name(const struct facts *facts)
{
	static const char harmless[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	const char *name = facts->user_name;
	bool is_harmless = *name && *name != '-' && strspn(name, harmless) == strlen(name);
	return is_harmless && strcmp(name, "nobody") != 0 ? name : "USER";
}

static bool is_container(const struct facts *facts, const char *name)
{
	return strcmp(facts->container, name) == 0;
}

static bool works(const struct facts *facts)
{
	return attempt_works(facts, ATTEMPT_LAZY);
}

/* ---- Kernel ---- */

static bool change_kernel(const struct facts *facts, struct change *change)
{
	if (blame_for_userfaultfd(facts) != BLAME_KERNEL || works(facts))
		return false;
	because(change, "This kernel has no userfaultfd, or too old a one. Run one that is built "
			"with CONFIG_USERFAULTFD=y, 5.11 or later. Whether it is built in:");
	run(change, "grep CONFIG_USERFAULTFD /boot/config-$(uname -r)");
	return true;
}

/* ---- Seccomp filters and security modules ---- */

/* Of container engines: let system calls through that their own profile denies. The profile is the
 * engine's as it is installed or, for docker, that of its project. */
static void run_with_profile(struct change *change, const char *engine, const char *calls)
{
	bool is_podman = strcmp(engine, "podman") == 0;
	run(change,
		"%s | jq '[%s] as $calls | .syscalls |= map(.names -= $calls) + "
		"[{names: $calls, action: \"SCMP_ACT_ALLOW\"}]' > uffd.json",
		is_podman ? "cat /usr/share/containers/seccomp.json"
			  : "curl -fsSL https://raw.githubusercontent.com/moby/profiles/main/"
			    "seccomp/default.json",
		calls);
	run(change, "%s run --security-opt seccomp=uffd.json ...", engine);
}

/* Whether the container is of an engine whose command line we know; engine_of() is its name. */
static bool is_engine(const struct facts *facts)
{
	return is_container(facts, "podman") || is_container(facts, "docker");
}

static const char *engine_of(const struct facts *facts)
{
	return facts->container;
}

static void give_device_to_container(const struct facts *facts, struct change *change)
{
	/* Podman without root: its root is the user who runs it, and has that user's groups. */
	run(change, "%s run --device /dev/userfaultfd%s ...", engine_of(facts),
		is_container(facts, "podman") ? " --group-add keep-groups" : "");
}

static void open_filter_of_container(const struct facts *facts, struct change *change)
{
	if (facts->kernel >= 6001 && !facts->has_device_node) {
		because(change, "The container's seccomp profile denies userfaultfd(2). Give the "
				"container the device instead, which the profile does not concern. "
				"On the host, where it must be open to who runs the container:");
		give_device_to_container(facts, change);
	} else {
		because(change,
			"The container's seccomp profile denies userfaultfd(2). Allow it in "
			"a copy of the profile. On the host:");
		run_with_profile(change, engine_of(facts), "\"userfaultfd\"");
	}
}

static void open_filter_of_service(struct change *change)
{
	because(change,
		"A seccomp filter denies userfaultfd(2): of a container, of a service "
		"manager, or of the program that started this one. If it is a SystemCallFilter= of "
		"systemd (and only then, or it becomes one), for SERVICE:");
	run(change, "mkdir -p /etc/systemd/system/SERVICE.d");
	run(change, "printf '[Service]\\nSystemCallFilter=userfaultfd\\n' > "
		    "/etc/systemd/system/SERVICE.d/userfaultfd.conf");
	run(change, "systemctl daemon-reload && systemctl restart SERVICE");
}

static bool change_filter(const struct facts *facts, struct change *change)
{
	if (blame_for_userfaultfd(facts) != BLAME_SECCOMP)
		return false;
	if (attempt_works(facts, ATTEMPT_DEVICE))
		return false; /* the filter does not stand in the way */
	if (is_engine(facts) && blame_for_device(facts) == BLAME_FILE_MODE)
		return false; /* and would not after the change */
	if (is_container(facts, "flatpak"))
		because(change,
			"The seccomp filter of Flatpak's sandbox denies userfaultfd(2): run "
			"the server outside of it.");
	else if (is_container(facts, "kubernetes"))
		because(change,
			"The pod's seccomp profile denies userfaultfd(2). Set "
			"securityContext.seccompProfile to one of type Localhost that allows "
			"it, or give the pod /dev/userfaultfd by a device plugin.");
	else if (is_engine(facts))
		open_filter_of_container(facts, change);
	else
		open_filter_of_service(change);
	return true;
}

static bool change_security_module(const struct facts *facts, struct change *change)
{
	if (blame_for_userfaultfd(facts) != BLAME_SECURITY_MODULE || works(facts))
		return false;
	because(change, "A security module denies userfaultfd(2). If it is SELinux, its log says "
			"what to allow, and a module of policy can be made of that:");
	run(change, "ausearch -m AVC -c uffd-guard-doct -ts recent");
	run(change, "ausearch -m AVC -c uffd-guard-doct -ts recent | audit2allow -M uffd-guard && "
		    "semodule -i uffd-guard.pp");
	return true;
}

/* ---- Faults inside system calls ---- */

static const char device_price[] =
	"Whoever has this can also hold the kernel in the midst of a system call, which helps to "
	"exploit bugs of the kernel: give it to the server's user only.";

static void open_device(const struct facts *facts, struct change *change)
{
	because(change,
		"Open /dev/userfaultfd to a group%s: system calls may then touch pages that "
		"nobody has read. %s",
		facts->container[0] ? ", on the host" : " (it takes effect at the next login)",
		device_price);
	run(change, "groupadd --system --force " GROUP);
	run(change, "echo 'SUBSYSTEM==\"misc\", KERNEL==\"userfaultfd\", GROUP=\"" GROUP
		    "\", MODE=\"0660\"' > /etc/udev/rules.d/70-userfaultfd.rules");
	run(change, "udevadm control --reload && udevadm trigger --sysname-match=userfaultfd");
	if (is_engine(facts))
		run(change,
			"%s run --device /dev/userfaultfd --group-add $(getent group " GROUP
			" | cut -d: -f3) ...",
			engine_of(facts));
	else
		run(change, "usermod --append --groups " GROUP " %s", user_name(facts));
}

static void create_node(const struct facts *facts, struct change *change)
{
	because(change,
		"Make /dev/userfaultfd, which the kernel has and /dev lacks, so that system "
		"calls may touch pages that nobody has read. %s",
		device_price);
	run(change, "groupadd --system --force " GROUP);
	run(change, "mknod -m 0660 /dev/userfaultfd c 10 %u && chgrp " GROUP " /dev/userfaultfd",
		facts->device_minor);
	run(change, "usermod --append --groups " GROUP " %s", user_name(facts));
}

static void give_device(const struct facts *facts, struct change *change)
{
	if (!facts->container[0]) {
		create_node(facts, change);
		return;
	}
	because(change,
		"Give the container /dev/userfaultfd: system calls may then touch pages that "
		"nobody has read. On the host, where it must be open to who runs it:");
	if (is_engine(facts))
		give_device_to_container(facts, change);
}

static void open_cgroup(struct change *change)
{
	because(change,
		"A device cgroup keeps /dev/userfaultfd from being opened. For a service of "
		"systemd (SERVICE):");
	run(change, "mkdir -p /etc/systemd/system/SERVICE.d");
	run(change, "printf '[Service]\\nDeviceAllow=/dev/userfaultfd rw\\n' > "
		    "/etc/systemd/system/SERVICE.d/userfaultfd-device.conf");
	run(change, "systemctl daemon-reload && systemctl restart SERVICE");
}

static bool change_device(const struct facts *facts, struct change *change)
{
	if (attempt_works(facts, ATTEMPT_SYSCALL))
		return false;
	switch (blame_for_device(facts)) {
	case BLAME_FILE_MODE:
		open_device(facts, change);
		break;
	case BLAME_NO_NODE:
		if (facts->container[0] && blame_for_userfaultfd(facts) == BLAME_SECCOMP)
			return false; /* another change says it */
		give_device(facts, change);
		break;
	case BLAME_CGROUP:
		if (is_engine(facts))
			give_device(facts, change);
		else
			open_cgroup(change);
		break;
	default:
		return false;
	}
	return true;
}

/* Before Linux 6.1 there is no device: only the sysctl helps. */
static bool change_sysctl(const struct facts *facts, struct change *change)
{
	bool is_total = blame_for_userfaultfd(facts) == BLAME_SYSCTL;
	bool is_partial = blame_for_kernel_faults(facts) == BLAME_SYSCTL;
	if ((!is_total && !is_partial) || blame_for_device(facts) != BLAME_KERNEL)
		return false;
	because(change, "%s This opens it to everybody on the machine. %s",
		is_total ? "Allow userfaultfd, which this kernel denies to unprivileged users."
			 : "Let system calls touch pages that nobody has read; or else call "
			   "uffd_guard_populate() before.",
		device_price);
	run(change, "echo vm.unprivileged_userfaultfd=1 > /etc/sysctl.d/50-userfaultfd.conf");
	run(change, "sysctl -p /etc/sysctl.d/50-userfaultfd.conf");
	return true;
}

/* ---- io_uring ---- */

static void open_ring_to_group(const struct facts *facts, struct change *change)
{
	because(change, "Let a group use io_uring, so that the handler waits with fewer system "
			"calls; it works without.");
	run(change, "groupadd --system --force " RING_GROUP);
	run(change, "printf 'kernel.io_uring_disabled=1\\nkernel.io_uring_group=%%s\\n' $(getent "
		    "group " RING_GROUP " | cut -d: -f3) > /etc/sysctl.d/50-io_uring.conf");
	run(change, "sysctl -p /etc/sysctl.d/50-io_uring.conf");
	run(change, "usermod --append --groups " RING_GROUP " %s", user_name(facts));
}

static bool change_ring(const struct facts *facts, struct change *change)
{
	enum blame blame = blame_for_io_uring(facts);
	if (blame == BLAME_SYSCTL) {
		open_ring_to_group(facts, change);
		return true;
	}
	if (blame != BLAME_SECCOMP || !is_engine(facts))
		return false;
	because(change, "Allow io_uring in a copy of the container's seccomp profile, so that the "
			"handler waits with fewer system calls; it works without, and engines deny "
			"it for a reason: it has been a way out of containers. On the host:");
	run_with_profile(change, facts->container,
		"\"userfaultfd\", \"io_uring_setup\", \"io_uring_enter\", \"io_uring_register\"");
	return true;
}

/* ---- Memory and limits ---- */

static bool change_huge_pages(const struct facts *facts, struct change *change)
{
	if (strcmp(facts->thp, "never") != 0)
		return false;
	because(change, "Allow huge pages to those who ask for them: large frames are then moved "
			"into place instead of copied page by page.");
	run(change, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	return true;
}

static bool change_overcommit(const struct facts *facts, struct change *change)
{
	if (facts->overcommit_memory != 2)
		return false;
	because(change, "With strict overcommit each region counts with its whole reserve, even if "
			"little of it is read. Unless that is wanted:");
	run(change, "echo vm.overcommit_memory=0 > /etc/sysctl.d/50-overcommit.conf");
	run(change, "sysctl -p /etc/sysctl.d/50-overcommit.conf");
	return true;
}

static bool change_open_files(const struct facts *facts, struct change *change)
{
	uint64_t hard = facts->open_files.hard;
	if (facts->open_files.soft >= FEW_FILES)
		return false;
	change->is_needed = attempt_error(facts, ATTEMPT_LAZY) == -EMFILE;
	if (hard >= FEW_FILES) {
		because(change,
			"Each region takes a descriptor, and more than %" PRIu64
			" may not be open. The server itself may raise that up to the hard "
			"limit, by setrlimit(RLIMIT_NOFILE). To try it from a shell, without "
			"root:",
			facts->open_files.soft);
		run(change, "ulimit -S -n %" PRIu64, hard < MANY_FILES ? hard : MANY_FILES);
		return true;
	}
	because(change,
		"Each region takes a descriptor, and more than %" PRIu64
		" may not be open (it takes effect at the next login; a service of systemd "
		"has LimitNOFILE= instead).",
		facts->open_files.soft);
	run(change, "echo '%s - nofile %d' > /etc/security/limits.d/50-nofile.conf",
		user_name(facts), MANY_FILES);
	return true;
}

static bool change_mappings(const struct facts *facts, struct change *change)
{
	if (facts->max_map_count == UNKNOWN || facts->max_map_count >= FEW_MAPPINGS)
		return false;
	because(change,
		"Each region takes one or two mappings, and a process may have no more than "
		"%" PRId64 ".",
		facts->max_map_count);
	run(change, "echo vm.max_map_count=%d > /etc/sysctl.d/50-max_map_count.conf", FEW_MAPPINGS);
	run(change, "sysctl -p /etc/sysctl.d/50-max_map_count.conf");
	return true;
}

static bool change_locked_memory(const struct facts *facts, struct change *change)
{
	if (facts->kernel >= 5012 || blame_for_io_uring(facts) != BLAME_LIMIT)
		return false;
	because(change,
		"A ring counts as locked memory before Linux 5.12, and the limit is too low "
		"for one (it takes effect at the next login).");
	run(change, "echo '%s - memlock 1024' > /etc/security/limits.d/50-memlock.conf",
		user_name(facts));
	return true;
}

static bool change_realtime(const struct facts *facts, struct change *change)
{
	if (facts->realtime_priority.soft > 0 || has_capability(facts, CAP_SYS_NICE))
		return false;
	because(change,
		"Only for servers that run in real time: let the handler do so too, or "
		"urgent threads wait for one that is not (it takes effect at the next login; "
		"a service of systemd has LimitRTPRIO= instead).");
	run(change, "echo '%s - rtprio 20' > /etc/security/limits.d/50-rtprio.conf",
		user_name(facts));
	return true;
}

/* ---- All ---- */

typedef bool change_fn(const struct facts *facts, struct change *change);

static const struct {
	const char *id;
	change_fn *apply;
	bool is_vital; /* about userfaultfd itself */
} all[MOST_CHANGES] = {
	{ "kernel", change_kernel, true },
	{ "seccomp_filter", change_filter, true },
	{ "security_module", change_security_module, true },
	{ "device", change_device, true },
	{ "sysctl", change_sysctl, true },
	{ "io_uring", change_ring, false },
	{ "huge_pages", change_huge_pages, false },
	{ "overcommit", change_overcommit, false },
	{ "open_files", change_open_files, false },
	{ "mappings", change_mappings, false },
	{ "locked_memory", change_locked_memory, false },
	{ "realtime", change_realtime, false },
};

static unsigned add_all(const struct facts *facts, bool needed, struct change *changes)
{
	unsigned n = 0;
	for (size_t i = 0; i < MOST_CHANGES; i++) {
		struct change change = { .id = all[i].id,
			.is_needed = all[i].is_vital && !has_userfaultfd(facts) };
		if (all[i].apply(facts, &change) && change.is_needed == needed)
			changes[n++] = change;
	}
	return n;
}

unsigned changes_make(const struct facts *facts, struct change changes[MOST_CHANGES])
{
	unsigned n = add_all(facts, true, changes);
	return n + add_all(facts, false, changes + n);
}
