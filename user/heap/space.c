// SPDX-License-Identifier: BSD-2-Clause
/*
 * space.c - the spans of a heap and a label for each of its objects.
 *
 * A label is 32 bits; what they mean is up to the pass that is under way.  The labels of a span are
 * made when the first of them is set, so that a heap of small objects of which nothing is learnt
 * takes no memory.  Spans wait in a queue in which each of them is once.
 */
#include "user/heap/heap_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"

enum { READ_BATCH = 1 << 12 };

void *budget_alloc(struct budget *b, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || b->used > b->max ||
	    bytes > b->max - b->used)
		return NULL;
	b->used += bytes;
	if (b->used > b->peak)
		b->peak = b->used;
	return xcalloc(n, size);
}

void budget_free(struct budget *b, void *p, size_t n, size_t size)
{
	if (p)
		b->used -= n * size;
	free(p);
}

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void fill_span(struct span *s, const struct go_span *from, uint64_t mspan, bool header)
{
	bool large = from->spanclass >> 1 == 0;

	*s = (struct span){
		.start = from->start,
		.mspan = mspan,
		.npages = (uint32_t)from->npages,
		.elemsize = large ? 0 : (uint32_t)from->elemsize,
		.magic = large ? 0 : UINT32_MAX / (uint32_t)from->elemsize + 1,
		.nelems = (uint16_t)from->nelems,
		.spanclass = from->spanclass,
	};
	if (from->specials)
		s->flags |= SPAN_SPECIALS;
	if (header && !large && !span_noscan(from) && from->elemsize > GO_BITS_IN_SPAN_MAX)
		s->flags |= SPAN_HEADER;
}

/* The table of arenas from the first up to the last of these. */
static int cover_arenas(struct space *sp, uint64_t first, uint64_t last)
{
	uint32_t **arenas;
	uint64_t n;

	if (sp->n_arenas && sp->first_arena < first)
		first = sp->first_arena;
	if (sp->n_arenas && sp->first_arena + sp->n_arenas - 1 > last)
		last = sp->first_arena + sp->n_arenas - 1;
	n = last - first + 1;
	if (n == sp->n_arenas)
		return 0;
	if (n > MAX_ARENAS)
		return -EBADMSG;
	arenas = budget_alloc(sp->budget, n, sizeof(*arenas));
	if (!arenas)
		return -ENOMEM;
	for (uint64_t i = 0; i < sp->n_arenas; i++)
		arenas[sp->first_arena - first + i] = sp->arenas[i];
	budget_free(sp->budget, sp->arenas, sp->n_arenas, sizeof(*arenas));
	sp->arenas = arenas;
	sp->first_arena = first;
	sp->n_arenas = n;
	return 0;
}

/* The place for the number of the span that has the page; NULL: no memory. */
static uint32_t *page_slot(struct space *sp, uint64_t addr)
{
	uint32_t **pages = &sp->arenas[arena_index(addr) - sp->first_arena];

	if (!*pages)
		*pages = budget_alloc(sp->budget, GO_ARENA_PAGES, sizeof(**pages));
	return *pages ? &(*pages)[arena_page(addr)] : NULL;
}

/* Whether it is now what it was just read to be: half of it may have been of the span before. */
static bool is_still(struct feed *f, const struct span *s)
{
	struct go_span now;
	bool ok;

	feed_spans(f, &s->mspan, 1, &now, &ok);
	return ok && now.start == s->start && now.npages == s->npages &&
	       now.spanclass == s->spanclass;
}

/* Puts span number i on its pages.  Who had them before is gone: it was read earlier. */
static int map_span(struct space *sp, uint32_t i)
{
	const struct span *s = &sp->v[i];
	uint64_t last = s->start + span_bytes(s) - 1;
	int err = cover_arenas(sp, arena_index(s->start), arena_index(last));

	for (uint64_t p = 0; p < s->npages && !err; p++) {
		uint32_t *page = page_slot(sp, s->start + (p << GO_PAGE_SHIFT));

		if (!page)
			return -ENOMEM;
		if (*page)
			sp->v[*page].flags |= SPAN_GONE;
		*page = i;
	}
	return err;
}

static bool is_known(const struct space *sp, const struct span *new)
{
	const uint32_t *page = space_page(sp, new->start);
	const struct span *s = page ? &sp->v[*page] : NULL;

	return page && *page && s->start == new->start && s->npages == new->npages &&
	       s->spanclass == new->spanclass && s->mspan == new->mspan;
}

static int make_room(struct space *sp, size_t n)
{
	size_t cap = sp->n + n + 1;
	struct span *v;

	if (cap <= sp->cap)
		return 0;
	v = budget_alloc(sp->budget, cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (sp->v)
		memcpy(v, sp->v, (sp->n + 1) * sizeof(*v));
	budget_free(sp->budget, sp->v, sp->cap, sizeof(*v));
	sp->v = v;
	sp->cap = cap;
	return 0;
}

/* Those that come later take the pages of others.  v: by address. */
static int add_spans(struct space *sp, struct feed *f, const struct span *v, size_t n)
{
	bool first = !sp->n;
	int err = make_room(sp, n);

	if (n && !err)	/* at once: each time moves the table; if it fails, as far as it may */
		cover_arenas(sp, arena_index(v[0].start), arena_index(v[n - 1].start));
	for (size_t i = 0; i < n && !err; i++) {
		if (is_known(sp, &v[i]) || (!first && !is_still(f, &v[i])))
			continue;
		sp->v[++sp->n] = v[i];
		if (map_span(sp, (uint32_t)sp->n)) {	/* no room for its pages */
			sp->v[sp->n].flags |= SPAN_GONE;
			sp->n_forgotten += sp->v[sp->n].nelems;
		}
	}
	return err;
}

static int read_spans(struct space *sp, struct feed *f, const uint64_t *addrs, size_t n)
{
	struct go_span *found = xcalloc(READ_BATCH, sizeof(*found));
	struct span *v = xcalloc(n + 1, sizeof(*v));
	size_t n_found = 0;
	bool ok[READ_BATCH];
	int err;

	for (size_t done = 0, part; done < n; done += part) {
		part = n - done < READ_BATCH ? n - done : READ_BATCH;
		feed_spans(f, addrs + done, part, found, ok);
		for (size_t i = 0; i < part; i++)
			if (ok[i] && found[i].npages <= MAX_SPAN_PAGES)
				fill_span(&v[n_found++], &found[i], addrs[done + i], sp->header);
	}
	if (n_found)
		qsort(v, n_found, sizeof(*v), by_start);
	err = add_spans(sp, f, v, n_found);
	free(found);
	free(v);
	return err;
}

int space_fill(struct space *sp, struct feed *f)
{
	uint64_t *addrs;
	size_t n;
	int err = gomem_allspans(f->gm, MAX_SPANS, &addrs, &n);

	if (err)
		return err;
	err = read_spans(sp, f, addrs, n);
	free(addrs);
	return err;
}

void space_free(struct space *sp)
{
	for (size_t i = 1; i <= sp->n; i++)
		free(sp->v[i].labels);
	for (size_t i = 0; i < sp->n_arenas; i++)
		free(sp->arenas ? sp->arenas[i] : NULL);
	free(sp->arenas);
	free(sp->v);
	*sp = (struct space){ 0 };
}

void space_object(struct span *s, uint32_t index, struct place *out)
{
	uint64_t header = s->flags & SPAN_HEADER ? GO_HEADER_BYTES : 0;

	*out = (struct place){
		.span = s, .index = index, .size = span_slot(s) - header,
		.base = s->start + index * span_slot(s) + header,
	};
}

uint32_t *space_label(struct space *sp, const struct place *p)
{
	struct span *s = p->span;

	if (!s->labels && !(s->flags & SPAN_FORGOTTEN)) {
		s->labels = budget_alloc(sp->budget, s->nelems, sizeof(*s->labels));
		if (!s->labels) {
			s->flags |= SPAN_FORGOTTEN;
			sp->n_forgotten += s->nelems;
		}
	}
	return s->labels ? &s->labels[p->index] : NULL;
}

static void add_waiting(struct span *s, uint16_t index)
{
	const bool none = s->first >= s->end;

	if (none || index < s->first)
		s->first = index;
	if (none || index >= s->end)
		s->end = (uint16_t)(index + 1);
}

void space_queue(struct space *sp, struct span *s, uint32_t index)
{
	uint32_t i = span_number(sp, s);

	add_waiting(s, (uint16_t)index);
	if (s->flags & SPAN_QUEUED)
		return;
	s->flags |= SPAN_QUEUED;
	s->next = 0;
	if (sp->tail)
		sp->v[sp->tail].next = i;
	else
		sp->head = i;
	sp->tail = i;
}

struct span *space_next(struct space *sp)
{
	struct span *s = &sp->v[sp->head];

	if (!sp->head)
		return NULL;
	sp->head = s->next;
	if (!sp->head)
		sp->tail = 0;
	s->flags &= (uint8_t)~SPAN_QUEUED;
	return s;
}

size_t space_waiting(const struct space *sp)
{
	size_t n = 0;

	for (uint32_t i = sp->head; i; i = sp->v[i].next)
		n++;
	return n;
}
