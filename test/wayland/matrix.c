/* SPDX-License-Identifier: MIT */
/*
 * wayland-matrix: compositors x attacks x kinds of files.
 *
 * A witness shows itself all the time. For each cell a hostile client is started, and judged with
 * the compositor when it is done: the compositor lives, the witness gets frames, the screen shows
 * each of its pixels as it should be, and the client was thrown out if, and only if, it lied. A
 * compositor that died is started again.
 */
#include "attack.h"
#include "compositor.h"
#include "witness.h"

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

#define EXIT_USAGE     2
#define EXIT_SKIP      77
#define CLIENT_TIME_MS 120000
#define MOST_ATTACKS   32
#define HOLES_MAY_COST (96 << 10) /* KiB of memory that the compositor may have after all */
#define CELL_LENGTH    24
#define ALL_KINDS      ((1u << N_FILE_KINDS) - 1)
#define FRAMES_BEFORE                                                                              \
	3 /* that a host, or Mir's renderer, may still show when a picture is taken                \
	   */

struct options {
	const struct compositor_kind *compositor; /* NULL: all */
	uint64_t attacks;			  /* a bit for each */
	unsigned kinds;
	bool is_fresh; /* each attack has a compositor of its own */
	FILE *data;
	uint64_t seed, n_mixtures;
	bool plain; /* today's compositors may die: that is what is to be seen */
	bool verbose;
	const char *hostile;
	char files[512];
	struct launch launch;
};

struct cell {
	char text[CELL_LENGTH];
	bool is_wrong;
	bool has_hurt; /* others than the client */
};

struct table {
	const struct compositor_kind *kind;
	struct cell cells[MOST_ATTACKS][N_FILE_KINDS];
	unsigned n_cells, n_wrong;
	char remarks[4096];
};

struct stage {
	const struct options *options;
	struct compositor compositor;
	struct witness witness;
	bool is_set;
	bool is_hopeless; /* what does not start once, does not start */
	uint64_t n_torn;  /* pixels seen torn while a hostile client was there */
	struct table *table;
};

/* ---- The stage ---- */

/* For whoever wants to see what was wrong. */
static void keep_picture(struct stage *stage)
{
	char path[600];
	const struct picture *picture = &stage->witness.last;
	snprintf(path, sizeof(path), "%.500s/%s-wrong.png", stage->options->launch.directory,
		stage->table->kind->name);
	if (picture->pixels)
		picture_write(picture, path);
}

/* What greets its first client is attacked when it has done so: Mir's kiosk draws its splash by a
 * client within, which on a busy machine may fall over a null pointer of its own. */
static int start_compositor(struct stage *stage, const struct compositor_kind *kind)
{
	for (int n_left = 3;; n_left--) {
		int err = compositor_start(&stage->compositor, kind, &stage->options->launch);
		if (err || !kind->has_splash)
			return err;
		if (!compositor_wait_for_end(&stage->compositor, COMPOSITOR_SPLASH_MS))
			return 0;
		compositor_stop(&stage->compositor);
		if (n_left == 0)
			return -ECHILD;
	}
}

static int set_stage(struct stage *stage, const struct compositor_kind *kind)
{
	if (stage->is_set)
		return 0;
	if (stage->is_hopeless)
		return -ECANCELED;
	stage->is_hopeless = true;
	int err = start_compositor(stage, kind);
	if (err) {
		printf("%s does not start: %s\n", kind->name, strerror(-err));
		compositor_print_log(&stage->compositor);
		return err;
	}
	/* Where one unsealed buffer makes the compositor careful, the attack brings the first. */
	err = witness_start(&stage->witness, stage->compositor.socket, kind->learns_from_unsealed);
	if (err) {
		printf("%s: the witness does not see itself: %s\n", kind->name,
			compositor_is_alive(&stage->compositor)
				? strerror(-err)
				: compositor_end(&stage->compositor));
		compositor_print_log(&stage->compositor);
		keep_picture(stage);
		witness_stop(&stage->witness);
		compositor_stop(&stage->compositor);
		return err;
	}
	stage->is_set = true;
	stage->is_hopeless = false;
	return 0;
}

static void clear_stage(struct stage *stage)
{
	if (!stage->is_set)
		return;
	witness_stop(&stage->witness);
	compositor_stop(&stage->compositor);
	stage->is_set = false;
}

/* ---- Judgement ---- */

static void remark(struct stage *stage, const char *attack, const char *file, const char *text)
{
	char *remarks = stage->table->remarks;
	const size_t used = strlen(remarks);
	snprintf(remarks + used, sizeof(stage->table->remarks) - used, "  %s, %s: %s\n", attack,
		file, text);
}

/* When the client is gone, all of the witness can be seen again, sooner or later; stale pixels are
 * wrong at once. */
static const char *judge_witness(struct witness *witness, uint32_t may_be_late)
{
	const uint64_t end = client_clock_ms() + CLIENT_PATIENCE_MS;
	struct testimony testimony;
	unsigned n_right = 0;
	while (n_right < 2) { /* once with each buffer */
		int err = witness_look(witness, &testimony);
		if (err)
			return err == -ENODATA ? "blank picture" : "no picture";
		if (testimony.n_torn > 0)
			return "stale pixels";
		if (testimony.n_late <= may_be_late && testimony.n_hidden == 0)
			n_right++;
		else if (client_clock_ms() > end)
			return testimony.n_hidden > 0 ? "foreign pixels" : "late pixels";
	}
	return witness_see_frames(witness, 2) < 0 ? "no frames" : NULL;
}

/* "kept", "error wl_buffer 2": what the client said, in a word for the table. That a file is bad
 * must be said of the buffer, if there still is one. */
static const char *word_for(const char *answer)
{
	char interface[64];
	unsigned code;
	if (sscanf(answer, "error %63s %u", interface, &code) != 2)
		return strncmp(answer, "kept", 4) == 0 ? "kept" : answer;
	const bool is_of_buffer =
		strcmp(interface, "wl_buffer") == 0 || strcmp(interface, "destroyed") == 0;
	const bool is_of_pool = strncmp(interface, "wl_shm", 6) == 0;
	if (is_of_buffer && code == WL_SHM_ERROR_INVALID_FD)
		return "invalid_fd";
	if (strcmp(interface, "wl_shm_pool") == 0 && code == WL_SHM_ERROR_INVALID_FD)
		return "invalid_fd"; /* resized beyond its file, before there is a buffer */
	if (is_of_pool && code == WL_SHM_ERROR_INVALID_STRIDE)
		return "invalid_stride";
	return "other error";
}

static bool is_fate(enum fate fate, const char *word)
{
	switch (fate) {
	case FATE_KEPT:
	case FATE_LIBWAYLANDS:
		return strcmp(word, "kept") == 0;
	case FATE_INVALID_FD:
		return strcmp(word, "invalid_fd") == 0;
	case FATE_INVALID_STRIDE:
		return strcmp(word, "invalid_stride") == 0;
	case FATE_DIES:
		return strcmp(word, "died") == 0;
	case FATE_ANY:
		return strcmp(word, "stuck") != 0 && strncmp(word, "failed", 6) != 0;
	}
	return false;
}

/* Who looks at no strides has no complaint. */
static enum fate fate_of(const struct stage *stage, const struct attack *attack)
{
	const bool is_right_there =
		attack->fate == FATE_INVALID_STRIDE && stage->table->kind->allows_overlap;
	return is_right_there ? FATE_ANY : attack->fate;
}

static void note(struct cell *cell, const char *text, bool is_wrong)
{
	snprintf(cell->text, sizeof(cell->text), "%.*s", CELL_LENGTH - 1, text);
	cell->is_wrong |= is_wrong;
}

static void judge(struct stage *stage, const struct attack *attack, enum file_kind kind,
	const char *answer, struct cell *cell)
{
	const char *file = file_kind_names[kind];
	const char *complaint = strchr(answer, ':');
	const char *word = word_for(answer);
	const enum fate fate = fate_of(stage, attack);
	if (fate != attack->fate) /* KWin paints nothing there: what was painted before stays */
		stage->n_torn = 0;
	note(cell, word, !is_fate(fate, word));
	if (complaint) {
		remark(stage, attack->name, file, answer);
		cell->is_wrong = true;
	}
	const struct compositor_kind *shown_by = stage->table->kind;
	const uint32_t may_be_late = shown_by->host || shown_by->needs_onlooker ? FRAMES_BEFORE : 0;
	const char *wrong =
		stage->n_torn ? "stale pixels" : judge_witness(&stage->witness, may_be_late);
	if (!wrong && compositor_is_alive(&stage->compositor))
		return;
	if (wl_display_get_error(stage->witness.client.display))
		compositor_wait_for_end(&stage->compositor, CLIENT_PATIENCE_MS);
	if (!compositor_is_alive(&stage->compositor))
		wrong = compositor_end(&stage->compositor);
	else if (stage->n_torn == 0)
		keep_picture(stage);
	stage->n_torn = 0;
	note(cell, wrong, true);
	cell->has_hurt = true;
	remark(stage, attack->name, file, wrong);
	clear_stage(stage); /* the next one has a new compositor */
}

/* ---- A hostile client ---- */

struct visitor {
	pid_t pid;
	int answers;
};

static struct visitor send_visitor(
	struct stage *stage, const struct attack *attack, enum file_kind kind, uint64_t seed)
{
	int ends[2];
	char seed_text[32];
	struct visitor visitor = { .pid = -1 };
	snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)seed);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return visitor;
	visitor = (struct visitor){ .pid = fork(), .answers = ends[0] };
	if (visitor.pid == 0) {
		compositor_become_client(&stage->compositor);
		dup2(ends[1], STDOUT_FILENO);
		execl(stage->options->hostile, "wayland-hostile", "--file", file_kind_names[kind],
			"--directory", stage->options->files, "--seed", seed_text, attack->name,
			(char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	return visitor;
}

/* The witness goes on meanwhile, and looks: whatever is in front of it, nothing torn may show. */
static int see_visitor_off(struct stage *stage, struct visitor *visitor)
{
	int status = 0;
	struct testimony testimony = { 0 };
	const uint64_t end = client_clock_ms() + CLIENT_TIME_MS;
	while (waitpid(visitor->pid, &status, WNOHANG) == 0) {
		if (client_clock_ms() > end) {
			kill(visitor->pid, SIGKILL);
			waitpid(visitor->pid, &status, 0);
			break;
		}
		if (witness_serve(&stage->witness, 30) < 0 ||
			witness_look(&stage->witness, &testimony) < 0)
			usleep(20000); /* the compositor is no more */
		if (testimony.n_torn > 0 && stage->n_torn == 0)
			keep_picture(stage);
		stage->n_torn += testimony.n_torn;
	}
	return status;
}

static void read_answer(struct visitor *visitor, int status, char *answer, size_t size)
{
	ssize_t length = read(visitor->answers, answer, size - 1);
	close(visitor->answers);
	answer[length > 0 ? length : 0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (WIFSIGNALED(status))
		snprintf(answer, size, "%s", WTERMSIG(status) == SIGKILL ? "died" : "crashed");
	else if (length <= 0)
		snprintf(answer, size, "exit %d", WEXITSTATUS(status));
}

static void run_cell(struct stage *stage, const struct attack *attack, enum file_kind kind,
	uint64_t seed, struct cell *cell)
{
	char answer[128];
	if (stage->options->is_fresh)
		clear_stage(stage);
	if (set_stage(stage, stage->table->kind) < 0) {
		note(cell, "no start", true);
		return;
	}
	struct visitor visitor = send_visitor(stage, attack, kind, seed);
	int status = see_visitor_off(stage, &visitor);
	read_answer(&visitor, status, answer, sizeof(answer));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		note(cell, "-", false);
		if (strstr(answer, "disk"))
			remark(stage, attack->name, file_kind_names[kind], answer);
		return;
	}
	judge(stage, attack, kind, answer, cell);
	if (stage->options->verbose)
		fprintf(stderr, "%s %s %s %llu: %s%s\n", stage->table->kind->name, attack->name,
			file_kind_names[kind], (unsigned long long)seed, cell->text,
			cell->is_wrong ? " (wrong)" : "");
}

/* A disk answers within a deadline or counts as slow, and on a busy machine it is: what becomes of
 * such a client is wrong if it is wrong three times. */
static void run_cell_patiently(struct stage *stage, const struct attack *attack,
	enum file_kind kind, uint64_t seed, struct cell *cell)
{
	const size_t n_remarks = strlen(stage->table->remarks);
	run_cell(stage, attack, kind, seed, cell);
	for (int n_left = kind == FILE_DISK && !stage->options->plain ? 2 : 0; n_left > 0;
		n_left--) {
		if (!cell->is_wrong || cell->has_hurt || stage->is_hopeless)
			return;
		stage->table->remarks[n_remarks] = '\0';
		*cell = (struct cell){ .is_wrong = false };
		run_cell(stage, attack, kind, seed, cell);
	}
}

/* For programs: compositor, attack, file, outcome, whether it is right. */
static void write_data(const struct stage *stage, const struct attack *attack, enum file_kind kind,
	const struct cell *cell)
{
	char outcome[CELL_LENGTH];
	if (!stage->options->data || cell->text[0] == '-')
		return;
	snprintf(outcome, sizeof(outcome), "%s", cell->text);
	for (char *space = outcome; (space = strchr(space, ' '));)
		*space = '_';
	fprintf(stage->options->data, "%s %s %s %s %s\n", stage->table->kind->name, attack->name,
		file_kind_names[kind], outcome, cell->is_wrong ? "wrong" : "right");
	fflush(stage->options->data);
}

static void run_cells(struct stage *stage, unsigned i)
{
	const struct options *options = stage->options;
	const struct attack *attack = &attacks[i];
	const bool is_mixture = attack->run == attack_mixture;
	const unsigned kinds = stage->table->kind->refuses_disks ? ~(1u << FILE_DISK) : ~0u;
	for (unsigned kind = 0; kind < N_FILE_KINDS; kind++) {
		struct cell *cell = &stage->table->cells[i][kind];
		note(cell, "", false);
		if (!(attack->kinds & options->kinds & kinds & (1u << kind)) ||
			(attack->fate == FATE_LIBWAYLANDS && stage->table->kind->maps_itself))
			continue;
		for (uint64_t n = 0; n < (is_mixture ? options->n_mixtures : 1); n++)
			if (!cell->is_wrong)
				run_cell_patiently(stage, attack, (enum file_kind)kind,
					options->seed + n, cell);
		stage->table->n_cells++;
		stage->table->n_wrong += cell->is_wrong;
		write_data(stage, attack, (enum file_kind)kind, cell);
	}
}

/* ---- Of the whole process ---- */

static void judge_handlers(struct stage *stage)
{
	const char *caught =
		stage->is_set ? compositor_status_line(&stage->compositor, "SigCgt") : NULL;
	if (!caught || !(strtoull(caught, NULL, 16) & (UINT64_C(1) << (SIGBUS - 1))))
		return;
	remark(stage, "all", "all", "the compositor has a handler for SIGBUS");
	stage->table->n_wrong++;
}

static void judge_memory(struct stage *stage)
{
	const char *resident =
		stage->is_set ? compositor_status_line(&stage->compositor, "RssAnon") : NULL;
	if (!resident || strtoul(resident, NULL, 10) < HOLES_MAY_COST)
		return;
	char text[128];
	snprintf(text, sizeof(text), "the compositor holds %lu KiB", strtoul(resident, NULL, 10));
	remark(stage, "all", "all", text);
	stage->table->n_wrong++;
}

static void run_table(const struct options *options, struct table *table)
{
	struct stage stage = { .options = options, .table = table };
	for (unsigned i = 0; i < n_attacks; i++)
		if (options->attacks & UINT64_C(1) << i)
			run_cells(&stage, i);
	if (!options->plain && !table->kind->maps_itself) { /* handlers and memory of its own */
		judge_handlers(&stage);
		judge_memory(&stage);
	}
	clear_stage(&stage);
}

static void print_table(const struct options *options, const struct table *table)
{
	printf("\n%-16s", table->kind->name);
	for (unsigned kind = 0; kind < N_FILE_KINDS; kind++)
		printf(" %-15s", file_kind_names[kind]);
	printf("\n");
	for (unsigned i = 0; i < n_attacks; i++) {
		if (!(options->attacks & UINT64_C(1) << i))
			continue;
		printf("%-16s", attacks[i].name);
		for (unsigned kind = 0; kind < N_FILE_KINDS; kind++) {
			char text[CELL_LENGTH + 2];
			const struct cell *cell = &table->cells[i][kind];
			snprintf(text, sizeof(text), "%s%s", cell->text,
				cell->is_wrong && !options->plain ? "!" : "");
			printf(" %-15s", text);
		}
		printf("\n");
	}
	fputs(table->remarks, stdout);
}

/* ---- Options ---- */

static void print_help(void)
{
	printf("Usage: wayland-matrix [OPTION]... [-- PREFIX...]\n"
	       "Run each attack on each compositor, started with the prefix (uffd-guard-run "
	       "--).\n\n"
	       "  -c, --compositor=NAME  only this one:");
	for (unsigned i = 0; i < N_COMPOSITORS; i++)
		printf(" %s", compositor_kinds[i].name);
	printf("\n"
	       "  -a, --attack=NAME      only this one, or these; see wayland-hostile --help\n"
	       "  -f, --file=KIND        only this one, or these\n"
	       "  -m, --mixtures=N       for each kind of file (3)\n"
	       "  -s, --seed=N           of the mixtures (1)\n"
	       "  -p, --plain            show what dies without a prefix; that is no failure\n"
	       "  -v, --verbose          a line for each cell when it is done\n"
	       "      --fresh            a new compositor for each cell\n"
	       "      --data=FILE        append a line for each cell: compositor, attack, file,\n"
	       "                         outcome, right or wrong\n"
	       "      --example=PATH     the compositor of the name example\n"
	       "      --preload=PATH     one more library for the compositor\n"
	       "      --directory=DIR    for files and logs (.)\n"
	       "  -h, --help             this\n"
	       "      --version          of uffd_guard\n\n"
	       "Each cell: how the compositor ended, or else what became of the client. Exit code "
	       "0:\n"
	       "all is as it should be, 1: it is not (!), 77: the compositor is not installed.\n");
}

enum {
	OPTION_EXAMPLE = 256,
	OPTION_PRELOAD,
	OPTION_DIRECTORY,
	OPTION_VERSION,
	OPTION_FRESH,
	OPTION_DATA
};

static const struct option long_options[] = {
	{ "compositor", required_argument, NULL, 'c' },
	{ "attack", required_argument, NULL, 'a' },
	{ "file", required_argument, NULL, 'f' },
	{ "mixtures", required_argument, NULL, 'm' },
	{ "seed", required_argument, NULL, 's' },
	{ "plain", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "fresh", no_argument, NULL, OPTION_FRESH },
	{ "data", required_argument, NULL, OPTION_DATA },
	{ "example", required_argument, NULL, OPTION_EXAMPLE },
	{ "preload", required_argument, NULL, OPTION_PRELOAD },
	{ "directory", required_argument, NULL, OPTION_DIRECTORY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

/* Without any, all of them; so with attacks. */
static bool take_kind(struct options *options, const char *name)
{
	for (unsigned kind = 0; kind < N_FILE_KINDS; kind++) {
		if (strcmp(file_kind_names[kind], name) != 0)
			continue;
		if (options->kinds == ALL_KINDS)
			options->kinds = 0;
		options->kinds |= 1u << kind;
		return true;
	}
	return false;
}

static bool take_attack(struct options *options, const char *name)
{
	const struct attack *attack = attack_find(name);
	if (!attack)
		return false;
	if (options->attacks == UINT64_MAX)
		options->attacks = 0;
	options->attacks |= UINT64_C(1) << (attack - attacks);
	return true;
}

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		return (options->compositor = compositor_find(optarg)) != NULL;
	case 'a':
		return take_attack(options, optarg);
	case 'f':
		return take_kind(options, optarg);
	case 'm':
		options->n_mixtures = strtoull(optarg, NULL, 0);
		return true;
	case 's':
		options->seed = strtoull(optarg, NULL, 0);
		return true;
	case 'p':
		return options->plain = true;
	case 'v':
		return options->verbose = true;
	case OPTION_FRESH:
		return options->is_fresh = true;
	case OPTION_DATA:
		return (options->data = fopen(optarg, "a")) != NULL;
	case OPTION_EXAMPLE:
		return (options->launch.example = optarg) != NULL;
	case OPTION_PRELOAD:
		return (options->launch.preload = optarg) != NULL;
	case OPTION_DIRECTORY:
		return (options->launch.directory = optarg) != NULL;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case OPTION_VERSION:
		printf("wayland-matrix %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

/* wayland-hostile is where this program is. */
static const char *find_hostile(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash = length > 0 ? strrchr(path, '/') : NULL;
	if (slash)
		strcpy(slash, "/wayland-hostile");
	return path;
}

static const char *absolute(const char *path)
{
	char *resolved = realpath(path, NULL); /* for the process's life */
	return resolved ? resolved : path;
}

static bool take_options(struct options *options, int argc, char **argv)
{
	int c;
	while ((c = getopt_long(argc, argv, "+c:a:f:m:s:pvh", long_options, NULL)) != -1) {
		if (!take_option(options, c)) {
			fprintf(stderr, "wayland-matrix: see --help\n");
			return false;
		}
	}
	options->launch.prefix = optind < argc ? argv + optind : NULL;
	options->launch.directory = absolute(options->launch.directory);
	options->hostile = find_hostile();
	return true;
}

/* A place where all users may make files of kind disk. */
static void make_files_directory(struct options *options)
{
	snprintf(options->files, sizeof(options->files), "%s/files", options->launch.directory);
	if ((mkdir(options->files, 01777) < 0 && errno != EEXIST) ||
		chmod(options->files, 01777) < 0)
		perror(options->files);
}

static const char *why_not(const struct options *options, const struct compositor_kind *kind)
{
	if (strcmp(kind->name, "example") == 0 && !options->launch.example)
		return "no --example";
	return compositor_why_not(kind);
}

int main(int argc, char **argv)
{
	static struct table tables[N_COMPOSITORS];
	struct options options = {
		.kinds = ALL_KINDS, .seed = 1, .n_mixtures = 3, .attacks = UINT64_MAX
	};
	options.launch = (struct launch){ .directory = ".", .width = 640, .height = 480 };
	if (!take_options(&options, argc, argv))
		return EXIT_USAGE;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_files_directory(&options);

	unsigned n_run = 0, n_wrong = 0, n_cells = 0;
	for (unsigned i = 0; i < N_COMPOSITORS; i++) {
		const struct compositor_kind *kind = &compositor_kinds[i];
		if (options.compositor && options.compositor != kind)
			continue;
		if (why_not(&options, kind)) {
			printf("SKIP: %s: %s\n", kind->name, why_not(&options, kind));
			continue;
		}
		tables[i].kind = kind;
		run_table(&options, &tables[i]);
		n_run++;
		n_wrong += tables[i].n_wrong;
		n_cells += tables[i].n_cells;
	}
	for (unsigned i = 0; i < N_COMPOSITORS; i++)
		if (tables[i].kind)
			print_table(&options, &tables[i]);
	if (n_run == 0)
		return EXIT_SKIP;
	if (options.plain) {
		printf("\n%u cells\n", n_cells);
		return EXIT_SUCCESS;
	}
	printf("\n%u cells, %u wrong\n", n_cells, n_wrong);
	return n_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
