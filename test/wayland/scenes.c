/* SPDX-License-Identifier: MIT */
/*
 * wayland-scenes: the same scenes on a compositor as it is and started with a prefix; not one pixel
 * of their pictures may differ.
 *
 * Scenes are the steps of wayland-variations, and real programs that stand still: weston-image,
 * weston-terminal, foot. Those are also photographed by the tools that people use,
 * weston-screenshooter and grim. weston-simple-shm and weston-flower move, and are only to be seen.
 */
#include "compositor.h"
#include "picture.h"
#include "window.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_USAGE	 2
#define EXIT_SKIP	 77
#define PATIENCE_MS	 30000
#define STILL_MS	 400 /* that long, and nothing has moved */
#define MOST_CLIENTS	 3
#define DIRECTORY_LENGTH 600

struct run {
	const struct compositor_kind *kind;
	struct launch launch;
	char directory[DIRECTORY_LENGTH]; /* of this run's pictures */
	const char *programs;		  /* where ours are */
	struct compositor compositor;
	pid_t clients[MOST_CLIENTS];
	unsigned n_clients;
	unsigned n_failures;
};

static void fail(struct run *run, const char *what, const char *why)
{
	printf("%s: %s: %s\n", run->kind->name, what, why);
	run->n_failures++;
}

/* ---- Directories that clients may write to ---- */

static void make_directory(const char *path, uid_t uid)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		perror(path);
	if (geteuid() == 0 && chown(path, uid, (gid_t)-1) < 0)
		perror(path);
}

/* Of a run and one of its scenes, empty of pictures. */
static void make_scene_directory(struct run *run, const char *scene, char *path)
{
	snprintf(path, DIRECTORY_LENGTH, "%.500s/%s", run->directory, scene);
	make_directory(run->directory, run->compositor.uid);
	make_directory(path, run->compositor.uid);
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (strstr(entry->d_name, ".png"))
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
}

/* ---- Clients ---- */

static pid_t start_program(struct run *run, const char *directory, const char *const *arguments)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int log = open(run->compositor.log, O_WRONLY | O_APPEND);
	if (log >= 0) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
	}
	compositor_become_client(&run->compositor);
	if (chdir(directory) < 0)
		_exit(126);
	execvp(arguments[0], (char *const *)arguments);
	_exit(127);
}

/* The exit code; 128 and more for what did not end by itself. */
static int run_program(struct run *run, const char *directory, const char *const *arguments)
{
	int status;
	pid_t pid = start_program(run, directory, arguments);
	for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms += 10) {
		if (ms > 4 * PATIENCE_MS)
			kill(pid, SIGKILL);
		usleep(10000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stop_clients(struct run *run)
{
	for (unsigned i = 0; i < run->n_clients; i++) {
		kill(run->clients[i], SIGTERM);
		waitpid(run->clients[i], NULL, 0);
	}
	run->n_clients = 0;
}

/* ---- The screen ---- */

/* Until it differs from @before and then stands still for @still_ms; that is kept in @now. */
static int wait_for_stillness(
	struct client *client, const struct picture *before, struct picture *now, uint64_t still_ms)
{
	const uint64_t end = client_clock_ms() + PATIENCE_MS;
	uint64_t since = client_clock_ms();
	bool has_changed = false;
	*now = (struct picture){ 0 };
	while (client_clock_ms() < end) {
		struct picture next;
		int err = picture_take(&next, client, FILE_MEMFD);
		if (err)
			return err;
		has_changed |= !before->pixels || picture_count_differences(before, &next) > 0;
		if (picture_count_differences(now, &next) > 0)
			since = client_clock_ms();
		picture_finish(now);
		*now = next;
		if (has_changed && client_clock_ms() > since + still_ms)
			return 0;
		client_doze(client, 20);
	}
	return -ETIMEDOUT;
}

static int wait_until_still(
	struct client *client, const struct picture *before, struct picture *now)
{
	return wait_for_stillness(client, before, now, STILL_MS);
}

/* Mir's kiosk covers the screen with a greeting, which fades in the first seconds. */
static int wait_for_splash(struct run *run, struct client *client)
{
	const struct picture none = { 0 };
	struct picture now;
	if (!run->kind->has_splash)
		return 0;
	int err = wait_for_stillness(client, &none, &now, COMPOSITOR_SPLASH_MS);
	picture_finish(&now);
	return err;
}

/* Weston's background is drawn by a client of its own, when that is ready. */
static int wait_for_background(struct run *run, struct client *client)
{
	const uint64_t end = client_clock_ms() + PATIENCE_MS;
	while (client_clock_ms() < end) {
		struct picture picture;
		int err = picture_take(&picture, client, FILE_MEMFD);
		if (err)
			return err;
		const bool is_there =
			!run->kind->background || picture.pixels[0] == run->kind->background;
		picture_finish(&picture);
		if (is_there)
			return 0;
	}
	return -ETIMEDOUT;
}

/* ---- Scenes ---- */

/* With an empty screen, and a connection to look at it. */
static bool start_compositor(struct run *run, struct client *client)
{
	int err = compositor_start(&run->compositor, run->kind, &run->launch);
	if (!err)
		err = client_connect(client, run->compositor.socket);
	if (!err)
		err = wait_for_background(run, client);
	if (!err)
		err = wait_for_splash(run, client);
	if (!err)
		return true;
	fail(run, "does not start", strerror(-err));
	compositor_print_log(&run->compositor);
	compositor_stop(&run->compositor);
	return false;
}

static void stop_compositor(struct run *run, const char *scene, struct client *client)
{
	client_disconnect(client);
	if (!compositor_is_alive(&run->compositor)) {
		fail(run, scene, compositor_end(&run->compositor));
		compositor_print_log(&run->compositor);
	}
	compositor_stop(&run->compositor);
}

static void show_variations(struct run *run, const char *kind)
{
	char directory[DIRECTORY_LENGTH], program[4096];
	struct client client;
	if (!start_compositor(run, &client))
		return;
	snprintf(program, sizeof(program), "%s/wayland-variations", run->programs);
	make_scene_directory(run, kind, directory);
	const char *const arguments[] = { program, kind, directory, NULL };
	if (run_program(run, directory, arguments) != EXIT_SUCCESS)
		fail(run, kind, "wayland-variations did not come to its end");
	stop_compositor(run, kind, &client);
}

static const char *const image[] = { "weston-image", "../image.png", NULL };
static const char *const terminal[] = { "weston-terminal", "--shell=../still.sh", NULL };
static const char *const foot[] = { "foot", "--config=/dev/null", "--override=cursor.blink=no",
	"../still.sh", NULL };
static const char *const simple_shm[] = { "weston-simple-shm", NULL };
static const char *const presentation_shm[] = { "weston-presentation-shm", "-f", NULL };
static const char *const flower[] = { "weston-flower", NULL };
/* What they show: a picture, and a script that writes some lines and stays. */
static void make_props(struct run *run)
{
	char path[DIRECTORY_LENGTH + 32];
	uint32_t pixels[48 * 64];
	for (uint32_t i = 0; i < 48 * 64; i++)
		pixels[i] = 0xff000000 | i * 2654435761U >> 8;
	const struct picture picture = { 64, 48, pixels };
	make_directory(run->directory, run->compositor.uid);
	snprintf(path, sizeof(path), "%s/image.png", run->directory);
	picture_write(&picture, path);
	snprintf(path, sizeof(path), "%s/still.sh", run->directory);
	FILE *script = fopen(path, "w");
	if (!script)
		return;
	fputs("#!/bin/sh\nseq 1000 1030\nprintf 'a line of text without an end'\n"
	      "exec sleep 3600\n",
		script);
	fclose(script);
	chmod(path, 0755);
}

/* A window of the whole screen comes and goes, so that all is painted again: cage 0.1.4 shows a
 * client's buffer itself where it can, and then forgets what is damaged when somebody takes
 * pictures. */
static void wipe_screen(struct run *run, struct client *client)
{
	struct window window;
	struct sheet sheet;
	const int32_t width = client->output_width, height = client->output_height;
	int fd = file_make_sized(FILE_MEMFD, (off_t)width * height * 4);
	int err = window_open(&window, client, "wiper");
	if (fd < 0 || err) {
		fail(run, "wiper", strerror(fd < 0 ? -fd : -err));
		return;
	}
	sheet_init(&sheet, client, fd, width, height);
	for (int i = 0; i < 3 && !err; i++)
		err = window_show(&window, &sheet);
	window_close(&window);
	sheet_finish(&sheet);
	struct picture none = { 0 }, now;
	if (err || wait_until_still(client, &none, &now) < 0)
		fail(run, "wiper", "the screen does not stand still");
	picture_finish(&now);
}

/* Each is on the screen before the next is started: windows are laid out in the order they come. */
static void start_client(
	struct run *run, const char *directory, struct client *client, const char *const *arguments)
{
	struct picture before, now = { 0 };
	int err = wait_until_still(client, &now, &before);
	if (!err) {
		run->clients[run->n_clients++] = start_program(run, directory, arguments);
		err = wait_until_still(client, &before, &now);
	}
	if (err)
		fail(run, arguments[0], "is not seen, or does not stand still");
	picture_finish(&before);
	picture_finish(&now);
}

static void start_still_clients(struct run *run, const char *directory, struct client *client)
{
	if (client->seat) /* foot needs one */
		start_client(run, directory, client, foot);
	start_client(run, directory, client, terminal);
	start_client(run, directory, client, image);
}

static void take_picture(
	struct run *run, const char *directory, const char *name, struct client *client)
{
	char path[DIRECTORY_LENGTH + 32];
	struct picture picture;
	int err = picture_take(&picture, client, FILE_MEMFD_SEALED);
	snprintf(path, sizeof(path), "%.590s/%s.png", directory, name);
	if (!err)
		err = picture_write(&picture, path);
	if (err)
		fail(run, name, strerror(-err));
	picture_finish(&picture);
}

/* weston-screenshooter names its file after the time. */
static void rename_picture(const char *path, const char *name)
{
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (strncmp(entry->d_name, "wayland-screenshot", 18) == 0)
			renameat(dirfd(directory), entry->d_name, dirfd(directory), name);
	if (directory)
		closedir(directory);
}

static void take_picture_with_tool(struct run *run, const char *directory, struct client *client)
{
	const char *const grim[] = { "grim", "tool.png", NULL };
	const char *const screenshooter[] = { "weston-screenshooter", NULL };
	const char *const *const tool = client->screencopy ? grim : screenshooter;
	if (run_program(run, directory, tool) != EXIT_SUCCESS)
		fail(run, tool[0], "failed");
	rename_picture(directory, "tool.png");
}

/* The number of pixels that differ; all of them if one is no picture. */
static uint64_t count_differences(struct run *run, const char *a, const char *b)
{
	struct picture pictures[2] = { { 0 } };
	if (picture_read(&pictures[0], a) < 0)
		fail(run, a, "is no picture");
	else if (picture_read(&pictures[1], b) < 0)
		fail(run, b, "is no picture");
	const uint64_t n = picture_count_differences(&pictures[0], &pictures[1]);
	picture_finish(&pictures[0]);
	picture_finish(&pictures[1]);
	return n;
}

static void compare_pictures(struct run *run, const char *a, const char *b)
{
	char text[64];
	const uint64_t n = count_differences(run, a, b);
	snprintf(text, sizeof(text), "%llu pixels differ", (unsigned long long)n);
	if (n > 0)
		fail(run, b, text);
}

static void compare_with_tool(struct run *run, const char *directory)
{
	char a[DIRECTORY_LENGTH + 32], b[DIRECTORY_LENGTH + 32];
	snprintf(a, sizeof(a), "%.590s/ours.png", directory);
	snprintf(b, sizeof(b), "%.590s/tool.png", directory);
	compare_pictures(run, a, b);
}

static void show_still_clients(struct run *run, const char *scene)
{
	char directory[DIRECTORY_LENGTH];
	struct client client;
	if (!start_compositor(run, &client))
		return;
	make_props(run);
	make_scene_directory(run, scene, directory);
	start_still_clients(run, directory, &client);
	if (run->kind->needs_wiping)
		wipe_screen(run, &client);
	take_picture(run, directory, "ours", &client);
	if (!client.camera) { /* no tool takes pictures of KWin without a GPU */
		take_picture_with_tool(run, directory, &client);
		compare_with_tool(run, directory);
	}
	stop_clients(run);
	stop_compositor(run, scene, &client);
}

static int wait_until_moving(struct client *client)
{
	const uint64_t end = client_clock_ms() + PATIENCE_MS;
	struct picture before, now;
	unsigned n_changes = 0;
	int err = picture_take(&before, client, FILE_MEMFD);
	while (!err && n_changes < 10 && client_clock_ms() < end) {
		err = picture_take(&now, client, FILE_MEMFD);
		if (err)
			break;
		n_changes += picture_count_differences(&before, &now) > 0;
		picture_finish(&before);
		before = now;
	}
	picture_finish(&before);
	return err ? err : n_changes < 10 ? -ETIMEDOUT : 0;
}

static void show_moving_clients(struct run *run)
{
	char directory[DIRECTORY_LENGTH];
	struct client client;
	if (!start_compositor(run, &client))
		return;
	make_scene_directory(run, "moving", directory);
	start_client(run, directory, &client, flower);
	/* On sway 1.7 the first gives up ("Both buffers busy"), with us or without. */
	run->clients[run->n_clients++] = start_program(run, directory, simple_shm);
	run->clients[run->n_clients++] = start_program(run, directory, presentation_shm);
	if (wait_until_moving(&client) < 0)
		fail(run, "moving", "the screen stands still");
	stop_clients(run);
	stop_compositor(run, "moving", &client);
}

/* ---- Comparison ---- */

struct sides {
	struct run plain, guarded;
	struct run again; /* as plain, where a picture differs */
	bool has_shown_again[2];
	unsigned n_pictures, n_unsteady;
};

static void path_of(
	const struct run *run, const char *scene, const char *name, char path[DIRECTORY_LENGTH * 2])
{
	snprintf(path, DIRECTORY_LENGTH * 2, "%.500s/%.32s/%.255s", run->directory, scene, name);
}

static void show_again(struct sides *sides, const char *scene)
{
	const bool is_still = strcmp(scene, "still") == 0;
	if (sides->has_shown_again[is_still])
		return;
	sides->has_shown_again[is_still] = true;
	if (is_still)
		show_still_clients(&sides->again, scene);
	else
		show_variations(&sides->again, scene);
}

/* What differs between two runs of the compositor as it is cannot be told of the guard. */
static bool is_steady(struct sides *sides, const char *scene, const char *name)
{
	char a[DIRECTORY_LENGTH * 2], b[DIRECTORY_LENGTH * 2];
	show_again(sides, scene);
	path_of(&sides->plain, scene, name, a);
	path_of(&sides->again, scene, name, b);
	return count_differences(&sides->again, a, b) == 0;
}

static void compare_scene(
	struct sides *sides, const char *plain_scene, const char *scene, const char *name)
{
	char a[DIRECTORY_LENGTH * 2], b[DIRECTORY_LENGTH * 2], text[64];
	path_of(&sides->plain, plain_scene, name, a);
	path_of(&sides->guarded, scene, name, b);
	const uint64_t n = count_differences(&sides->guarded, a, b);
	sides->n_pictures++;
	if (n == 0)
		return;
	if (is_steady(sides, plain_scene, name)) {
		snprintf(text, sizeof(text), "%llu pixels differ", (unsigned long long)n);
		fail(&sides->guarded, b, text);
		return;
	}
	printf("%s: %s: not judged: two runs of it as it is differ too\n", sides->plain.kind->name,
		b);
	sides->n_unsteady++;
}

static void compare_scenes(struct sides *sides, const char *plain_scene, const char *scene)
{
	char path[DIRECTORY_LENGTH * 2];
	const unsigned n_before = sides->n_pictures;
	path_of(&sides->plain, plain_scene, "", path);
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (strstr(entry->d_name, ".png"))
			compare_scene(sides, plain_scene, scene, entry->d_name);
	}
	if (directory)
		closedir(directory);
	if (sides->n_pictures == n_before)
		fail(&sides->guarded, scene, "no pictures");
}

static void prepare(struct run *run, const struct compositor_kind *kind,
	const struct launch *launch, const char *name, bool is_plain)
{
	run->kind = kind;
	run->launch = *launch;
	if (is_plain)
		run->launch.prefix = NULL;
	run->compositor.uid = geteuid();
	snprintf(run->directory, sizeof(run->directory), "%.400s/%s-%s", launch->directory,
		kind->name, name);
}

static void show_and_compare_still(struct sides *sides)
{
	show_still_clients(&sides->plain, "still");
	show_still_clients(&sides->guarded, "still");
	sides->guarded.launch.mode = "lazy"; /* these clients seal, and would be shown directly */
	show_still_clients(&sides->guarded, "still-lazy");
	sides->guarded.launch.mode = NULL;
	compare_scenes(sides, "still", "still");
	compare_scenes(sides, "still", "still-lazy");
}

static unsigned n_failures_of(const struct sides *sides)
{
	return sides->plain.n_failures + sides->guarded.n_failures + sides->again.n_failures;
}

/* These clients answer when they like, and a slow machine may make what moves look still: only what
 * fails three times in a row has failed. */
static void compare_still(struct sides *sides)
{
	const struct sides before = *sides;
	for (int n_left = 2;; n_left--) {
		show_and_compare_still(sides);
		if (n_left == 0 || n_failures_of(sides) == n_failures_of(&before))
			return;
		printf("%s: once more\n", sides->plain.kind->name);
		*sides = before;
	}
}

static unsigned run_scenes(
	const struct compositor_kind *kind, const struct launch *launch, const char *programs)
{
	struct sides sides = { .n_pictures = 0 };
	prepare(&sides.plain, kind, launch, "plain", true);
	prepare(&sides.guarded, kind, launch, "guarded", false);
	prepare(&sides.again, kind, launch, "again", true);
	sides.plain.programs = sides.guarded.programs = sides.again.programs = programs;
	show_variations(&sides.plain, "memfd");
	show_variations(&sides.guarded, "memfd");
	show_variations(&sides.guarded, "sealed");
	show_moving_clients(&sides.guarded);
	compare_scenes(&sides, "memfd", "memfd");
	compare_scenes(&sides, "memfd", "sealed");
	compare_still(&sides);
	printf("%s: %u pictures compared, %u failures; %u differ between two runs without a "
	       "guard\n",
		kind->name, sides.n_pictures, n_failures_of(&sides), sides.n_unsteady);
	return n_failures_of(&sides);
}

/* The compositor of docs/examples: there is no other to compare it with, but its clients must be
 * seen, stand still or move, and the tool's picture must be ours. */
static unsigned run_example(
	const struct compositor_kind *kind, const struct launch *launch, const char *programs)
{
	struct run run = { .programs = programs };
	prepare(&run, kind, launch, "itself", false);
	show_still_clients(&run, "still");
	show_moving_clients(&run);
	printf("%s: %u failures\n", kind->name, run.n_failures);
	return run.n_failures;
}

/* ---- Options ---- */

static const struct option long_options[] = {
	{ "compositor", required_argument, NULL, 'c' },
	{ "directory", required_argument, NULL, 'd' },
	{ "example", required_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static void print_help(void)
{
	printf("Usage: wayland-scenes [OPTION]... [-- PREFIX...]\n"
	       "Show the same on a compositor as it is and started with the prefix, and compare\n"
	       "pictures.\n\n"
	       "  -c, --compositor=NAME  only this one\n"
	       "  -d, --directory=DIR    for pictures and logs (.)\n"
	       "      --example=PATH     the compositor of the name example\n"
	       "  -h, --help             this\n"
	       "      --version          of uffd_guard\n\n"
	       "Exit code 0: no pixel differs, 1: some do, 77: the compositor is not installed.\n");
}

struct options {
	const struct compositor_kind *compositor;
	struct launch launch;
};

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		return (options->compositor = compositor_find(optarg)) != NULL;
	case 'd':
		return (options->launch.directory = realpath(optarg, NULL)) != NULL;
	case 'e':
		return (options->launch.example = realpath(optarg, NULL)) != NULL;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("wayland-scenes %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

static const char *find_programs(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash = length > 0 ? strrchr(path, '/') : NULL;
	if (slash)
		*slash = '\0';
	return path;
}

int main(int argc, char **argv)
{
	struct options options = { .launch = { .width = 640, .height = 480 } };
	options.launch.directory = realpath(".", NULL);
	for (int c; (c = getopt_long(argc, argv, "+c:d:h", long_options, NULL)) != -1;) {
		if (!take_option(&options, c)) {
			fprintf(stderr, "wayland-scenes: see --help\n");
			return EXIT_USAGE;
		}
	}
	options.launch.prefix = optind < argc ? argv + optind : NULL;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);

	unsigned n_run = 0, n_failures = 0;
	for (unsigned i = 0; i < N_COMPOSITORS; i++) {
		const struct compositor_kind *kind = &compositor_kinds[i];
		if ((options.compositor && options.compositor != kind) ||
			(kind->never_guarded && !options.launch.example))
			continue;
		if (compositor_why_not(kind)) {
			printf("SKIP: %s: %s\n", kind->name, compositor_why_not(kind));
			continue;
		}
		n_failures += (kind->never_guarded ? run_example : run_scenes)(
			kind, &options.launch, find_programs());
		n_run++;
	}
	if (n_run == 0)
		return EXIT_SKIP;
	return n_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
