// SPDX-License-Identifier: BSD-2-Clause
/*
 * survive.c - whether what was found is still there: a slot is no object.
 *
 * A collection frees a slot, and the next object in it may be of the same type, held the same way:
 * two readings find one slot, and two objects.  It is one object if each collection that ended
 * meanwhile found it alive: its mark tells so until the collection after that.  So each of them is
 * asked while all is read.  Where two end before the first was asked, nothing that was found before
 * is certain any more.
 */
#include "user/heap/look.h"

#include <stdlib.h>

#include "user/base/util.h"
#include "user/gomem/gomem.h"

struct asked {
	struct span *spans[SPANS_BATCH];
	uint64_t mspans[SPANS_BATCH];
	struct span_marks marks[SPANS_BATCH];
	size_t n;
};

static bool has_found(const struct span *s)
{
	for (uint32_t i = 0; s->labels && i < s->nelems; i++)
		if ((s->labels[i] & (LABEL_REACHED | LABEL_REPLACED)) == LABEL_REACHED)
			return true;
	return false;
}

/* m: NULL: that is not known. */
static void note_replaced(struct span *s, const struct span_marks *m)
{
	for (uint32_t i = 0; i < s->nelems; i++)
		if (s->labels[i] & LABEL_REACHED && !(m && m->marked[i / 8] >> i % 8 & 1))
			s->labels[i] |= LABEL_REPLACED;
}

static bool is_same(const struct span *s, const struct span_marks *m)
{
	return m->known && m->span.start == s->start && m->span.npages == s->npages &&
	       m->span.spanclass == s->spanclass;
}

/* one: the generation, if it is the next one; marks may be of another one by now. */
static void ask(struct look *l, struct asked *a, bool one)
{
	uint32_t gen;

	one = one && !feed_marks(&l->feed, a->mspans, a->n, a->marks, &gen) &&
	      gen == l->survived_gen;
	for (size_t i = 0; i < a->n; i++)
		note_replaced(a->spans[i],
			      one && is_same(a->spans[i], &a->marks[i]) ? &a->marks[i] : NULL);
	a->n = 0;
}

void survive_check(struct look *l)
{
	const uint32_t was = l->survived_gen;
	struct asked *a;

	if (!was || (!gomem_sweepgen(l->gm, &l->survived_gen) && l->survived_gen == was))
		return;
	a = xcalloc(1, sizeof(*a));
	for (size_t i = 1; i <= l->space.n; i++) {
		struct span *s = &l->space.v[i];

		if (s->flags & SPAN_GONE || !has_found(s))
			continue;
		a->spans[a->n] = s;
		a->mspans[a->n++] = s->mspan;
		if (a->n == SPANS_BATCH)
			ask(l, a, l->survived_gen == was + 2);
	}
	ask(l, a, l->survived_gen == was + 2);
	free(a);
}
