// SPDX-License-Identifier: BSD-2-Clause
/*
 * table.c - open addressing with linear probing; deletion moves followers back, so there are no
 * tombstones and a table that lives for weeks stays fast.
 */
#include "user/base/table.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum { FIRST_SLOTS = 1024 };	/* a power of two */

static uint64_t key_of(const void *entry)
{
	uint64_t key;

	memcpy(&key, entry, sizeof(key));
	return key;
}

static void *slot(const struct table *t, size_t i)
{
	return t->entries + (i & t->mask) * t->size;
}

/* Addresses differ in few, low bits: the multiplication spreads them, the high half has the good
 * bits. */
static size_t home(const struct table *t, uint64_t key)
{
	return ((key * 0x9e3779b97f4a7c15ull) >> 32) & t->mask;
}

void table_init(struct table *t, size_t entry_size, size_t max)
{
	*t = (struct table){ .size = entry_size, .mask = FIRST_SLOTS - 1, .max = max };
	t->entries = xcalloc(FIRST_SLOTS, entry_size);
}

void table_fini(struct table *t)
{
	free(t->entries);
	*t = (struct table){ 0 };
}

/* The slot of key, or the free one where it belongs. */
static void *probe(const struct table *t, uint64_t key)
{
	size_t i = home(t, key);

	while (key_of(slot(t, i)) && key_of(slot(t, i)) != key)
		i++;
	return slot(t, i);
}

void *table_find(const struct table *t, uint64_t key)
{
	void *e = key ? probe(t, key) : NULL;

	return e && key_of(e) ? e : NULL;
}

static void double_slots(struct table *t)
{
	struct table old = *t;

	t->mask = 2 * (old.mask + 1) - 1;
	t->entries = xcalloc(t->mask + 1, t->size);
	for (void *e = table_next(&old, NULL); e; e = table_next(&old, e))
		memcpy(probe(t, key_of(e)), e, t->size);
	free(old.entries);
}

void *table_put(struct table *t, uint64_t key, bool *is_new)
{
	void *e = probe(t, key);

	*is_new = !key_of(e);
	if (!*is_new)
		return e;
	if (t->n >= t->max)
		return NULL;
	if (4 * (t->n + 1) > 3 * (t->mask + 1)) {
		double_slots(t);
		e = probe(t, key);
	}
	memcpy(e, &key, sizeof(key));
	t->n++;
	return e;
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
	for (i = (gap + 1) & t->mask; key_of(slot(t, i)); i = (i + 1) & t->mask) {
		size_t h = home(t, key_of(slot(t, i)));

		if (((i - h) & t->mask) < ((i - gap) & t->mask))
			continue;
		memcpy(slot(t, gap), slot(t, i), t->size);
		gap = i;
	}
	memset(slot(t, gap), 0, t->size);
	t->n--;
}

void *table_next(const struct table *t, const void *entry)
{
	size_t i = entry ? ((const uint8_t *)entry - t->entries) / t->size + 1 : 0;

	for (; i <= t->mask; i++)
		if (key_of(slot(t, i)))
			return slot(t, i);
	return NULL;
}
