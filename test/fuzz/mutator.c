/* SPDX-License-Identifier: MIT */
/*
 * Mutations that know records: bytes that move by one turn a sequence into noise, while an
 * operation more, one less, or one at another time is what finds bugs.
 */
#include "record.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *left, size_t left_size, const uint8_t *right,
	size_t right_size, uint8_t *out, size_t max_size, unsigned seed);

/* splitmix64: libFuzzer's seed has to be enough for the same mutation again. */
static uint64_t random_state;

static size_t random_below(size_t limit)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return limit ? (size_t)((z ^ (z >> 31)) % limit) : 0;
}

struct sequence {
	uint8_t *data;
	size_t n, most; /* records */
};

static uint8_t *record_at(const struct sequence *s, size_t i)
{
	return s->data + i * RECORD_SIZE;
}

/* Room for a record; what is behind moves. NULL: there is none. */
static uint8_t *make_room(struct sequence *s, size_t at)
{
	if (s->n == s->most)
		return NULL;
	memmove(record_at(s, at + 1), record_at(s, at), (s->n - at) * RECORD_SIZE);
	s->n++;
	return record_at(s, at);
}

/* Large files take time that many small ones make more of. */
static void make_small(uint8_t *record)
{
	const enum op op = record[0];
	if ((op == OP_FILE || op == OP_CLIENT_TRUNCATE) && random_below(16))
		record[2] %= 16;
	if (op == OP_MAP && random_below(16))
		record[3] %= 16;
}

static void insert_new(struct sequence *s)
{
	uint8_t *record = make_room(s, random_below(s->n + 1));
	if (!record)
		return;
	for (size_t i = 1; i < RECORD_SIZE; i++)
		record[i] = (uint8_t)random_below(256);
	record[0] = (uint8_t)(OP_FILE + random_below(N_OPS - OP_FILE));
	make_small(record);
}

static void insert_copy(struct sequence *s)
{
	uint8_t copy[RECORD_SIZE];
	if (s->n == 0)
		return;
	memcpy(copy, record_at(s, random_below(s->n)), RECORD_SIZE);
	uint8_t *record = make_room(s, random_below(s->n + 1));
	if (record)
		memcpy(record, copy, RECORD_SIZE);
}

static void erase(struct sequence *s)
{
	if (s->n == 0)
		return;
	const size_t at = random_below(s->n), n = random_below(4) ? 1 : 1 + random_below(s->n - at);
	memmove(record_at(s, at), record_at(s, at + n), (s->n - at - n) * RECORD_SIZE);
	s->n -= n;
}

static void swap(struct sequence *s)
{
	uint8_t copy[RECORD_SIZE];
	if (s->n < 2)
		return;
	const size_t at = random_below(s->n - 1);
	memcpy(copy, record_at(s, at), RECORD_SIZE);
	memmove(record_at(s, at), record_at(s, at + 1), RECORD_SIZE);
	memcpy(record_at(s, at + 1), copy, RECORD_SIZE);
}

static void change_operation(struct sequence *s)
{
	if (s->n > 0)
		record_at(s, random_below(s->n))[0] = (uint8_t)random_below(N_OPS);
}

static void change_number(struct sequence *s)
{
	if (s->n == 0)
		return;
	uint8_t *record = record_at(s, random_below(s->n)),
		*number = record + 1 + random_below(RECORD_SIZE - 1);
	switch (random_below(4)) {
	case 0:
		*number ^= (uint8_t)(1u << random_below(8));
		break;
	case 1:
		*number = (uint8_t)(*number + random_below(9) - 4);
		break;
	default:
		*number = (uint8_t)random_below(256);
		break;
	}
	make_small(record);
}

/* The same place as another operation's: what touches the same bytes meets more often. */
static void copy_place(struct sequence *s)
{
	if (s->n < 2)
		return;
	const uint8_t *from = record_at(s, random_below(s->n));
	uint8_t *to = record_at(s, random_below(s->n));
	memmove(to + 1, from + 1, 4); /* slot, a, b, c */
}

static void mutate_once(struct sequence *s)
{
	switch (random_below(12)) {
	case 0:
	case 1:
		insert_new(s);
		break;
	case 2:
	case 3:
		insert_copy(s);
		break;
	case 4:
	case 5:
		erase(s);
		break;
	case 6:
		swap(s);
		break;
	case 7:
		change_operation(s);
		break;
	case 8:
		copy_place(s);
		break;
	default:
		change_number(s);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct sequence s = {
		.data = data, .n = size / RECORD_SIZE, .most = max_size / RECORD_SIZE
	};
	random_state = seed;
	if (s.most > MAX_RECORDS)
		s.most = MAX_RECORDS;
	if (s.n > s.most)
		s.n = s.most;
	if (random_below(16) == 0) /* with what it has learnt from comparisons */
		s.n = LLVMFuzzerMutate(data, s.n * RECORD_SIZE, s.most * RECORD_SIZE) / RECORD_SIZE;
	for (size_t i = 1 + random_below(4); i > 0; i--)
		mutate_once(&s);
	return s.n * RECORD_SIZE;
}

static size_t append(uint8_t *out, size_t n, size_t most, const uint8_t *from, size_t n_more)
{
	if (n_more > most - n)
		n_more = most - n;
	memcpy(out + n * RECORD_SIZE, from, n_more * RECORD_SIZE);
	return n + n_more;
}

/* The beginning of one, with its files and regions, and then a part of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *left, size_t left_size, const uint8_t *right,
	size_t right_size, uint8_t *out, size_t max_size, unsigned seed)
{
	const size_t n_left = left_size / RECORD_SIZE, n_right = right_size / RECORD_SIZE;
	size_t most = max_size / RECORD_SIZE;
	random_state = seed;
	if (most > MAX_RECORDS)
		most = MAX_RECORDS;
	const size_t kept = random_below(n_left + 1), from = random_below(n_right + 1),
		     taken = random_below(n_right - from + 1);
	size_t n = append(out, 0, most, left, kept);
	n = append(out, n, most, right + from * RECORD_SIZE, taken);
	n = append(out, n, most, left + kept * RECORD_SIZE, n_left - kept);
	return n * RECORD_SIZE;
}
