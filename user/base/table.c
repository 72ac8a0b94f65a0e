// SPDX-License-Identifier: BSD-2-Clause
/*
 * table.c - open addressing with linear probing; deletion moves followers back, so there are no
 * tombstones and a table that lives for weeks stays fast.
 *
 * The number of slots is not a power of two: it doubles up to exactly what fits into the memory.
 * Of a small table that is two thirds, since at the last doubling the old slots are there as well.
 * A large one fills all of it: where an entry lands rises with its hash, so the entries of old
 * slots go to new ones in about the same order, and the pages of the old are given back while those
 * of the new are first used.
 *
 * Where slots have pages of their own they become more by an eighth at a time: then two thirds of
 * them are in use at least, and an entry takes 1.5 times its size at most.
 */
#include "user/base/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "user/base/reader.h"
#include "user/base/util.h"

enum {
	FIRST_SLOTS = 1024,
	LEAST_SLOTS = 8,
	MAPPED_BYTES = 1 << 20,		/* of slots, from which they have pages of their own */
	LARGE_BYTES = 8 << 20,		/* of memory, from which a table is large */
	BACK_BYTES = 1 << 18,		/* so many are given back at a time; a multiple of a page */
};

static uint64_t key_of(const void *entry)
{
	uint64_t key;

	memcpy(&key, entry, sizeof(key));
	return key;
}

static void *slot(const struct table *t, size_t i)
{
	return t->entries + i * t->size;
}

static size_t after(const struct table *t, size_t i)
{
	return i + 1 == t->n_slots ? 0 : i + 1;
}

static size_t home(const struct table *t, uint64_t key)
{
	return (size_t)(((unsigned __int128)table_mix(t->seed, key) * t->n_slots) >> 64);
}

uint64_t table_mix_text(uint64_t h, const char *s)
{
	uint64_t word = 0;
	size_t n = s ? strlen(s) : 0;

	for (; n >= sizeof(word); n -= sizeof(word), s += sizeof(word))
		h = table_mix(h, load_u64(s));
	if (n)
		memcpy(&word, s, n);
	return table_mix(table_mix(h, word), s != NULL);
}

uint64_t table_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = now_ns() ^ (uintptr_t)&seed;	/* early at boot; random as well */
	return seed;
}

void table_expect(const struct table *t, uint64_t key)
{
	__builtin_prefetch(slot(t, home(t, key)));
}

static void get_slots(struct table *t)
{
	size_t bytes = t->n_slots * t->size;

	if (bytes < MAPPED_BYTES) {
		t->entries = xcalloc(t->n_slots, t->size);
		return;
	}
	t->entries = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->entries == MAP_FAILED)
		out_of_memory();
}

static void give_slots(struct table *t)
{
	if (t->n_slots * t->size < MAPPED_BYTES)
		free(t->entries);
	else
		munmap(t->entries, t->n_slots * t->size);
}

static void first_slots(struct table *t)
{
	t->n_slots = t->max_slots;
	while (t->n_slots >= 2 * FIRST_SLOTS)
		t->n_slots /= 2;
	get_slots(t);
	t->n = 0;
}

void table_init(struct table *t, size_t entry_size, size_t max_bytes)
{
	*t = (struct table){ .size = entry_size, .seed = table_seed() };
	if (max_bytes < LARGE_BYTES)
		t->max_slots = max_bytes / entry_size / 3 * 2;
	else
		t->max_slots = (max_bytes - 2 * BACK_BYTES) / entry_size;
	if (t->max_slots < LEAST_SLOTS)
		t->max_slots = LEAST_SLOTS;
	first_slots(t);
}

void table_fini(struct table *t)
{
	give_slots(t);
	*t = (struct table){ 0 };
}

void table_clear(struct table *t)
{
	give_slots(t);
	first_slots(t);
}

/* The slot of key, or the free one where it belongs. */
static void *probe(const struct table *t, uint64_t key)
{
	size_t i = home(t, key);

	while (key_of(slot(t, i)) && key_of(slot(t, i)) != key)
		i = after(t, i);
	return slot(t, i);
}

void *table_find(const struct table *t, uint64_t key)
{
	void *e = key ? probe(t, key) : NULL;

	return e && key_of(e) ? e : NULL;
}

/* The pages of old that lie before an entry; *back: of those so many bytes were given back. */
static void give_back(const struct table *old, const uint8_t *entry, size_t *back)
{
	size_t before = (size_t)(entry - old->entries) / BACK_BYTES * BACK_BYTES;

	if (old->n_slots * old->size < MAPPED_BYTES || before == *back)
		return;
	madvise(old->entries + *back, before - *back, MADV_DONTNEED);
	*back = before;
}

/* 0: there is no room for more. */
static size_t more_slots(const struct table *t)
{
	size_t more = t->n_slots + t->n_slots / 8;

	if (t->n_slots * t->size < MAPPED_BYTES)
		return 2 * t->n_slots <= t->max_slots ? 2 * t->n_slots : 0;
	if (t->n_slots >= t->max_slots)
		return 0;
	return more < t->max_slots ? more : t->max_slots;
}

static void enlarge(struct table *t)
{
	struct table old = *t;
	size_t back = 0;

	t->n_slots = more_slots(&old);
	get_slots(t);
	for (void *e = table_next(&old, NULL); e; e = table_next(&old, e)) {
		memcpy(probe(t, key_of(e)), e, t->size);
		give_back(&old, e, &back);
	}
	give_slots(&old);
}

/* Three quarters: beyond that, runs of used slots become long. */
static bool crowded(const struct table *t)
{
	return 4 * (t->n + 1) > 3 * t->n_slots;
}

bool table_full(const struct table *t)
{
	return crowded(t) && !more_slots(t);
}

void *table_put(struct table *t, uint64_t key, bool *is_new)
{
	void *e = probe(t, key);

	*is_new = !key_of(e);
	if (!*is_new)
		return e;
	if (table_full(t))
		return NULL;
	if (crowded(t)) {
		enlarge(t);
		e = probe(t, key);
	}
	memcpy(e, &key, sizeof(key));
	t->n++;
	return e;
}

static size_t distance(const struct table *t, size_t from, size_t to)
{
	return to >= from ? to - from : to + t->n_slots - from;
}

/* Closes the gap at i: an entry further on may move there if its home does not lie behind the
 * gap. */
void table_delete(struct table *t, uint64_t key)
{
	uint8_t *e = table_find(t, key);
	size_t gap, i;

	if (!e)
		return;
	gap = (e - t->entries) / t->size;
	for (i = after(t, gap); key_of(slot(t, i)); i = after(t, i)) {
		if (distance(t, home(t, key_of(slot(t, i))), i) < distance(t, gap, i))
			continue;
		memcpy(slot(t, gap), slot(t, i), t->size);
		gap = i;
	}
	memset(slot(t, gap), 0, t->size);
	t->n--;
}

/* A deletion moves followers to slot i, or those behind the end to slots that were passed. */
void table_filter(struct table *t, bool (*keep)(void *ctx, void *entry), void *ctx)
{
	for (size_t i = 0; i < t->n_slots;)
		if (!key_of(slot(t, i)) || keep(ctx, slot(t, i)))
			i++;
		else
			table_delete(t, key_of(slot(t, i)));
}

void *table_next(const struct table *t, const void *entry)
{
	size_t i = entry ? ((const uint8_t *)entry - t->entries) / t->size + 1 : 0;

	for (; i < t->n_slots; i++)
		if (key_of(slot(t, i)))
			return slot(t, i);
	return NULL;
}
