// SPDX-License-Identifier: BSD-2-Clause
/*
 * sweep.c - goes over all spans once, with the marks of their objects, and their memory if wanted.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/util.h"
#include "user/target.h"

enum {
	BYTES = 256 << 10,	/* of memory read at a time; more would take the caches from the
				 * target */
	LARGE = 256 << 10,	/* is read piece by piece */
};

struct piece {
	struct span *spans[SPANS_BATCH];
	uint64_t mspans[SPANS_BATCH];
	struct span_marks marks[SPANS_BATCH];
	struct target_read reads[SPANS_BATCH];
	size_t n;
	uint8_t *bytes;
};

/* From span number *next on; false: there are no more. */
static bool choose(struct look *l, const struct sweep *sw, struct piece *pc, size_t *next)
{
	size_t used = 0;

	pc->n = 0;
	for (; *next <= l->space.n && pc->n < SPANS_BATCH; ++*next) {
		struct span *s = &l->space.v[*next];
		uint64_t bytes = sw->memory && span_bytes(s) <= LARGE ? span_bytes(s) : 0;

		if (s->flags & SPAN_GONE || (sw->wanted && !sw->wanted(l, s)))
			continue;
		if (used + bytes > BYTES)
			break;
		pc->reads[pc->n] = (struct target_read){ .addr = s->start, .buf = pc->bytes + used,
							 .len = (uint32_t)bytes };
		used += bytes;
		pc->mspans[pc->n] = s->mspan;
		pc->spans[pc->n++] = s;
	}
	return pc->n;
}

static const struct span_marks *marks_of(struct look *l, const struct piece *pc, size_t i)
{
	const struct span_marks *m = &pc->marks[i];
	struct span *s = pc->spans[i];

	if (m->known && m->span.start == s->start && m->span.spanclass == s->spanclass &&
	    m->span.npages == s->npages)
		return m;
	if (m->known)
		s->flags |= SPAN_GONE;
	l->losses.spans_changed++;
	return NULL;
}

static void visit_piece(struct look *l, const struct sweep *sw, const struct piece *pc)
{
	window_set(&l->bits, 0, NULL, 0);	/* of the same time as the memory */
	for (size_t i = 0; i < pc->n; i++) {
		const struct target_read *r = &pc->reads[i];
		bool whole = r->len && r->ok;

		window_set(&l->win, r->addr, whole ? r->buf : NULL, whole ? r->len : 0);
		sw->span(l, pc->spans[i], marks_of(l, pc, i));
	}
}

void sweep_spans(struct look *l, const struct sweep *sw)
{
	struct piece *pc = xcalloc(1, sizeof(*pc));
	size_t next = 1;

	pc->bytes = sw->memory ? xcalloc(1, BYTES) : NULL;
	edges_begin(l);
	while (!l->err && !look_interrupted(l) && choose(l, sw, pc, &next)) {
		l->err = feed_marks(&l->feed, pc->mspans, pc->n, pc->marks,
				    &l->marks_gen);
		if (l->err)
			break;
		if (sw->memory)
			feed_many(&l->feed, pc->reads, pc->n);
		visit_piece(l, sw, pc);
	}
	edges_end(l);
	window_set(&l->win, 0, NULL, 0);
	free(pc->bytes);
	free(pc);
}
