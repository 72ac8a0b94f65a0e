// SPDX-License-Identifier: BSD-2-Clause
/*
 * count.c - adds objects up by type and by how they are held.
 *
 * An object counts for certain (low) if the second pass reached it, not only by way of a word that
 * may be left over, confirmed its type, and it is allocated now, at the end; it may live (high) if it
 * was reached or the last collection marked it.  What was allocated since that collection and nobody
 * leads to is garbage, or was born meanwhile: it does not count.
 *
 * Of a heap that moved all was reached twice.  What both readings found was held at the moment
 * between them, all of it at one time: that is low.  What was held then and both have missed came
 * and went as fast as they read (find_missed()).
 */
#include "user/heap/look.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/heap/count_internal.h"

/* What is known of one object. */
struct object_state {
	uint32_t type, node;
	bool reached, low, guess;
	bool first, lost, late;	/* the first of two readings found it; it alone; the second alone */
	bool replaced;		/* it is allocated, but may be another one */
};

static void add_range(struct heap_range *r, bool low, uint64_t n)
{
	r->low += low ? n : 0;
	r->high += n;
}

static void add_amount(struct amount *to, uint64_t objects, uint64_t bytes)
{
	to->objects += objects;
	to->bytes += bytes;
}

static void add_row(struct row *r, const struct object_state *o, uint64_t bytes)
{
	add_range(&r->objects, o->low, 1);
	add_range(&r->bytes, o->low, bytes);
	r->held += o->reached && o->node;
	if (o->guess) {
		r->guessed_objects++;
		r->guessed_bytes += bytes;
	}
}

static void add_node_count(struct node_count *n, const struct object_state *o, uint64_t bytes)
{
	add_range(&n->objects, o->low, 1);
	add_range(&n->bytes, o->low, bytes);
	n->first += o->first;
	if (o->lost)
		add_amount(&n->lost, 1, bytes);
	if (o->late)
		add_amount(&n->late, 1, bytes);
}

static void add_size(struct counts *c, uint32_t type, const struct span *s)
{
	bool is_new;
	struct size_count *e = table_put(&c->sizes, size_key(type, s), &is_new);

	if (e)
		e->objects++;
}

static void add_object(struct look *l, const struct span *s, const struct object_state *o)
{
	struct counts *c = l->counts;
	struct row *r = &c->types[o->type];
	uint64_t bytes = span_slot(s);
	struct class_count *e;
	bool is_new;

	if (!o->type)
		r = o->reached ? &c->untyped[s->spanclass] : &c->unreached[s->spanclass];
	add_row(r, o, bytes);
	r->kinds[s->spanclass / 64] |= 1ull << s->spanclass % 64;
	if (o->type) {
		add_size(c, o->type, s);
		if (o->node)
			add_node_count(&c->nodes[o->node], o, bytes);
		return;
	}
	if (!o->node)
		return;
	e = table_put(&c->classes, ((uint64_t)o->node << 8 | s->spanclass) + 1, &is_new);
	if (e)
		add_node_count(&e->n, o, bytes);
}

/* A large object's type stands in its span: whether it is still the one that was taken from
 * there. */
static bool large_type(const struct look *l, const struct span_marks *m, uint32_t type)
{
	return m->span.largetype && types_at(l->types, type)->base == m->span.largetype - l->bias;
}

static struct object_state state_of(struct look *l, const struct span *s, uint32_t i,
				    const struct span_marks *m)
{
	uint32_t label = s->labels ? s->labels[i] : 0;
	bool allocated = m && span_allocated(m, i), sure;
	struct object_state o = { .reached = label & LABEL_REACHED };

	if (o.reached) {
		const struct node *n = nodes_at(l->nodes, label & LABEL_NODE);

		o.node = label & LABEL_NODE;
		o.type = n->type;
		o.guess = n->guess;
		sure = allocated && !(label & LABEL_REPLACED) &&
		       (!l->again || label & LABEL_AGAIN) &&
		       (!o.type || label & LABEL_CONFIRMED || large_type(l, m, o.type));
		o.low = sure && !n->unsure && !(label & LABEL_LEFT_OVER);
		o.late = l->again && label & LABEL_LATE;
		o.first = l->again && !o.late;
		o.lost = o.first && (!(label & LABEL_AGAIN) ||
				     (label & LABEL_LEFT_OVER && !n->unsure));
		o.replaced = allocated && label & LABEL_REPLACED;
		l->losses.edges_once += allocated && o.type && !sure && !o.replaced;
	} else {
		o.type = label_type(label);
		o.guess = label_strength(label) <= STRENGTH_DERIVED;
	}
	return o;
}

static void add_unseen(struct counts *c, const struct span *s, uint32_t type)
{
	add_amount(type ? &c->types[type].unseen : &c->unseen[s->spanclass], 1, span_slot(s));
}

/* Nothing of it is allocated any more. */
static void count_gone(struct look *l, const struct span *s)
{
	for (uint32_t i = 0; s->labels && i < s->nelems; i++) {
		struct object_state o = state_of(l, s, i, NULL);

		if (o.reached && o.type)
			add_object(l, s, &o);
	}
}

static void count_span(struct look *l, struct span *s, const struct span_marks *m)
{
	/* there was a collection since what is held was read, also where that kept still */
	const bool freed = l->moved || l->marks_gen != l->read_gen;

	if (s->flags & SPAN_GONE)
		return;
	for (uint32_t i = 0; i < s->nelems; i++) {
		struct object_state o = state_of(l, s, i, m);
		bool marked = m && m->marked[i / 8] >> i % 8 & 1;

		if (!m || span_allocated(m, i))
			add_amount(&l->counts->allocated[s->spanclass], 1, span_slot(s));
		if (!o.reached && !marked) {
			if (!m || span_allocated(m, i))
				add_unseen(l->counts, s, o.type);
			continue;
		}
		/* A stale word leads to a free slot, unless that was freed meanwhile. */
		if (m && (!o.type || !freed) && !span_allocated(m, i))
			continue;
		l->losses.objects_dropped +=
			o.replaced || (o.reached && m && !span_allocated(m, i));
		l->losses.unreached += !o.reached;
		add_object(l, s, &o);
	}
}

static void sort_nodes(const struct look *l, struct counts *c)
{
	size_t n_types = types_count(l->types), n_nodes = nodes_count(l->nodes);
	uint32_t *next;

	c->first = xcalloc(n_types + 2, sizeof(*c->first));
	c->by_type = xcalloc(n_nodes, sizeof(*c->by_type));
	/* Shifted by one, so that filling in moves each to where it belongs. */
	next = c->first + 1;
	for (uint32_t i = 1; i < n_nodes; i++)
		next[nodes_at(l->nodes, i)->type + 1]++;
	for (size_t t = 1; t <= n_types; t++)
		next[t] += next[t - 1];
	for (uint32_t i = 1; i < n_nodes; i++)
		c->by_type[next[nodes_at(l->nodes, i)->type]++] = i;
}

static bool has_kind(const struct row *r, unsigned kind)
{
	return r->kinds[kind / 64] >> kind % 64 & 1;
}

struct amount row_unseen(const struct counts *c, const struct row *r)
{
	struct amount sum = r->unseen;

	if (!r->lost && !r->any_missed)
		return (struct amount){ 0 };
	for (unsigned i = 0; i < N_SPAN_KINDS; i++) {
		if (!has_kind(r, i))
			continue;
		add_amount(&sum, c->unreached[i].objects.high, c->unreached[i].bytes.high);
		if (r->any_missed)
			add_amount(&sum, c->unseen[i].objects, c->unseen[i].bytes);
	}
	return sum;
}

struct amount row_allocated(const struct counts *c, const struct row *r)
{
	struct amount sum = { 0 };

	for (unsigned i = 0; i < N_SPAN_KINDS; i++)
		if (has_kind(r, i))
			add_amount(&sum, c->allocated[i].objects, c->allocated[i].bytes);
	return sum;
}

/*
 * What was held by the node between the readings and neither has found.  Where one of them missed
 * few of what the other has found, it is fewer: what one misses in a hundred both miss in ten
 * thousand.  Where most was replaced meanwhile, it is what pointers led to that lay in no span yet
 * (blind).  Behind a list that was cut (is_cut()) it is all that it can be.
 */
static void add_missed(struct row *r, struct node_count *n, bool cut, uint64_t blind)
{
	struct amount missed = n->lost;

	r->any_missed |= cut;
	if (!n->lost.objects)
		return;
	if (2 * n->lost.objects >= n->first && !cut)
		add_amount(&missed, blind, blind * (missed.bytes / missed.objects));
	n->objects.high += missed.objects;
	n->bytes.high += missed.bytes;
	add_amount(&r->missed, missed.objects, missed.bytes);
	r->lost += n->lost.objects;
}

/* What else may be of the row is taken to be held as what was lost was; behind a list that was cut
 * all of it may be. */
static void share_unseen(const struct counts *c, const struct row *r, struct node_count *n, bool cut)
{
	struct amount unseen = row_unseen(c, r);
	double share = n->lost.objects ? (double)n->lost.objects / (double)r->lost : 0;

	if (cut)
		share = 1;
	n->objects.high += (uint64_t)ceil((double)unseen.objects * share);
	n->bytes.high += (uint64_t)ceil((double)unseen.bytes * share);
}

/* How many slots a value has that are told as the one: those of all elements of an array are. */
static uint64_t slots_like(const struct types *ts, uint32_t first, uint32_t n, uint32_t slot)
{
	uint64_t sum = 0;

	for (uint32_t i = first; i < first + n && sum < UINT32_MAX; i++) {
		const struct slot *s = types_slot(ts, i);

		if (s->kind == SLOT_REPEAT) {
			sum += s->count * slots_like(ts, i + 1, s->other, slot);
			i += s->other;
		} else {
			sum += i - s->back == slot;
		}
	}
	return sum < UINT32_MAX ? sum : UINT32_MAX;
}

/* What the node's objects have been, at most, untyped ones too. */
static struct amount of_node(const struct look *l, uint32_t node, const struct amount *untyped)
{
	const struct node_count *n = &l->counts->nodes[node];
	const struct retyped *was = table_find(&l->retyped, node);
	struct amount sum = untyped[node];

	add_amount(&sum, n->objects.high, n->bytes.high);
	if (was)
		add_amount(&sum, was->objects, was->bytes);
	return sum;
}

/* How many pointers there may be of those that the node is told by: as many as there are such slots in
 * the objects that hold it.  UINT64_MAX: that is not known. */
static uint64_t most_pointers(struct look *l, uint32_t node, const struct amount *untyped)
{
	const struct node *n = nodes_at(l->nodes, node), *parent = nodes_at(l->nodes, n->parent);
	const struct amount has = of_node(l, n->parent, untyped);
	const uint32_t type = parent->type;
	uint32_t n_slots, first;
	uint64_t most;

	/* More objects than one hang on a slot of a list's node, and of a root. */
	if (n->again || !parent->parent || n->slot == NODE_SOMEWHERE)
		return UINT64_MAX;
	if (n->slot & NODE_OFFSET)
		return has.objects;
	first = types_slots(l->types, type, &n_slots);
	if (!type || n->slot - first >= n_slots)
		return UINT64_MAX;
	most = types_at(l->types, type)->repeats ? has.bytes / types_at(l->types, type)->size :
						   has.objects;
	if (__builtin_mul_overflow(most, slots_like(l->types, first, n_slots, n->slot), &most))
		return UINT64_MAX;
	return most;
}

/* Of the span classes that objects of the row lie in; 0: one may have any size. */
static uint64_t largest_slot(const struct row *r)
{
	uint64_t largest = 0;

	for (unsigned i = 0; i < N_SPAN_KINDS; i++) {
		if (has_kind(r, i) && !(i >> 1))
			return 0;
		if (has_kind(r, i) && golayout_class_size(i >> 1) > largest)
			largest = golayout_class_size(i >> 1);
	}
	return largest;
}

/* A field of so many objects holds no more than these at a time, whatever else may be of the type. */
static void limit_node(struct look *l, uint32_t node, const struct amount *untyped)
{
	const uint32_t type = nodes_at(l->nodes, node)->type;
	struct node_count *n = &l->counts->nodes[node];
	uint64_t most, size;

	if (!type || n->objects.high == n->objects.low)
		return;
	most = most_pointers(l, node, untyped);
	if (most >= n->objects.high)
		return;
	n->objects.high = most > n->objects.low ? most : n->objects.low;
	size = largest_slot(&l->counts->types[type]);
	if (size && n->objects.high * size < n->bytes.high)
		n->bytes.high = n->objects.high * size > n->bytes.low ? n->objects.high * size :
								       n->bytes.low;
}

static void limit_nodes(struct look *l)
{
	const size_t n = nodes_count(l->nodes);
	struct amount *untyped = xcalloc(n, sizeof(*untyped));
	const struct class_count *e;

	for (e = table_next(&l->counts->classes, NULL); e;
	     e = table_next(&l->counts->classes, e))
		add_amount(&untyped[(e->key - 1) >> 8], e->n.objects.high, e->n.bytes.high);
	for (size_t i = 1; i < n; i++)		/* parents come before their children */
		limit_node(l, (uint32_t)i, untyped);
	free(untyped);
}

static uint64_t blind_to(const struct look *l, uint32_t type)
{
	const struct blind_type *b = type ? table_find(&l->blind_types, type) : NULL;

	return b ? b->n : 0;
}

/* Whether pointers of the one type's objects lead to the other: at once, or by way of one object
 * between them, as that of a slice is. */
static bool leads_to(struct types *ts, uint32_t from, uint32_t to, bool between)
{
	uint32_t n_slots = 0, first = 0;

	if (types_at(ts, from)->compiled)
		first = types_slots(ts, from, &n_slots);
	for (uint32_t i = first; i < first + n_slots; i++) {
		const struct slot *s = types_slot(ts, i);

		if (!s->type || (s->kind != SLOT_POINTER && s->kind != SLOT_SLICE))
			continue;
		if (s->type == to || (between && leads_to(ts, s->type, to, false)))
			return true;
	}
	return false;
}

/* The way along objects that hold others of their kind ends anywhere once one of them has been
 * replaced: if most has changed there, neither reading may have come to its end. */
static bool is_cut(const struct node_count *n)
{
	return (n->lost.objects && 2 * n->lost.objects >= n->first) ||
	       (n->late.objects && n->late.objects >= n->first);
}

/* By type: whether its objects lead to others of their kind. */
static bool *find_chaining(const struct look *l)
{
	size_t n = types_count(l->types);
	bool *chaining = xcalloc(n, sizeof(*chaining));

	for (uint32_t i = 1; i < n; i++)
		chaining[i] = leads_to(l->types, i, i, true);
	return chaining;
}

/* Nodes that hang on a list, a ring or a tree which was cut. */
static bool *find_cut(struct look *l, size_t n)
{
	bool *chained = xcalloc(n, sizeof(*chained)), *cut = xcalloc(n, sizeof(*cut));
	bool *chaining = find_chaining(l);

	for (size_t i = 1; i < n; i++) {	/* parents come before their children */
		const struct node *node = nodes_at(l->nodes, (uint32_t)i);

		chained[i] = node->again || chained[node->parent] || chaining[node->type];
		cut[i] = cut[node->parent] || (chained[i] && is_cut(&l->counts->nodes[i]));
	}
	free(chaining);
	free(chained);
	return cut;
}

/* The readers of a heap that moved have missed some of what was held. */
static void find_missed(struct look *l)
{
	struct counts *c = l->counts;
	size_t n = nodes_count(l->nodes);
	bool *cut = find_cut(l, n);
	struct class_count *e;

	for (size_t i = 1; i < n; i++) {
		const uint32_t type = nodes_at(l->nodes, (uint32_t)i)->type;

		if (type)
			add_missed(&c->types[type], &c->nodes[i], cut[i], blind_to(l, type));
	}
	for (e = table_next(&c->classes, NULL); e; e = table_next(&c->classes, e))
		add_missed(&c->untyped[(e->key - 1) & 0xff], &e->n, cut[(e->key - 1) >> 8], 0);
	for (size_t i = 1; i < n; i++)
		share_unseen(c, &c->types[nodes_at(l->nodes, (uint32_t)i)->type], &c->nodes[i],
			     cut[i]);
	for (e = table_next(&c->classes, NULL); e; e = table_next(&c->classes, e))
		share_unseen(c, &c->untyped[(e->key - 1) & 0xff], &e->n, cut[(e->key - 1) >> 8]);
	free(cut);
	if (!l->scope.on && !table_full(&l->retyped) && !table_full(&c->classes))
		limit_nodes(l);		/* else not all of who holds them are counted */
}

void count_all(struct look *l, struct counts *c)
{
	static const struct sweep sweep = { false, scope_has, count_span };

	c->types = xcalloc(types_count(l->types), sizeof(*c->types));
	c->nodes = xcalloc(nodes_count(l->nodes), sizeof(*c->nodes));
	table_init(&c->sizes, sizeof(struct size_count), 64ul * MAX_HEAP_SIZES);
	table_init(&c->classes, sizeof(struct class_count), 128ul * MAX_HEAP_NODES);
	l->counts = c;
	l->moved = l->again || (!l->still && has_moved(l));
	c->all_known = l->moved && !look_interrupted(l) && !space_fill(&l->space, &l->feed);
	sweep_spans(l, &sweep);
	/* what was held when it was read may be no more */
	c->all_known &= l->marks_gen == l->read_gen;
	for (size_t i = 1; i <= l->space.n; i++)
		if (l->space.v[i].flags & SPAN_GONE && scope_has(l, &l->space.v[i]))
			count_gone(l, &l->space.v[i]);
	if (l->again)
		find_missed(l);
	sort_nodes(l, c);
	l->losses.over_memory += l->space.n_forgotten;
}

void counts_free(struct counts *c)
{
	free(c->types);
	free(c->nodes);
	free(c->by_type);
	free(c->first);
	table_fini(&c->sizes);
	table_fini(&c->classes);
}
