// SPDX-License-Identifier: BSD-2-Clause
/*
 * roots.c - what holds objects of the heap from outside: package variables, and what finalizers
 * need; goroutines' stacks are in stacks.c.
 *
 * The bounds of variables are known, their types seldom: from what the code does with them, and
 * from typed pointers that lead to them.  These are walked by their types first, so that what they
 * hold is held by their fields; then all words of variables that the collector looks at are.
 */
#include "user/heap/look.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/golayout.h"
#include "user/go/govars.h"
#include "user/go/rtype.h"
#include "user/go/typeindex.h"
#include "user/gomem/gomem.h"
#include "user/gomem/special.h"

enum { WORD = 8, BITVECTOR_BYTES = 16 };

bool is_static(const struct look *l, uint64_t addr)
{
	return modules_at(l, addr - l->bias);
}

static void hold_by_variable(struct look *l, uint64_t vaddr)
{
	l->holder = (struct holder){ .root = HEAP_ROOT_VARIABLE, .strength = STRENGTH_EDGE,
				     .addr = vaddr };
	l->walk.base = vaddr + l->bias;
}

/* A variable, or a part of one, whose type is known. */
void walk_static(struct look *l, uint64_t vaddr, uint32_t type, uint64_t size)
{
	hold_by_variable(l, vaddr);
	l->holder.typed = true;
	walk_type(&l->walk, type, vaddr + l->bias, size);
}

/* A variable that points to objects of the type. */
static void walk_pointer(struct look *l, uint64_t vaddr, uint32_t type, uint64_t bytes)
{
	const uint8_t *p = window_get(l->walk.win, vaddr + l->bias, WORD);
	struct edge e = { .type = type, .bytes = bytes, .slot = NO_SLOT };

	if (!p || !type)
		return;
	e.target = load_u64(p);
	hold_by_variable(l, vaddr);
	l->walk.edge(l, &e);
}

/* A slice: pointer, length, capacity. */
static void walk_slice(struct look *l, uint64_t vaddr, uint32_t type)
{
	const uint8_t *p = window_get(l->walk.win, vaddr + l->bias, 3 * WORD);
	uint64_t bytes;

	if (p && type && !__builtin_mul_overflow(load_u64(p + 2 * WORD),
						 types_at(l->types, type)->size, &bytes))
		walk_pointer(l, vaddr, type, bytes);
}

/* An array in a variable: all elements hold the same way. */
static void walk_values(struct look *l, uint64_t vaddr, uint32_t type, uint32_t count)
{
	uint64_t size = types_at(l->types, type)->size;

	hold_by_variable(l, vaddr);
	l->holder.typed = true;
	for (uint32_t i = 0; i < count; i++) {
		l->walk.base = vaddr + l->bias + i * size;
		walk_type(&l->walk, type, l->walk.base, size);
	}
}

/* A variable of a type, or with a pointer to it. */
static void walk_typed(struct look *l, uint64_t vaddr, uint64_t rtype, enum shown_how how,
		       uint32_t count)
{
	static const enum form forms[] = {
		[SHOWN_VALUE] = FORM_VALUE, [SHOWN_POINTER] = FORM_VALUE,
		[SHOWN_SLICE] = FORM_ARRAY, [SHOWN_MAP] = FORM_MAP, [SHOWN_CHAN] = FORM_CHAN,
	};
	struct rtype t;
	uint32_t type;

	if (how == SHOWN_CHAN) {
		if (rtype_read(l->gb, rtype, &t))
			return;
		rtype = t.elem;
		rtype_free(&t);
	}
	type = types_get(l->types, rtype, forms[how]);
	if (!type)
		return;
	if (how == SHOWN_VALUE)
		walk_values(l, vaddr, type, count);
	else if (how == SHOWN_SLICE)
		walk_slice(l, vaddr, type);
	else
		walk_pointer(l, vaddr, type, 0);
}

/* What DWARF says, then what the code shows. */
static void walk_typed_variables(struct look *l)
{
	const struct shown_variable *shown;
	const struct go_typed *typed;
	size_t n;

	typed = govars_typed(l->heap->vars, &n);
	for (size_t i = 0; i < n; i++)
		walk_typed(l, typed[i].vaddr, typed[i].rtype, typed[i].how, typed[i].count);
	shown = typeindex_variables(l->index, &n);
	for (size_t i = 0; i < n; i++)
		walk_typed(l, shown[i].vaddr, shown[i].rtype, shown[i].how, 1);
}

/* runtime.allgs and allp, whose places are known anyway. */
static void walk_runtime(struct look *l)
{
	static const struct { size_t var; const char *type; } arrays[] = {
		{ offsetof(struct go_layout, allgptr), "g" },
		{ offsetof(struct go_layout, allp), "p" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		uint64_t vaddr = *(const uint64_t *)((const char *)l->lo + arrays[i].var);
		uint64_t rtype = typeindex_named(l->index, "runtime", arrays[i].type);
		uint64_t pointer = rtype ? typeindex_pointer_to(l->index, rtype) : 0;

		if (vaddr && pointer)
			walk_pointer(l, vaddr, types_get(l->types, pointer, FORM_ARRAY), 0);
	}
}

/* The runtime's mask of a region, which it makes at its start (progToPointerMask): which of its
 * words the collector looks at.  Behind its n bits there are no pointers.  NULL: not known. */
static uint64_t *read_mask(struct look *l, uint64_t at, uint64_t n_words, uint32_t *n)
{
	struct { uint32_t n, unused; uint64_t bits; } vector;
	uint64_t *mask;

	if (!feed_read(&l->feed, at + l->bias, &vector, sizeof(vector)) || !vector.n ||
	    vector.n > n_words)
		return NULL;
	mask = budget_alloc(&l->budget, (n_words + 63) / 64, sizeof(*mask));
	if (mask && !feed_read(&l->feed, vector.bits, mask, (vector.n + 7) / 8)) {
		budget_free(&l->budget, mask, (n_words + 63) / 64, sizeof(*mask));
		return NULL;
	}
	*n = vector.n;
	return mask;
}

static void walk_region(struct look *l, uint64_t vaddr, uint64_t end, uint64_t mask_at)
{
	uint64_t n_words = (end - vaddr) / WORD;
	uint32_t n = 0;
	uint64_t *mask = read_mask(l, mask_at, n_words, &n);

	window_set(&l->win, 0, NULL, 0);
	hold_by_variable(l, vaddr);
	walk_unknown(&l->walk, vaddr + l->bias, mask ? (uint64_t)n * WORD : end - vaddr, mask,
		     &(struct word_before){ 0 });
	budget_free(&l->budget, mask, (n_words + 63) / 64, sizeof(*mask));
}

/* ---- finalizers --------------------------------------------------------------------------- */

/* A record of one, with what is the kind's own behind its head: of a finalizer fn, nret, fint, ot,
 * the type of the pointer to the object; of a cleanup fn, from Go 1.26 on call, fn, argument. */
struct special {
	struct go_special head;
	uint64_t own[4];
};

static bool read_special(struct look *l, uint64_t addr, struct special *out)
{
	const uint32_t bytes = special_bytes(l->lo);
	uint8_t raw[MAX_SPECIAL_BYTES + sizeof(out->own)];

	if (addr % WORD || !bytes || !feed_read(&l->feed, addr, raw, bytes + sizeof(out->own)))
		return false;
	out->head = special_parse(l->lo, gobin_version(l->gb)->minor, raw);
	memcpy(out->own, raw + bytes, sizeof(out->own));
	return true;
}

uint64_t closure_entry(struct look *l, uint64_t addr)
{
	const struct go_module *m = gobin_module(l->gb);
	struct go_func f;
	uint64_t pc;

	if (!feed_read(&l->feed, addr, &pc, sizeof(pc)))
		return 0;
	pc -= l->bias;
	return pc >= m->text && pc < m->etext && gobin_func_at(l->gb, pc, &f) ? f.entry : 0;
}

/* SetFinalizer was given a pointer to the object, and has kept its type. */
static void learn_finalized(struct look *l, const struct special *sp, const struct place *p)
{
	const uint32_t type = pointed_type(l, sp->own[3]);

	if (type && types_fit(l->types, type, p, 0) == FIT_WHOLE)
		l->own_type(l, p, type, STRENGTH_OWN);
}

/* Profiles need nothing. */
static bool hold_by_special(struct look *l, const struct special *sp)
{
	const bool with_argument = gobin_version(l->gb)->minor >= FIRST_CLEANUP_ARGUMENT;
	struct holder holder = { .strength = STRENGTH_EDGE };

	switch (sp->head.kind) {
	case SPECIAL_FINALIZER:
		holder.root = HEAP_ROOT_FINALIZER;
		holder.addr = closure_entry(l, sp->own[0]);
		break;
	case SPECIAL_CLEANUP:
		holder.root = HEAP_ROOT_CLEANUP;
		holder.addr = cleanup_entry(l, sp->own[with_argument]);
		break;
	case SPECIAL_WEAK:
		holder.root = HEAP_ROOT_RUNTIME;
		break;
	case SPECIAL_OTHER:
		return false;
	}
	l->holder = holder;
	return true;
}

/* What the record needs. */
static void walk_needs_of(struct look *l, const struct place *p, const struct special *sp)
{
	struct edge e = { .slot = NO_SLOT };

	if (!hold_by_special(l, sp))
		return;
	if (sp->head.kind == SPECIAL_FINALIZER)
		learn_finalized(l, sp, p);
	for (size_t i = 0; i < ARRAY_SIZE(sp->own); i++) {
		e.target = sp->own[i];
		l->walk.edge(l, &e);
	}
}

/* The object itself. */
static void walk_finalized(struct look *l, const struct place *p, const struct special *sp)
{
	const struct edge e = { .target = p->base, .slot = NO_SLOT };

	if (sp->head.kind != SPECIAL_FINALIZER)
		return;
	hold_by_special(l, sp);
	l->holder.root = HEAP_ROOT_OWN_FINALIZER;
	l->walk.edge(l, &e);
	learn_finalized(l, sp, p);
}

static void walk_specials(struct look *l, struct span *s, const struct span_marks *m, bool unheld)
{
	uint64_t addr = m ? m->span.specials : 0;
	struct special sp;

	for (size_t i = 0; addr && i < MAX_SPECIALS && read_special(l, addr, &sp); i++) {
		uint32_t index = s->elemsize ? (uint32_t)(sp.head.offset * s->magic >> 32) : 0;
		struct place p;

		addr = sp.head.next;
		if (sp.head.offset >= span_bytes(s) || index >= s->nelems)
			continue;
		space_object(s, index, &p);
		if (span_allocated(m, index))
			(unheld ? walk_finalized : walk_needs_of)(l, &p, &sp);
	}
}

static bool has_specials(const struct look *l, const struct span *s)
{
	return s->flags & SPAN_SPECIALS;
}

static void walk_needs(struct look *l, struct span *s, const struct span_marks *m)
{
	walk_specials(l, s, m, false);
}

static void walk_unheld(struct look *l, struct span *s, const struct span_marks *m)
{
	walk_specials(l, s, m, true);
}

void roots_finalizers(struct look *l, bool unheld)
{
	static const struct sweep needs = { false, has_specials, walk_needs };
	static const struct sweep waiting = { false, has_specials, walk_unheld };

	if (special_bytes(l->lo))
		sweep_spans(l, unheld ? &waiting : &needs);
}

/* ---- variables ---------------------------------------------------------------------------- */

void roots_variables(struct look *l)
{
	l->walk.win = &l->part;
	window_set(&l->part, 0, NULL, 0);
	walk_typed_variables(l);
	walk_runtime(l);
	for (size_t i = 0; i < l->n_statics; i++)
		walk_static(l, l->statics[i].vaddr, l->statics[i].type, l->statics[i].size);
	l->walk.win = &l->win;
}

void roots_regions(struct look *l)
{
	for (size_t i = 0; i < l->n_modules; i++) {
		const struct module *m = &l->modules[i];

		walk_region(l, m->data, m->edata, m->masks);
		walk_region(l, m->bss, m->ebss, m->masks + BITVECTOR_BYTES);
	}
}

void static_found(struct look *l, const struct edge *e)
{
	const struct type *t = types_at(l->types, e->type);
	struct static_part s = { .vaddr = e->target - l->bias, .type = e->type, .size = t->size };
	uint64_t key = part_key(e->target, e->type);
	bool is_new;

	if (!t->pointers || t->at_least || l->n_statics == MAX_STATICS ||
	    !table_put(&l->parts, key, &is_new) || !is_new)
		return;
	if (t->repeats && e->bytes)
		s.size = e->bytes;
	if (s.size > MAX_STATIC_BYTES || !is_static(l, e->target + s.size - 1))
		return;
	if (l->holder.root == HEAP_ROOT_VARIABLE)
		s.from = l->holder.addr + (l->holder.typed ? 0 : e->offset);
	s.slot = e->slot;
	l->statics = grow(l->statics, l->n_statics, &l->cap_statics, sizeof(*l->statics));
	l->statics[l->n_statics++] = s;
}

static int by_address(const void *a, const void *b)
{
	const struct static_part *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

void statics_sort(struct look *l)
{
	if (l->n_statics)
		qsort(l->statics, l->n_statics, sizeof(*l->statics), by_address);
}

const struct static_part *statics_at(const struct look *l, uint64_t vaddr, uint32_t type)
{
	const struct static_part key = { .vaddr = vaddr, .type = type };

	return l->n_statics ? bsearch(&key, l->statics, l->n_statics, sizeof(key), by_address) :
			      NULL;
}
