/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - a hash table from 64-bit keys to entries of a fixed size, open addressing, with a cap.
 *
 * An entry begins with its key; 0 is no key.  Pointers to entries are good until the next put or
 * delete.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	uint8_t *entries;
	size_t size;		/* bytes of an entry */
	size_t mask;		/* slots minus one */
	size_t n, max;		/* entries, and the most there may be */
};

/* Folds one more value into a hash that is to become a key. */
static inline uint64_t table_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ (h >> 31);
}

void table_init(struct table *t, size_t entry_size, size_t max);
void table_fini(struct table *t);

void *table_find(const struct table *t, uint64_t key);
/* The entry of key, zeroed but for the key if it is new; NULL: new, and the table is full. */
void *table_put(struct table *t, uint64_t key, bool *is_new);
void table_delete(struct table *t, uint64_t key);

/* for (void *e = table_next(t, NULL); e; e = table_next(t, e)); no put or delete meanwhile */
void *table_next(const struct table *t, const void *entry);

#endif
