// SPDX-License-Identifier: BSD-2-Clause
/*
 * places.c - the places in the code that allocate the types of the first rows.
 *
 * A []uint8 is made in thousands of places of a large program, and few are kept: those in the
 * package whose struct holds it, as it makes what it keeps more often than not (the buffer of a
 * bufio.Writer), else those in the program's own code, else those nearest to it.
 *
 * Where the code says how large an array it makes, as make([]byte, 64) does, that is a place of rows
 * with objects of that size only.
 *
 * What makes bytes and strings of each other is given no type.  A string may also be what a
 * strings.Builder has made as bytes: the place is that of who builds it, where that is known.
 */
#include "user/heap/count_internal.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/typeindex.h"

/* The type that the code gives to the allocator, and a row that is made of it. */
struct wanted {
	uint64_t rtype;		/* 0: it gives none */
	enum site_makes makes;
	struct heap_type *row;
	bool built;		/* only by strings.Builder */
};

struct search {
	struct look *l;
	struct heapmap *m;
	struct wanted *v;	/* by rtype */
	size_t n, cap;
};

static enum site_makes makes_of(const struct type *t)
{
	switch ((enum form)t->form) {
	case FORM_VALUE:
	case FORM_CLOSURE:
		return SITE_VALUE;
	case FORM_ARRAY:
		return SITE_ARRAY;
	case FORM_CHAN:
	case FORM_CHANBUF:
		return SITE_CHAN;
	default:
		return SITE_MAP;
	}
}

static int by_rtype(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->rtype < y->rtype ? -1 : x->rtype > y->rtype;
}

static void add_wanted(struct search *s, struct wanted w)
{
	s->v = grow(s->v, s->n, &s->cap, sizeof(*s->v));
	s->v[s->n++] = w;
}

/* A channel is made by its own type, of which there are three for each element. */
static void want_channels(struct search *s, uint64_t elem, struct heap_type *row)
{
	uint64_t types[3];
	size_t n = typeindex_channels_of(s->l->index, elem, types, ARRAY_SIZE(types));

	for (size_t i = 0; i < n; i++)
		add_wanted(s, (struct wanted){ types[i], SITE_CHAN, row, false });
}

static void want_strings(struct search *s, struct heap_type *row)
{
	uint64_t byte = typeindex_named(s->l->index, NULL, "uint8");

	add_wanted(s, (struct wanted){ 0, SITE_STRING, row, false });
	add_wanted(s, (struct wanted){ 0, SITE_BYTES, row, true });
	if (byte)
		add_wanted(s, (struct wanted){ byte, SITE_ARRAY, row, true });
}

static void want_type(struct search *s, const struct type *t, struct heap_type *row)
{
	if (t->form == FORM_STRING) {
		want_strings(s, row);
		return;
	}
	if (makes_of(t) == SITE_CHAN) {
		want_channels(s, t->rtype, row);
		return;
	}
	add_wanted(s, (struct wanted){ t->rtype, makes_of(t), row, false });
	if (t->form == FORM_ARRAY && !strcmp(row->name, "[]uint8"))
		add_wanted(s, (struct wanted){ 0, SITE_BYTES, row, false });
	else if (t->form == FORM_ARRAY && !strcmp(row->name, "[]int32"))
		add_wanted(s, (struct wanted){ 0, SITE_RUNES, row, false });
}

/* One line may have several calls, and a function that is inlined has them in each that calls it. */
static bool has_place(const struct heap_type *row, const struct frame *f)
{
	for (size_t i = 0; i < row->n_places; i++)
		if (row->places[i].function == f->function && row->places[i].file == f->file &&
		    row->places[i].line == f->line)
			return true;
	return false;
}

/* Of the struct on which most bytes of the row hang: its length, without the path; 0: not known. */
static size_t holding_package(const struct heap_type *row, const char **name)
{
	const struct heap_holder *h = row->holders;

	for (size_t i = 1; i < row->n_holders; i++)
		if (row->holders[i].bytes.low > h->bytes.low)
			h = &row->holders[i];
	for (size_t i = 0; row->n_holders && i < h->n_levels; i++) {
		size_t n = h->levels[i].type ? strcspn(h->levels[i].type, ".[*({ ") : 0;

		*name = h->levels[i].type;
		if (n && (*name)[n] == '.')
			return n;
	}
	return 0;
}

static bool is_in_package(const char *function, const char *name, size_t n)
{
	const char *at = function;

	for (const char *p = function; *p && *p != '(' && *p != '['; p++)
		if (*p == '/')
			at = p + 1;
	return n && !strncmp(at, name, n) && at[n] == '.';
}

struct order {
	const char *main_module;
	const char *package;	/* of the struct that holds the row, */
	size_t n;		/* and its length */
};

/* What is told first has the lowest. */
static int rank_of(const struct order *o, const char *function)
{
	return (int)goname_owner(function, o->main_module) +
	       (is_in_package(function, o->package, o->n) ? 0 : OWNER_RUNTIME + 1);
}

void places_add(struct heap_type *row, const struct frame *f, const char *main_module)
{
	struct order order = { .main_module = main_module };
	size_t i = row->n_places;
	int rank;

	if (has_place(row, f))
		return;
	order.n = holding_package(row, &order.package);
	rank = rank_of(&order, f->function);
	while (i && rank_of(&order, row->places[i - 1].function) > rank)
		i--;
	row->places_cut |= row->n_places == MAX_PLACES;
	if (i == MAX_PLACES)
		return;
	if (row->n_places < MAX_PLACES)
		row->places = xreallocarray(row->places, ++row->n_places, sizeof(*row->places));
	memmove(&row->places[i + 1], &row->places[i],
		(row->n_places - 1 - i) * sizeof(*row->places));
	row->places[i] = *f;
}

static bool is_builders(const struct frame *f)
{
	return f->function && !strncmp(f->function, "strings.(*Builder).", 19);
}

static void add_place(struct search *s, const struct wanted *w, uint64_t return_addr)
{
	struct frame frames[MAX_INLINED], *f = &frames[0];
	size_t n = gobin_frames(s->l->gb, &return_addr, 1, true, frames, ARRAY_SIZE(frames));

	if (!n || !f->function || (w->built && !is_builders(f)))
		return;
	for (size_t i = 1; w->built && i < n && i < ARRAY_SIZE(frames) && is_builders(f); i++)
		f = frames[i].function ? &frames[i] : f;
	f->function = heapmap_text(s->m, f->function);
	f->profiled = heapmap_text(s->m, f->profiled);
	f->file = heapmap_text(s->m, f->file);
	places_add(w->row, f, gobin_main_module(s->l->gb));
}

/* Whether the row has objects of the size that is made there. */
static bool makes_such(const struct look *l, const struct alloc_site *site,
		       const struct heap_type *row)
{
	uint64_t slot;

	if (site->bytes == UNKNOWN_U64 || table_full(&l->counts->sizes))
		return true;
	slot = golayout_object_size(l->lo, site->bytes, row->pointers);
	for (size_t i = 0; i < row->n_sizes; i++)
		if (row->sizes[i].size == slot)
			return true;
	return false;
}

static void found_site(void *ctx, const struct alloc_site *site)
{
	struct search *s = ctx;
	const struct wanted key = { .rtype = site->rtype };
	const struct wanted *w = bsearch(&key, s->v, s->n, sizeof(*s->v), by_rtype);

	for (; w > s->v && w[-1].rtype == site->rtype; w--)
		;
	for (; w < s->v + s->n && w->rtype == site->rtype; w++)
		if (w->makes == site->makes && makes_such(s->l, site, w->row))
			add_place(s, w, site->return_addr);
}

void places_fill(struct look *l, struct heapmap *m, struct heap_type *const *rows,
		 const uint32_t *types, size_t n)
{
	struct search s = { .l = l, .m = m };
	uint64_t *rtypes;

	for (size_t i = 0; i < n; i++) {
		rows[i]->places_known = types[i] != 0;
		if (types[i])
			want_type(&s, types_at(l->types, types[i]), rows[i]);
	}
	if (s.n)
		qsort(s.v, s.n, sizeof(*s.v), by_rtype);
	rtypes = xcalloc(s.n + 1, sizeof(*rtypes));
	for (size_t i = 0; i < s.n; i++)
		rtypes[i] = s.v[i].rtype;
	typeindex_sites(l->index, rtypes, s.n, found_site, &s);
	free(rtypes);
	free(s.v);
}
