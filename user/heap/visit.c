// SPDX-License-Identifier: BSD-2-Clause
/*
 * visit.c - visits the objects that wait, span by span, with the memory of many spans read at a
 * time.
 *
 * What is found in one span makes objects of others wait, and of the same one: these are visited
 * while its memory is at hand.  The order is that of the spans in their queue, so it is breadth
 * first but for what lies side by side.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/target.h"

enum {
	BATCH = 256,			/* spans */
	BATCH_BYTES = 512 << 10,	/* of memory; more would take the caches from the target */
	LARGE = 256 << 10,		/* is read piece by piece */
	MAX_BLIND = 1 << 16,
	NEW_ARENAS = 16,
	MAX_PART = 64 << 10,		/* bytes of an array, if it is a part */
	MAX_TODO = 1 << 16,		/* parts that wait before spans are put off for them */
};

struct batch {
	struct span *spans[BATCH];
	struct target_read reads[BATCH];
	size_t n;
	uint8_t *bytes;
};

/* What made it wait may have been visited since, with something else of the span. */
static bool has_pending(const struct look *l, const struct visitor *v, const struct span *s)
{
	for (uint32_t i = 0; s->labels && i < s->nelems; i++)
		if (v->pending(l, s, s->labels[i]))
			return true;
	return false;
}

static void take(struct look *l, const struct visitor *v, struct batch *b)
{
	size_t used = 0;

	b->n = 0;
	while (b->n < BATCH && used + LARGE <= BATCH_BYTES) {
		struct span *s = space_next(&l->space);
		struct target_read *r = &b->reads[b->n];

		if (!s)
			break;
		if (s->flags & SPAN_GONE || !has_pending(l, v, s))
			continue;
		*r = (struct target_read){ .addr = s->start, .buf = b->bytes + used };
		if (!span_is_noscan(s) && span_bytes(s) <= LARGE)
			r->len = (uint32_t)span_bytes(s);
		used += r->len;
		b->spans[b->n++] = s;
		if (!span_is_noscan(s) && !(s->flags & SPAN_READ)) {
			s->flags |= SPAN_READ;
			l->n_spans_read++;
		}
	}
	feed_many(&l->feed, b->reads, b->n);
	for (size_t i = 0; i < b->n; i++) {
		if (!b->reads[i].len || b->reads[i].ok || b->spans[i]->flags & SPAN_UNREADABLE)
			continue;
		b->spans[i]->flags |= SPAN_UNREADABLE;
		l->losses.spans_unreadable++;
	}
}

void visit_span(struct look *l, const struct visitor *v, struct span *s)
{
	bool again;

	do {
		again = false;
		for (uint32_t i = 0; s->labels && i < s->nelems; i++) {
			struct place p;

			if (!v->pending(l, s, s->labels[i]))
				continue;
			space_object(s, i, &p);
			v->visit(l, &p, &s->labels[i]);
			again = true;
		}
		if (edges_lead_to(l, s)) {
			edges_flush(l);
			again = true;
		}
	} while (again);
}

/* Parts lie anywhere: only what of them is looked at is read. */
static void visit_parts(struct look *l, const struct visitor *v)
{
	l->walk.win = &l->part;
	window_set(&l->part, 0, NULL, 0);
	while (l->n_todo) {
		struct part_todo t = l->todo[--l->n_todo];

		v->part(l, &t);
	}
	l->walk.win = &l->win;
}

/* A program may add faster than we follow, the more so where we get little of a processor. */
static bool is_late(struct look *l)
{
	if (!l->late_ns || now_ns() < l->late_ns)
		return false;
	l->losses.outrun = space_waiting(&l->space) + l->n_blind;
	return true;
}

void visit_all(struct look *l, const struct visitor *v)
{
	struct batch *b = xcalloc(1, sizeof(*b));

	b->bytes = xcalloc(1, BATCH_BYTES);
	edges_begin(l);
	do {
		take(l, v, b);
		window_set(&l->bits, 0, NULL, 0);	/* of the same time as the memory */
		for (size_t i = 0; i < b->n; i++) {
			bool whole = b->reads[i].len && b->reads[i].ok;

			window_set(&l->win, b->reads[i].addr, whole ? b->reads[i].buf : NULL,
				   whole ? b->reads[i].len : 0);
			visit_span(l, v, b->spans[i]);
		}
		edges_flush(l);
		visit_parts(l, v);
		edges_flush(l);
	} while ((b->n || l->n_todo) && !look_interrupted(l) && !is_late(l));
	edges_end(l);
	free(b->bytes);
	free(b);
}

void blind_found(struct look *l, const struct edge *e)
{
	uint64_t arena = arena_index(e->target) - l->space.first_arena;

	/* the heap grows upwards */
	if (arena >= l->space.n_arenas + NEW_ARENAS || l->n_blind == MAX_BLIND)
		return;
	l->blind = grow(l->blind, l->n_blind, &l->cap_blind, sizeof(*l->blind));
	l->blind[l->n_blind++] = (struct blind){ l->holder.span, l->holder.index };
}

bool blind_again(struct look *l, void (*again)(struct look *l, uint32_t *label))
{
	size_t n = l->n_blind, known = l->space.n;

	l->n_blind = 0;
	if ((!n && !has_moved(l)) || look_interrupted(l) || space_fill(&l->space, &l->feed) ||
	    l->space.n == known)
		return false;
	l->n_new_spans += l->space.n - known;
	for (size_t i = 0; i < n; i++) {
		struct span *s = &l->space.v[l->blind[i].span];

		if (!l->blind[i].span || !s->labels || s->flags & SPAN_GONE)
			continue;	/* a root */
		again(l, &s->labels[l->blind[i].index]);
		space_queue(&l->space, s);
	}
	return true;
}

void part_found(struct look *l, const struct edge *e, uint32_t from)
{
	uint64_t key = table_mix(table_mix(0x51ed270b, e->target), e->type) | 1;
	bool is_new;

	if (l->n_todo == MAX_TODO || !types_at(l->types, e->type)->pointers ||
	    !table_put(&l->parts, key, &is_new) || !is_new)
		return;
	l->todo = grow(l->todo, l->n_todo, &l->cap_todo, sizeof(*l->todo));
	l->todo[l->n_todo++] = (struct part_todo){ .addr = e->target, .bytes = e->bytes,
						   .type = e->type, .from = from };
}

uint64_t part_bytes(const struct look *l, const struct part_todo *t)
{
	const struct type *type = types_at(l->types, t->type);
	uint64_t bytes;
	struct place p;

	if (!space_find(&l->space, t->addr, &p))
		return 0;
	bytes = p.size - p.off;
	/* Of an array as much as is known to be it; parts may overlap, so not all of a large
	 * one. */
	if (type->repeats && t->bytes < bytes)
		bytes = t->bytes ? t->bytes : type->size;
	return type->repeats && bytes > MAX_PART ? MAX_PART : bytes;
}
