// SPDX-License-Identifier: BSD-2-Clause
/*
 * reach.c - the second pass: who holds each object?
 *
 * From the roots outwards along every pointer there is, read anew: by their types where these are
 * known, by the collector's own pointer bits where not.  A type that the first pass found is
 * confirmed by a typed pointer that this pass sees, or by what the object says of itself.
 *
 * An object's holder is who was first seen to point to it; where there are several, in this order:
 *
 *   1. variables of known types, and all that they lead to, then all words of variables,
 *   2. what goroutines' functions have on their stacks, and all that this leads to,
 *   3. objects of which no type is known,
 *   4. the runtime's own: goroutines, timers, deferred calls ...,
 *   5. sync.Pools, and the library's list of them,
 *   6. the queues of finalizers and cleanups that are to run,
 *   7. words on stacks that may be left over, which say no types,
 *   8. what other finalizers and cleanups need.
 *
 * All words of an array count, also those beyond the length of a slice of it: the collector keeps
 * what they lead to, and the array does not say how much of it is in use.
 */
#include "user/heap/look.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/govars.h"
#include "user/gomem/gomem.h"
#include "user/gomem/spans.h"
#include "user/target.h"

/* What moves is followed for as long as all before took, and for so long at least. */
#define PATIENCE_NS 30000000000ull

enum {
	WORD = 8, MANY_WORDS = 128, MOVING_ROUNDS = 6, HARDLY_ANY = 100000, IDLE_PART = 50,
	MAX_UNSURE = 1 << 16,
};

/* The place by which a node tells the holder's slot.  Which element of an array it is does not count:
 * a trie would have as many ways as it has leaves. */
static uint32_t slot_of(const struct look *l, const struct edge *e)
{
	if (e->slot != NO_SLOT)
		return e->slot - types_slot(l->types, e->slot)->back;
	if (l->holder.root)
		return NODE_OFFSET;
	return e->offset < MANY_WORDS * WORD ? NODE_OFFSET | (uint32_t)(e->offset / WORD)
					      : NODE_SOMEWHERE;
}

/* All words of a variable of which no more than the name is known are one root. */
static uint32_t variable_node(struct look *l, uint64_t vaddr)
{
	const struct go_variable *v = NULL;

	if (!l->holder.typed)
		v = govars_at(l->heap->vars, vaddr);
	return nodes_root(l->nodes, HEAP_ROOT_VARIABLE, v ? v->vaddr : vaddr);
}

/* The node of who holds what the edge leads to; variables are told apart by their addresses. */
static uint32_t holder_node(struct look *l, const struct edge *e)
{
	switch (l->holder.root) {
	case HEAP_ROOT_VARIABLE:
		return variable_node(l, l->holder.addr + (l->holder.typed ? 0 : e->offset));
	case HEAP_ROOT_STACK:
	case HEAP_ROOT_FINALIZER:
	case HEAP_ROOT_OWN_FINALIZER:
	case HEAP_ROOT_CLEANUP:
	case HEAP_ROOT_FINALIZER_QUEUE:
	case HEAP_ROOT_CLEANUP_QUEUE:
	case HEAP_ROOT_RUNTIME:
		return nodes_root(l->nodes, l->holder.root, l->holder.addr);
	default:
		return l->holder.node;
	}
}

/* What it leads to, others may lead to as well, who say more of it. */
static void put_off(struct look *l, struct span *s)
{
	if (s->flags & SPAN_PUT_OFF)
		return;
	s->flags |= SPAN_PUT_OFF;
	l->put_off = grow(l->put_off, l->n_put_off, &l->cap_put_off, sizeof(*l->put_off));
	l->put_off[l->n_put_off++] = span_number(&l->space, s);
}

/* Whether the edge says what the object is: the first pass has not seen it, or no more than its
 * shape, and who holds it is known for certain. */
static bool says_more(const struct look *l, uint32_t label, uint32_t parent, enum fit fit)
{
	return fit == FIT_WHOLE &&
	       (!label_type(label) || (label_strength(label) <= STRENGTH_DERIVED &&
				       !nodes_at(l->nodes, parent)->guess));
}

static bool is_bytes(const struct type *t)
{
	return t->repeats && t->size == 1;
}

/* Strings and bytes are all the same to the allocator.  The first pass has also seen what is dead, of
 * which a slice may have led here before the slot was a string's: what its holder says counts. */
static bool says_other_bytes(const struct look *l, const struct edge *e, const struct place *p,
			     enum fit fit, uint32_t type)
{
	return type && e->type != type && (fit == FIT_WHOLE || (fit == FIT_DERIVED && !p->off)) &&
	       is_bytes(types_at(l->types, e->type)) && is_bytes(types_at(l->types, type));
}

/* The slot may be another object's by now, where there was a collection: an edge tells of another
 * type than is known. */
static bool is_other(const struct look *l, const struct edge *e, enum fit fit, uint32_t type)
{
	return l->collected && type && fit == FIT_WHOLE && e->type != type &&
	       !types_agree(l->types, e->type, type);
}

/* What the first pass has not seen, or has seen as another object, gets its type now; it is not
 * confirmed. */
static void mark_reached(struct look *l, const struct place *p, uint32_t *label,
			 const struct edge *e, enum fit fit)
{
	uint32_t known = label_type(*label), parent = holder_node(l, e), node = 0;
	bool parent_guess = nodes_at(l->nodes, parent)->guess, cut = true;
	bool bytes = !parent_guess && says_other_bytes(l, e, p, fit, known);
	bool now = bytes || says_more(l, *label, parent, fit) ||
		   (!parent_guess && is_other(l, e, fit, known));
	uint32_t type = now ? e->type : known;
	bool guess = now ? parent_guess :
			   known && label_strength(*label) <= STRENGTH_DERIVED;
	bool confirmed = known && ((!now && label_strength(*label) == STRENGTH_GUESS) || bytes ||
				   (fit >= FIT_DERIVED && known == e->type));

	if (parent)
		node = nodes_child(l->nodes, parent, slot_of(l, e), type, guess, &cut);
	l->losses.holders_cut += cut;
	l->n_reached++;
	l->n_late += l->again;
	*label = LABEL_REACHED | node | (l->again ? LABEL_LATE : 0);
	if (confirmed)
		*label |= LABEL_CONFIRMED;
	if (span_is_noscan(p->span) || !node)
		*label |= LABEL_EXPANDED;
	else if (types_at(l->types, type)->turn > l->turn)
		put_off(l, p->span);
	else
		space_queue(&l->space, p->span, p->index);
}

static uint32_t node_type(const struct look *l, uint32_t label)
{
	return nodes_at(l->nodes, label & LABEL_NODE)->type;
}

uint32_t known_type(const struct look *l, uint32_t label, enum strength *strength)
{
	if (!(label & LABEL_REACHED)) {
		*strength = label_strength(label);
		return label_type(label);
	}
	*strength = nodes_at(l->nodes, label & LABEL_NODE)->guess ? STRENGTH_GUESS : STRENGTH_EDGE;
	return node_type(l, label);
}

static void see_again(struct look *l, const struct place *p, uint32_t *label)
{
	l->n_again++;
	*label |= LABEL_AGAIN | (l->left_over ? LABEL_LEFT_OVER : 0);
	if (span_is_noscan(p->span) || !(*label & LABEL_NODE))
		return;
	*label &= ~LABEL_EXPANDED;
	space_queue(&l->space, p->span, p->index);
}

static bool is_left_out(struct look *l, const struct place *p, uint32_t label)
{
	return !(label & LABEL_REACHED) && label_type(label) &&
	       scope_leaves_out(l, p, label_type(label));
}

/* By this reading. */
static bool is_reached(const struct look *l, const struct place *p)
{
	uint32_t label = p->span->labels ? p->span->labels[p->index] : 0;

	return label & LABEL_REACHED && (!l->again || label & (LABEL_AGAIN | LABEL_LATE));
}

/* It is followed when all else has been, once for each object: reach_unsure(). */
static void put_aside(struct look *l, const struct edge *e, const struct place *p)
{
	uint64_t key = part_key(p->base, 0);
	bool is_new;

	if (is_reached(l, p))
		return;
	if (!table_put(&l->parts, key, &is_new)) {
		l->losses.unsure_left_out++;
	} else if (is_new && l->n_unsure == MAX_UNSURE) {
		l->losses.unsure_left_out++;
	} else if (is_new) {
		l->unsure = grow(l->unsure, l->n_unsure, &l->cap_unsure, sizeof(*l->unsure));
		l->unsure[l->n_unsure++] = (struct blind){ *e, l->holder };
	}
}

static void reach_edge(struct look *l, const struct edge *edge)
{
	struct edge whole = *edge, *e = &whole;
	enum fit fit = FIT_NOT;
	uint32_t *label, type;
	struct place p;

	if (!space_find(&l->space, e->target, &p)) {
		if (!is_static(l, e->target) && !defer_found(l, e, l->holder.node))
			blind_found(l, e);
		return;
	}
	if (l->holder.unsure) {
		put_aside(l, e, &p);
		return;
	}
	lead_to_timer(l, e, &p);
	if (e->type)
		fit = types_fit(l->types, e->type, &p, e->bytes);
	if (scope_leaves_out(l, &p, 0))
		return;
	label = space_label(&l->space, &p);
	if (!label || is_left_out(l, &p, *label))
		return;
	if (!(*label & LABEL_REACHED))
		mark_reached(l, &p, label, e, fit);
	else if (fit >= FIT_DERIVED && node_type(l, *label) == e->type)
		*label |= LABEL_CONFIRMED;
	if (l->again && !(*label & (LABEL_AGAIN | LABEL_LATE)) &&
	    !is_other(l, e, fit, node_type(l, *label)))
		see_again(l, &p, label);
	type = node_type(l, *label);
	if (fit == FIT_PART && !type)
		part_found(l, e, *label & LABEL_NODE);
}

static void confirm_own(struct look *l, const struct place *p, uint32_t type,
			enum strength strength)
{
	uint32_t *label = space_label(&l->space, p);

	if (label && *label & LABEL_REACHED &&
	    node_type(l, *label) == type)
		*label |= LABEL_CONFIRMED;
}

static bool is_pending(const struct look *l, const struct span *s, uint32_t label)
{
	return label & LABEL_REACHED && !(label & LABEL_EXPANDED) &&
	       types_at(l->types, node_type(l, label))->turn <= l->turn;
}

/* What the object says of itself, and what it points to as only parts of maps do. */
static uint32_t type_by_itself(struct look *l, const struct place *p)
{
	enum strength strength;
	uint32_t type = own_type(l, p);

	return type ? type : map_type(l, p, &strength);
}

/* It was made after the first pass, or its span did not keep still then. */
static void set_type(struct look *l, const struct place *p, uint32_t *label, uint32_t type,
		     bool guess)
{
	const struct node n = *nodes_at(l->nodes, *label & LABEL_NODE);
	bool cut, is_new;
	uint32_t node = nodes_child(l->nodes, n.parent, n.slot, type, guess, &cut);
	struct retyped *was;

	if (!node)
		return;
	was = l->again ? table_put(&l->retyped, *label & LABEL_NODE, &is_new) : NULL;
	if (was) {
		was->objects++;
		was->bytes += span_slot(p->span);
	}
	*label = (*label & ~LABEL_NODE) | node;
}

/* As is_other(), by what the object says of itself now. */
static bool is_by_itself_other(struct look *l, const struct place *p, uint32_t type,
			       uint32_t by_itself)
{
	return l->collected && !types_agree(l->types, type, by_itself) &&
	       own_type(l, p) == by_itself;
}

static void expand(struct look *l, const struct place *p, uint32_t *label)
{
	uint32_t type = node_type(l, *label), by_itself;

	if (!type || !(*label & LABEL_CONFIRMED)) {
		by_itself = type_by_itself(l, p);
		if (by_itself && (!type || is_by_itself_other(l, p, type, by_itself)))
			set_type(l, p, label, by_itself, false);
		else if (type && type == by_itself)
			*label |= LABEL_CONFIRMED;
		else if (!type && (l->n_new_spans || l->losses.spans_changed) &&
			 (by_itself = guess_type(l, p)))
			set_type(l, p, label, by_itself, true);
		type = node_type(l, *label);
	}
	*label |= LABEL_EXPANDED;
	l->holder = (struct holder){ .node = *label & LABEL_NODE, .index = p->index,
				     .span = span_number(&l->space, p->span) };
	if (type && type == l->deferred.type)
		hold_by_deferrer(l, p->base);
	walk_whole(l, p, type);
	walk_waiting(l, p, type);
}

static void expand_part(struct look *l, const struct part_todo *t)
{
	struct place p;

	if (!t->from)
		return;
	l->holder = (struct holder){ .node = t->from };
	l->walk.base = t->addr;
	if (space_find(&l->space, t->addr, &p))
		l->walk.base = p.base;
	else
		hold_by_deferrer(l, t->addr);
	walk_type(&l->walk, t->type, t->addr, part_bytes(l, t));
}

static const struct visitor reacher = { is_pending, expand, expand_part };

static void expand_again(struct look *l, uint32_t *label)
{
	if (*label & LABEL_REACHED)
		*label &= ~LABEL_EXPANDED;
}

/* Maps that grow move what they hold from one part to another, past whoever reads them: the parts
 * are looked into again. */
static void expand_maps_again(struct look *l)
{
	for (size_t i = 1; i <= l->space.n; i++) {
		struct span *s = &l->space.v[i];

		for (uint32_t k = 0; s->labels && k < s->nelems; k++) {
			uint32_t label = s->labels[k];
			uint8_t form;

			if (!(label & LABEL_REACHED) || span_is_noscan(s) || s->flags & SPAN_GONE)
				continue;
			form = types_at(l->types, node_type(l, label))->form;
			if (form < FORM_MAP || form > FORM_DIRECTORY)
				continue;
			s->labels[k] &= ~LABEL_EXPANDED;
			space_queue(&l->space, s, k);
		}
	}
}

uint64_t look_mallocs(const struct look *l)
{
	struct go_memstats st;

	return gomem_memstats(l->gm, &st) ? 0 : st.mallocs;
}

uint64_t look_cpu_ns(const struct look *l)
{
	uint64_t ns;

	return target_cpu_ns(gomem_target(l->gm), &ns) ? 0 : ns;
}

/* Objects may change hands without any being allocated: whether it has computed for so much of the
 * time that it may have been that.  An idle Go 1.17 does so, too (3 to 4 percent of a short look),
 * and is found the same by both readings. */
static bool has_computed(const struct look *l)
{
	uint64_t took = now_ns() - l->feed.start_ns;

	return look_cpu_ns(l) - l->cpu_ns > took / IDLE_PART;
}

/* By more than so many objects. */
static bool has_moved_by(struct look *l, uint64_t n)
{
	uint32_t gen;

	return l->n_new_spans || gomem_sweepgen(l->gm, &gen) || gen != l->gen ||
	       look_mallocs(l) - l->n_mallocs > n;
}

bool has_moved(struct look *l)
{
	return has_moved_by(l, 0);
}

static int by_target(const void *a, const void *b)
{
	uint64_t x = ((const struct blind *)a)->edge.target, y = ((const struct blind *)b)->edge.target;

	return x < y ? -1 : x > y;
}

/* What is left over may lead to what has been freed since; the collector does not look into that
 * either (scanConservative in runtime/mgcmark.go).  *of: the span that the marks are of. */
static bool is_allocated(struct look *l, const struct place *p, struct span_marks *m,
			 const struct span **of)
{
	uint32_t gen;

	if (*of != p->span && feed_marks(&l->feed, &p->span->mspan, 1, m, &gen))
		return false;
	*of = p->span;
	return m->known && m->span.start == p->span->start && span_allocated(m, p->index);
}

static void reach_unsure(struct look *l)
{
	const struct span *of = NULL;
	struct span_marks m;

	visit_all(l, &reacher);		/* what is certain */
	if (l->n_unsure)
		qsort(l->unsure, l->n_unsure, sizeof(*l->unsure), by_target);
	l->left_over = true;
	for (size_t i = 0; i < l->n_unsure; i++) {
		struct edge e = { .target = l->unsure[i].edge.target, .slot = NO_SLOT };
		struct place p;

		if (!space_find(&l->space, e.target, &p) || !is_allocated(l, &p, &m, &of))
			continue;
		l->holder = l->unsure[i].holder;
		l->holder.unsure = false;
		reach_edge(l, &e);
	}
	l->n_unsure = 0;
	visit_all(l, &reacher);
	l->left_over = false;
}

/* Until hardly anything is found that was not known, nor a span: a map may have been enlarged
 * again. */
static void follow_rounds(struct look *l)
{
	bool new_spans = blind_again(l, expand_again);

	for (int i = 0; i < MOVING_ROUNDS && (has_moved(l) || new_spans) && !l->losses.outrun;
	     i++) {
		uint64_t before = l->n_reached;

		expand_maps_again(l);
		roots_variables(l);
		roots_regions(l);
		visit_all(l, &reacher);
		new_spans = blind_again(l, expand_again);
		if (!new_spans && l->n_reached - before <= l->n_reached / HARDLY_ANY)
			break;
	}
	reach_unsure(l);
}

static void have_patience(struct look *l)
{
	uint64_t now = now_ns(), took = now - l->feed.start_ns;

	l->late_ns = now + (took > PATIENCE_NS ? took : PATIENCE_NS);
}

static void follow_what_moves(struct look *l)
{
	have_patience(l);
	follow_rounds(l);
	if (!l->losses.outrun)
		l->late_ns = 0;
}

static void reach_roots(struct look *l)
{
	l->collected = gomem_sweepgen(l->gm, &l->read_gen) || l->read_gen != l->gen;
	modules_find(l);
	roots_variables(l);
	visit_all(l, &reacher);
	roots_regions(l);
	visit_all(l, &reacher);
	roots_stacks(l);
	visit_all(l, &reacher);
}

/* What is in them lives for certain, whatever words are left over. */
static void reach_queues(struct look *l)
{
	roots_queues(l);
	visit_all(l, &reacher);
}

static void reach_finalizers(struct look *l)
{
	roots_finalizers(l, false);
	visit_all(l, &reacher);
	roots_finalizers(l, true);
	visit_all(l, &reacher);
}

/*
 * What both readings reach was held at the moment between them: all of it at one time.  One reading
 * alone may find what one container holds and then what has taken its place.  Where they find the
 * same, nothing that is held has moved, whatever was allocated: an idle Go 1.17 allocates now and
 * then.
 */
static void reach_again(struct look *l)
{
	uint64_t first = l->n_reached;

	l->again = true;
	l->n_blind = 0;		/* what the first has read, this one has not */
	have_patience(l);
	table_clear(&l->parts);
	reach_roots(l);
	reach_queues(l);
	blind_again(l, expand_again);
	reach_unsure(l);
	reach_finalizers(l);
	survive_check(l);
	l->again = l->n_late || l->n_again != first;
	l->still = !l->again;
}

static void reach_put_off(struct look *l)
{
	for (l->turn = TURN_PROGRAM + 1; l->turn < N_TURNS; l->turn++) {
		for (size_t i = 0; i < l->n_put_off; i++) {
			struct span *s = &l->space.v[l->put_off[i]];

			space_queue(&l->space, s, 0);
			space_queue(&l->space, s, s->nelems - 1u);
		}
		visit_all(l, &reacher);
	}
}

void reach_all(struct look *l)
{
	table_clear(&l->parts);
	l->n_todo = l->n_blind = 0;
	l->n_blind_dropped = l->n_not_followed = 0;	/* the first pass says no more than types */
	l->walk.edge = reach_edge;
	l->own_type = confirm_own;
	l->survived_gen = l->gen;
	survive_check(l);	/* nothing is reached yet: from now on */
	reach_roots(l);
	reach_put_off(l);
	reach_queues(l);
	reach_unsure(l);
	follow_what_moves(l);
	reach_finalizers(l);
	if ((has_moved_by(l, l->n_reached / HARDLY_ANY) || has_computed(l)) && !look_interrupted(l))
		reach_again(l);
	walk_seeds(l);
}
