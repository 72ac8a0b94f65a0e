// SPDX-License-Identifier: BSD-2-Clause
/*
 * shapes.c - guesses what an object is by its shape.
 *
 * What is left when all that is known has been followed: objects that hang on pointers without a
 * type.  The collector knows of each of its words whether it is a pointer, and the code says which
 * types it allocates; so only those types are possible whose size and pointers are the same.  Of
 * several, the contents decide: where a type says that there is a slice, the words must be one, and
 * a pointer must lead to something that can be what the type says; the more of these are known to
 * be just that, the better.  What is left in doubt stays unknown.
 */
#include "user/heap/look.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/gotype.h"
#include "user/go/rtype.h"
#include "user/go/typeindex.h"

enum {
	WORD = 8,
	WORD_BITS = 64,
	LAST_CLEARS_SLOT = 23,
	TOLERATED = 8,			/* one wrong edge of so many, in arrays */
	MAX_ALIKE = 64,		/* of one shape */
	MAX_ELEMENTS = 64,		/* of an array that are looked at */
	MAX_BOOLS = 12,			/* of a value, likewise */
	/* What is known of the objects that a candidate points to. */
	POINTS_EXACT = 4, POINTS_GUESSED = 2, POINTS_FITS = 1,
};

/* A type that objects may have, and its pointers. */
struct candidate {
	uint32_t type;
	uint32_t n_words;		/* of a value, of an element */
	uint64_t *mask;
	bool repeats;
	bool closure;			/* begins with the address of code */
	uint16_t bools[MAX_BOOLS];	/* where booleans are, which are 0 or 1 */
	uint8_t n_bools;
	uint32_t steps;			/* taken to find them */
};

/* The candidates of all objects of one size and mask. */
struct shape {
	uint64_t key;
	uint32_t *v;			/* numbers of candidates */
	uint32_t n;
	bool many;			/* there are more */
};

struct shapes {
	struct candidate *v;
	size_t n, cap;
	struct table shapes;
	struct table types;		/* those that are candidates already */
};

struct known {
	uint64_t key;
};

/* ---- candidates --------------------------------------------------------------------------- */

static bool get_bit(const uint64_t *mask, uint64_t i)
{
	return mask[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void set_bit(uint64_t *mask, uint64_t n, uint64_t byte)
{
	if (byte / WORD < n)
		mask[byte / WORD / WORD_BITS] |= 1ull << byte / WORD % WORD_BITS;
}

/* As the collector sees them: of an interface only the second word. */
static void add_slots(struct types *ts, uint32_t first, uint32_t n, uint64_t base, uint64_t *mask,
		      uint64_t words)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct slot *s = types_slot(ts, first + i);
		uint64_t at = base + s->offset;

		if (s->kind == SLOT_REPEAT) {
			for (uint32_t k = 0; k < s->count; k++)
				add_slots(ts, first + i + 1, s->other,
					  at + (uint64_t)k * s->stride, mask, words);
			i += s->other;
		} else {
			set_bit(mask, words, s->kind == SLOT_INTERFACE ? at + WORD : at);
		}
	}
}

static void add_bools(const struct look *l, struct candidate *c, uint64_t rtype, uint64_t offset,
		      int depth)
{
	struct rtype t;

	if (depth > MAX_TYPE_DEPTH || c->steps++ == MAX_TYPE_STEPS || rtype_read(l->gb, rtype, &t))
		return;
	if (t.kind == GO_BOOL && c->n_bools < MAX_BOOLS && offset <= UINT16_MAX)
		c->bools[c->n_bools++] = (uint16_t)offset;
	for (size_t i = 0; i < t.n_fields; i++)
		add_bools(l, c, t.fields[i].typ, offset + t.fields[i].offset, depth + 1);
	rtype_free(&t);
}

static void add_candidate(struct look *l, uint32_t type)
{
	struct shapes *sh = l->shapes;
	struct types *ts = l->types;
	struct candidate c = { .type = type };
	uint32_t first, n;
	bool is_new;

	if (!type || !table_put(&sh->types, type, &is_new) || !is_new)
		return;
	first = types_slots(ts, type, &n);
	c.repeats = types_at(ts, type)->repeats;
	if (!n || types_at(ts, type)->at_least ||
	    types_at(ts, type)->size / WORD > MASK_WORDS * WORD_BITS)
		return;
	c.n_words = (uint32_t)((types_at(ts, type)->size + WORD - 1) / WORD);
	c.mask = xcalloc((c.n_words + WORD_BITS - 1) / WORD_BITS, sizeof(*c.mask));
	add_slots(ts, first, n, 0, c.mask, c.n_words);
	add_bools(l, &c, types_at(ts, type)->rtype, 0, 0);
	c.closure = types_is_closure(ts, type);
	sh->v = grow(sh->v, sh->n, &sh->cap, sizeof(*sh->v));
	sh->v[sh->n++] = c;
}

static void add_map(void *ctx, uint64_t map)
{
	struct look *l = ctx;

	enum form part = types_swiss(l->types) ? FORM_GROUPS : FORM_BUCKETS;

	add_candidate(l, types_get(l->types, map, part));
}

static struct shapes *shapes_new(struct look *l)
{
	struct shapes *sh = xcalloc(1, sizeof(*sh));
	const struct alloc_type *a;
	size_t n;

	table_init(&sh->shapes, sizeof(struct shape), 128ul * MAX_SHAPES);
	table_init(&sh->types, sizeof(struct known), 64ul * MAX_TYPES);
	l->shapes = sh;
	a = typeindex_allocs(l->index, &n);
	for (size_t i = 0; i < n; i++) {
		if (a[i].single)
			add_candidate(l, types_get(l->types, a[i].rtype, FORM_VALUE));
		if (a[i].array)
			add_candidate(l, types_get(l->types, a[i].rtype, FORM_ARRAY));
	}
	typeindex_each_map(l->index, add_map, l);
	return sh;
}

void shapes_free(struct shapes *sh)
{
	if (!sh)
		return;
	for (struct shape *s = table_next(&sh->shapes, NULL); s; s = table_next(&sh->shapes, s))
		free(s->v);
	for (size_t i = 0; i < sh->n; i++)
		free(sh->v[i].mask);
	table_fini(&sh->shapes);
	table_fini(&sh->types);
	free(sh->v);
	free(sh);
}

/* ---- shapes ------------------------------------------------------------------------------- */

/* Words up to the last one that is a pointer. */
static uint64_t last_pointer(const uint64_t *mask, uint64_t words)
{
	while (words && !get_bit(mask, words - 1))
		words--;
	return words;
}

/* Whether the object's size and mask are those of the candidate: of so many of it as have pointers
 * if it repeats, since each element has some, and nothing behind. */
static bool same_shape(const struct look *l, const struct candidate *c, const struct place *p,
		       const uint64_t *mask)
{
	uint64_t words = p->size / WORD, last, end = c->n_words;
	uint64_t bytes = types_at(l->types, c->type)->size;
	bool whole = p->size <= MASK_BYTES;

	/* Of a large array the begin is enough. */
	if (!whole)
		words = MASK_BYTES / WORD;
	last = last_pointer(mask, words);
	if (!last || (!whole && !c->repeats))
		return false;
	if (c->repeats) {
		end = (last + c->n_words - 1) / c->n_words * c->n_words;
		bytes = end * WORD;
	}
	if (!whole)
		end = words;
	else if (end < last || end > words ||
		 golayout_object_size(l->lo, bytes, true) != span_slot(p->span))
		return false;
	for (uint64_t i = 0; i < end; i++)
		if (get_bit(mask, i) != get_bit(c->mask, i % c->n_words))
			return false;
	return true;
}

static void fill_shape(struct look *l, struct shape *s, const struct place *p, const uint64_t *mask)
{
	uint32_t found[MAX_ALIKE];

	for (size_t i = 0; i < l->shapes->n && !s->many; i++) {
		const struct candidate *c = &l->shapes->v[i];

		if (!same_shape(l, c, p, mask))
			continue;
		if (s->n == MAX_ALIKE)
			s->many = true;
		else
			found[s->n++] = (uint32_t)i;
	}
	s->v = s->n ? xcalloc(s->n, sizeof(*s->v)) : NULL;
	if (s->n)
		memcpy(s->v, found, s->n * sizeof(*s->v));
}

/* NULL: no room. */
static const struct shape *get_shape(struct look *l, const struct place *p, const uint64_t *mask)
{
	uint64_t key = table_mix(0x2545f491, span_slot(p->span));
	struct shape *s;
	bool is_new;

	for (uint64_t i = 0; i < MASK_WORDS && i * WORD_BITS * WORD < p->size; i++)
		key = table_mix(key, mask[i]);
	s = table_put(&l->shapes->shapes, key | 1, &is_new);
	if (s && is_new)
		fill_shape(l, s, p, mask);
	return s;
}

/* ---- contents ----------------------------------------------------------------------------- */

/* Whether the edge says of a type descriptor that it is something else: a word that is a type, as in
 * an interface. */
static bool leads_to_type(struct look *l, const struct edge *e)
{
	static const char *const own[] = { "internal/abi", "internal/reflectlite", "reflect",
					   "runtime" };
	struct rtype_head h;
	bool other = true;
	char *package;

	if (!e->type || !types_at(l->types, e->type)->pointers ||
	    types_at(l->types, e->type)->form == FORM_CLOSURE ||
	    rtype_peek(l->gb, e->target - l->bias, &h))
		return false;
	package = types_package(l->types, e->type);
	for (size_t i = 0; package && i < ARRAY_SIZE(own); i++)
		other &= strcmp(package, own[i]) != 0;
	free(package);
	return other;
}

static void score_edge(struct look *l, const struct edge *e)
{
	struct score *sc = &l->score;
	enum strength strength;
	struct place p;
	uint32_t type;
	enum fit fit;
	bool closure;

	sc->n_edges++;
	if (!space_find(&l->space, e->target, &p)) {
		sc->n_wrong += e->target < 4096 || leads_to_type(l, e);
		return;
	}
	if (!e->type)
		return;
	fit = types_fit(l->types, e->type, &p, e->bytes);
	if (fit == FIT_NOT) {
		sc->n_wrong++;
		return;
	}
	closure = types_at(l->types, e->type)->form == FORM_CLOSURE;
	type = known_type(l, p.span->labels ? p.span->labels[p.index] : 0, &strength);
	if ((type == e->type && fit != FIT_PART) ||
	    (closure && types_is_closure(l->types, type)))
		sc->points += strength >= STRENGTH_EDGE ? POINTS_EXACT : POINTS_GUESSED;
	else if (fit == FIT_WHOLE && type && strength >= STRENGTH_EDGE &&
		 !span_is_shared(p.span) &&
		 types_at(l->types, type)->rtype != types_at(l->types, e->type)->rtype)
		sc->n_wrong++;
	else if (fit == FIT_WHOLE && !closure)	/* which fits everywhere */
		sc->points += POINTS_FITS;
}

static uint64_t count_pointers(struct look *l, const struct place *p, const uint64_t *mask,
			       uint64_t bytes)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < bytes / WORD; i++) {
		const uint8_t *w = get_bit(mask, i) ? window_get(&l->win, p->base + i * WORD, WORD)
						    : NULL;

		n += w && load_u64(w);
	}
	return n;
}

static bool bools_fit(const struct candidate *c, const uint8_t *value)
{
	for (size_t i = 0; i < c->n_bools; i++)
		if (value[c->bools[i]] > 1)
			return false;
	return true;
}

/* How many elements an array has at least; what lies behind them is left over where the slot is not
 * cleared. */
static uint64_t least_elements(const struct look *l, const struct place *p, uint64_t size,
			       uint64_t bytes)
{
	uint64_t n = bytes / size;

	if (gobin_version(l->gb)->minor <= LAST_CLEARS_SLOT)
		return n;
	while (n > 1 && golayout_object_size(l->lo, (n - 1) * size, true) == span_slot(p->span))
		n--;
	return n;
}

static bool elements_fit(struct look *l, const struct place *p, const struct candidate *c,
			 uint64_t bytes)
{
	uint64_t size = types_at(l->types, c->type)->size;
	uint64_t n = least_elements(l, p, size, bytes);
	const uint8_t *b = window_get(&l->win, p->base, n * size);

	for (uint64_t i = 0; b && i < n; i++)
		if (!bools_fit(c, b + i * size))
			return false;
	return b;
}

/* What is not a pointer must fit, too: code, booleans, and nothing behind the value, since until Go
 * 1.23 the whole slot of an object with pointers is cleared when it is allocated. */
static bool value_fits(struct look *l, const struct place *p, const struct candidate *c)
{
	const struct go_module *m = gobin_module(l->gb);
	uint64_t size = types_at(l->types, c->type)->size;
	const uint8_t *b;

	b = p->size <= MASK_BYTES ? window_get(&l->win, p->base, p->size) : NULL;
	if (!b)
		return false;
	if (c->closure && load_u64(b) - l->bias - m->text >= m->etext - m->text)
		return false;
	if (!bools_fit(c, b))
		return false;
	for (uint64_t i = size; i < p->size; i++)
		if (b[i] && gobin_version(l->gb)->minor <= LAST_CLEARS_SLOT)
			return false;
	return true;
}

/* Negative: the object is not of the type. */
static int score_type(struct look *l, const struct place *p, const struct candidate *c,
		      const uint64_t *mask)
{
	uint64_t bytes = p->size < MASK_BYTES ? p->size : MASK_BYTES;
	uint64_t most = (uint64_t)c->n_words * WORD * MAX_ELEMENTS;
	edge_fn edge = l->walk.edge;

	if (c->repeats && bytes > most)
		bytes = most;
	if (c->repeats)
		bytes -= bytes % ((uint64_t)c->n_words * WORD);
	if (!(c->repeats ? elements_fit(l, p, c, bytes) : value_fits(l, p, c)))
		return -1;
	l->score = (struct score){ .n_pointers = count_pointers(l, p, mask, bytes) };
	l->walk.edge = score_edge;
	l->walk.base = p->base;
	l->walk.strict = true;
	l->walk.n_bad = 0;
	walk_type(&l->walk, c->type, p->base, bytes);
	l->walk.strict = false;
	l->walk.edge = edge;
	/* A pointer that the type has no place for, or a slice that cannot be one; the heap moves,
	 * so of many a few may lead to what has become something else. */
	if (l->walk.n_bad || l->score.n_edges < l->score.n_pointers ||
	    l->score.n_wrong > (c->repeats ? l->score.n_edges / TOLERATED : 0))
		return -1;
	return l->score.points;
}

/* Of arrays of funcs all look alike, whatever those are called with: any of them tells more than
 * none. */
static bool is_funcs(struct look *l, uint32_t type)
{
	uint32_t first, n;

	first = types_slots(l->types, type, &n);
	return types_at(l->types, type)->repeats && n == 1 &&
	       types_slot(l->types, first)->kind == SLOT_FUNC;
}

/* 0: none, or in doubt. */
static uint32_t best_of(struct look *l, const struct place *p, const struct shape *s,
			const uint64_t *mask)
{
	int best = -1, second = -1;
	uint32_t type = 0;

	if (s->many)
		return 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct candidate *c = &l->shapes->v[s->v[i]];
		int points = score_type(l, p, c, mask);

		if (points > best) {
			second = best;
			best = points;
			type = c->type;
		} else if (points > second) {
			second = points;
		}
	}
	return best > second || (best > 0 && is_funcs(l, type)) ? type : 0;
}

uint32_t guess_type(struct look *l, const struct place *p)
{
	uint64_t mask[MASK_WORDS];
	const struct shape *s;

	if (!l->shapes)
		shapes_new(l);
	if (!pointer_mask(l, p, 0, mask))
		return 0;
	s = get_shape(l, p, mask);
	return s ? best_of(l, p, s, mask) : 0;
}
