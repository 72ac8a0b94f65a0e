// SPDX-License-Identifier: BSD-2-Clause
/*
 * learn.c - the first pass: what is each object?
 *
 * Some objects say it themselves: from Go 1.22 on those above 512 bytes carry the type that the
 * allocator was given.  Then, what any word pair in variables, stacks and unknown objects says that
 * looks like an interface; and from each object whose type is known, its fields say what they
 * point to.  A pointer to the middle of an object says what that part is, and no more.
 *
 * Two sources may contradict each other: a pointer to a struct is as good a pointer to its first
 * field.  Then the stronger source counts, of two that are equal the larger type.
 *
 * What the caller knows (seeds) is true of some objects only, and the allocator's words for a type
 * are not always those of who points to it: [2]string for a slice of two, the shape of a generic
 * type, one map type for several with the same parts.  So pointers are believed before seeds, or of
 * the same things those with a seed would have another name, and what is new would seem to grow.
 */
#include "user/heap/look.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/rtype.h"
#include "user/go/typeindex.h"
#include "user/gomem/spans.h"
#include "user/target.h"

enum {
	WORD = 8,
	MAX_CHANGES = 6,
	GUESS_ROUNDS = 6,
	MAP_LEVELS = 3,		/* tables, directories, headers */
	BLIND_ROUNDS = 2,
	FIRST_TIMER_CHANNEL = 23,	/* time.Timer {C, initTimer}, time/sleep.go */
	FIRST_MAYBE_TRACEABLE = 26,	/* sudog.elem, .c: runtime/runtime2.go */
};

/* ---- what an object is -------------------------------------------------------------------- */

/* Of two types for one and the same memory, given to the allocator as one and the same type: what
 * says more. */
static int form_rank(const struct type *t)
{
	switch ((enum form)t->form) {
	case FORM_VALUE:
		return 1;
	case FORM_ARRAY:
		return 2;
	default:
		return 3;
	}
}

/* Whether new says more than old, which is as strong. */
static bool says_more(const struct type *new, const struct type *old)
{
	if (new->base && new->base == old->base)
		return form_rank(new) > form_rank(old);
	if (old->form == FORM_CLOSURE || new->form == FORM_CLOSURE)
		return old->form == FORM_CLOSURE;
	if (new->repeats != old->repeats)
		return old->repeats;
	return !new->repeats && new->size > old->size;
}

static bool replaces(const struct look *l, uint32_t label, uint32_t type, enum strength strength)
{
	const struct type *new = types_at(l->types, type);
	const struct type *old = types_at(l->types, label_type(label));
	enum strength had = label_strength(label);

	if (had == STRENGTH_NONE)
		return true;
	if ((label & LABEL_CHANGES) >> LABEL_CHANGES_SHIFT >= MAX_CHANGES)
		return false;
	/* The header knows the type, but not what the array of them is for. */
	if (had == STRENGTH_OWN && strength == STRENGTH_EDGE && new->base && new->base == old->base)
		return says_more(new, old);
	/* A pointer to a closure does not say what it has captured. */
	if (had == STRENGTH_SEED && new->form == FORM_CLOSURE)
		return false;
	return strength != had ? strength > had : says_more(new, old);
}

/* The object is of that type. */
static void learn_object(struct look *l, const struct place *p, uint32_t type,
			 enum strength strength)
{
	uint32_t *label = space_label(&l->space, p);
	uint32_t old = label ? label_type(*label) : 0, changes;

	if (!label)
		return;
	if (old == type) {
		if (strength <= label_strength(*label))
			return;
	} else if (!replaces(l, *label, type, strength)) {
		if (strength >= STRENGTH_EDGE && label_strength(*label) >= STRENGTH_EDGE &&
		    !types_agree(l->types, type, old))
			l->losses.types_contradicted++;
		return;
	}
	changes = ((*label & LABEL_CHANGES) >> LABEL_CHANGES_SHIFT) + !!old;
	if (old && old != type && strength < label_strength(*label))
		strength = label_strength(*label);
	*label = type | (uint32_t)strength << LABEL_STRENGTH_SHIFT |
		 (*label & LABEL_SEARCHED) | changes << LABEL_CHANGES_SHIFT;
	if (types_at(l->types, type)->pointers && !span_is_noscan(p->span) &&
	    !scope_leaves_out(l, p, type))
		space_queue(&l->space, p->span, p->index);
	else
		*label |= LABEL_WALKED;
}

static enum strength weaker(enum strength a, enum strength b)
{
	return a < b ? a : b;
}

/* Who looks for some objects only goes where pointers lead, and not over all that is unknown. */
static void find_object(struct look *l, const struct place *p)
{
	uint32_t *label = space_label(&l->space, p);

	if (!label || label_type(*label) || *label & (LABEL_FOUND | LABEL_SEARCHED))
		return;
	*label |= LABEL_FOUND;
	space_queue(&l->space, p->span, p->index);
}

static uint32_t named_type(struct look *l, const char *package, const char *name)
{
	uint64_t rtype = typeindex_named(l->index, package, name);

	return rtype ? types_get(l->types, rtype, FORM_VALUE) : 0;
}

void learn_init(struct look *l)
{
	uint64_t rtype = typeindex_named(l->index, "runtime", "timer");
	struct rtype t;

	if (gobin_version(l->gb)->minor >= FIRST_TIMER_CHANNEL || !rtype ||
	    rtype_read(l->gb, rtype, &t))
		return;
	l->timers.period = rtype_field_offset(&t, "period");
	rtype_free(&t);
	if (l->timers.period == UINT64_MAX)
		return;
	l->timers.timer = named_type(l, "runtime", "timer");
	l->timers.once = named_type(l, "time", "Timer");
	l->timers.again = named_type(l, "time", "Ticker");
}

static uint32_t type_around_timer(struct look *l, const struct edge *e, const struct place *p)
{
	const struct place whole = { p->span, p->index, p->base, p->size, 0 };
	const uint32_t *label = space_label(&l->space, p);
	enum strength strength;
	uint32_t type = label ? known_type(l, *label, &strength) : 0;
	uint64_t period;

	if (type && (type == l->timers.once || type == l->timers.again))
		return type;
	if (!feed_read(&l->feed, e->target + l->timers.period, &period, WORD))
		return 0;
	type = period ? l->timers.again : l->timers.once;
	return type && types_fit(l->types, type, &whole, 0) == FIT_WHOLE ? type : 0;
}

void lead_to_timer(struct look *l, struct edge *e, struct place *p)
{
	uint32_t type;

	if (!e->type || e->type != l->timers.timer || p->off != WORD)
		return;
	type = type_around_timer(l, e, p);
	if (!type)
		return;
	e->target = p->base;
	e->type = type;
	p->off = 0;
}

static void learn_edge(struct look *l, const struct edge *edge)
{
	enum strength by = l->holder.strength;
	struct edge whole = *edge, *e = &whole;
	struct place p;

	if (!e->type && !l->scope.on)
		return;
	if (!space_find(&l->space, e->target, &p)) {
		if (!is_static(l, e->target)) {
			if (!defer_found(l, e, by))
				blind_found(l, e);
		} else if (by >= STRENGTH_EDGE && e->type) {
			static_found(l, e);
		}
		return;
	}
	lead_to_timer(l, e, &p);
	if (scope_leaves_out(l, &p, 0))
		return;
	if (!e->type) {
		find_object(l, &p);
		return;
	}
	/* What a guess says is a guess. */
	by = by < STRENGTH_EDGE ? by : STRENGTH_EDGE;
	switch (types_fit(l->types, e->type, &p, e->bytes)) {
	case FIT_WHOLE:
		learn_object(l, &p, e->type, by);
		break;
	case FIT_DERIVED:
		learn_object(l, &p, e->type, weaker(by, STRENGTH_DERIVED));
		break;
	case FIT_PART:
		if (!p.span->labels || label_strength(p.span->labels[p.index]) < STRENGTH_EDGE)
			part_found(l, e, by);
		break;
	case FIT_NOT:
		break;
	}
}

/* ---- what fields say ---------------------------------------------------------------------- */

static bool is_pending(const struct look *l, const struct span *s, uint32_t label)
{
	return label_type(label) ? !(label & LABEL_WALKED) : label & LABEL_FOUND;
}

/* A func value leads to an object of which only the first word is known, until that is read. */
static bool is_closure(const struct look *l, uint32_t label)
{
	return types_at(l->types, label_type(label))->form == FORM_CLOSURE;
}

/* Objects that are still unknown. */
static void search_object(struct look *l, const struct place *p)
{
	uint32_t *label = space_label(&l->space, p), type;

	if (!label || label_type(*label) || *label & LABEL_SEARCHED)
		return;
	*label = (*label & ~(uint32_t)LABEL_FOUND) | LABEL_SEARCHED;
	type = own_type(l, p);
	if (type) {
		learn_object(l, p, type, STRENGTH_OWN);
		return;
	}
	l->holder = (struct holder){ .strength = STRENGTH_EDGE };
	walk_whole(l, p, 0);
}

static void walk_object(struct look *l, const struct place *p, uint32_t *label)
{
	uint32_t own;

	if (!label_type(*label)) {
		search_object(l, p);
		return;
	}
	own = is_closure(l, *label) ? own_type(l, p) : 0;
	*label |= LABEL_WALKED;
	if (own) {
		learn_object(l, p, own, label_strength(*label));
		*label |= LABEL_WALKED;
	}
	l->holder = (struct holder){ .strength = label_strength(*label),
				     .span = span_number(&l->space, p->span), .index = p->index };
	walk_whole(l, p, label_type(*label));
	walk_waiting(l, p, label_type(*label));
}

void walk_whole(struct look *l, const struct place *p, uint32_t type)
{
	struct word_before before = { 0 };
	uint64_t mask[MASK_WORDS];

	l->walk.base = p->base;
	if (type && types_at(l->types, type)->form != FORM_CLOSURE) {
		walk_type(&l->walk, type, p->base, p->size);
		return;
	}
	for (uint64_t off = 0; off < p->size; off += MASK_BYTES) {
		uint64_t size = p->size - off < MASK_BYTES ? p->size - off : MASK_BYTES;
		bool known = pointer_mask(l, p, off, mask);

		if (!walk_unknown(&l->walk, p->base + off, size, known ? mask : NULL, &before))
			return;
	}
}

void walk_waiting(struct look *l, const struct place *p, uint32_t type)
{
	const struct go_layout *lo = l->lo;
	uint64_t at, size, words[2] = { 0 }, elemtype;
	struct edge chan = { .slot = NO_SLOT };
	const uint8_t *b;

	if (!types_at(l->types, type)->runtime ||
	    types_at(l->types, type)->rtype != typeindex_named(l->index, "runtime", "sudog") ||
	    lo->sudog_elem < 0 || lo->sudog_c < 0 || (uint64_t)lo->sudog_c + 2 * WORD > p->size ||
	    !(b = window_get(&l->win, p->base, (size_t)lo->sudog_c + 2 * WORD)))
		return;
	/* since Go 1.26 pointers that leak detection can hide: {vp, vu} */
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *w = b + (i ? lo->sudog_c : lo->sudog_elem);

		words[i] = load_u64(w);
		if (!words[i] && gobin_version(l->gb)->minor >= FIRST_MAYBE_TRACEABLE)
			words[i] = load_u64(w + WORD);
	}
	at = words[0];
	if (!words[1] || !feed_read(&l->feed, words[1] + (uint64_t)lo->hchan_elemtype, &elemtype,
				    WORD))
		return;
	chan.target = words[1];
	chan.type = types_get(l->types, elemtype - l->bias, FORM_CHAN);
	if (chan.type)
		l->walk.edge(l, &chan);
	if (!at)
		return;
	type = types_get(l->types, elemtype - l->bias, FORM_VALUE);
	size = type ? types_at(l->types, type)->size : 0;
	if (!type || !types_at(l->types, type)->pointers || size > MAX_STATIC_BYTES)
		return;
	l->walk.win = &l->part;
	l->walk.base = at;
	window_set(&l->part, 0, NULL, 0);
	walk_type(&l->walk, type, at, size);
	l->walk.win = &l->win;
}

static void walk_part(struct look *l, const struct part_todo *t)
{
	l->holder = (struct holder){ .strength = (enum strength)t->from };
	l->walk.base = t->addr;
	walk_type(&l->walk, t->type, t->addr, part_bytes(l, t));
}

static const struct visitor learner = { is_pending, walk_object, walk_part };

/* ---- what objects say of themselves ------------------------------------------------------- */

/* What was allocated as values of the rtype, given as an address in the target: of parts of maps
 * the map says more. */
static uint32_t header_type(struct look *l, const struct place *p, uint64_t word)
{
	uint64_t rtype = word - l->bias, map = typeindex_map_of(l->index, rtype);
	enum form part = types_swiss(l->types) ? FORM_GROUPS : FORM_BUCKETS;
	uint32_t types[] = {
		map ? types_get(l->types, map, part) : 0,
		types_get(l->types, rtype, FORM_VALUE),
		types_get(l->types, rtype, FORM_ARRAY),
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] && types_fit(l->types, types[i], p, 0) == FIT_WHOLE)
			return types[i];
	return 0;
}

/* The first word of a closure is the entry of its function. */
static uint32_t closure_type(struct look *l, const struct place *p, uint64_t word)
{
	const struct go_module *m = gobin_module(l->gb);
	uint64_t vaddr = word - l->bias, rtype;
	uint32_t type;

	if (vaddr < m->text || vaddr >= m->etext)
		return 0;
	rtype = typeindex_closure(l->index, vaddr);
	type = rtype ? types_get(l->types, rtype, FORM_VALUE) : 0;
	return type && types_fit(l->types, type, p, 0) == FIT_WHOLE ? type : 0;
}

/* hchan has the type of its elements, and their size twice. */
static uint32_t channel_type(struct look *l, const struct place *p)
{
	const struct go_layout *lo = l->lo;
	const uint8_t *b;
	uint64_t rtype;
	struct rtype_head h;
	uint32_t type;

	if (lo->hchan_elemtype < 0 || (uint64_t)lo->hchan_elemtype + WORD > p->size ||
	    !(b = window_get(&l->win, p->base, (size_t)lo->hchan_elemtype + WORD)))
		return 0;
	rtype = load_u64(b + lo->hchan_elemtype) - l->bias;
	if (rtype_peek(l->gb, rtype, &h) || (h.size & 0xffff) !=
	    (load_u32(b + lo->hchan_elemsize) & 0xffff) || !h.ptr_bytes ||
	    load_u64(b + lo->hchan_qcount) > load_u64(b + lo->hchan_dataqsiz))
		return 0;
	type = types_get(l->types, rtype, FORM_CHAN);
	return type && types_fit(l->types, type, p, 0) == FIT_WHOLE ? type : 0;
}

uint32_t own_type(struct look *l, const struct place *p)
{
	const uint8_t *header;
	uint64_t word;
	uint32_t type;

	if (p->span->flags & SPAN_HEADER) {
		header = window_get(&l->win, p->base - GO_HEADER_BYTES, WORD);
		return header ? header_type(l, p, load_u64(header)) : 0;
	}
	if (!p->span->elemsize && !span_is_noscan(p->span) && l->lo->mspan_largetype >= 0)
		return feed_read(&l->feed, p->span->mspan + (uint64_t)l->lo->mspan_largetype, &word,
				 WORD) ? header_type(l, p, word) : 0;
	header = p->size >= WORD ? window_get(&l->win, p->base, WORD) : NULL;
	type = header ? closure_type(l, p, load_u64(header)) : 0;
	return type ? type : channel_type(l, p);
}

/* ---- seeds: all spans once ---------------------------------------------------------------- */

/* Headers and large types. */
static bool wants_header(const struct look *l, const struct span *s)
{
	return l->space.header && scope_has(l, s) && !s->labels && !span_is_noscan(s) &&
	       (s->flags & SPAN_HEADER || !s->elemsize);
}

static void read_headers(struct look *l, struct span *s, const struct span_marks *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < s->nelems; i++) {
		struct place p;
		uint32_t type;

		if (!span_allocated(m, i))
			continue;
		space_object(s, i, &p);
		type = s->elemsize ? own_type(l, &p) : header_type(l, &p, m->span.largetype);
		if (type)
			learn_object(l, &p, type, STRENGTH_OWN);
	}
	if (has_room_for_parts(l))
		visit_span(l, &learner, s);	/* its memory is at hand */
}

/* What the caller knows. */
void walk_seeds(struct look *l)
{
	for (size_t i = 0; i < l->options->n_seeds; i++) {
		const struct heap_seed *seed = &l->options->seeds[i];
		struct place p;
		uint32_t type;

		if (!space_find(&l->space, seed->addr, &p) || p.off)
			continue;
		type = header_type(l, &p, seed->typ + l->bias);
		if (type)
			l->own_type(l, &p, type, STRENGTH_SEED);
	}
}

static bool wants_search(const struct look *l, const struct span *s)
{
	if (span_is_noscan(s) || s->flags & SPAN_FORGOTTEN || !scope_has(l, s))
		return false;
	for (uint32_t i = 0; s->labels && i < s->nelems; i++)
		if (!label_type(s->labels[i]) && !(s->labels[i] & LABEL_SEARCHED))
			return true;
	return !s->labels;
}

static void search_span(struct look *l, struct span *s, const struct span_marks *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < s->nelems; i++) {
		struct place p;

		if (!span_allocated(m, i))
			continue;
		space_object(s, i, &p);
		search_object(l, &p);
	}
}

/* What is known says what it points to, in the heap and among the variables. */
static void learn_fields(struct look *l)
{
	do {
		visit_all(l, &learner);
		l->walk.win = &l->part;
		window_set(&l->part, 0, NULL, 0);
		for (; l->n_walked < l->n_statics; l->n_walked++) {
			const struct static_part s = l->statics[l->n_walked];

			walk_static(l, s.vaddr, s.type, s.size);
		}
		l->walk.win = &l->win;
	} while (l->space.head && !look_interrupted(l));
}

/* Objects of which nothing is known yet, or no more than that they are some map's. */
static bool is_open(const struct look *l, uint32_t label)
{
	if (label_type(label))
		return types_at(l->types, label_type(label))->of_some_map;
	return label & LABEL_SEARCHED;
}

static bool wants_guess(const struct look *l, const struct span *s)
{
	if (span_is_noscan(s) || s->flags & SPAN_FORGOTTEN)
		return false;
	for (uint32_t i = 0; s->labels && i < s->nelems; i++)
		if (is_open(l, s->labels[i]))
			return true;
	return false;
}

static uint32_t part_or_shape(struct look *l, const struct place *p, uint32_t label, bool shapes,
			      enum strength *strength)
{
	uint32_t type = map_type(l, p, strength);

	return type || !shapes || label_type(label) ? type : guess_type(l, p);
}

static void guess_objects(struct look *l, struct span *s, const struct span_marks *m, bool shapes)
{
	for (uint32_t i = 0; m && i < s->nelems; i++) {
		enum strength strength = STRENGTH_GUESS;
		struct place p;
		uint32_t type;

		if (!is_open(l, s->labels[i]) || !span_allocated(m, i))
			continue;
		space_object(s, i, &p);
		type = part_or_shape(l, &p, s->labels[i], shapes, &strength);
		if (!type)
			continue;
		learn_object(l, &p, type, strength);
		l->n_guessed++;
	}
}

static void parts_span(struct look *l, struct span *s, const struct span_marks *m)
{
	guess_objects(l, s, m, false);
}

static void guess_span(struct look *l, struct span *s, const struct span_marks *m)
{
	guess_objects(l, s, m, true);
}

/* A table is known by its groups, a directory by its tables, a header by its directory, in whatever
 * order they lie: before any of them is guessed by its shape, which many things have. */
static void learn_map_parts(struct look *l)
{
	static const struct sweep parts = { true, wants_guess, parts_span };

	for (int i = 0; i < MAP_LEVELS && types_swiss(l->types); i++) {
		l->n_guessed = 0;
		sweep_spans(l, &parts);
		if (!l->n_guessed)
			break;
		learn_fields(l);
	}
}

static void learn_guesses(struct look *l)
{
	static const struct sweep guess = { true, wants_guess, guess_span };

	learn_map_parts(l);
	for (int i = 0; i < GUESS_ROUNDS; i++) {
		l->n_guessed = 0;
		sweep_spans(l, &guess);
		if (!l->n_guessed)
			break;
		learn_fields(l);
	}
}

static void walk_again(struct look *l, uint32_t *label)
{
	*label &= ~(uint32_t)LABEL_WALKED;
}

void learn_all(struct look *l)
{
	static const struct sweep headers = { true, wants_header, read_headers };
	static const struct sweep search = { true, wants_search, search_span };

	l->walk.edge = learn_edge;
	l->own_type = learn_object;
	modules_find(l);
	sweep_spans(l, &headers);
	walk_seeds(l);
	roots_variables(l);
	roots_regions(l);
	roots_stacks(l);
	roots_queues(l);
	roots_finalizers(l, false);
	learn_fields(l);
	sweep_spans(l, &search);
	learn_fields(l);
	learn_guesses(l);
	for (int i = 0; i < BLIND_ROUNDS && blind_again(l, walk_again); i++) {
		sweep_spans(l, &headers);
		roots_variables(l);
		roots_regions(l);
		learn_fields(l);
		sweep_spans(l, &search);
		learn_guesses(l);
	}
}
