// SPDX-License-Identifier: BSD-2-Clause
/*
 * visit.c - visits the objects that wait, span by span, with the memory of many spans read at a
 * time.
 *
 * What is found in one span makes objects of others wait, and of the same one: these are visited
 * while its memory is at hand.  The order is that of the spans in their queue, so it is breadth
 * first but for what lies side by side.
 *
 * Of a span in which few objects wait no more is read than these: a list that goes back and forth
 * between spans, as it does when its nodes took what collections had freed, would have each of them
 * read hundreds of times.  What is found next to them is read as it is needed, twice as much each
 * time.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem.h"
#include "user/target.h"

enum {
	BATCH = 256,			/* spans */
	BATCH_BYTES = 512 << 10,	/* of memory; more would take the caches from the target */
	LARGE = 256 << 10,		/* is read piece by piece */
	FIRST_NEAR = 16 << 10,	/* bytes read around an object that was not read before */
	MAX_BLIND = 1 << 16,
	MAX_PART = 64 << 10,		/* bytes of an array, if it is a part */
	MAX_TODO = 1 << 16,		/* parts that wait before spans are put off for them */
};

struct batch {
	struct span *spans[BATCH];
	struct target_read reads[BATCH];
	size_t n;
	uint8_t *bytes;
	uint64_t mspans[BATCH];
	struct go_span now[BATCH];	/* what is there now, */
	bool ok[BATCH];			/* if it is in use */
};

struct stretch {
	uint64_t from, to;	/* addresses; to == from: nothing */
};

/* From so many bytes before an object to so many after it, of the span, with its header. */
static struct stretch around(struct span *s, uint32_t i, uint64_t near)
{
	uint64_t slot = span_slot(s), at = s->start + i * slot, end = s->start + span_bytes(s);

	return (struct stretch){ at - s->start > near ? at - near : s->start,
				 end - at > slot + near ? at + slot + near : end };
}

/* Where objects wait.  What made the span wait may have been visited since, with something else of
 * it. */
static struct stretch pending_in(const struct look *l, const struct visitor *v, struct span *s)
{
	uint32_t first = s->first, last;

	while (s->labels && first < s->end && !v->pending(l, s, s->labels[first]))
		first++;
	if (!s->labels || first >= s->end)
		return (struct stretch){ 0 };
	for (last = s->end - 1u; !v->pending(l, s, s->labels[last]); last--)
		;
	return (struct stretch){ around(s, first, 0).from, around(s, last, 0).to };
}

static void take(struct look *l, const struct visitor *v, struct batch *b)
{
	size_t used = 0;

	b->n = 0;
	while (b->n < BATCH && used + LARGE <= BATCH_BYTES) {
		struct span *s = space_next(&l->space);
		struct target_read *r = &b->reads[b->n];
		struct stretch st;

		if (!s)
			break;
		st = s->flags & SPAN_GONE ? (struct stretch){ 0 } : pending_in(l, v, s);
		if (st.to == st.from)
			continue;
		if (2 * (st.to - st.from) > span_bytes(s))
			st = (struct stretch){ s->start, s->start + span_bytes(s) };
		*r = (struct target_read){ .addr = st.from, .buf = b->bytes + used };
		if (!span_is_noscan(s) && span_bytes(s) <= LARGE)
			r->len = (uint32_t)(st.to - st.from);
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

/* Where there was a collection a span may have gone, and what was read be another one's, or the
 * collector's own. */
static void drop_gone(struct look *l, struct batch *b)
{
	uint32_t gen;

	if (!b->n || (!gomem_sweepgen(l->gm, &gen) && gen == l->gen))
		return;
	for (size_t i = 0; i < b->n; i++)
		b->mspans[i] = b->spans[i]->mspan;
	feed_spans(&l->feed, b->mspans, b->n, b->now, b->ok);
	for (size_t i = 0; i < b->n; i++) {
		const struct go_span *now = &b->now[i];
		struct span *s = b->spans[i];

		if (!b->ok[i] || now->start != s->start || now->spanclass != s->spanclass ||
		    now->npages != s->npages)
			s->flags |= SPAN_GONE;
	}
}

/* Sees to it that an object is in the window, of a span that is not read piece by piece. */
static void bring(struct look *l, struct span *s, uint32_t i, uint64_t *near)
{
	struct stretch st = around(s, i, 0);
	struct window *w = &l->win;

	if (span_is_noscan(s) || span_bytes(s) > LARGE || window_has(w, st.from, st.to - st.from))
		return;
	st = around(s, i, *near);
	*near *= 2;
	window_read(w, st.from, st.to - st.from);
}

void visit_span(struct look *l, const struct visitor *v, struct span *s)
{
	uint64_t near = FIRST_NEAR;

	do {
		const uint32_t from = s->first, to = s->end;

		s->first = s->end = 0;
		for (uint32_t i = from; s->labels && i < to; i++) {
			struct place p;

			if (!v->pending(l, s, s->labels[i]))
				continue;
			space_object(s, i, &p);
			bring(l, s, i, &near);
			v->visit(l, &p, &s->labels[i]);
		}
		if (edges_lead_to(l, s))
			edges_flush(l);
	} while (s->first < s->end);
}

/* Parts lie anywhere: only what of them is looked at is read. */
static void visit_parts(struct look *l, const struct visitor *v)
{
	l->walk.win = &l->part;
	window_set(&l->part, 0, NULL, 0);
	while (l->n_todo && !look_interrupted(l)) {
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
		survive_check(l);
		take(l, v, b);
		drop_gone(l, b);
		window_set(&l->bits, 0, NULL, 0);	/* of the same time as the memory */
		for (size_t i = 0; i < b->n; i++) {
			bool whole = b->reads[i].len && b->reads[i].ok;

			if (b->spans[i]->flags & SPAN_GONE)
				continue;
			window_set(&l->win, b->reads[i].addr, whole ? b->reads[i].buf : NULL,
				   whole ? b->reads[i].len : 0);
			visit_span(l, v, b->spans[i]);
		}
		edges_flush(l);
		visit_parts(l, v);
		edges_flush(l);
	} while ((b->n || l->n_todo || l->space.head) && !look_interrupted(l) && !is_late(l));
	edges_end(l);
	free(b->bytes);
	free(b);
}

void blind_found(struct look *l, const struct edge *e)
{
	if (l->again && e->type) {
		bool is_new;

		((struct blind_type *)table_put(&l->blind_types, e->type, &is_new))->n++;
	}
	/* a goroutine's pointers to its own stack lead to no span ever */
	if (!space_may_have(&l->space, e->target) ||
	    e->target - l->stack_low < l->stack_high - l->stack_low)
		return;
	if (l->n_blind == MAX_BLIND) {
		l->n_blind_dropped++;
		return;
	}
	l->blind = grow(l->blind, l->n_blind, &l->cap_blind, sizeof(*l->blind));
	l->blind[l->n_blind++] = (struct blind){ *e, l->holder };
}

static void follow_blind(struct look *l, const struct blind *b,
			 void (*again)(struct look *l, uint32_t *label))
{
	struct span *s = &l->space.v[b->holder.span];
	struct place p;

	if (!b->holder.span) {
		l->holder = b->holder;
		if (space_find(&l->space, b->edge.target, &p))
			l->walk.edge(l, &b->edge);
	} else if (s->labels && !(s->flags & SPAN_GONE)) {
		again(l, &s->labels[b->holder.index]);
		space_queue(&l->space, s, b->holder.index);
	}
}

bool blind_again(struct look *l, void (*again)(struct look *l, uint32_t *label))
{
	size_t n = l->n_blind, known = l->space.n;
	uint64_t n_dropped = l->n_blind_dropped;

	l->n_blind = l->n_blind_dropped = 0;
	if ((!n && !has_moved(l)) || look_interrupted(l) || space_fill(&l->space, &l->feed) ||
	    l->space.n == known)
		return false;
	l->n_new_spans += l->space.n - known;
	l->n_not_followed += n_dropped;
	for (size_t i = 0; i < n; i++)
		follow_blind(l, &l->blind[i], again);
	return true;
}

void part_found(struct look *l, const struct edge *e, uint32_t from)
{
	uint64_t key = part_key(e->target, e->type);
	bool is_new;

	if (!types_at(l->types, e->type)->pointers)
		return;
	if (l->n_todo == MAX_TODO) {
		l->losses.over_memory++;
		return;
	}
	if (!table_put(&l->parts, key, &is_new) || !is_new)
		return;
	l->todo = grow(l->todo, l->n_todo, &l->cap_todo, sizeof(*l->todo));
	l->todo[l->n_todo++] = (struct part_todo){ .addr = e->target, .bytes = e->bytes,
						   .type = e->type, .from = from };
}

bool defer_found(struct look *l, const struct edge *e, uint32_t from)
{
	if (!e->type || e->type != l->deferred.type)
		return false;
	part_found(l, e, from);
	return true;
}

bool has_room_for_parts(const struct look *l)
{
	return l->n_todo < MAX_TODO / 4;
}

uint64_t part_bytes(struct look *l, const struct part_todo *t)
{
	const struct type *type = types_at(l->types, t->type);
	uint64_t bytes;
	struct place p;

	if (!space_find(&l->space, t->addr, &p))
		return is_deferred_on_stack(l, t->addr) ? type->size : 0;
	bytes = p.size - p.off;
	/* Of an array as much as is known to be it; parts may overlap, so not all of a large
	 * one. */
	if (type->repeats && t->bytes < bytes)
		bytes = t->bytes ? t->bytes : type->size;
	return type->repeats && bytes > MAX_PART ? MAX_PART : bytes;
}
