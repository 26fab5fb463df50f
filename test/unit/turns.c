/* SPDX-License-Identifier: MIT */
/* Whose turn it is in the ring: the rules one by one, and a random play in which they always hold.
 */
#include "daemon/turns.h"

#include "unit.h"

#include <string.h>

/* Files of a server each, unless a device is given twice; or on a disk. */
static void file_init(struct blocking_file *file, bool is_remote, unsigned device, unsigned inode)
{
	memset(file, 0, sizeof(*file));
	file->is_remote = is_remote;
	file->identity = (struct descriptor_file){ .device = device, .inode = inode };
	file->call.turn.file = file->closing.file = file;
	for (size_t i = 0; i < N_FAULT_READS; i++)
		file->faults[i].turn.file = file;
}

static struct blocking_turn *turn_of(struct blocking_file *file, size_t i)
{
	return i < N_FAULT_READS ? &file->faults[i].turn : &file->call.turn;
}

START_TEST(server_has_two_turns_whatever_its_files)
{
	struct turns turns;
	struct blocking_file files[2], other;
	turns_init(&turns);
	file_init(&files[0], true, 1, 1);
	file_init(&files[1], true, 1, 2);
	file_init(&other, true, 2, 1);
	ck_assert(turns_ask(&turns, turn_of(&files[0], 0)));
	ck_assert(turns_ask(&turns, turn_of(&files[1], 0)));
	ck_assert(!turns_ask(&turns, turn_of(&files[0], 1)));
	ck_assert(!turns_ask(&turns, turn_of(&files[1], 1)));
	ck_assert(turns_ask(&turns, turn_of(&other, 0)));
	ck_assert_ptr_null(turns_end(&turns, turn_of(&other, 0)));
	ck_assert_ptr_eq(turns_end(&turns, turn_of(&files[1], 0)), turn_of(&files[0], 1));
	ck_assert_ptr_eq(turns_end(&turns, turn_of(&files[0], 0)), turn_of(&files[1], 1));
	ck_assert_ptr_null(turns_any_waiting(&turns));
}
END_TEST

START_TEST(files_on_a_disk_have_two_turns_each)
{
	struct turns turns;
	struct blocking_file a, b;
	turns_init(&turns);
	file_init(&a, false, 1, 1);
	file_init(&b, false, 1, 2);
	ck_assert(turns_ask(&turns, turn_of(&a, 0)));
	ck_assert(turns_ask(&turns, turn_of(&a, 1)));
	ck_assert(!turns_ask(&turns, turn_of(&a, 2)));
	ck_assert(turns_ask(&turns, turn_of(&b, 0)));
}
END_TEST

/* As many as stall leave the disks theirs. */
START_TEST(servers_take_no_turn_of_the_disks)
{
	struct turns turns;
	struct blocking_file servers[TURNS_OF_CLASS], disk;
	size_t n = 0;
	turns_init(&turns);
	for (unsigned i = 0; i < TURNS_OF_CLASS; i++) {
		file_init(&servers[i], true, i, 1);
		n += turns_ask(&turns, turn_of(&servers[i], 0));
		n += turns_ask(&turns, turn_of(&servers[i], 1));
	}
	ck_assert_uint_eq(n, TURNS_OF_CLASS);
	file_init(&disk, false, 1, 1);
	ck_assert(turns_ask(&turns, turn_of(&disk, 0)));
	/* Whoever waits for longest is next. */
	ck_assert_ptr_eq(turns_end(&turns, turn_of(&servers[0], 0)),
		turn_of(&servers[TURNS_OF_CLASS / 2], 0));
}
END_TEST

START_TEST(who_was_forgotten_gets_no_turn)
{
	struct turns turns;
	struct blocking_file file;
	turns_init(&turns);
	file_init(&file, true, 1, 1);
	ck_assert(turns_ask(&turns, turn_of(&file, 0)));
	ck_assert(turns_ask(&turns, turn_of(&file, 1)));
	ck_assert(!turns_ask(&turns, turn_of(&file, 2)));
	ck_assert(!turns_ask(&turns, turn_of(&file, 3)));
	turns_forget(turn_of(&file, 2));
	turns_forget(turn_of(&file, 0)); /* has its turn: nothing to forget */
	ck_assert_ptr_eq(turns_end(&turns, turn_of(&file, 0)), turn_of(&file, 3));
	ck_assert_ptr_null(turns_end(&turns, turn_of(&file, 1)));
}
END_TEST

START_TEST(stalled_is_who_has_had_all_turns_for_long)
{
	struct turns turns;
	struct blocking_file file, beside;
	turns_init(&turns);
	file_init(&file, true, 1, 1);
	file_init(&beside, true, 1, 2);
	ck_assert(turns_ask(&turns, turn_of(&file, 0)));
	ck_assert(!turns_are_stalled(&turns, &file, UINT64_MAX));
	ck_assert(turns_ask(&turns, turn_of(&file, 1)));
	const uint64_t second = turn_of(&file, 1)->taken_at;
	ck_assert(!turns_are_stalled(&turns, &file, second));
	ck_assert(turns_are_stalled(&turns, &file, second + 1));
	ck_assert(turns_are_stalled(&turns, &beside, second + 1));
}
END_TEST

/* ---- A random play ---- */

#define N_FILES 40
#define N_TURNS (N_FILES * (N_FAULT_READS + 1))

enum state { IDLE, WAITS, HAS_TURN };

struct play {
	struct turns turns;
	struct blocking_file files[N_FILES];
	enum state states[N_TURNS];
	uint32_t seed;
};

static struct blocking_turn *nth(struct play *play, size_t n)
{
	return turn_of(&play->files[n / (N_FAULT_READS + 1)], n % (N_FAULT_READS + 1));
}

static size_t number_of(struct play *play, const struct blocking_turn *turn)
{
	size_t n = 0;
	while (nth(play, n) != turn)
		n++;
	return n;
}

static bool is_same_key(const struct blocking_file *a, const struct blocking_file *b)
{
	return a->is_remote == b->is_remote && a->identity.device == b->identity.device &&
	       (a->is_remote || a->identity.inode == b->identity.inode);
}

static void count_taken(
	struct play *play, const struct blocking_file *file, size_t *of_key, size_t *of_class)
{
	*of_key = *of_class = 0;
	for (size_t i = 0; i < N_TURNS; i++) {
		const struct blocking_file *other = nth(play, i)->file;
		if (play->states[i] != HAS_TURN || other->is_remote != file->is_remote)
			continue;
		(*of_class)++;
		*of_key += is_same_key(other, file);
	}
}

/* No more than may; and nobody waits who might have a turn. */
static bool is_fair(struct play *play, size_t n)
{
	size_t of_key, of_class;
	count_taken(play, nth(play, n)->file, &of_key, &of_class);
	return of_key <= TURNS_OF_KEY && of_class <= TURNS_OF_CLASS &&
	       (nth(play, n)->list != NULL) == (play->states[n] == WAITS) &&
	       (play->states[n] != WAITS || of_key == TURNS_OF_KEY || of_class == TURNS_OF_CLASS);
}

/* One assertion for all: each costs libcheck a system call. */
static void assert_fair(struct play *play)
{
	size_t n = 0;
	while (n < N_TURNS && is_fair(play, n))
		n++;
	ck_assert_uint_eq(n, N_TURNS);
}

static void play_one(struct play *play)
{
	const size_t n = random_below(&play->seed, N_TURNS);
	struct blocking_turn *turn = nth(play, n), *next;
	switch (play->states[n]) {
	case IDLE:
		play->states[n] = turns_ask(&play->turns, turn) ? HAS_TURN : WAITS;
		return;
	case WAITS:
		turns_forget(turn);
		play->states[n] = IDLE;
		return;
	case HAS_TURN:
		next = turns_end(&play->turns, turn);
		play->states[n] = IDLE;
		if (!next)
			return;
		ck_assert_int_eq(play->states[number_of(play, next)], WAITS);
		play->states[number_of(play, next)] = HAS_TURN;
	}
}

START_TEST(nobody_waits_who_might_have_a_turn)
{
	struct play play = { .seed = (uint32_t)_i + 1 };
	turns_init(&play.turns);
	for (unsigned i = 0; i < N_FILES; i++)
		file_init(&play.files[i], random_below(&play.seed, 2), random_below(&play.seed, 6),
			random_below(&play.seed, 4));
	for (unsigned i = 0; i < 3000; i++) {
		play_one(&play);
		assert_fair(&play);
	}
}
END_TEST

static TCase *turns_case(void)
{
	TCase *tcase = tcase_create("turns");
	tcase_add_test(tcase, server_has_two_turns_whatever_its_files);
	tcase_add_test(tcase, files_on_a_disk_have_two_turns_each);
	tcase_add_test(tcase, servers_take_no_turn_of_the_disks);
	tcase_add_test(tcase, who_was_forgotten_gets_no_turn);
	tcase_add_test(tcase, stalled_is_who_has_had_all_turns_for_long);
	tcase_add_loop_test(tcase, nobody_waits_who_might_have_a_turn, 0, 5);
	return tcase;
}

UNIT_MAIN("turns", turns_case)
