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

/* Two that overlap were read at different times: the later one is right, but which that is nobody
 * knows; both are left out. */
static void drop_overlaps(struct space *sp)
{
	size_t n = 0;

	for (size_t i = 1; i <= sp->n; i++) {
		bool before = i > 1 && sp->v[i - 1].start + span_bytes(&sp->v[i - 1]) >
				       sp->v[i].start;
		bool behind = i < sp->n && sp->v[i].start + span_bytes(&sp->v[i]) >
					   sp->v[i + 1].start;

		if (!before && !behind)
			sp->v[++n] = sp->v[i];
	}
	sp->n = n;
}

static int make_pages(struct space *sp)
{
	uint64_t last;

	if (!sp->n)
		return 0;
	sp->first_arena = arena_index(sp->v[1].start);
	last = arena_index(sp->v[sp->n].start + span_bytes(&sp->v[sp->n]) - 1);
	if (last - sp->first_arena >= MAX_ARENAS)
		return -EBADMSG;
	sp->n_arenas = last - sp->first_arena + 1;
	sp->arenas = budget_alloc(sp->budget, sp->n_arenas, sizeof(*sp->arenas));
	if (!sp->arenas)
		return -ENOMEM;
	for (size_t i = 1; i <= sp->n; i++) {
		for (uint64_t p = 0; p < sp->v[i].npages; p++) {
			uint64_t addr = sp->v[i].start + (p << GO_PAGE_SHIFT);
			uint32_t **pages = &sp->arenas[arena_index(addr) - sp->first_arena];

			if (!*pages)
				*pages = budget_alloc(sp->budget, GO_ARENA_PAGES, sizeof(**pages));
			if (!*pages)
				return -ENOMEM;
			(*pages)[arena_page(addr)] = (uint32_t)i;
		}
	}
	return 0;
}

static int read_spans(struct space *sp, struct gomem *gm, const uint64_t *addrs, size_t n)
{
	struct go_span *found = xcalloc(READ_BATCH, sizeof(*found));
	bool ok[READ_BATCH];

	for (size_t done = 0, part; done < n; done += part) {
		part = n - done < READ_BATCH ? n - done : READ_BATCH;
		gomem_read_spans(gm, addrs + done, part, found, ok);
		for (size_t i = 0; i < part; i++)
			if (ok[i])
				fill_span(&sp->v[++sp->n], &found[i], addrs[done + i], sp->header);
	}
	free(found);
	return 0;
}

int space_fill(struct space *sp, struct gomem *gm, struct budget *b, bool header)
{
	uint64_t *addrs;
	size_t n;
	int err = gomem_allspans(gm, MAX_SPANS, &addrs, &n);

	*sp = (struct space){ .budget = b, .header = header };
	if (err)
		return err;
	sp->v = budget_alloc(b, n + 1, sizeof(*sp->v));
	if (!sp->v) {
		free(addrs);
		return -ENOMEM;
	}
	read_spans(sp, gm, addrs, n);
	budget_free(b, NULL, 0, 0);
	free(addrs);
	if (sp->n)
		qsort(sp->v + 1, sp->n, sizeof(*sp->v), by_start);
	drop_overlaps(sp);
	return make_pages(sp);
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

void space_queue(struct space *sp, struct span *s)
{
	uint32_t i = span_number(sp, s);

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
