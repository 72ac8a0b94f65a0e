// SPDX-License-Identifier: BSD-2-Clause
/*
 * scope.c - a look that is for the objects of some size classes: what else it needs to go through.
 *
 * To know what these are and who holds them, the ways that lead to them must be followed, and no
 * others.  Where a type is known, so are the types that its values can lead to, and the classes
 * that these lie in: of what cannot lead to what the look is for nothing is read, nor is there a
 * label for it.  An interface may lead to anything, a string to bytes of every size.
 *
 * A pointer may also lead into the middle of an object of another type than it says.  Where that
 * object lies is seen when its pointer is; but if it lies behind others that were left out for
 * their types, it is not found.  The collector has marked it, so that it is seen in the end how
 * much was missed.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/golayout.h"

enum leads { NOT_ASKED, LEADS, LEADS_NOWHERE, IS_ASKED };

/* ---- what it is for -------------------------------------------------------------------------- */

static bool is_for(const struct heap_options *o, const struct span *s)
{
	uint64_t size = span_slot(s);

	return (!o->only_size || size == o->only_size) && size >= o->min_size &&
	       (!o->max_size || size <= o->max_size) &&
	       (!o->classes || o->classes[s->spanclass >> 1]);
}

void scope_init(struct look *l)
{
	const struct heap_options *o = l->options;
	struct scope *sc = &l->scope;

	sc->on = o->only_size || o->min_size || o->max_size || o->classes;
	if (sc->on)
		sc->leads = xcalloc(MAX_TYPES, sizeof(*sc->leads));
	for (size_t i = 1; i <= l->space.n && sc->on; i++) {
		const struct span *s = &l->space.v[i];

		if (is_for(o, s)) {
			sc->kinds[s->spanclass] = true;
			sc->any[span_is_noscan(s)] = true;
		}
	}
}

void scope_fini(struct look *l)
{
	free(l->scope.leads);
}

bool scope_has(const struct look *l, const struct span *s)
{
	return !l->scope.on || (l->scope.kinds[s->spanclass] &&
				is_for(l->options, s));
}

/* ---- who leads to it ------------------------------------------------------------------------- */

/* Whether what is said to be of a type may be such.  A value without pointers that is pointed to is
 * often the begin of a larger one, as the nodes of internal/sync.HashTrieMap are. */
static bool may_be_in(const struct look *l, const struct type *t)
{
	const struct scope *sc = &l->scope;
	uint64_t size;

	if (t->repeats)
		return sc->any[!t->pointers];
	if (t->at_least || !t->pointers)
		return true;
	size = golayout_object_size(l->lo, t->size, t->pointers);
	return sc->kinds[golayout_size_class(size) << 1 | !t->pointers];
}

/* Types that are still to be looked into. */
struct list {
	uint32_t *v;
	size_t n, cap;
};

static void add(struct look *l, struct list *list, uint32_t type)
{
	struct scope *sc = &l->scope;

	if (sc->leads[type] != NOT_ASKED)
		return;
	sc->leads[type] = IS_ASKED;
	list->v = grow(list->v, list->n, &list->cap, sizeof(*list->v));
	list->v[list->n++] = type;
}

/* Whether what the slot leads to is in scope, or known to lead there; if not, it is to be looked
 * into. */
static bool slot_leads(struct look *l, struct list *list, const struct slot *s)
{
	const uint32_t to[] = { s->type, s->other };

	if (s->kind == SLOT_REPEAT)		/* its slots follow */
		return false;
	if (s->kind == SLOT_INTERFACE || s->kind == SLOT_UNSAFE || !s->type)
		return true;
	for (size_t i = 0; i < 2; i++) {
		if (!to[i])
			continue;
		if (may_be_in(l, types_at(l->types, to[i])))
			return true;
		add(l, list, to[i]);
		if (l->scope.leads[to[i]] == LEADS)
			return true;
	}
	return false;
}

static bool type_leads(struct look *l, struct list *list, uint32_t type)
{
	uint32_t n, first = types_slots(l->types, type, &n);

	if (!n)			/* of a closure nobody knows */
		return types_at(l->types, type)->pointers;
	for (uint32_t i = 0; i < n; i++) {
		const struct slot s = *types_slot(l->types, first + i);

		if (slot_leads(l, list, &s))
			return true;
	}
	return false;
}

static bool leads(struct look *l, uint32_t type)
{
	struct scope *sc = &l->scope;
	struct list list = { 0 };
	bool found = false;

	if (sc->leads[type] != NOT_ASKED)
		return sc->leads[type] == LEADS;
	add(l, &list, type);
	for (size_t i = 0; i < list.n && !found; i++)
		found = type_leads(l, &list, list.v[i]);
	for (size_t i = 0; i < list.n; i++)
		sc->leads[list.v[i]] = found ? NOT_ASKED : LEADS_NOWHERE;
	if (found)
		sc->leads[type] = LEADS;
	free(list.v);
	return found;
}

bool scope_leaves_out(struct look *l, const struct place *p, uint32_t type)
{
	if (!l->scope.on || l->scope.kinds[p->span->spanclass])
		return false;
	return span_is_noscan(p->span) || (type && !leads(l, type));
}
