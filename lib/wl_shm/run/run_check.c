/* SPDX-License-Identifier: MIT */
/*
 * Checks before a compositor is started, so that it does not run unguarded by mistake: a library is
 * missing or cannot be loaded, which is only a warning for the loader; the kernel or a container
 * denies userfaultfd; the loader ignores LD_PRELOAD for the program.
 */
#include "run/run_check.h"

#include "base/make_guard.h"
#include "run/elf_file.h"
#include "run/loader_list.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- Libraries ---- */

/* AT_EACCESS: check with the rights of the loader and execve(2). access(2) ignores capabilities. */
static bool may_access(const char *path, int what)
{
	return faccessat(AT_FDCWD, path, what, AT_EACCESS) == 0;
}

static bool is_in(const char *directory, const char *file)
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	return may_access(path, R_OK);
}

static int own_directory(char directory[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
	if (length < 0) {
		fprintf(stderr, PROGRAM ": cannot find itself: %s (is /proc mounted?)\n",
			strerror(errno));
		return -ENOENT;
	}
	directory[length] = '\0';
	*strrchr(directory, '/') = '\0';
	return 0;
}

static int check_name(const char *directory)
{
	if (!strpbrk(directory, ": "))
		return 0;
	fprintf(stderr,
		PROGRAM ": the libraries must not lie in \"%s\": the loader takes no names with "
			"spaces or colons\n",
		directory);
	return -ENOENT;
}

static int find_libraries(char directory[PATH_MAX])
{
	char here[PATH_MAX], there[PATH_MAX + sizeof(FROM_BIN_TO_LIB)];
	if (own_directory(here))
		return -ENOENT;
	const bool is_absolute = *FROM_BIN_TO_LIB == '/';
	snprintf(there, sizeof(there), "%s/%s", is_absolute ? "" : here, FROM_BIN_TO_LIB);

	if (is_in(here, LIBRARY)) {
		strcpy(directory, here);
	} else if (!is_in(there, LIBRARY) || !realpath(there, directory)) {
		fprintf(stderr, PROGRAM ": %s is neither in %s nor in %s\n", LIBRARY, here, there);
		return -ENOENT;
	}
	return check_name(directory);
}

/* Load it as the loader will. Its constructor does nothing here: this program needs no libwayland.
 */
static int load_library(const char *directory, const char *file, const char *otherwise)
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr,
			PROGRAM ": cannot be put in front: %s\nInstall uffd_guard again%s.\n",
			dlerror(), otherwise);
		return -ELIBACC;
	}
	dlclose(library);
	return 0;
}

int run_check_libraries(bool with_mmap, char directory[PATH_MAX])
{
	int err = find_libraries(directory);
	if (!err)
		err = load_library(directory, LIBRARY, "");
	if (!err)
		err = load_library(directory, LIBRARY_WAYLAND, "");
	if (!err && with_mmap)
		err = load_library(directory, LIBRARY_MMAP,
			", or leave out --mmap: keymaps are not guarded then");
	return err;
}

/* ---- Machine ---- */

static void explain(int err)
{
	fprintf(stderr, PROGRAM ": memory cannot be guarded here: %s\n", strerror(-err));
	switch (err) {
	case -EPERM:
	case -EACCES:
		fputs("The system call userfaultfd is denied. In a container, allow it in the "
		      "seccomp profile\n(docker run --security-opt seccomp=...); under SELinux, "
		      "allow the class anon_inode.\n",
			stderr);
		break;
	case -ENOSYS:
		fputs("This kernel has no userfaultfd (CONFIG_USERFAULTFD), or a seccomp filter "
		      "answers so:\nuffd-guard-doctor tells which.\n",
			stderr);
		break;
	case -EINVAL:
		fputs("Without privileges, userfaultfd needs Linux 5.11.\n", stderr);
		break;
	case -EMFILE:
	case -ENFILE:
		fputs("Too many files are open: raise the limit (ulimit -n).\n", stderr);
		break;
	default:
		break;
	}
}

int run_check_machine(uint32_t *features)
{
	struct uffd_guard *guard;
	int err = make_guard(NULL, 0, &guard);
	if (err) {
		explain(err);
		return err;
	}
	*features = uffd_guard_features(guard);
	uffd_guard_destroy(guard);
	return 0;
}

/* ---- Command ---- */

static bool is_executable(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && may_access(path, X_OK);
}

/* Search like execvp(3): an empty item is the current directory. */
static bool find_in_path(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH");
	if (!list)
		list = "/bin:/usr/bin";
	for (;;) {
		const size_t length = strcspn(list, ":");
		const int n = snprintf(
			path, PATH_MAX, "%.*s%s%s", (int)length, list, length ? "/" : "./", name);
		if (n < PATH_MAX && is_executable(path))
			return true;
		if (!list[length])
			return false;
		list += length + 1;
	}
}

static const char has_capabilities[] = "has file capabilities";

/* Where a file system is mounted nosuid, none of this counts. */
static bool gives_no_rights(const char *path)
{
	struct statvfs where;
	return statvfs(path, &where) == 0 && where.f_flag & ST_NOSUID;
}

/* Answer why the loader would ignore LD_PRELOAD, or NULL. */
static const char *reason_for_secure_mode(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0 || gives_no_rights(path))
		return NULL;
	if ((st.st_mode & S_ISUID && st.st_uid != getuid()) ||
		(st.st_mode & S_ISGID && st.st_gid != getgid()))
		return "is setuid or setgid";
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return has_capabilities;
	return NULL;
}

/* A sanitizer that is a library insists on being the first one, and ends the program otherwise. */
static bool has_strict_sanitizer(const char *path)
{
	const char *options = getenv("ASAN_OPTIONS");
	return elf_needs(path, "libasan.so") &&
	       !(options && strstr(options, "verify_asan_link_order=0"));
}

bool run_find_command(const char *name, char path[PATH_MAX])
{
	if (!strchr(name, '/'))
		return find_in_path(name, path);
	snprintf(path, PATH_MAX, "%s", name);
	return may_access(name, F_OK);
}

/* ---- In secure mode ---- */

/* The directory of a file, without links. */
static bool real_directory(const char *path, char directory[PATH_MAX])
{
	if (!realpath(path, directory))
		return false;
	*strrchr(directory, '/') = '\0';
	return true;
}

/* The loader's own directories are not written down anywhere. It lies in one of them itself. */
bool run_is_let_into_all(const char *directory)
{
	char loader[PATH_MAX], theirs[PATH_MAX], ours[PATH_MAX], path[2 * PATH_MAX];
	struct stat st;
	snprintf(path, sizeof(path), "%s/" LIBRARY_WAYLAND, directory);
	return elf_loader("/proc/self/exe", loader) && real_directory(loader, theirs) &&
	       realpath(directory, ours) && strcmp(ours, theirs) == 0 && stat(path, &st) == 0 &&
	       st.st_mode & S_ISUID && st.st_uid == 0;
}

static void look_for_library(void *data, const char *path)
{
	bool *is_there = data;
	*is_there |= strcmp(strrchr(path, '/'), "/" LIBRARY_WAYLAND) == 0;
}

/* Needed by the program, or by the libwayland-server that the loader finds. */
static bool brings_library(const char *path)
{
	char loader[PATH_MAX];
	bool is_there = false;
	if (elf_loader(path, loader))
		loader_list(loader, path, look_for_library, &is_there);
	return is_there;
}

static int place_in_capable(const char *directory, struct run_command *command)
{
	command->placing = brings_library(command->path) ? PLACED_BY_ITSELF : PLACED_BY_NAME;
	if (command->placing == PLACED_BY_ITSELF || run_is_let_into_all(directory))
		return 0;
	fprintf(stderr,
		PROGRAM
		": %s has file capabilities: the loader puts no library in front of it, "
		"but one that may go into every program:\n"
		"  dpkg-statoverride --update --add root root 4644 %s/" LIBRARY_WAYLAND "\n"
		"(or chmod u+s, and it must lie beside the loader). uffd_guard_wayland(7) says "
		"what that means, and which other ways there are.\n",
		command->path, directory);
	return EXIT_NOT_RUN;
}

/* ---- Any command ---- */

static int refuse(const char *path, const char *reason)
{
	fprintf(stderr,
		PROGRAM ": %s %s: the loader puts no library in front of it. Run a copy "
			"without that, or link it with " LIBRARY " before libwayland-server.\n",
		path, reason);
	return EXIT_NOT_RUN;
}

static int refuse_sanitized(const char *path)
{
	fprintf(stderr,
		PROGRAM
		": %s is built with AddressSanitizer, which ends programs that have another "
		"library in front of it. Allow that: "
		"ASAN_OPTIONS=verify_asan_link_order=0\n",
		path);
	return EXIT_NOT_RUN;
}

static int place(const char *directory, struct run_command *command)
{
	const char *reason = reason_for_secure_mode(command->path);
	command->placing = PLACED_BY_PATH;
	if (reason == has_capabilities)
		return place_in_capable(directory, command);
	if (reason || elf_is_static(command->path))
		return refuse(command->path, reason ? reason : "is linked statically");
	return has_strict_sanitizer(command->path) ? refuse_sanitized(command->path) : 0;
}

int run_check_command(const char *name, const char *directory, struct run_command *command)
{
	if (!run_find_command(name, command->path)) {
		fprintf(stderr, PROGRAM ": %s: not found\n", name);
		return EXIT_NOT_FOUND;
	}
	if (!is_executable(command->path)) {
		fprintf(stderr, PROGRAM ": %s: not a program that you may run\n", command->path);
		return EXIT_NOT_RUN;
	}
	return place(directory, command);
}
