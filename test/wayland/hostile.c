/* SPDX-License-Identifier: MIT */
/*
 * wayland-hostile: a Wayland client that does one thing it should not, and says what became of it.
 *
 * The last line on standard output is the answer: "kept", "error <interface> <code>", "lost" (the
 * connection ended without a word), "stuck" (the compositor did not answer), and behind it what
 * else there is to complain of.
 */
#include "attack.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define EXIT_SKIP  77

struct options {
	const struct attack *attack;
	enum file_kind kind;
	uint64_t seed;
};

static void print_help(void)
{
	printf("Usage: wayland-hostile [OPTION]... ATTACK\n"
	       "Attack the compositor at $WAYLAND_DISPLAY, and say what became of it.\n\n"
	       "  -f, --file=KIND      of file behind the buffers (memfd):");
	for (unsigned i = 0; i < N_FILE_KINDS; i++)
		printf(" %s", file_kind_names[i]);
	printf("\n"
	       "  -d, --directory=DIR  where files of kind disk are made (.)\n"
	       "  -s, --seed=N         of what is drawn by chance (1)\n"
	       "  -h, --help           this\n"
	       "      --version        of uffd_guard\n\n"
	       "Attacks:\n");
	for (unsigned i = 0; i < n_attacks; i++)
		printf("  %-16s %s\n", attacks[i].name, attacks[i].summary);
}

static enum file_kind kind_of(const char *name)
{
	unsigned kind = 0;
	while (kind < N_FILE_KINDS && strcmp(file_kind_names[kind], name) != 0)
		kind++;
	return (enum file_kind)kind;
}

static const struct option long_options[] = {
	{ "file", required_argument, NULL, 'f' },
	{ "directory", required_argument, NULL, 'd' },
	{ "seed", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static bool take_option(struct options *options, int option)
{
	switch (option) {
	case 'f':
		options->kind = kind_of(optarg);
		return options->kind != N_FILE_KINDS;
	case 'd':
		file_set_directory(optarg);
		return true;
	case 's':
		options->seed = strtoull(optarg, NULL, 0);
		return true;
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("wayland-hostile %s\n", UFFD_GUARD_VERSION);
		exit(EXIT_SUCCESS);
	default:
		return false;
	}
}

static bool take_options(struct options *options, int argc, char **argv)
{
	bool is_right = true;
	for (int c; is_right && (c = getopt_long(argc, argv, "f:d:s:h", long_options, NULL)) != -1;)
		is_right = take_option(options, c);
	if (is_right && optind + 1 == argc)
		options->attack = attack_find(argv[optind]);
	if (!options->attack)
		fprintf(stderr,
			"wayland-hostile: one ATTACK and its options, please; see --help\n");
	return is_right && options->attack;
}

static int print_answer(struct attacker *attacker, int err)
{
	const struct protocol_error error = client_error(&attacker->client);
	if (error.interface[0])
		printf("error %s %u", error.interface, error.code);
	else if (err == -ETIMEDOUT)
		printf("stuck");
	else if (err == -EPIPE || err == -ECONNRESET)
		printf("lost");
	else if (err == -ENOMEM) /* wl_display.error.no_memory: what wlroots says of a bad keymap */
		printf("no_memory");
	else if (err)
		printf("failed: %s", strerror(-err));
	else
		printf("kept");
	printf("%s%s\n", attacker->complaint ? ": " : "",
		attacker->complaint ? attacker->complaint : "");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1 };
	if (!take_options(&options, argc, argv))
		return EXIT_USAGE;

	struct attacker attacker = { .kind = options.kind, .rng = rng_of(options.seed, 0) };
	int err = client_connect(&attacker.client, NULL);
	if (!err)
		err = window_open(&attacker.window, &attacker.client, "hostile");
	if (err) {
		fprintf(stderr, "wayland-hostile: no compositor to attack: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	err = options.attack->run(&attacker);
	if (err == -ENOTSUP || err == -ENOTBLK || err == -ENXIO) {
		printf("SKIP: %s\n", err == -ENOTBLK ? "the directory is not on a disk"
				     : err == -ENXIO ? "there are no huge pages"
						     : "this compositor has no such protocol");
		return EXIT_SKIP;
	}
	return print_answer(&attacker, err);
}
