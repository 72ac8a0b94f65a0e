// SPDX-License-Identifier: BSD-2-Clause
/*
 * places.c - the places in the code that allocate the types of the first rows.
 *
 * A []uint8 is made in thousands of places of a large program, and few are kept: those in the
 * package whose struct holds it, as it makes what it keeps more often than not (the buffer of a
 * bufio.Writer), else those in the program's own code, else those nearest to it.  That one is near
 * to the program is no reason to think that it is the one.
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
	struct place_ranks *ranks;
};

struct search {
	struct look *l;
	struct heapmap *m;
	struct wanted *v;	/* by rtype */
	size_t n, cap;
	struct place_ranks *ranks;	/* of the row that is added to v */
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
	w.ranks = s->ranks;
	s->v = grow(s->v, s->n, &s->cap, sizeof(*s->v));
	s->v[s->n++] = w;
}

/* A channel is made by its own type, of which there are three for each element. */
static void want_channels(struct search *s, uint64_t elem, struct heap_type *row)
{
	uint64_t types[3];
	size_t n = typeindex_channels_of(s->l->index, elem, types, ARRAY_SIZE(types));

	for (size_t i = 0; i < n; i++)
		add_wanted(s, (struct wanted){ .rtype = types[i], .makes = SITE_CHAN, .row = row });
}

static void want_strings(struct search *s, struct heap_type *row)
{
	uint64_t byte = typeindex_named(s->l->index, NULL, "uint8");

	add_wanted(s, (struct wanted){ .makes = SITE_STRING, .row = row });
	add_wanted(s, (struct wanted){ .makes = SITE_BYTES, .row = row, .built = true });
	if (byte)
		add_wanted(s, (struct wanted){ .rtype = byte, .makes = SITE_ARRAY, .row = row,
					       .built = true });
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
	add_wanted(s, (struct wanted){ .rtype = t->rtype, .makes = makes_of(t), .row = row });
	if (t->form == FORM_ARRAY && !strcmp(row->name, "[]uint8"))
		add_wanted(s, (struct wanted){ .makes = SITE_BYTES, .row = row });
	else if (t->form == FORM_ARRAY && !strcmp(row->name, "[]int32"))
		add_wanted(s, (struct wanted){ .makes = SITE_RUNES, .row = row });
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

/* Of the struct that the objects of a holder hang on: the length of its name, without the path; 0:
 * not known. */
static size_t package_of(const struct heap_holder *h, const char **name)
{
	for (size_t i = 0; i < h->n_levels; i++) {
		size_t n = h->levels[i].type ? strcspn(h->levels[i].type, ".[*({ ") : 0;

		*name = h->levels[i].type;
		if (n && (*name)[n] == '.')
			return n;
	}
	return 0;
}

/* Of the struct on which most bytes of the row hang; *most: of all bytes, too, most hang on structs
 * of the package. */
static size_t holding_package(const struct heap_type *row, const char **name, bool *most)
{
	const struct heap_holder *h = row->holders;
	uint64_t bytes = 0;
	const char *other;
	size_t n;

	for (size_t i = 1; i < row->n_holders; i++)
		if (row->holders[i].bytes.low > h->bytes.low)
			h = &row->holders[i];
	n = row->n_holders ? package_of(h, name) : 0;
	for (size_t i = 0; n && i < row->n_holders; i++)
		if (package_of(&row->holders[i], &other) == n && !strncmp(other, *name, n))
			bytes += row->holders[i].bytes.high;
	*most = n && bytes > row->bytes.high / 2;
	return n;
}

static bool is_in_package(const char *function, const char *name, size_t n)
{
	const char *at = function;

	for (const char *p = function; *p && *p != '(' && *p != '['; p++)
		if (*p == '/')
			at = p + 1;
	return n && !strncmp(at, name, n) && at[n] == '.';
}

/* By what a place is told from others, best first; then come the owners of the code. */
enum { BY_BOTH, BY_PACKAGE, BY_SIZE, BY_NOTHING, N_OWNERS = OWNER_RUNTIME + 1 };

static uint8_t rank_of(const char *function, const char *package, size_t n, bool constant,
		       const char *main_module)
{
	const bool is_in = is_in_package(function, package, n);
	const int by = is_in ? (constant ? BY_BOTH : BY_PACKAGE) : constant ? BY_SIZE : BY_NOTHING;

	return (uint8_t)(by * N_OWNERS + (int)goname_owner(function, main_module));
}

static void count_apart(struct heap_type *row, const struct place_ranks *ranks, bool package_tells)
{
	const int by = ranks->v[0] / N_OWNERS;

	row->n_places_apart = 0;
	if (by == BY_NOTHING || (by == BY_PACKAGE && !package_tells))
		return;
	while (row->n_places_apart < row->n_places &&
	       ranks->v[row->n_places_apart] / N_OWNERS == by)
		row->n_places_apart++;
}

void places_add(struct heap_type *row, struct place_ranks *ranks, const struct frame *f,
		bool constant, const char *main_module)
{
	size_t i = row->n_places, n;
	const char *package = NULL;
	bool package_tells;
	uint8_t rank;

	if (has_place(row, f))
		return;
	n = holding_package(row, &package, &package_tells);
	rank = rank_of(f->function, package, n, constant, main_module);
	while (i && ranks->v[i - 1] > rank)
		i--;
	row->places_cut |= row->n_places == MAX_PLACES;
	if (i == MAX_PLACES)
		return;
	if (row->n_places < MAX_PLACES)
		row->places = xreallocarray(row->places, ++row->n_places, sizeof(*row->places));
	n = row->n_places - 1 - i;
	memmove(&row->places[i + 1], &row->places[i], n * sizeof(*row->places));
	memmove(&ranks->v[i + 1], &ranks->v[i], n);
	row->places[i] = *f;
	ranks->v[i] = rank;
	count_apart(row, ranks, package_tells);
}

static bool is_builders(const struct frame *f)
{
	return f->function && !strncmp(f->function, "strings.(*Builder).", 19);
}

static void add_place(struct search *s, const struct wanted *w, const struct alloc_site *site)
{
	struct frame frames[MAX_INLINED], *f = &frames[0];
	size_t n = gobin_frames(s->l->gb, &site->return_addr, 1, true, frames, ARRAY_SIZE(frames));

	if (!n || !f->function || (w->built && !is_builders(f)))
		return;
	for (size_t i = 1; w->built && i < n && i < ARRAY_SIZE(frames) && is_builders(f); i++)
		f = frames[i].function ? &frames[i] : f;
	f->function = heapmap_text(s->m, f->function);
	f->profiled = heapmap_text(s->m, f->profiled);
	f->file = heapmap_text(s->m, f->file);
	places_add(w->row, w->ranks, f, site->bytes != UNKNOWN_U64 && w->row->n_sizes == 1,
		   gobin_main_module(s->l->gb));
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
			add_place(s, w, site);
}

void places_fill(struct look *l, struct heapmap *m, struct heap_type *const *rows,
		 const uint32_t *types, size_t n)
{
	struct place_ranks *ranks = xcalloc(n + 1, sizeof(*ranks));
	struct search s = { .l = l, .m = m };
	uint64_t *rtypes;

	for (size_t i = 0; i < n; i++) {
		rows[i]->places_known = types[i] != 0;
		s.ranks = &ranks[i];
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
	free(ranks);
	free(s.v);
}
