// SPDX-License-Identifier: BSD-2-Clause
/*
 * rows.c - the heapmap of what was counted: a row for each type, the largest first, with details of
 * the first few.
 */
#include "user/heap/count_internal.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/golayout.h"

enum { DEFAULT_DETAILED = 10 };

/* A row, and what it was made of. */
struct entry {
	struct heap_type t;
	uint32_t type;
	uint8_t spanclass;	/* if type is 0 */
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

static uint64_t key_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = table_mix(h, (uint8_t)*s);
	return table_mix(h, 0x100);
}

static struct heap_type *add_entry(struct entries *es, const struct row *r, uint32_t type,
				   uint8_t spanclass)
{
	struct entry *e;

	es->v = grow(es->v, es->n, &es->cap, sizeof(*es->v));
	e = &es->v[es->n++];
	*e = (struct entry){ .type = type, .spanclass = spanclass };
	e->t.objects = r->objects;
	e->t.bytes = r->bytes;
	e->t.guessed_objects = r->guessed_objects;
	e->t.guessed_bytes = r->guessed_bytes;
	e->t.held_objects = r->held;
	return &e->t;
}

static void add_typed(struct look *l, struct heapmap *m, struct entries *es, uint32_t type)
{
	struct heap_type *t = add_entry(es, &l->counts->types[type], type, 0);
	char *package = types_package(l->types, type), *name;
	const char *part;

	name = types_name(l->types, type, &part);
	t->name = heapmap_text(m, name);
	t->package = heapmap_text(m, package);
	t->part = heapmap_text(m, part);
	t->pointers = types_at(l->types, type)->pointers;
	t->key = key_text(key_text(key_text(t->pointers, name), package), part);
	free(name);
	free(package);
}

static void add_untyped(struct look *l, struct heapmap *m, struct entries *es, uint8_t spanclass,
			const struct row *r, const char *part)
{
	struct heap_type *t = add_entry(es, r, 0, spanclass);

	t->pointers = !(spanclass & 1);
	t->part = heapmap_text(m, part);
	t->key = key_text(2 + spanclass, part);
	/* Large objects have no class: the size of one is known, that of each of several is not. */
	if (spanclass >> 1 == 0 && t->objects.high > 1)
		return;
	t->sizes = xcalloc(1, sizeof(*t->sizes));
	t->sizes[0].size = spanclass >> 1 ? golayout_class_size(spanclass >> 1) : t->bytes.high;
	t->sizes[0].objects = t->objects.high;
	t->n_sizes = 1;
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_type *x = &((const struct entry *)a)->t;
	const struct heap_type *y = &((const struct entry *)b)->t;

	if (x->bytes.high != y->bytes.high)
		return x->bytes.high > y->bytes.high ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static int by_size_bytes(const void *a, const void *b)
{
	const struct heap_size *x = a, *y = b;
	uint64_t m = x->size * x->objects, n = y->size * y->objects;

	if (m != n)
		return m > n ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

/* where[type]: number of its entry, plus 1. */
static void add_sizes(const struct look *l, struct entries *es, const uint32_t *where)
{
	const struct size_count *e;

	for (e = table_next(&l->counts->sizes, NULL); e; e = table_next(&l->counts->sizes, e))
		es->v[where[size_key_type(e->key)] - 1].t.n_sizes++;
	for (size_t i = 0; i < es->n; i++) {
		struct heap_type *t = &es->v[i].t;

		if (t->sizes)
			continue;
		t->sizes = xcalloc(t->n_sizes + 1, sizeof(*t->sizes));
		t->n_sizes = 0;
	}
	for (e = table_next(&l->counts->sizes, NULL); e; e = table_next(&l->counts->sizes, e)) {
		struct heap_type *t = &es->v[where[size_key_type(e->key)] - 1].t;

		t->sizes[t->n_sizes++] = (struct heap_size){ size_key_bytes(e->key), e->objects };
	}
	for (size_t i = 0; i < es->n; i++)
		qsort(es->v[i].t.sizes, es->v[i].t.n_sizes, sizeof(*es->v[i].t.sizes),
		      by_size_bytes);
}

static struct heap_sums *sums_of(struct heapmap *m, bool pointers)
{
	return pointers ? &m->pointers : &m->no_pointers;
}

static void add_sums(struct heap_sums *s, const struct heap_type *t)
{
	uint64_t *objects = &s->exact_objects, *bytes = &s->exact_bytes;

	s->objects.low += t->objects.low;
	s->objects.high += t->objects.high;
	s->bytes.low += t->bytes.low;
	s->bytes.high += t->bytes.high;
	if (!t->name) {
		objects = t->part ? &s->unreached_objects : &s->untyped_objects;
		bytes = t->part ? &s->unreached_bytes : &s->untyped_bytes;
	} else {
		s->guessed_objects += t->guessed_objects;
		s->guessed_bytes += t->guessed_bytes;
	}
	*objects += t->objects.high - (t->name ? t->guessed_objects : 0);
	*bytes += t->bytes.high - (t->name ? t->guessed_bytes : 0);
}

static void collect(struct look *l, struct heapmap *m, struct entries *es)
{
	const struct counts *c = l->counts;
	uint32_t *where = xcalloc(types_count(l->types), sizeof(*where));

	for (uint32_t i = 1; i < types_count(l->types); i++) {
		if (!c->types[i].objects.high)
			continue;
		add_typed(l, m, es, i);
		where[i] = (uint32_t)es->n;
	}
	for (unsigned i = 0; i < N_SPAN_KINDS; i++) {
		if (c->untyped[i].objects.high)
			add_untyped(l, m, es, (uint8_t)i, &c->untyped[i], NULL);
		if (c->unreached[i].objects.high)
			add_untyped(l, m, es, (uint8_t)i, &c->unreached[i], "unreached");
	}
	add_sizes(l, es, where);
	free(where);
}

static void add_to(struct heap_range *objects, struct heap_range *bytes, const struct amount *n)
{
	objects->high += n->objects;
	bytes->high += n->bytes;
}

static void at_most(struct heap_range *r, uint64_t max)
{
	if (r->high > max)
		r->high = max > r->low ? max : r->low;
}

/* By what may be of the row while the heap moved: what no reading has found, and, of a type that is
 * guessed by the shape of its objects, others of the same size, about which the shape did not
 * tell. */
static void widen(const struct counts *c, const struct row *r, struct heap_type *t)
{
	const struct amount unseen = row_unseen(c, r), all = row_allocated(c, r);

	add_to(&t->objects, &t->bytes, &r->missed);
	add_to(&t->objects, &t->bytes, &unseen);
	for (unsigned i = !t->pointers; i < N_SPAN_KINDS && t->guessed_objects; i += 2) {
		for (size_t k = 0; k < t->n_sizes; k++) {
			if (t->sizes[k].size != golayout_class_size(i >> 1))
				continue;
			t->objects.high += c->untyped[i].objects.high +
					   c->unreached[i].objects.high;
			t->bytes.high += c->untyped[i].bytes.high + c->unreached[i].bytes.high;
		}
	}
	if (!c->all_known)
		return;
	at_most(&t->objects, all.objects);
	at_most(&t->bytes, all.bytes);
}

/* What may be of several rows counts once. */
static void widen_all(const struct look *l, struct heapmap *m, const struct entries *es)
{
	const struct counts *c = l->counts;
	uint64_t kinds[ARRAY_SIZE(c->types->kinds)] = { 0 };
	struct amount all[2] = { { 0 } };

	for (size_t i = 0; i < m->n_types; i++) {
		const struct entry *e = &es->v[i];
		const struct row *r = e->type ? &c->types[e->type] : &c->untyped[e->spanclass];
		struct heap_sums *s = sums_of(m, e->t.pointers);

		if (!e->type && e->t.part)	/* nothing was led there */
			continue;
		widen(c, r, &m->types[i]);
		add_to(&s->objects, &s->bytes, &r->missed);
		if (r->lost || r->any_missed)
			add_to(&s->objects, &s->bytes, &r->unseen);
		for (size_t k = 0; r->any_missed && k < ARRAY_SIZE(kinds); k++)
			kinds[k] |= r->kinds[k];
	}
	for (unsigned i = 0; i < N_SPAN_KINDS; i++) {
		struct heap_sums *s = sums_of(m, !(i & 1));

		if (kinds[i / 64] >> i % 64 & 1)
			add_to(&s->objects, &s->bytes, &c->unseen[i]);
		all[i & 1].objects += c->allocated[i].objects;
		all[i & 1].bytes += c->allocated[i].bytes;
	}
	for (unsigned i = 0; c->all_known && i < 2; i++) {
		at_most(&sums_of(m, !i)->objects, all[i].objects);
		at_most(&sums_of(m, !i)->bytes, all[i].bytes);
	}
}

static bool has_grown(const struct heapmap *since, const struct heap_type *t)
{
	for (size_t i = 0; i < since->n_types; i++)
		if (since->types[i].key == t->key)
			return t->bytes.high > since->types[i].bytes.low;
	return true;
}

static void add_details(struct look *l, struct heapmap *m, const struct entries *es, size_t n)
{
	struct heap_type **rows = xcalloc(n + 1, sizeof(*rows));
	uint32_t *types = xcalloc(n + 1, sizeof(*types));

	statics_sort(l);
	for (size_t i = 0; i < n; i++) {
		rows[i] = &m->types[i];
		types[i] = es->v[i].type;
		holders_fill(l, m, rows[i], types[i], es->v[i].spanclass);
		if (l->options->since && !has_grown(l->options->since, rows[i]))
			types[i] = 0;
	}
	if (!l->options->no_places)
		places_fill(l, m, rows, types, n);
	free(rows);
	free(types);
}

void rows_make(struct look *l, struct heapmap *m)
{
	size_t detailed = l->options->n_detailed ? l->options->n_detailed : DEFAULT_DETAILED;
	struct entries es = { 0 };

	collect(l, m, &es);
	if (es.n)
		qsort(es.v, es.n, sizeof(*es.v), by_bytes);
	m->types = xcalloc(es.n + 1, sizeof(*m->types));
	for (size_t i = 0; i < es.n; i++) {
		struct heap_type *t = &m->types[m->n_types++];

		*t = es.v[i].t;
		add_sums(sums_of(m, t->pointers), t);
	}
	if (l->moved)
		widen_all(l, m, &es);
	add_details(l, m, &es, detailed < es.n ? detailed : es.n);
	free(es.v);
}
