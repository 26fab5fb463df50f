/* SPDX-License-Identifier: MIT */
/* The command line. Whatever is wrong with it is said together with what would be right. */
#include "options.h"

#include "../../lib/cli/cli.h"

#include "control.h"
#include "word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM	    "uffd-guard-stress"
#define MOST_SIZE   (UINT64_C(512) << 20)
#define MOST_BUDGET (UINT64_C(1) << 40)
#define ALL_ATTACKS ((1u << N_ATTACKS) - 1)

static const char help[] =
	"Usage: " PROGRAM " [OPTION]...\n"
	"Let hostile clients change the files they share, read them through uffd_guard\n"
	"from many threads, and judge every word that is read.\n"
	"\n"
	"  --clients N       hostile processes (4)\n"
	"  --readers N       reading threads (3)\n"
	"  --regions N       files and regions, spread over the clients (16)\n"
	"  --size BYTES      of each file, rounded up to whole pages; K, M, G (64K;\n"
	"                    in small files clients and readers meet more often)\n"
	"  --seconds N       how long (10); from 60 on, whether memory or open files grow is\n"
	"                    judged too\n"
	"  --mode MODE       lazy, direct (clients seal their files), eager (the server is\n"
	"                    denied userfaultfd) or mixed: all three (lazy)\n"
	"  --budget BYTES    memory that the filled pages may take (no bound); K, M, G\n"
	"  --seed N          repeat the decisions of an earlier run (a new one)\n"
	"  --attack LIST     of truncate,grow,punch,rewrite,odd (all); odd shrinks the file\n"
	"                    to an odd byte\n"
	"  --loop LOOP       uring or poll: how the library waits for faults (the best)\n"
	"  --unprivileged    give up root first (uid and gid 65534)\n"
	"  --no-control      do not show first what becomes of a plain mapping\n"
	"  --json            the result as one JSON object\n"
	"  --selftest        break each promise on purpose, and see that it is noticed\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 no violation, 1 a violation, 2 wrong usage, 3 could not run.\n";

enum option_id {
	OPTION_CLIENTS = 1,
	OPTION_READERS,
	OPTION_REGIONS,
	OPTION_SIZE,
	OPTION_SECONDS,
	OPTION_MODE,
	OPTION_BUDGET,
	OPTION_SEED,
	OPTION_ATTACK,
	OPTION_LOOP,
	OPTION_UNPRIVILEGED,
	OPTION_NO_CONTROL,
	OPTION_JSON,
	OPTION_SELFTEST
};

static const struct option long_options[] = {
	{ "clients", required_argument, NULL, OPTION_CLIENTS },
	{ "readers", required_argument, NULL, OPTION_READERS },
	{ "regions", required_argument, NULL, OPTION_REGIONS },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "budget", required_argument, NULL, OPTION_BUDGET },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "attack", required_argument, NULL, OPTION_ATTACK },
	{ "loop", required_argument, NULL, OPTION_LOOP },
	{ "unprivileged", no_argument, NULL, OPTION_UNPRIVILEGED },
	{ "no-control", no_argument, NULL, OPTION_NO_CONTROL },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "selftest", no_argument, NULL, OPTION_SELFTEST },
	CLI_COMMON,
};

static int parse_number(
	const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || number < least || number > most)
		return cli_complain("--%s %s: give a number from %llu to %llu", name, text,
			(unsigned long long)least, (unsigned long long)most);
	*value = number;
	return 0;
}

static int parse_count(const char *name, const char *text, unsigned most, unsigned *value)
{
	uint64_t number = 0;
	int err = parse_number(name, text, 1, most, &number);
	if (!err)
		*value = (unsigned)number;
	return err;
}

static int parse_bytes(
	const char *name, const char *text, uint64_t most, const char *range, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	unsigned shift = 0;
	const char *suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		end++;
	}
	if (errno || end == text || *end || *text == '-' || number == 0 || number > most >> shift)
		return cli_complain(
			"--%s %s: give bytes from %s, such as 16K or 1M", name, text, range);
	*bytes = number << shift;
	return 0;
}

static int parse_size(const char *text, uint64_t *size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int err = parse_bytes("size", text, MOST_SIZE, "1 to 512M", size);
	if (!err)
		*size = (*size + page - 1) / page * page;
	return err;
}

static int parse_mode(const char *text, enum mode *mode)
{
	for (unsigned i = 0; i < N_MODES; i++) {
		if (strcmp(text, mode_name((enum mode)i)) == 0) {
			*mode = (enum mode)i;
			return 0;
		}
	}
	return cli_complain("--mode %s: it is lazy, direct, eager or mixed", text);
}

static int parse_attack(const char *name, uint32_t *attacks)
{
	for (unsigned i = 0; i < N_ATTACKS; i++) {
		if (strcmp(name, attack_name((enum attack)i)) == 0) {
			*attacks |= 1u << i;
			return 0;
		}
	}
	return cli_complain(
		"--attack: no attack is called \"%s\"; there are truncate, grow, punch, "
		"rewrite and odd, with commas between them",
		name);
}

static int parse_attacks(char *list, uint32_t *attacks)
{
	int err = 0;
	*attacks = 0;
	for (char *name; (name = strsep(&list, ",")) && !err;)
		err = strcmp(name, "all") == 0 ? (*attacks = ALL_ATTACKS, 0)
					       : parse_attack(name, attacks);
	return err;
}

static int parse_loop(const char *text, enum loop_wish *loop)
{
	if (strcmp(text, "uring") == 0)
		*loop = LOOP_URING;
	else if (strcmp(text, "poll") == 0)
		*loop = LOOP_POLL;
	else
		return cli_complain(
			"--loop %s: it is uring or poll; without --loop the best there is", text);
	return 0;
}

static int take(void *data, int id)
{
	struct options *options = data;
	switch ((enum option_id)id) {
	case OPTION_CLIENTS:
		return parse_count("clients", optarg, 1000, &options->n_clients);
	case OPTION_READERS:
		return parse_count("readers", optarg, 1000, &options->n_readers);
	case OPTION_REGIONS:
		return parse_count("regions", optarg, WORD_MOST_WRITER, &options->n_regions);
	case OPTION_SIZE:
		return parse_size(optarg, &options->size);
	case OPTION_SECONDS:
		return parse_count("seconds", optarg, 100000000, &options->seconds);
	case OPTION_MODE:
		return parse_mode(optarg, &options->mode);
	case OPTION_BUDGET:
		return parse_bytes("budget", optarg, MOST_BUDGET, "1 to 1024G", &options->budget);
	case OPTION_SEED:
		return parse_number("seed", optarg, 0, UINT64_MAX, &options->seed);
	case OPTION_ATTACK:
		return parse_attacks(optarg, &options->attacks);
	case OPTION_LOOP:
		return parse_loop(optarg, &options->loop);
	case OPTION_UNPRIVILEGED:
		options->unprivileged = true;
		return 0;
	case OPTION_NO_CONTROL:
		options->no_control = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_SELFTEST:
		options->selftest = true;
		return 0;
	}
	return -EINVAL;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = long_options,
	.take = take,
};

static int check(const struct options *options)
{
	if (options->n_regions < options->n_clients)
		return cli_complain(
			"--regions %u is less than --clients %u: each client needs a file",
			options->n_regions, options->n_clients);
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, enum exit_code *exit_code)
{
	*options = (struct options){
		.n_clients = 4,
		.n_readers = 3,
		.n_regions = 16,
		.seconds = 10,
		.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32,
		.size = UINT64_C(64) << 10,
		.attacks = ALL_ATTACKS,
	};
	int err = cli_parse(&cli, options, argc, argv);
	if (!err)
		err = cli_expect_no_operand(argc, argv);
	if (!err)
		err = check(options);
	*exit_code = err == -ECANCELED ? EXIT_NO_VIOLATION : EXIT_USAGE;
	return cli_end(err);
}
