/* SPDX-License-Identifier: MIT */
#include "stress_options.h"

#include "cli/cli.h"

#include "control.h"
#include "host.h"
#include "word.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM	    "uffd-guard-stress"
#define ALL_ATTACKS ((1u << N_ATTACKS) - 1)
#define ALL_OF_HOST ((1u << N_HOST_ATTACKS) - 1)

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
	"  --host LIST       what the program does to itself: setuid,cancel,close,fork,limits,\n"
	"                    all or none (none)\n"
	"  --loop LOOP       uring or poll: how the library waits for faults (the best)\n"
	"  --unprivileged    give up root first (uid and gid 65534)\n"
	"  --no-control      do not show first what becomes of a plain mapping\n"
	"  --json            the result as one JSON object\n"
	"  --selftest        break each promise on purpose, and see that it is noticed\n"
	"  -h, --help        this text\n"
	"  -V, --version     the version\n"
	"\n"
	"Exit status: 0 no violation, 1 a violation, 2 wrong usage, 3 could not run, or could not\n"
	"write, 130 interrupted.\n";

/* The attack, or N_ATTACKS. */
static enum attack find_attack(const char *name, size_t length)
{
	unsigned i = 0;
	while (i < N_ATTACKS && (strncmp(name, attack_name((enum attack)i), length) != 0 ||
					attack_name((enum attack)i)[length]))
		i++;
	return (enum attack)i;
}

static int take_attacks(void *member, const char *value)
{
	uint32_t attacks = 0;
	size_t length;
	for (const char *name; (name = cli_next_name(&value, &length));) {
		const enum attack attack = find_attack(name, length);
		if (length == 3 && strncmp(name, "all", 3) == 0)
			attacks = ALL_ATTACKS;
		else if (attack < N_ATTACKS)
			attacks |= 1u << attack;
		else
			return cli_complain("--attack: no attack is called \"%.*s\"; there are "
					    "truncate, grow, punch, rewrite and odd, with commas "
					    "between them",
				(int)length, name);
	}
	*(uint32_t *)member = attacks;
	return 0;
}

static bool is_called(const char *name, const char *text, size_t length)
{
	return strncmp(name, text, length) == 0 && !name[length];
}

/* The attack of the host, or N_HOST_ATTACKS. */
static enum host_attack find_host_attack(const char *text, size_t length)
{
	unsigned i = 0;
	while (i < N_HOST_ATTACKS &&
		!is_called(host_attack_name((enum host_attack)i), text, length))
		i++;
	return (enum host_attack)i;
}

static int take_host(void *member, const char *value)
{
	uint32_t attacks = 0;
	size_t length;
	for (const char *name; (name = cli_next_name(&value, &length));) {
		const enum host_attack attack = find_host_attack(name, length);
		if (is_called("all", name, length))
			attacks = ALL_OF_HOST;
		else if (attack < N_HOST_ATTACKS)
			attacks |= 1u << attack;
		else if (!is_called("none", name, length))
			return cli_complain(
				"--host: no attack is called \"%.*s\"; there are setuid, "
				"cancel, close, fork and limits, with commas between "
				"them, all and none",
				(int)length, name);
	}
	*(uint32_t *)member = attacks;
	return 0;
}

const char *const mode_names[] = { "lazy", "direct", "eager", "mixed", NULL };

#define SETS(member) .offset = offsetof(struct options, member)

static const struct cli_option rows[] = {
	{ "clients", CLI_UNSIGNED, SETS(n_clients), .least = 1, .most = 1000 },
	{ "readers", CLI_UNSIGNED, SETS(n_readers), .least = 1, .most = 1000 },
	{ "regions", CLI_UNSIGNED, SETS(n_regions), .least = 1, .most = WORD_MOST_WRITER - 1000 },
	{ "size", CLI_BYTES, SETS(size), .least = 1, .most = UINT64_C(512) << 20 },
	{ "seconds", CLI_UNSIGNED, SETS(seconds), .least = 1, .most = 100000000 },
	{ "mode", CLI_CHOICE, SETS(mode), .choices = mode_names },
	{ "budget", CLI_BYTES, SETS(budget), .least = 1, .most = UINT64_C(1) << 40 },
	{ "seed", CLI_UINT64, SETS(seed), .least = 0, .most = UINT64_MAX },
	{ "attack", CLI_OTHER, SETS(attacks), .parse = take_attacks,
		.takes = "attacks, with commas between them" },
	{ "host", CLI_OTHER, SETS(host), .parse = take_host,
		.takes = "attacks, with commas between them" },
	{ "loop", CLI_CHOICE, SETS(loop), .choices = loop_wishes },
	{ "unprivileged", CLI_FLAG, SETS(unprivileged) },
	{ "no-control", CLI_FLAG, SETS(no_control) },
	{ "json", CLI_FLAG, SETS(json) },
	{ "selftest", CLI_FLAG, SETS(selftest) },
	{ .name = NULL },
};

static int check(const void *data)
{
	const struct options *options = data;
	if (options->n_regions < options->n_clients)
		return cli_complain(
			"--regions %u is less than --clients %u: each client needs a file",
			options->n_regions, options->n_clients);
	return 0;
}

static const struct cli cli = {
	.program = PROGRAM,
	.help = help,
	.options = rows,
	.check = check,
};

int stress_options_parse(struct options *options, int argc, char **argv)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	*options = (struct options){
		.n_clients = 4,
		.n_readers = 3,
		.n_regions = 16,
		.seconds = 10,
		.seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32,
		.size = UINT64_C(64) << 10,
		.attacks = ALL_ATTACKS,
		.loop = LOOP_BEST,
	};
	int err = cli_parse(&cli, options, argc, argv);
	options->size = (options->size + page - 1) / page * page;
	return err;
}
