// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapmap.c - a heapmap's memory: its strings, each of them once, and its arrays; or all of it in
 * one piece.
 */
#include "user/heapmap.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/util.h"

struct heap_text {
	void *tree;		/* of strings, by their bytes */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *heapmap_text(struct heapmap *m, const char *s)
{
	void **found;
	char *copy;

	if (!s)
		return NULL;
	if (!m->texts)
		m->texts = xcalloc(1, sizeof(*m->texts));
	found = tfind(s, &m->texts->tree, by_text);
	if (found)
		return *found;
	copy = xstrdup(s);
	if (!tsearch(copy, &m->texts->tree, by_text)) {
		free(copy);
		return NULL;
	}
	return copy;
}

static void free_type(struct heap_type *t)
{
	for (size_t i = 0; i < t->n_holders; i++)
		free(t->holders[i].levels);
	free(t->holders);
	free(t->sizes);
	free(t->places);
}

void heapmap_free(struct heapmap *m)
{
	for (size_t i = 0; i < m->n_types; i++)
		free_type(&m->types[i]);
	free(m->types);
	free(m->runners);
	if (m->texts)
		tdestroy(m->texts->tree, free);
	free(m->texts);
	*m = (struct heapmap){ 0 };
}

struct heap_range heap_range_sum(struct heap_range a, struct heap_range b)
{
	return (struct heap_range){ a.low + b.low, a.high + b.high };
}

int64_t heapmap_time_ns(const struct heapmap *m)
{
	return m->from_ns + (m->to_ns - m->from_ns) / 2;
}

struct heap_range heapmap_objects(const struct heapmap *m)
{
	return heap_range_sum(m->pointers.objects, m->no_pointers.objects);
}

struct heap_range heapmap_bytes(const struct heapmap *m)
{
	return heap_range_sum(m->pointers.bytes, m->no_pointers.bytes);
}

/* ---- one piece of memory --------------------------------------------------------------------- */

enum { ALIGNMENT = 8 };

struct packing {
	uint8_t *at, *end;
	struct table texts;	/* by their first address: each of them is there once */
	bool full;		/* something found no room */
};

struct packed_text {
	uint64_t from;		/* key */
	const char *to;
};

/* NULL: there is no room, or nothing to copy. */
static void *pack_array(struct packing *k, const void *from, size_t n, size_t size)
{
	size_t room = (size_t)(k->end - k->at), bytes = n * size;
	void *to = k->at;

	if (!bytes)
		return NULL;
	if (bytes + ALIGNMENT > room) {
		k->full = true;
		return NULL;
	}
	memcpy(to, from, bytes);
	k->at += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return to;
}

static const char *pack_text(struct packing *k, const char *s)
{
	struct packed_text *t;
	bool is_new;

	if (!s)
		return NULL;
	t = table_put(&k->texts, (uintptr_t)s, &is_new);
	if (is_new)
		t->to = pack_array(k, s, strlen(s) + 1, 1);
	if (!t->to)
		k->full = true;
	return t->to;
}

static void pack_levels(struct packing *k, struct heap_holder *h)
{
	h->levels = pack_array(k, h->levels, h->n_levels, sizeof(*h->levels));
	for (size_t i = 0; i < h->n_levels && h->levels; i++) {
		h->levels[i].type = pack_text(k, h->levels[i].type);
		h->levels[i].field = pack_text(k, h->levels[i].field);
	}
	h->name = pack_text(k, h->name);
	h->field = pack_text(k, h->field);
}

static void pack_places(struct packing *k, struct heap_type *t)
{
	t->places = pack_array(k, t->places, t->n_places, sizeof(*t->places));
	for (size_t i = 0; i < t->n_places && t->places; i++) {
		t->places[i].function = pack_text(k, t->places[i].function);
		t->places[i].profiled = pack_text(k, t->places[i].profiled);
		t->places[i].file = pack_text(k, t->places[i].file);
	}
}

static void pack_runners(struct packing *k, struct heapmap *m)
{
	m->runners = pack_array(k, m->runners, m->n_runners, sizeof(*m->runners));
	for (size_t i = 0; i < m->n_runners && m->runners; i++) {
		m->runners[i].state = pack_text(k, m->runners[i].state);
		m->runners[i].function = pack_text(k, m->runners[i].function);
	}
}

/* What belongs to a type, or nothing of it. */
static void pack_details(struct packing *k, struct heap_type *t)
{
	t->sizes = pack_array(k, t->sizes, t->n_sizes, sizeof(*t->sizes));
	t->holders = pack_array(k, t->holders, t->n_holders, sizeof(*t->holders));
	for (size_t i = 0; i < t->n_holders && t->holders; i++)
		pack_levels(k, &t->holders[i]);
	pack_places(k, t);
	if (!k->full)
		return;
	t->n_sizes = t->n_holders = t->n_places = 0;
	t->places_known = false;
}

struct heapmap *heapmap_pack(const struct heapmap *m, void *memory, size_t size)
{
	struct packing k = { .at = memory, .end = (uint8_t *)memory + size };
	struct heapmap *to = pack_array(&k, m, 1, sizeof(*m));

	table_init(&k.texts, sizeof(struct packed_text), SIZE_MAX);
	if (to) {
		to->texts = NULL;
		to->types = pack_array(&k, m->types, m->n_types, sizeof(*m->types));
		pack_runners(&k, to);
	}
	for (size_t i = 0; i < m->n_types && !k.full; i++) {
		to->types[i].name = pack_text(&k, m->types[i].name);
		to->types[i].package = pack_text(&k, m->types[i].package);
		to->types[i].part = pack_text(&k, m->types[i].part);
	}
	if (k.full)
		to = NULL;
	for (size_t i = 0; to && i < m->n_types; i++)
		pack_details(&k, &to->types[i]);
	table_fini(&k.texts);
	return to;
}
