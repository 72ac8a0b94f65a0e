// SPDX-License-Identifier: BSD-2-Clause
/*
 * nameindex.c - finds numbers by name: open addressing.
 *
 * A slot holds the number alone: filling the table is what costs, by the pages it touches, and a
 * lookup that has to compare one name more costs nothing.
 *
 * The names may be a hostile file's.  Which of them share a slot depends on a random seed; and of
 * names that are all alike only some are kept, since each would lie behind all those before it.
 */
#include "user/go/nameindex.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/table.h"
#include "user/base/util.h"

enum { LONG_RUN = 8 };		/* of used slots: at most half of all are used, so few are longer */

struct nameindex {
	uint32_t *slots;	/* number plus one; 0: free */
	uint32_t mask;
	size_t n, room;
	uint64_t seed;
	nameindex_same *same;
	const void *ctx;
};

enum nameindex_part nameindex_part_of(const char *name)
{
	return goname_in_runtime(name) ? NAMEINDEX_RUNTIME : NAMEINDEX_OTHERS;
}

struct nameindex *nameindex_new(size_t n, nameindex_same *same, const void *ctx)
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
	ix->seed = table_seed();
	ix->same = same;
	ix->ctx = ctx;
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
static uint32_t slot_of(const struct nameindex *ix, const char *name, size_t len)
{
	uint64_t h = table_mix(ix->seed, len), w;

	for (; len >= sizeof(w); name += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, name, sizeof(w));
		h = table_mix(h, w);
	}
	w = 0;
	memcpy(&w, name, len);
	return table_mix(h, w) & ix->mask;
}

void nameindex_add(struct nameindex *ix, const char *name, size_t len, uint32_t number)
{
	uint32_t i = slot_of(ix, name, len), run = 0;

	if (ix->n == ix->room)
		return;
	for (; ix->slots[i]; i = (i + 1) & ix->mask)
		if (run++ >= LONG_RUN && ix->same(ix->ctx, ix->slots[i] - 1, name))
			return;
	ix->slots[i] = number + 1;
	ix->n++;
}

bool nameindex_find(const struct nameindex *ix, const char *name, uint32_t *number)
{
	uint32_t i;

	for (i = slot_of(ix, name, strlen(name)); ix->slots[i]; i = (i + 1) & ix->mask) {
		if (!ix->same(ix->ctx, ix->slots[i] - 1, name))
			continue;
		*number = ix->slots[i] - 1;
		return true;
	}
	return false;
}
