/* SPDX-License-Identifier: MIT */
/*
 * Each compositor gets a fresh XDG_RUNTIME_DIR of mode 0700, a process group, and a log. It is up
 * when a connection to the socket in that directory is accepted; whose process that is, the kernel
 * says (SO_PEERCRED): a prefix may have forked.
 *
 * Weston runs as root, sway as an unprivileged user, cage as root without privileges: the three
 * ways in which userfaultfd(2) is allowed or denied. Where no user namespace can be made, as in
 * many containers, cage is the unprivileged user's too: neither of these two runs as root.
 */
#include "compositor.h"

#include "picture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY	       65534
#define PATIENCE_MS    30000
#define MOST_ARGUMENTS 64
#define BACKGROUND     0xff203040 /* here and in docs/examples/compositor/surface.c */

static const char *const weston_pixman[] = { "weston", "--backend=headless-backend.so",
	"--%rpixman", "--debug", "--idle-time=0", "--socket=wayland-1", "--config=%d/weston.ini",
	"--width=%w", "--height=%h", NULL };
static const char *const weston_gl[] = { "weston", "--backend=headless-backend.so", "--%rgl",
	"--debug", "--idle-time=0", "--socket=wayland-1", "--config=%d/weston.ini", "--width=%w",
	"--height=%h", NULL };
static const char *const sway[] = { "sway", "-c", "%d/sway.config", NULL };
static const char *const cage[] = { "cage", "--", "sleep", "3600", NULL };
static const char *const example[] = { "%e", "%wx%h", NULL };

/* The size of these four is what they like. */
static const char *const labwc[] = { "labwc", "-C", "%d", NULL };
static const char *const wayfire[] = { "wayfire", "-c", "%d/wayfire.ini", NULL };
static const char *const phoc[] = { "phoc", "-C", "%d/phoc.ini", NULL };

/* KWin's own headless backend has no way to take pictures without a GPU (its screenshots need EGL,
 * which --virtual has not without a DRM device), so it is a window of a headless sway, drawn by
 * QPainter (KWIN_COMPOSE=Q), and sway takes the pictures. */
static const char *const kwin[] = { "kwin_wayland", "--wayland-display=%H", "--socket=wayland-1",
	"--no-lockscreen", "--no-global-shortcuts", "--width", "%w", "--height", "%h", NULL };

/* Mir's virtual platform has outputs without a screen; its renderer needs EGL, which Mesa's
 * llvmpipe has without a GPU. Captures and virtual keyboards are off unless they are asked for. */
static const char *const mir[] = { "miral-kiosk", "--platform-display-libs=mir:virtual",
	"--platform-rendering-libs=mir:egl-generic", "--virtual-output=%wx%h",
	"--add-wayland-extensions=zwlr_screencopy_manager_v1:zwp_virtual_keyboard_manager_v1",
	"--idle-timeout=0", "--cursor=null", NULL };

/* Mutter looks for its session's bus, and ends without one. Nobody can take its pictures without
 * pipewire: what is judged there is that it lives, and goes on with others' frames. */
static const char *const mutter[] = { "mutter", "--headless", "--wayland", "--no-x11",
	"--wayland-display=wayland-1", "--virtual-monitor", "%wx%h", NULL };
static const char *const session_bus[] = { "dbus-run-session", "--", NULL };

const struct compositor_kind compositor_kinds[N_COMPOSITORS] = {
	{ .name = "weston-pixman",
		.program = "weston",
		.background = BACKGROUND,
		.arguments = weston_pixman },
	{ .name = "weston-gl",
		.program = "weston",
		.background = BACKGROUND,
		.arguments = weston_gl },
	{ .name = "sway", .program = "sway", .is_unprivileged = true, .arguments = sway },
	{ .name = "cage",
		.program = "cage",
		.has_fixed_size = true,
		.needs_wiping = true,
		.has_no_privileges = true,
		.arguments = cage },
	{ .name = "labwc",
		.program = "labwc",
		.has_fixed_size = true,
		.is_unprivileged = true,
		.maps_itself = true,
		.arguments = labwc },
	{ .name = "wayfire",
		.program = "wayfire",
		.is_unprivileged = true,
		.maps_itself = true,
		.arguments = wayfire },
	{ .name = "phoc",
		.program = "phoc",
		.is_unprivileged = true,
		.maps_itself = true,
		.arguments = phoc },
	{ .name = "kwin",
		.program = "kwin_wayland",
		.is_unprivileged = true,
		.maps_itself = true,
		.allows_overlap = true,
		.learns_from_unsealed = true,
		.host = "sway",
		.before = session_bus,
		.arguments = kwin },
	{ .name = "mir",
		.program = "miral-kiosk",
		.is_unprivileged = true,
		.maps_itself = true,
		.needs_onlooker = true,
		.has_splash = true,
		.arguments = mir },
	{ .name = "mutter",
		.program = "mutter",
		.is_unprivileged = true,
		.before = session_bus,
		.arguments = mutter },
	{ .name = "example",
		.program = "",
		.never_guarded = true,
		.refuses_disks = true,
		.background = BACKGROUND,
		.is_unprivileged = true,
		.arguments = example },
};

const struct compositor_kind *compositor_find(const char *name)
{
	for (unsigned i = 0; i < N_COMPOSITORS; i++)
		if (strcmp(compositor_kinds[i].name, name) == 0)
			return &compositor_kinds[i];
	return NULL;
}

static bool is_installed(const char *program)
{
	char path[4096];
	const char *rest = getenv("PATH");
	while (rest && *rest) {
		const size_t length = strcspn(rest, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)length, rest, program);
		if (access(path, X_OK) == 0)
			return true;
		rest += length + (rest[length] == ':');
	}
	return false;
}

const char *compositor_why_not(const struct compositor_kind *kind)
{
	static char reason[64];
	if (kind->program[0] && !is_installed(kind->program)) {
		snprintf(reason, sizeof(reason), "no %s", kind->program);
		return reason;
	}
	if (kind->before && !is_installed(kind->before[0])) {
		snprintf(reason, sizeof(reason), "no %s", kind->before[0]);
		return reason;
	}
	return kind->host ? compositor_why_not(compositor_find(kind->host)) : NULL;
}

/* ---- The child ---- */

static void set_environment(const struct compositor *compositor)
{
	setenv("XDG_RUNTIME_DIR", compositor->runtime, 1);
	setenv("HOME", compositor->runtime, 1);
	setenv("XDG_CONFIG_HOME", compositor->runtime, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
	setenv("WLR_BACKENDS", "headless", 1);
	setenv("WLR_RENDERER", "pixman", 1);
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", 1);
	setenv("KWIN_COMPOSE", "Q", 1);
	setenv("GSETTINGS_BACKEND", "memory", 1);
	setenv("WLR_XWAYLAND", "/bin/true",
		1); /* cage wants one, and starts it when it is needed */
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("WAYLAND_SOCKET");
	unsetenv("DISPLAY");
}

/* Of all rights only that to search directories, for what is run may lie in root's own; also in
 * programs that are started. It has no part in what these tests are about. */
static bool keep_right_to_search(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const unsigned rights[] = { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE };
	for (unsigned i = 0; i < 2; i++) { /* containers may have the second only */
		const uint32_t bit = 1u << rights[i];
		struct __user_cap_data_struct data[2] = { { bit, bit, bit } };
		if (syscall(SYS_capset, &header, data) == 0)
			return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, rights[i], 0, 0) == 0;
	}
	return false;
}

static void become(uid_t uid, bool may_search)
{
	if (geteuid() != 0 || uid == 0)
		return;
	prctl(PR_SET_KEEPCAPS, may_search);
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(126);
	if (may_search && !keep_right_to_search())
		perror("cannot keep the right to search directories");
	prctl(PR_SET_DUMPABLE, 1);
}

/* Since release 12. */
static bool weston_names_renderers(void)
{
	int major = 0;
	FILE *output = popen("weston --version", "r");
	if (output && fscanf(output, "weston %d", &major) != 1)
		major = 0;
	if (output)
		pclose(output);
	return major >= 12;
}

/* What a letter behind a percent sign stands for: it differs from run to run, or from release to
 * release. */
static void append(char letter, const struct compositor *compositor, const struct launch *launch,
	char *text, size_t size)
{
	switch (letter) {
	case 'w':
		snprintf(text, size, "%d", launch->width);
		break;
	case 'h':
		snprintf(text, size, "%d", launch->height);
		break;
	case 'd':
		snprintf(text, size, "%s", compositor->runtime);
		break;
	case 'H':
		snprintf(text, size, "%s", compositor->host->socket);
		break;
	case 'e':
		snprintf(text, size, "%s", launch->example);
		break;
	case 'r':
		snprintf(text, size, "%s", weston_names_renderers() ? "renderer=" : "use-");
		break;
	}
}

static const char *fill_in(
	const char *word, const struct compositor *compositor, const struct launch *launch)
{
	static char texts[MOST_ARGUMENTS][600];
	static unsigned next;
	char *text = texts[next++ % MOST_ARGUMENTS];
	size_t length = 0;
	for (; *word && length < sizeof(texts[0]) - 1; word++) {
		if (*word != '%') {
			text[length++] = *word;
			continue;
		}
		append(*++word, compositor, launch, text + length, sizeof(texts[0]) - length);
		length += strlen(text + length);
	}
	return text;
}

static void execute(const struct compositor *compositor, const struct launch *launch)
{
	const char *arguments[MOST_ARGUMENTS + 1];
	unsigned n = 0;
	for (const char *const *word = compositor->kind->before; word && *word; word++)
		arguments[n++] = *word;
	if (!compositor->kind->never_guarded)
		for (char *const *word = launch->prefix; word && *word && n < MOST_ARGUMENTS;
			word++)
			arguments[n++] = *word;
	for (const char *const *word = compositor->kind->arguments; *word && n < MOST_ARGUMENTS;
		word++)
		arguments[n++] = fill_in(*word, compositor, launch);
	arguments[n] = NULL;
	execvp(arguments[0], (char *const *)arguments);
	perror(arguments[0]);
	_exit(127);
}

static void run_child(const struct compositor *compositor, const struct launch *launch)
{
	int log = open(compositor->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	setsid();
	set_environment(compositor);
	if (launch->preload)
		setenv("LD_PRELOAD", launch->preload, 1);
	/* Hostile clients cut files that they have left open to sealing. */
	setenv("UFFD_GUARD_WL_SHM_MODE", launch->mode ? launch->mode : "sealed", 1);
	become(compositor->uid, compositor->may_search);
	if (compositor->kind->has_no_privileges && geteuid() == 0 && unshare(CLONE_NEWUSER) < 0)
		perror("unshare");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execute(compositor, launch);
}

void compositor_become_client(const struct compositor *compositor)
{
	set_environment(compositor);
	setenv("WAYLAND_DISPLAY", compositor->socket, 1);
	become(compositor->uid, compositor->may_search);
}

/* ---- The runtime directory ---- */

static int write_file(const char *directory, const char *name, const char *text, uid_t uid)
{
	char path[600];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	if (!file)
		return -errno;
	fputs(text, file);
	int err = fclose(file) ? -errno : 0;
	if (geteuid() == 0 && chown(path, uid, (gid_t)-1) < 0)
		err = -errno;
	return err;
}

/* Nothing that moves by itself: no animation, no clock. */
static const char weston_ini[] = "[shell]\n"
				 "panel-position=none\n"
				 "background-color=0xff203040\n" /* BACKGROUND */
				 "startup-animation=none\n"
				 "close-animation=none\n"
				 "animation=none\n";

/* No title bars of its own, and all windows where they can be seen. */
static const char labwc_xml[] = "<labwc_config>\n"
				"<core><decoration>client</decoration></core>\n"
				"<placement><policy>cascade</policy></placement>\n"
				"</labwc_config>\n";

/* Windows that fade away would be seen through. */
static const char kwinrc[] = "[Plugins]\n"
			     "fadeEnabled=false\n"
			     "kwin4_effect_fadeEnabled=false\n"
			     "scaleEnabled=false\n"
			     "kwin4_effect_scaleEnabled=false\n"
			     "blurEnabled=false\n";
static const char kdeglobals[] = "[KDE]\nAnimationDurationFactor=0\n";

static int write_configuration(const struct compositor *compositor, const struct launch *launch)
{
	char sway_config[512], wayfire_ini[512], phoc_ini[512];
	snprintf(sway_config, sizeof(sway_config),
		"output * resolution %dx%d\n"
		"xwayland disable\n"
		"default_border none\n"
		"default_floating_border none\n"
		"for_window [app_id=\"hostile\"] floating enable\n"
		/* A window that is covered gets no frames in wlroots 0.17 and later. */
		"for_window [app_id=\"aside\"] floating enable, move absolute position %d %d\n",
		launch->width, launch->height, launch->width / 2, launch->height / 2);
	snprintf(wayfire_ini, sizeof(wayfire_ini),
		"[core]\nplugins = place\nxwayland = false\n"
		"[output:HEADLESS-1]\nmode = %dx%d\n"
		"[place]\nmode = cascade\n",
		launch->width, launch->height);
	snprintf(phoc_ini, sizeof(phoc_ini),
		"[core]\nxwayland=false\n[output:HEADLESS-1]\nmode = %dx%d\nscale = 1\n",
		launch->width, launch->height);
	const char *const files[][2] = { { "weston.ini", weston_ini },
		{ "sway.config", sway_config }, { "wayfire.ini", wayfire_ini },
		{ "phoc.ini", phoc_ini }, { "rc.xml", labwc_xml }, { "kwinrc", kwinrc },
		{ "kdeglobals", kdeglobals } };
	int err = 0;
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++)
		err = write_file(compositor->runtime, files[i][0], files[i][1], compositor->uid);
	return err;
}

static void empty_directory(const char *path)
{
	char name[1024];
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		struct stat status;
		if (lstat(name, &status) == 0 && S_ISDIR(status.st_mode)) {
			empty_directory(name);
			rmdir(name);
		} else {
			unlink(name);
		}
	}
	if (directory)
		closedir(directory);
}

/* Not below the directory of the logs: the path of a socket is 107 bytes at most. */
static int make_runtime(struct compositor *compositor, const struct launch *launch)
{
	snprintf(compositor->runtime, sizeof(compositor->runtime), "/tmp/uffd-guard-XXXXXX");
	snprintf(compositor->log, sizeof(compositor->log), "%s/%s.log", launch->directory,
		compositor->kind->name);
	if (!mkdtemp(compositor->runtime))
		return -errno;
	if (geteuid() == 0 && chown(compositor->runtime, compositor->uid, (gid_t)-1) < 0)
		return -errno;
	return write_configuration(compositor, launch);
}

/* For cage, whose Xwayland has a socket there. The first user to come may not own it. */
static void make_directory_for_x(void)
{
	if (geteuid() == 0 && mkdir("/tmp/.X11-unix", 01777) == 0)
		chmod("/tmp/.X11-unix", 01777);
}

/* ---- Start ---- */

static bool find_socket(struct compositor *compositor)
{
	DIR *directory = opendir(compositor->runtime);
	bool is_found = false;
	for (struct dirent *entry; directory && !is_found && (entry = readdir(directory));) {
		const char *name = entry->d_name;
		is_found = strncmp(name, "wayland-", 8) == 0 && !strchr(name, '.');
		if (is_found)
			snprintf(compositor->socket, sizeof(compositor->socket), "%s/%.40s",
				compositor->runtime, name);
	}
	if (directory)
		closedir(directory);
	return is_found;
}

static bool is_accepting(struct compositor *compositor)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", compositor->socket);
	bool is_connected = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	if (is_connected &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &(socklen_t){ sizeof(peer) }) == 0)
		compositor->server = peer.pid;
	close(fd);
	return is_connected;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int wait_until_up(struct compositor *compositor)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += 20) {
		if (!compositor_is_alive(compositor))
			return -ECHILD;
		if (find_socket(compositor) && is_accepting(compositor))
			return 0;
		pause_ms(20);
	}
	return -ETIMEDOUT;
}

/* Whether a child comes to its end without an error. */
static bool can(bool (*do_it)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(do_it(path) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool reach_as_nobody(const char *path)
{
	become(NOBODY, false);
	return access(path, R_OK | X_OK) == 0;
}

static bool leave_users_behind(const char *path)
{
	(void)path;
	return unshare(CLONE_NEWUSER) == 0;
}

static void choose_user(struct compositor *compositor, const struct launch *launch)
{
	const struct compositor_kind *kind = compositor->kind;
	compositor->uid = geteuid();
	if (geteuid() != 0)
		return;
	if (kind->is_unprivileged || (kind->has_no_privileges && !can(leave_users_behind, NULL)))
		compositor->uid = NOBODY;
	compositor->may_search = compositor->uid != 0 && !can(reach_as_nobody, launch->directory);
}

/* The host runs as it is. Whose socket takes the pictures is said in the environment, for
 * client_connect() here and in programs that are started. */
static int start_host(struct compositor *compositor, const struct launch *launch)
{
	struct launch as_it_is = *launch;
	as_it_is.prefix = NULL;
	as_it_is.preload = as_it_is.mode = NULL;
	compositor->host = calloc(1, sizeof(*compositor->host));
	if (!compositor->host)
		return -ENOMEM;
	int err = compositor_start(
		compositor->host, compositor_find(compositor->kind->host), &as_it_is);
	if (!err)
		setenv(CLIENT_CAMERA, compositor->host->socket, 1);
	return err;
}

static void stop_host(struct compositor *compositor)
{
	if (!compositor->host)
		return;
	compositor_stop(compositor->host);
	free(compositor->host);
	compositor->host = NULL;
	unsetenv(CLIENT_CAMERA);
}

/* Takes pictures until the compositor is gone. */
static void look_on(const struct compositor *compositor)
{
	struct client client;
	struct picture picture;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	compositor_become_client(compositor);
	if (client_connect(&client, NULL) < 0)
		_exit(EXIT_FAILURE);
	for (int err = 0; err == 0 || err == -EIO || err == -ENODATA;) {
		err = picture_take(&picture, &client, FILE_MEMFD);
		picture_finish(&picture);
		pause_ms(10);
	}
	_exit(EXIT_SUCCESS);
}

int compositor_start(struct compositor *compositor, const struct compositor_kind *kind,
	const struct launch *launch)
{
	*compositor = (struct compositor){ .kind = kind };
	if (kind->host) {
		int failed = start_host(compositor, launch);
		if (failed) {
			stop_host(compositor);
			return failed;
		}
	}
	choose_user(compositor, launch);
	make_directory_for_x();
	int err = make_runtime(compositor, launch);
	if (err)
		return err;
	compositor->pid = fork();
	if (compositor->pid < 0)
		return -errno;
	if (compositor->pid == 0)
		run_child(compositor, launch);
	err = wait_until_up(compositor);
	if (err)
		compositor_stop(compositor);
	else if (kind->needs_onlooker)
		compositor->onlooker = fork();
	if (!err && kind->needs_onlooker && compositor->onlooker == 0)
		look_on(compositor);
	return err;
}

/* ---- Watching, and the end ---- */

bool compositor_is_alive(struct compositor *compositor)
{
	if (!compositor->is_over && compositor->pid > 0 &&
		waitpid(compositor->pid, &compositor->status, WNOHANG) == compositor->pid)
		compositor->is_over = true;
	return !compositor->is_over;
}

const char *compositor_end(const struct compositor *compositor)
{
	static char text[32];
	const int status = compositor->status;
	const int signal = WIFSIGNALED(status)	       ? WTERMSIG(status)
			   : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128
						       : 0;
	if (signal > 0 && signal < NSIG)
		snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(signal));
	else
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	return text;
}

bool compositor_wait_for_end(struct compositor *compositor, int ms)
{
	for (; ms > 0 && compositor_is_alive(compositor); ms -= 20)
		pause_ms(20);
	return compositor->is_over;
}

void compositor_stop(struct compositor *compositor)
{
	if (compositor->pid <= 0)
		return;
	if (compositor->onlooker > 0) {
		kill(compositor->onlooker, SIGKILL);
		waitpid(compositor->onlooker, NULL, 0);
	}
	if (compositor_is_alive(compositor)) {
		kill(compositor->pid, SIGTERM);
		compositor_wait_for_end(compositor, 5000);
	}
	kill(-compositor->pid, SIGKILL); /* the group: its own, since setsid() */
	if (!compositor->is_over)
		waitpid(compositor->pid, &compositor->status, 0);
	compositor->is_over = true;
	compositor->pid = 0;
	empty_directory(compositor->runtime);
	rmdir(compositor->runtime);
	stop_host(compositor);
}

void compositor_print_log(const struct compositor *compositor)
{
	char line[1024];
	FILE *log = fopen(compositor->log, "r");
	if (!log)
		return;
	printf("---- %s ----\n", compositor->log);
	while (fgets(line, sizeof(line), log))
		fputs(line, stdout);
	printf("----\n");
	fclose(log);
}

const char *compositor_status_line(const struct compositor *compositor, const char *key)
{
	static char line[256];
	char path[64];
	const size_t length = strlen(key);
	snprintf(path, sizeof(path), "/proc/%d/status", compositor->server);
	FILE *status = fopen(path, "r");
	bool is_found = false;
	while (status && !is_found && fgets(line, sizeof(line), status))
		is_found = strncmp(line, key, length) == 0 && line[length] == ':';
	if (status)
		fclose(status);
	return is_found ? line + length + 1 : NULL;
}
