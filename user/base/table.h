/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - a hash table from 64-bit keys to entries of a fixed size, open addressing, within a
 * given memory.
 *
 * An entry begins with its key; 0 is no key.  Pointers to entries are good until the next put or
 * delete.  Keys may come from a hostile process: where they land depends on a random seed.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	uint8_t *entries;
	size_t size;		/* bytes of an entry */
	size_t n_slots, max_slots;
	size_t n;		/* entries */
	uint64_t seed;		/* may be set while the table is empty, to have it always alike */
};

/* A random number that the target cannot know. */
uint64_t table_seed(void);

/* Folds one more value into a hash that is to become a key.  What must not be made to collide by
 * somebody who chooses v begins with a secret h. */
static inline uint64_t table_mix(uint64_t h, uint64_t v)
{
	/* Both halves of a product of which whoever chooses v knows neither factor; odd, so that
	 * different v stay different in the lower half. */
	unsigned __int128 p = (unsigned __int128)(h ^ v) *
			      ((((h << 32) | (h >> 32)) ^ 0x9e3779b97f4a7c15ull) | 1);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* The same with a text; NULL is another one than "". */
uint64_t table_mix_text(uint64_t h, const char *s);

/* max_bytes: of slots that are in memory, also while it grows. */
void table_init(struct table *t, size_t entry_size, size_t max_bytes);
void table_fini(struct table *t);
/* Removes all entries and gives their memory back. */
void table_clear(struct table *t);

void *table_find(const struct table *t, uint64_t key);
/* The entry of key, zeroed but for the key if it is new; NULL: new, and there is no room. */
void *table_put(struct table *t, uint64_t key, bool *is_new);
void table_delete(struct table *t, uint64_t key);
/* That key will be asked for soon. */
void table_expect(const struct table *t, uint64_t key);
/* Whether a new key would find no room. */
bool table_full(const struct table *t);

/* Deletes every entry for which keep() says no; it may be asked twice of one that stays. */
void table_filter(struct table *t, bool (*keep)(void *ctx, void *entry), void *ctx);

/* for (void *e = table_next(t, NULL); e; e = table_next(t, e)); no put or delete meanwhile */
void *table_next(const struct table *t, const void *entry);

#endif
