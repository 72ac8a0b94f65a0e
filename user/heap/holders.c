// SPDX-License-Identifier: BSD-2-Clause
/*
 * holders.c - nodes in words: the levels by which objects are held.
 *
 * What a map or a channel is made of is one level: its header, its tables and groups or buckets are
 * of one and the same type to whoever reads it.
 */
#include "user/heap/count_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/govars.h"

enum { WORD = 8, DEFAULT_HOLDERS = 10 };

struct counted {
	uint32_t node;
	struct node_count n;
};

static int by_bytes(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	if (x->n.bytes.high != y->n.bytes.high)
		return x->n.bytes.high > y->n.bytes.high ? -1 : 1;
	if (x->n.objects.high != y->n.objects.high)
		return x->n.objects.high > y->n.objects.high ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* The nodes of a row, most bytes first, at most MAX_HOLDER_NODES. */
static size_t find_nodes(const struct look *l, uint32_t type, uint8_t spanclass,
			 struct counted **out)
{
	const struct counts *c = l->counts;
	size_t n = 0, cap = 0;
	struct counted *v = NULL;

	for (uint32_t i = c->first[type]; type && i < c->first[type + 1]; i++) {
		uint32_t node = c->by_type[i];

		if (!c->nodes[node].objects.high)
			continue;
		v = grow(v, n, &cap, sizeof(*v));
		v[n++] = (struct counted){ node, c->nodes[node] };
	}
	for (const struct class_count *e = type ? NULL : table_next(&c->classes, NULL); e;
	     e = table_next(&c->classes, e)) {
		if (((e->key - 1) & 0xff) != spanclass)
			continue;
		v = grow(v, n, &cap, sizeof(*v));
		v[n++] = (struct counted){ (uint32_t)((e->key - 1) >> 8), e->n };
	}
	if (n)
		qsort(v, n, sizeof(*v), by_bytes);
	*out = v;
	return n < MAX_HOLDER_NODES ? n : MAX_HOLDER_NODES;
}

/* Whether two types are parts of the same map or channel. */
static bool same_whole(const struct look *l, uint32_t a, uint32_t b)
{
	const struct type *x, *y;

	if (!a || !b)
		return false;
	x = types_at(l->types, a);
	y = types_at(l->types, b);
	return x->rtype == y->rtype && form_is_part(x->form) && form_is_part(y->form);
}

static void name_field(struct look *l, struct heapmap *m, uint32_t slot, struct heap_level *out)
{
	char *field;

	if (slot == NODE_SOMEWHERE) {
		out->field = heapmap_text(m, "[...]");
		return;
	}
	if (slot & NODE_OFFSET) {
		out->offset = (uint64_t)(slot & ~NODE_OFFSET) * WORD;
		return;
	}
	field = types_field(l->types, types_of_slot(l->types, slot), slot);
	out->field = heapmap_text(m, field);
	free(field);
}

static void add_level(struct look *l, struct heapmap *m, struct heap_holder *h, uint32_t node,
		      uint32_t slot)
{
	const struct node *n = nodes_at(l->nodes, node);
	struct heap_level *level = &h->levels[h->n_levels++];
	const char *part;
	char *name;

	*level = (struct heap_level){ .guess = n->guess, .again = n->again };
	if (n->type) {
		name = types_name(l->types, n->type, &part);
		level->type = heapmap_text(m, name);
		free(name);
	}
	name_field(l, m, slot, level);
}

/* A variable whose type is known: the field of it, or of what the linker made it point to. */
static void name_typed(struct look *l, struct heapmap *m, const struct go_typed *v,
		       const char *slot_field, struct heap_holder *h)
{
	char *field = xasprintf("%s%s", v->field, slot_field ? slot_field : "");

	h->name = heapmap_text(m, v->name);
	if (v->within)
		h->levels[h->n_levels++] = (struct heap_level){
			.type = heapmap_text(m, v->within), .field = heapmap_text(m, field) };
	else if (*field)
		h->field = heapmap_text(m, field);
	free(field);
}

/* What has no name of its own and a typed pointer leads to, as to the T of a variable that is declared
 * as &T{...}: a field of that T, which the variable with the pointer holds. */
static const struct static_part *find_pointed(const struct look *l, uint64_t vaddr, uint32_t slot,
					      const struct heap_holder *h)
{
	const struct static_part *s;

	if (slot & NODE_OFFSET || h->n_levels > MAX_HOLDER_LEVELS ||
	    govars_at(l->heap->vars, vaddr))
		return NULL;
	s = statics_at(l, vaddr, types_of_slot(l->types, slot));
	return s && s->from && s->from != vaddr ? s : NULL;
}

static void name_variable(struct look *l, struct heapmap *m, uint64_t vaddr, uint32_t slot,
			  struct heap_holder *h)
{
	const struct go_typed *v = govars_typed_at(l->heap->vars, vaddr);
	const struct static_part *pointed = v ? NULL : find_pointed(l, vaddr, slot, h);
	struct heap_level in = { 0 };
	const char *part;
	char *name;

	if (!(slot & NODE_OFFSET))
		name_field(l, m, slot, &in);
	if (v) {
		name_typed(l, m, v, in.field, h);
		return;
	}
	name = pointed ? types_name(l->types, pointed->type, &part) : variable_name(l, vaddr);
	if (pointed) {
		h->levels[h->n_levels++] = (struct heap_level){ .type = heapmap_text(m, name),
								.field = in.field };
		name_variable(l, m, pointed->from, pointed->slot, h);
	} else {
		h->name = heapmap_text(m, name);
		h->field = in.field && *in.field ? in.field : NULL;
	}
	free(name);
}

static void name_root(struct look *l, struct heapmap *m, uint32_t node, uint32_t slot,
		      struct heap_holder *h)
{
	char *name;

	h->root = nodes_at(l->nodes, node)->root;
	if (h->root == HEAP_ROOT_VARIABLE) {
		name_variable(l, m, nodes_root_addr(l->nodes, node), slot, h);
		return;
	}
	name = root_name(l, node);
	h->name = heapmap_text(m, name);
	free(name);
}

static uint64_t mix_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = table_mix(h, (uint8_t)*s);
	return table_mix(h, s ? 0x100 : 0x200);
}

static uint64_t key_of(const struct heap_holder *h)
{
	uint64_t key = mix_text(mix_text(h->root + 1, h->name), h->field);

	for (size_t i = 0; i < h->n_levels; i++) {
		const struct heap_level *v = &h->levels[i];

		key = mix_text(mix_text(key, v->type), v->field);
		key = table_mix(key, v->offset << 2 | (uint64_t)v->guess << 1 | v->again);
	}
	return key;
}

/* The way from the node's objects outwards. */
static void fill_holder(struct look *l, struct heapmap *m, const struct counted *c,
			struct heap_holder *h)
{
	uint32_t node = c->node, slot = nodes_at(l->nodes, node)->slot;
	uint32_t type = nodes_at(l->nodes, node)->type;

	*h = (struct heap_holder){ .objects = c->n.objects, .bytes = c->n.bytes };
	h->levels = xcalloc(MAX_HOLDER_LEVELS + 2, sizeof(*h->levels));
	for (node = nodes_at(l->nodes, node)->parent; nodes_at(l->nodes, node)->parent;
	     node = nodes_at(l->nodes, node)->parent) {
		const struct node *n = nodes_at(l->nodes, node);

		/* the same map's: the place in it is already known */
		if (!same_whole(l, type, n->type))
			add_level(l, m, h, node, slot);
		else if (h->n_levels && n->again)
			h->levels[h->n_levels - 1].again = true;
		type = n->type;
		slot = n->slot;
	}
	/* The way from one object of the node to the next leads through its holder. */
	if (h->n_levels && nodes_at(l->nodes, c->node)->again)
		h->levels[0].again = true;
	name_root(l, m, node, slot, h);
	h->key = key_of(h);
}

static int by_key(const void *a, const void *b)
{
	const struct heap_holder *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static int most_bytes(const void *a, const void *b)
{
	const struct heap_holder *x = a, *y = b;

	if (x->bytes.high != y->bytes.high)
		return x->bytes.high > y->bytes.high ? -1 : 1;
	if (x->objects.high != y->objects.high)
		return x->objects.high > y->objects.high ? -1 : 1;
	return by_key(a, b);
}

static void add_to(struct heap_range *r, const struct heap_range *other)
{
	r->low += other->low;
	r->high += other->high;
}

/* Different nodes may be the same in words. */
static size_t join(struct heap_holder *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		if (kept && v[kept - 1].key == v[i].key) {
			add_to(&v[kept - 1].objects, &v[i].objects);
			add_to(&v[kept - 1].bytes, &v[i].bytes);
			free(v[i].levels);
		} else {
			v[kept++] = v[i];
		}
	}
	qsort(v, kept, sizeof(*v), most_bytes);
	return kept;
}

/* Than all of the row. */
static void not_more(struct heap_holder *h, const struct heap_type *t)
{
	if (h->objects.high > t->objects.high)
		h->objects.high = t->objects.high;
	if (h->bytes.high > t->bytes.high)
		h->bytes.high = t->bytes.high;
}

void holders_fill(struct look *l, struct heapmap *m, struct heap_type *t, uint32_t type,
		  uint8_t spanclass)
{
	size_t max = l->options->n_holders ? l->options->n_holders : DEFAULT_HOLDERS;
	struct counted *nodes;
	size_t n;

	if (!type && t->part)	/* what nobody was seen to hold */
		return;
	n = find_nodes(l, type, spanclass, &nodes);
	if (n) {
		t->holders = xcalloc(n, sizeof(*t->holders));
		for (size_t i = 0; i < n; i++)
			fill_holder(l, m, &nodes[i], &t->holders[i]);
		t->n_holders = join(t->holders, n);
		for (size_t i = 0; i < t->n_holders; i++)
			not_more(&t->holders[i], t);
		t->holders_cut = n == MAX_HOLDER_NODES || t->n_holders > max;
		while (t->n_holders > max)
			free(t->holders[--t->n_holders].levels);
	}
	free(nodes);
}
