// SPDX-License-Identifier: BSD-2-Clause
/*
 * walk.c - finds the pointers in memory whose type is known, and in memory of which nothing is.
 *
 * Gives each of them out as an edge.  What the words of the target say is taken as it is: whoever
 * gets the edge looks where it leads to.
 */
#include "user/heap/heap_internal.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/target.h"

enum { WORD = 8 };

/* ---- the target's memory ------------------------------------------------------------------ */

void window_set(struct window *w, uint64_t addr, const void *p, size_t len)
{
	w->addr = addr;
	w->p = p;
	w->len = len;
}

bool window_has(const struct window *w, uint64_t addr, size_t len)
{
	return addr >= w->addr && addr - w->addr <= w->len && len <= w->len - (addr - w->addr);
}

static void make_room(struct window *w, size_t size)
{
	if (w->own_size >= size)
		return;
	free(w->own);
	w->own = xcalloc(1, size);
	w->own_size = size;
}

const uint8_t *window_read(struct window *w, uint64_t addr, size_t len)
{
	bool ok;

	make_room(w, len);
	ok = feed_read(w->feed, addr, w->own, len);
	window_set(w, addr, w->own, ok ? len : 0);
	return ok ? w->own : NULL;
}

const uint8_t *window_get(struct window *w, uint64_t addr, size_t len)
{
	size_t want = len < w->piece ? w->piece : len;

	if (window_has(w, addr, len))
		return w->p + (addr - w->addr);
	make_room(w, want);
	/* As much as there is up to the end of a page of the runtime's, at least what is wanted. */
	for (; want > len; want = want / 2 > len ? want / 2 : len)
		if (feed_read(w->feed, addr, w->own, want))
			break;
	if (want == len && !feed_read(w->feed, addr, w->own, len)) {
		window_set(w, 0, NULL, 0);
		return NULL;
	}
	window_set(w, addr, w->own, want);
	return w->p;
}

/* ---- known types -------------------------------------------------------------------------- */

static void give(struct walk *w, uint64_t at, uint32_t slot, uint64_t target, uint32_t type,
		 uint64_t bytes)
{
	const struct edge e = { .target = target, .bytes = bytes, .type = type, .slot = slot,
				.offset = at - w->base };

	if (target)
		w->edge(w->look, &e);
}

/* elems of the type's size; 0 where the product is none. */
static uint64_t bytes_of(const struct walk *w, uint32_t type, uint64_t elems)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(elems, types_at(w->types, type)->size, &bytes))
		return UINT64_MAX;
	return bytes;
}

static void give_slice(struct walk *w, uint64_t at, uint32_t slot, uint32_t type,
		       const uint64_t v[3])
{
	/* The capacity, since that is what was allocated. */
	if (v[2] && v[1] <= v[2])
		give(w, at, slot, v[0], type, bytes_of(w, type, v[2]));
}

/* Into the heap, if only to where spans may have been made meanwhile, or to a variable. */
static bool leads_somewhere(const struct walk *w, uint64_t addr)
{
	return addr && (space_may_have(w->space, addr) ||
			addr - w->statics < w->statics_end - w->statics);
}

static void give_dynamic(struct walk *w, uint64_t at, uint32_t slot, uint64_t word, uint64_t data)
{
	struct dynamic d;

	if (!leads_somewhere(w, data)) {	/* a constant */
		if (w->strict)
			give(w, at + WORD, slot, data, 0, 0);
		return;
	}
	d = types_dynamic(w->types, w->win->feed, w->bias, word);
	give(w, at + WORD, slot, data, d.type, 0);
}

/* hchan: qcount, dataqsiz, buf. */
static void give_buffer(struct walk *w, uint64_t at, uint32_t slot, uint32_t type,
			const uint8_t *p)
{
	/* buf points behind the channel itself where elements have no pointers */
	give(w, at, slot, load_u64(p), type, bytes_of(w, type, load_u64(p - WORD)));
}

/* The node of a hash trie is what fits into its slot. */
static void give_node(struct walk *w, uint64_t at, uint32_t slot, const struct slot *s,
		      uint64_t target)
{
	struct place p;
	uint32_t type = 0;

	if (!space_find(w->space, target, &p))
		return;
	if (s->type && types_fit(w->types, s->type, &p, 0) == FIT_WHOLE)
		type = s->type;
	else if (s->other && types_fit(w->types, s->other, &p, 0) == FIT_WHOLE)
		type = s->other;
	give(w, at, slot, target, type, 0);
}

/* Words that a slot takes. */
static size_t slot_words(enum slot_kind kind)
{
	switch (kind) {
	case SLOT_SLICE:
		return 3;
	case SLOT_STRING:
	case SLOT_INTERFACE:
	case SLOT_SWISS:
		return 2;
	default:
		return 1;
	}
}

/* Whether the words can be what the slot says, whatever they lead to. */
static bool words_sane(struct walk *w, enum slot_kind kind, const uint64_t v[3])
{
	switch (kind) {
	case SLOT_SLICE:
		return v[1] <= v[2] && (v[0] || !v[2]);
	case SLOT_STRING:
		return v[1] < GO_ADDR_END && (v[0] || !v[1]);
	case SLOT_INTERFACE:
		return v[0] ? types_dynamic(w->types, w->win->feed, w->bias, v[0]).kind : !v[1];
	default:
		return true;
	}
}

/* p: the slot's words, of which as many are there as it takes. */
static void walk_slot(struct walk *w, uint32_t number, const struct slot *s, uint64_t at,
		      const uint8_t *p)
{
	uint64_t v[3] = { load_u64(p) };
	size_t n = slot_words(s->kind);

	if (!v[0] && !w->strict)
		return;
	for (size_t i = 1; i < n; i++)
		v[i] = load_u64(p + WORD * i);
	if (w->strict)
		w->n_bad += !words_sane(w, s->kind, v);
	if (!v[0])
		return;
	switch ((enum slot_kind)s->kind) {
	case SLOT_POINTER:
	case SLOT_FUNC:
	case SLOT_UNSAFE:
		give(w, at, number, v[0], s->type, 0);
		break;
	case SLOT_SLICE:
		give_slice(w, at, number, s->type, v);
		break;
	case SLOT_STRING:
		/* an empty one may point anywhere */
		give(w, at, number, v[0], v[1] ? s->type : 0, v[1]);
		break;
	case SLOT_INTERFACE:
		give_dynamic(w, at, number, v[0], v[1]);
		break;
	case SLOT_SWISS:
		give(w, at, number, v[0], v[1] ? s->other : s->type, 0);
		break;
	case SLOT_CHANBUF:
		give_buffer(w, at, number, s->type, p);
		break;
	case SLOT_NODE:
		give_node(w, at, number, s, v[0]);
		break;
	case SLOT_NONE:
	case SLOT_REPEAT:
		break;
	}
}

/* n slots from number first on, of a value at addr.  False: it is not readable. */
static bool walk_slots(struct walk *w, uint32_t first, uint32_t n, uint64_t addr)
{
	for (uint32_t i = 0; i < n; i++) {
		struct slot s = *types_slot(w->types, first + i);	/* they may move */
		uint64_t at = addr + s.offset;
		const uint8_t *p;

		if (s.kind == SLOT_REPEAT) {
			for (uint32_t k = 0; k < s.count; k++)
				if (!walk_slots(w, first + i + 1, s.other,
						at + (uint64_t)k * s.stride))
					return false;
			i += s.other;
			continue;
		}
		p = s.kind == SLOT_CHANBUF ? window_get(w->win, at - WORD, 2 * WORD)
					   : window_get(w->win, at, WORD * slot_words(s.kind));
		if (!p)
			return false;
		walk_slot(w, first + i, &s, at, s.kind == SLOT_CHANBUF ? p + WORD : p);
	}
	return true;
}

void walk_type(struct walk *w, uint32_t type, uint64_t addr, uint64_t size)
{
	uint32_t n, first = types_slots(w->types, type, &n);
	const struct type t = *types_at(w->types, type);

	if (!n)
		return;
	if (!t.repeats) {
		if (t.size <= size)
			walk_slots(w, first, n, addr);
		return;
	}
	for (uint64_t off = 0; off + t.size <= size; off += t.size)
		if (!walk_slots(w, first, n, addr + off))
			return;
}

/* ---- unknown memory ----------------------------------------------------------------------- */

bool walk_unknown(struct walk *w, uint64_t addr, uint64_t size, const uint64_t *mask,
		  struct word_before *before)
{
	struct place place;

	for (uint64_t off = 0; off + WORD <= size; off += WORD) {
		uint64_t i = off / WORD, word;
		const uint8_t *p = window_get(w->win, addr + off, WORD);
		bool pointer = !mask || mask[i / 64] >> i % 64 & 1;
		struct dynamic d = { 0 };

		if (!p)
			return false;
		word = load_u64(p);
		/* What the mask says to be a pointer is none to a type: the type's word of an
		 * interface is not one to the collector (cmd/compile/internal/typebits). */
		if (before->word && word && pointer && !before->pointer &&
		    !space_find(w->space, before->word, &place) && leads_somewhere(w, word))
			d = types_dynamic(w->types, w->win->feed, w->bias, before->word);
		if (d.type)
			give(w, addr + off, NO_SLOT, word, d.type, 0);
		else if (word && pointer)
			give(w, addr + off, NO_SLOT, word, 0, 0);
		*before = (struct word_before){ word, mask && pointer };
	}
	return true;
}
