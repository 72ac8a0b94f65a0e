// SPDX-License-Identifier: BSD-2-Clause
/*
 * nameindex.c - finds numbers by name: open addressing.
 *
 * A slot holds the number alone: filling the table is what costs, by the pages it touches, and a
 * lookup that has to compare one name more costs nothing.
 */
#include "user/go/nameindex.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

struct nameindex {
	uint32_t *slots;	/* number plus one; 0: free */
	uint32_t mask;
	size_t n, room;
};

struct nameindex *nameindex_new(size_t n)
{
	struct nameindex *ix = xcalloc(1, sizeof(*ix));
	size_t n_slots = 16;

	if (n > UINT32_MAX / 4)
		n = UINT32_MAX / 4;
	while (n_slots < 2 * n)
		n_slots *= 2;
	ix->slots = xcalloc(n_slots, sizeof(*ix->slots));
	ix->mask = n_slots - 1;
	ix->room = n;
	return ix;
}

void nameindex_free(struct nameindex *ix)
{
	if (!ix)
		return;
	free(ix->slots);
	free(ix);
}

/* Eight bytes at a time: the names of a large program are 30 MB, and they are hashed at the
 * attach. */
static uint32_t hash_of(const char *name, size_t len)
{
	const uint64_t k = 0x9e3779b97f4a7c15u;	/* 2^64 / golden ratio: spreads bits upwards */
	uint64_t h = len * k, w;

	for (; len >= sizeof(w); name += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, name, sizeof(w));
		h = (h ^ w) * k;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, name, len);
	h = (h ^ w) * k;
	return h >> 32;
}

void nameindex_add(struct nameindex *ix, const char *name, size_t len, uint32_t number)
{
	uint32_t i = hash_of(name, len) & ix->mask;

	if (ix->n == ix->room)
		return;
	while (ix->slots[i])
		i = (i + 1) & ix->mask;
	ix->slots[i] = number + 1;
	ix->n++;
}

bool nameindex_find(const struct nameindex *ix, const char *name,
		    bool (*same)(const void *ctx, uint32_t number, const char *name),
		    const void *ctx, uint32_t *number)
{
	uint32_t i;

	for (i = hash_of(name, strlen(name)) & ix->mask; ix->slots[i]; i = (i + 1) & ix->mask) {
		if (!same(ctx, ix->slots[i] - 1, name))
			continue;
		*number = ix->slots[i] - 1;
		return true;
	}
	return false;
}
