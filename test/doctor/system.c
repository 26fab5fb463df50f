/* SPDX-License-Identifier: MIT */
/*
 * Read /proc, /sys, limits and the user. Any of it may be missing in a container or under a filter.
 * That is no error.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FIRST_PID_NAMESPACE 0xeffffffc /* the kernel's PROC_PID_INIT_INO */

/* ---- Files ---- */

/* Read the first line of the file, without its end; "" if there is none. */
static void read_line(const char *path, char *line, size_t size)
{
	line[0] = '\0';
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(line, (int)size, file))
		line[0] = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
}

static int64_t read_number(const char *path)
{
	char line[64], *end;
	read_line(path, line, sizeof(line));
	long long number = strtoll(line, &end, 10);
	return end == line ? UNKNOWN : number;
}

static void read_lines(
	const char *path, struct facts *facts, void (*read)(struct facts *facts, const char *line))
{
	char line[256];
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		read(facts, line);
	if (file)
		fclose(file);
}

/* ---- Who we are ---- */

static void copy_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", (int)size - 1, from ? from : "");
}

static void read_user(struct facts *facts)
{
	const struct passwd *entry = getpwuid(facts->user);
	copy_name(facts->user_name, sizeof(facts->user_name), entry ? entry->pw_name : NULL);
}

static bool is_in_group(int64_t group)
{
	gid_t groups[256];
	int n = getgroups(256, groups);
	bool is_in = group >= 0 && getegid() == (gid_t)group;
	for (int i = 0; i < n && group >= 0; i++)
		is_in |= groups[i] == (gid_t)group;
	return is_in;
}

/* Keep letters only, since the name comes from the environment and is printed. */
static void set_container(struct facts *facts, const char *name)
{
	size_t n = 0;
	for (; *name && n < sizeof(facts->container) - 1; name++) {
		if ((*name >= 'a' && *name <= 'z') || *name == '-')
			facts->container[n++] = *name;
	}
	facts->container[n] = '\0';
}

/* A machine whose disk was made from a container image has these marks too. */
static bool is_in_first_pid_namespace(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == FIRST_PID_NAMESPACE;
}

static void read_container(struct facts *facts)
{
	const char *name = getenv("container");
	if (is_in_first_pid_namespace())
		return;
	if (access("/.flatpak-info", F_OK) == 0)
		name = "flatpak";
	else if (getenv("KUBERNETES_SERVICE_HOST"))
		name = "kubernetes";
	else if (access("/run/.containerenv", F_OK) == 0)
		name = "podman";
	else if (access("/.dockerenv", F_OK) == 0)
		name = "docker";
	set_container(facts, name ? name : "");
}

static void read_status(struct facts *facts, const char *line)
{
	sscanf(line, "CapEff: %" SCNx64, &facts->capabilities);
	sscanf(line, "Seccomp: %" SCNd64, &facts->seccomp);
	sscanf(line, "NoNewPrivs: %" SCNd64, &facts->no_new_privs);
}

/* ---- The kernel and its settings ---- */

static void read_kernel(struct facts *facts)
{
	struct utsname system;
	unsigned major = 0, minor = 0;
	if (uname(&system) < 0)
		return;
	copy_name(facts->release, sizeof(facts->release), system.release);
	if (sscanf(system.release, "%u.%u", &major, &minor) == 2 && minor < 1000)
		facts->kernel = major * 1000 + minor;
}

/* Read the word in brackets of "always [madvise] never". */
static void read_thp(struct facts *facts)
{
	char line[64];
	facts->is_thp_disabled = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) > 0;
	read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line));
	const char *open = strchr(line, '[');
	size_t length = open ? strcspn(open + 1, "]") : 0;
	if (length > 0 && length < sizeof(facts->thp))
		snprintf(facts->thp, sizeof(facts->thp), "%.*s", (int)length, open + 1);
}

static void read_sysctls(struct facts *facts)
{
	facts->unprivileged_userfaultfd = read_number("/proc/sys/vm/unprivileged_userfaultfd");
	facts->io_uring_disabled = read_number("/proc/sys/kernel/io_uring_disabled");
	facts->io_uring_group = read_number("/proc/sys/kernel/io_uring_group");
	facts->is_in_uring_group = is_in_group(facts->io_uring_group);
	facts->max_map_count = read_number("/proc/sys/vm/max_map_count");
	facts->overcommit_memory = read_number("/proc/sys/vm/overcommit_memory");
}

static void read_huge_pages(struct facts *facts, const char *line)
{
	sscanf(line, "HugePages_Total: %" SCNd64, &facts->huge_pages);
	sscanf(line, "HugePages_Free: %" SCNd64, &facts->huge_pages_free);
}

/* /proc/misc has lines of "number name", even where there is no /sys. */
static bool find_misc_device(const char *name, unsigned *minor)
{
	char found[64];
	bool is_found = false;
	FILE *file = fopen("/proc/misc", "re");
	while (file && !is_found && fscanf(file, "%u %63s", minor, found) == 2)
		is_found = strcmp(found, name) == 0;
	if (file)
		fclose(file);
	return is_found;
}

static void read_device(struct facts *facts)
{
	struct stat st;
	facts->has_device_driver = find_misc_device("userfaultfd", &facts->device_minor);
	facts->has_device_node = stat("/dev/userfaultfd", &st) == 0 && S_ISCHR(st.st_mode);
	if (!facts->has_device_node)
		return;

	const struct passwd *owner = getpwuid(st.st_uid);
	const struct group *group = getgrgid(st.st_gid);
	facts->device_mode = st.st_mode & 0777;
	copy_name(facts->device_owner, sizeof(facts->device_owner), owner ? owner->pw_name : "?");
	copy_name(facts->device_group, sizeof(facts->device_group), group ? group->gr_name : "?");
}

/* ---- Limits ---- */

static uint64_t bound(rlim_t limit)
{
	return limit == RLIM_INFINITY ? UINT64_MAX : limit;
}

static struct limit read_limit(int resource)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) < 0)
		return (struct limit){ .soft = UINT64_MAX, .hard = UINT64_MAX };
	return (struct limit){ .soft = bound(limit.rlim_cur), .hard = bound(limit.rlim_max) };
}

static void read_limits(struct facts *facts)
{
	facts->open_files = read_limit(RLIMIT_NOFILE);
	facts->locked_memory = read_limit(RLIMIT_MEMLOCK);
	facts->realtime_priority = read_limit(RLIMIT_RTPRIO);
}

void system_read(struct facts *facts)
{
	facts->user = geteuid();
	facts->seccomp = facts->no_new_privs = UNKNOWN;
	facts->huge_pages = facts->huge_pages_free = UNKNOWN;
	read_kernel(facts);
	read_user(facts);
	read_container(facts);
	read_lines("/proc/self/status", facts, read_status);
	read_thp(facts);
	read_sysctls(facts);
	read_lines("/proc/meminfo", facts, read_huge_pages);
	read_device(facts);
	read_limits(facts);
}
