// SPDX-License-Identifier: BSD-2-Clause
/*
 * sitecache.c - answers of sitetype by what they depend on, and the one copy of each name in them.
 *
 * Both are hash tables with open addressing, at most half full.  There are no more names than types
 * in the binary, times a few prefixes; of answers there may be as many as the binary has calls of
 * the allocator.
 */
#include "user/go/sitecache.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/sitetype.h"

enum { ROOT = 1, FIRST_NODES = 1024 };

/* One step on the way from the root: typ first, then the pcs, then 0 if the stack ends. */
struct node {
	uint64_t step;
	uint32_t parent;	/* id of the node it is a step from; 0: the entry is free */
	uint32_t id;
	uint32_t answer;	/* index + 1; 0: the way goes on */
};

struct sitecache {
	struct node *nodes;
	size_t n_nodes, size_nodes, max_nodes;
	struct site_type *answers;
	size_t n_answers, cap_answers;
	char **names;
	size_t n_names, size_names;
	uint64_t seed;		/* of both hashes */
};

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = table_mix(h, (uint8_t)*s);
	return h;
}

static char **name_slot(const struct sitecache *sc, const char *s)
{
	size_t i = hash_text(sc->seed, s) & (sc->size_names - 1);

	while (sc->names[i] && strcmp(sc->names[i], s))
		i = (i + 1) & (sc->size_names - 1);
	return &sc->names[i];
}

static void grow_names(struct sitecache *sc)
{
	char **old = sc->names;
	size_t n = sc->size_names;

	sc->size_names = n ? 2 * n : 256;
	sc->names = xcalloc(sc->size_names, sizeof(*sc->names));
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*name_slot(sc, old[i]) = old[i];
	free(old);
}

const char *sitecache_name(struct sitecache *sc, const char *prefix, const char *name)
{
	char *s = xasprintf("%s%s", prefix, name), **slot;

	if (2 * (sc->n_names + 1) > sc->size_names)
		grow_names(sc);
	slot = name_slot(sc, s);
	if (*slot) {
		free(s);
	} else {
		*slot = s;
		sc->n_names++;
	}
	return *slot;
}

static struct node *node_slot(const struct sitecache *sc, uint32_t parent, uint64_t step)
{
	size_t i = table_mix(table_mix(sc->seed, parent), step) & (sc->size_nodes - 1);

	while (sc->nodes[i].parent && (sc->nodes[i].parent != parent || sc->nodes[i].step != step))
		i = (i + 1) & (sc->size_nodes - 1);
	return &sc->nodes[i];
}

static void grow_nodes(struct sitecache *sc)
{
	struct node *old = sc->nodes;
	size_t n = sc->size_nodes;

	sc->size_nodes = n ? 2 * n : FIRST_NODES;
	sc->nodes = xcalloc(sc->size_nodes, sizeof(*sc->nodes));
	for (size_t i = 0; i < n; i++)
		if (old[i].parent)
			*node_slot(sc, old[i].parent, old[i].step) = old[i];
	free(old);
}

static uint64_t step_at(uint64_t typ, const uint64_t *pcs, size_t n, size_t i)
{
	return !i ? typ : i <= n ? pcs[i - 1] : 0;
}

const struct site_type *sitecache_find(const struct sitecache *sc, uint64_t typ,
				       const uint64_t *pcs, size_t n)
{
	uint32_t parent = ROOT;

	for (size_t i = 0; i <= n + 1; i++) {
		const struct node *node = node_slot(sc, parent, step_at(typ, pcs, n, i));

		if (!node->parent)
			return NULL;
		if (node->answer)
			return &sc->answers[node->answer - 1];
		parent = node->id;
	}
	return NULL;
}

void sitecache_keep(struct sitecache *sc, uint64_t typ, const uint64_t *pcs, size_t n, size_t used,
		    const struct site_type *answer)
{
	struct node *node = NULL;
	uint32_t parent = ROOT;

	if (sc->n_nodes + used + 1 > sc->max_nodes)
		return;
	for (size_t i = 0; i <= used; i++) {
		if (2 * (sc->n_nodes + 1) > sc->size_nodes)
			grow_nodes(sc);
		node = node_slot(sc, parent, step_at(typ, pcs, n, i));
		if (!node->parent)
			*node = (struct node) { .step = step_at(typ, pcs, n, i), .parent = parent,
						.id = (uint32_t)++sc->n_nodes + ROOT };
		parent = node->id;
	}
	sc->answers = grow(sc->answers, sc->n_answers, &sc->cap_answers, sizeof(*sc->answers));
	sc->answers[sc->n_answers++] = *answer;
	node->answer = (uint32_t)sc->n_answers;
}

/* A slot is used by half a node and half an answer at most; at the last doubling the old slots, half
 * as many, are there as well. */
void sitecache_limit(struct sitecache *sc, size_t max_bytes)
{
	size_t slot_bytes = sizeof(struct node) * 3 / 2 + sizeof(struct site_type) / 2;
	size_t n_slots = FIRST_NODES;

	while (2 * n_slots * slot_bytes <= max_bytes)
		n_slots *= 2;
	sc->max_nodes = n_slots / 2;
}

struct sitecache *sitecache_new(void)
{
	struct sitecache *sc = xcalloc(1, sizeof(*sc));

	sc->seed = table_seed();
	grow_names(sc);
	grow_nodes(sc);
	sitecache_limit(sc, DEFAULT_MEMORY / 100 * TYPES_PERCENT);
	return sc;
}

void sitecache_free(struct sitecache *sc)
{
	if (!sc)
		return;
	for (size_t i = 0; i < sc->size_names; i++)
		free(sc->names[i]);
	free(sc->names);
	free(sc->nodes);
	free(sc->answers);
	free(sc);
}
