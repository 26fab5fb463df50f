/* SPDX-License-Identifier: MIT */
/*
 * Runs inputs again, with any compiler: those of the corpus, so that what was found once stays
 * found, and one that has just crashed, to see what it does.
 */
#include "world.h"

#include "trace.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM	      "uffd-guard-replay"
#define EXIT_USAGE    2
#define EXIT_SKIP     77 /* SKIP_RETURN_CODE in CMake */
#define SECONDS_EACH  60 /* for an input; a hang is what it is there for */
#define MOST_IN_INPUT ((size_t)MAX_RECORDS * RECORD_SIZE)

static const char help[] =
	"Usage: " PROGRAM " [OPTION]... FILE|DIRECTORY...\n"
	"Run inputs of the fuzzer again: the files named, and all in the directories.\n"
	"\n"
	"  --verbose         say what is done, as it is done\n"
	"  --times N         each input as often (1): what depends on timing may need it\n"
	"  --help, --version\n"
	"\n"
	"The first promise that is broken is described, and ends the program by SIGABRT.\n"
	"Exit status: 0 none is broken, 2 wrong usage or no such file, 77 no userfaultfd here.\n";

static const struct option long_options[] = {
	{ "verbose", no_argument, NULL, 'v' },
	{ "times", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static bool is_verbose;
static unsigned long times = 1;
static size_t n_done;

/* ---- When it does not go well ---- */

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* Nothing of stdio: the signal came anywhere. */
static void end_badly(int signal)
{
	if (!is_verbose)
		trace_show();
	say(signal == SIGALRM ? "------\nIt hangs here.\n" : "------\nIt crashes here.\n");
	struct sigaction as_usual = { .sa_handler = SIG_DFL };
	sigaction(SIGABRT, &as_usual, NULL);
	abort();
}

/* A sanitizer has more to say about a crash than we. */
static void watch(void)
{
	struct sigaction action = { .sa_handler = end_badly };
	sigaction(SIGALRM, &action, NULL);
	const int crashes[] = { SIGSEGV, SIGBUS };
	for (size_t i = 0; i < 2; i++) {
		struct sigaction before;
		sigaction(crashes[i], NULL, &before);
		if (before.sa_handler == SIG_DFL)
			sigaction(crashes[i], &action, NULL);
	}
}

/* ---- Inputs ---- */

static void run_input(const uint8_t *data, size_t size)
{
	for (unsigned long i = 0; i < times; i++) {
		alarm(SECONDS_EACH);
		if (!run(data, size, is_verbose)) {
			printf("SKIP: userfaultfd is denied\n");
			exit(EXIT_SKIP);
		}
		alarm(0);
	}
	n_done++;
}

static bool run_file(const char *path)
{
	static uint8_t data[MOST_IN_INPUT];
	FILE *file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, PROGRAM ": %s: %s\n", path, strerror(errno));
		return false;
	}
	const size_t size = fread(data, 1, sizeof(data), file);
	fclose(file);
	trace_name(path);
	run_input(data, size);
	return true;
}

static int is_no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool run_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_no_dot, alphasort);
	bool is_fine = n >= 0;
	for (int i = 0; i < n; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		is_fine = run_file(name) && is_fine;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return is_fine;
}

static bool run_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return run_directory(path);
	return run_file(path);
}

/* ---- */

static int complain(void)
{
	fprintf(stderr, "Try " PROGRAM " --help\n");
	return EXIT_USAGE;
}

static int run_all(char **paths, int n_paths)
{
	bool is_fine = true;
	watch();
	for (int i = 0; i < n_paths; i++)
		is_fine = run_path(paths[i]) && is_fine;
	guards_destroy_all();
	printf("%zu inputs, no promise broken\n", n_done);
	return is_fine ? EXIT_SUCCESS : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (option) {
		case 'v':
			is_verbose = true;
			break;
		case 't':
			times = strtoul(optarg, NULL, 10);
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts(PROGRAM " " UFFD_GUARD_VERSION);
			return EXIT_SUCCESS;
		default:
			return complain();
		}
	}
	if (optind == argc)
		return complain();
	if ((size_t)sysconf(_SC_PAGESIZE) != PAGE) {
		printf("SKIP: the model's pages are of 4096 bytes\n");
		return EXIT_SKIP;
	}
	return run_all(argv + optind, argc - optind);
}
