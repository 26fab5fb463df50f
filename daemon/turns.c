/* SPDX-License-Identifier: MIT */
/*
 * Turns: who may be in the ring. Each request there has a worker of the kernel, a thread of this
 * process that counts for RLIMIT_NPROC and cannot be ended while a server does not answer. So they
 * are few, and no client has all of them: a server has two, whatever number of files it serves, and
 * all servers together leave those of the disks alone.
 *
 * A request that finds no turn waits, in the list of its key if that has all its turns, else in
 * that of its class. Whatever is ready is begun as soon as the class has a turn: so ready is empty
 * unless the class has none.
 */
#include "daemon/turns.h"

#include "base/check.h"
#include "base/clock.h"

/* ---- Lists ---- */

static void list_append(struct turn_list *list, struct blocking_turn *turn)
{
	turn->list = list;
	turn->next = NULL;
	turn->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = turn;
	list->last = turn;
}

static void list_remove(struct blocking_turn *turn)
{
	struct turn_list *list = turn->list;
	*(turn->previous ? &turn->previous->next : &list->first) = turn->next;
	*(turn->next ? &turn->next->previous : &list->last) = turn->previous;
	turn->list = NULL;
}

static struct blocking_turn *list_take(struct turn_list *list)
{
	struct blocking_turn *first = list->first;
	if (first)
		list_remove(first);
	return first;
}

/* ---- Keys ---- */

static bool is_alike(const struct blocking_file *a, const struct blocking_file *b)
{
	return a->is_remote == b->is_remote && a->identity.device == b->identity.device &&
	       (a->is_remote || a->identity.inode == b->identity.inode);
}

static const struct turns_key *find_key(const struct turns *turns, const struct blocking_file *file)
{
	for (size_t i = 0; i < TURNS_MOST; i++) {
		const struct turns_key *key = &turns->keys[i];
		if (key->file && is_alike(key->file, file))
			return key;
	}
	return NULL;
}

/* There is room for a key for each turn. */
static struct turns_key *make_key(struct turns *turns, const struct blocking_file *file)
{
	struct turns_key *key = turns->keys;
	while (key->file)
		key++;
	check(key < turns->keys + TURNS_MOST);
	*key = (struct turns_key){ .file = file };
	return key;
}

static struct turns_class *class_of(struct turns *turns, const struct blocking_turn *turn)
{
	return &turns->classes[turn->file->is_remote];
}

/* ---- Turns ---- */

void turns_init(struct turns *turns)
{
	*turns = (struct turns){ .keys = { { .file = NULL } } };
}

/* False: its key has all its turns. */
static bool take(struct turns *turns, struct blocking_turn *turn)
{
	struct turns_key *key = (struct turns_key *)find_key(turns, turn->file);
	if (key && key->n_taken == TURNS_OF_KEY) {
		list_append(&key->waiting, turn);
		return false;
	}
	key = key ? key : make_key(turns, turn->file);
	key->taken[key->n_taken++] = turn;
	turn->taken_at = now_ns();
	class_of(turns, turn)->n_taken++;
	return true;
}

/* model: blocking ask */
bool turns_ask(struct turns *turns, struct blocking_turn *turn)
{
	struct turns_class *class = class_of(turns, turn);
	if (class->n_taken < TURNS_OF_CLASS)
		return take(turns, turn);
	list_append(&class->ready, turn);
	return false;
}

static void give_back(struct turns_key *key, const struct blocking_turn *turn)
{
	size_t i = 0;
	while (key->taken[i] != turn)
		i++;
	key->taken[i] = key->taken[--key->n_taken];
	/* The file of this one may be gone soon. */
	key->file = key->n_taken > 0 ? key->taken[0]->file : NULL;
}

/* Whoever comes first gets the turn that is free now. A key without a turn is forgotten, and those
 * that wait for it are ready. */
/* model: blocking next */
struct blocking_turn *turns_end(struct turns *turns, struct blocking_turn *turn)
{
	struct turns_key *key = (struct turns_key *)find_key(turns, turn->file);
	struct turns_class *class = class_of(turns, turn);
	struct blocking_turn *next;
	give_back(key, turn);
	class->n_taken--;
	do {
		next = list_take(&key->waiting);
		if (next)
			list_append(&class->ready, next);
	} while (next && !key->file);
	do
		next = list_take(&class->ready);
	while (next && !take(turns, next));
	return next;
}

/* model: blocking forget_turn */
void turns_forget(struct blocking_turn *turn)
{
	if (turn->list)
		list_remove(turn);
}

bool turns_are_stalled(const struct turns *turns, const struct blocking_file *file, uint64_t time)
{
	const struct turns_key *key = find_key(turns, file);
	if (!key || key->n_taken < TURNS_OF_KEY)
		return false;
	for (size_t i = 0; i < TURNS_OF_KEY; i++) {
		if (key->taken[i]->taken_at >= time)
			return false;
	}
	return true;
}

struct blocking_turn *turns_any_waiting(const struct turns *turns)
{
	for (size_t i = 0; i < TURNS_MOST; i++) {
		if (turns->keys[i].waiting.first)
			return turns->keys[i].waiting.first;
	}
	return turns->classes[0].ready.first ? turns->classes[0].ready.first
					     : turns->classes[1].ready.first;
}
