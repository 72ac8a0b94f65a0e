// SPDX-License-Identifier: BSD-2-Clause
/*
 * alive.c - does this object live?  The collector's own mark bits, read from outside.
 *
 * After each mark phase the runtime knows which objects live.  Where it keeps that depends on how
 * far the sweeper has come with the object's span.  With G = mheap_.sweepgen (it grows by 2 when a
 * mark phase ends, in gcSweep, with the world stopped), runtime/mheap.go says of span.sweepgen:
 *
 *	G-2	not swept yet			the answer is in the mark bits
 *	G+1	not swept, cached by an mcache	the answer is in the mark bits
 *	G-1	being swept			try again
 *	G	swept				the mark bits have become allocBits
 *	G+3	swept, then cached		allocBits
 *
 * The allocator never writes allocBits (it moves freeindex and allocCache), and every span is
 * swept before the next mark phase starts.  So the answer of a cycle can be read from the end of
 * its mark phase until the span is swept in the next one: nobody has to race the sweeper, only to
 * notice when a span passed from one line of the table to another between two reads.  Therefore:
 * G, spans, bits, the spans again, G again; where they differ the span is looked at anew.
 *
 * Mark bits are in gcmarkBits, or with the Green Tea collector (default since Go 1.26) for 16 <=
 * elemsize <= 512 in the last 128 bytes of the span's only page: scans [63], owned, marks [63],
 * class (runtime/mgcmark_greenteagc.go, gcUsesSpanInlineMarkBits; spans without pointers
 * included).  The sweeper moves them to gcmarkBits.
 *
 * An object keeps its span, so whatever contradicts this says that the object is dead: no span at
 * its address, a span not in use, one with other objects than the one that was allocated.  This
 * needs no second look.  Memory of bits is recycled one cycle later, so a stale pointer to bits
 * can be read.
 *
 * An unmarked object with a finalizer is not dead: the sweeper marks it and queues the finalizer
 * (runtime/mgcsweep.go), and from the next mark phase on the queue holds it.  All that it leads to
 * the mark phase has marked.  So where an object is not marked in a span that is not swept, its
 * records (special.h) are read, too, and marks are set as the sweeper will set them.
 *
 * What follows from the runtime: a tiny object lives as long as any other in its 16-byte block.
 */
#include "user/gomem/gomem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"
#include "user/gomem/special.h"

enum {
	BATCH = 1000,		/* spans looked at at a time; with G this is one process_vm_readv */
	ROUNDS = 8,		/* how often one batch is looked at */
	QUICK_ROUNDS = 2,	/* of these without a pause */
	PAUSE_US = 100,
	TINY_BLOCK = 16,	/* runtime.maxTinySize */
	TINY_CLASS = 2,		/* size class of 16 bytes: runtime.tinySizeClass */
	INLINE_MARKS_BACK = 64,	/* from the end of the page to marks */
};

/* The objects of one page, later of one span. */
struct group {
	uint64_t addr;		/* of the mspan */
	struct object *objects;
	size_t n;
	struct go_span span;	/* as seen before its bits were read */
	bool swept;		/* which bits were read */
	uint64_t special;	/* the record to be read next; 0: none */
};

struct batch {
	struct group groups[BATCH];
	size_t n;		/* not decided yet */
	uint32_t gen;
	struct target_read reads[BATCH + 1];
	uint8_t *raw;		/* of mspan_size bytes each */
	bool have_bits[BATCH];
	uint8_t bits[BATCH][MAX_ELEMS / 8];
	uint8_t specials[BATCH][MAX_SPECIAL_BYTES];
	size_t special_of[BATCH];	/* the group whose record this is */
};

static uint8_t *raw_span(const struct gomem *gm, const struct batch *b, size_t i)
{
	return b->raw + i * (size_t)gm->lo->mspan_size;
}

static void set_liveness(struct group *g, enum liveness v)
{
	for (size_t i = 0; i < g->n; i++)
		g->objects[i].liveness = v;
}

bool gomem_find_bits(const struct gomem *gm, const struct go_span *s, uint32_t gen, uint64_t *addr,
		     bool *swept)
{
	uint32_t age = s->sweepgen - gen;

	*swept = age == 0 || age == 3;
	if (*swept)
		*addr = s->allocbits;
	else if (age != 1 && age != (uint32_t)-2)
		return false;
	else if (gm->lo->inline_marks && s->elemsize >= GO_INLINE_MARKS_MIN &&
		 s->elemsize <= GO_BITS_IN_SPAN_MAX)
		*addr = s->start + (1 << GO_PAGE_SHIFT) - INLINE_MARKS_BACK;
	else
		*addr = s->gcmarkbits;
	return true;
}

bool gomem_span_kept(const struct go_span *a, const struct go_span *b, bool swept, uint32_t gen)
{
	uint32_t age = b->sweepgen - gen;

	return a->start == b->start && a->limit == b->limit && a->elemsize == b->elemsize &&
	       a->nelems == b->nelems && a->state == b->state && a->spanclass == b->spanclass &&
	       a->allocbits == b->allocbits && a->gcmarkbits == b->gcmarkbits &&
	       (swept ? age == 0 || age == 3 : a->sweepgen == b->sweepgen);
}

/* Index of the object in its span; false: this span never held this object. */
static bool find_index(const struct gomem *gm, const struct go_span *s, const struct object *o,
		       uint64_t *index)
{
	unsigned size_class = s->spanclass >> 1;
	bool header = gm->lo->malloc_header && !span_noscan(s) && size_class &&
		      s->elemsize > GO_BITS_IN_SPAN_MAX;
	bool tiny = span_noscan(s) && size_class == TINY_CLASS;
	uint64_t addr = tiny ? o->addr & ~(uint64_t)(TINY_BLOCK - 1) : o->addr;

	if (s->state != SPAN_IN_USE || addr < s->start || addr >= s->limit ||
	    s->elemsize != o->size || !s->elemsize)
		return false;
	*index = (addr - s->start) / s->elemsize;
	return (addr - s->start) % s->elemsize == (header ? GO_HEADER_BYTES : 0) &&
	       *index < s->nelems;
}

static bool is_marked(const struct gomem *gm, const struct group *g, const struct object *o,
		      const uint8_t *bits)
{
	uint64_t index;

	return find_index(gm, &g->span, o, &index) && bits[index / 8] & 1 << index % 8;
}

static bool is_too_young(const struct object *o, uint32_t gen)
{
	return (int32_t)(o->gen - gen) >= 0;
}

static void decide_group(const struct gomem *gm, const struct group *g, uint32_t gen,
			const uint8_t *bits)
{
	for (size_t i = 0; i < g->n; i++) {
		struct object *o = &g->objects[i];

		if (is_too_young(o, gen))
			o->liveness = LIVENESS_TOO_YOUNG;
		else if (bits && is_marked(gm, g, o, bits))
			o->liveness = LIVENESS_LIVE;
		else
			o->liveness = LIVENESS_DEAD;
	}
}

/* Fills the raw spans of all groups, and if gen is not NULL G after them. */
static void read_spans(const struct gomem *gm, struct batch *b, uint32_t *gen)
{
	for (size_t i = 0; i < b->n; i++)
		b->reads[i] = (struct target_read){ .addr = b->groups[i].addr,
						    .buf = raw_span(gm, b, i),
						    .len = (uint32_t)gm->lo->mspan_size };
	if (gen)
		b->reads[b->n] = (struct target_read){ .addr = gm->lo->sweepgen + gm->bias,
						       .buf = gen, .len = sizeof(*gen) };
	target_read_many(gm->t, b->reads, b->n + !!gen);
}

/* Parses the spans; decides the groups that need no bits; prepares to read the others' bits. */
static void settle_without_bits(const struct gomem *gm, struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct group *g = &b->groups[i];
		struct target_read *r = &b->reads[n];
		uint64_t addr = 0;

		if (!b->reads[i].ok)
			continue;	/* no memory there: stays unknown */
		gomem_parse_span(gm, raw_span(gm, b, i), &g->span);
		if (g->span.state != SPAN_IN_USE) {
			decide_group(gm, g, b->gen, NULL);
			continue;
		}
		if (g->span.nelems > MAX_ELEMS)
			continue;	/* not a span */
		*r = (struct target_read){ .buf = b->bits[n],
					   .len = (uint32_t)(g->span.nelems + 7) / 8 };
		if (gomem_find_bits(gm, &g->span, b->gen, &addr, &g->swept))
			r->addr = addr;
		else
			r->len = 0;	/* being swept: in the next round */
		b->groups[n++] = *g;
	}
	b->n = n;
}

/* Whether the sweeper may still find one of the group to live. */
static bool may_revive(const struct gomem *gm, const struct group *g, uint32_t gen,
		       const uint8_t *bits)
{
	if (g->swept || !g->span.specials || !g->span.elemsize)
		return false;
	for (size_t i = 0; i < g->n; i++)
		if (!is_too_young(&g->objects[i], gen) && !is_marked(gm, g, &g->objects[i], bits))
			return true;
	return false;
}

/* Of each group that is not through with its records the next one; returns how many. */
static size_t read_specials(const struct gomem *gm, struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (!b->groups[i].special)
			continue;
		b->special_of[n] = i;
		b->reads[n] = (struct target_read){ .addr = b->groups[i].special,
						    .buf = b->specials[n],
						    .len = special_bytes(gm->lo) };
		n++;
	}
	target_read_many(gm->t, b->reads, n);
	return n;
}

/* Sets the mark that the sweeper will set. */
static void take_special(const struct gomem *gm, struct batch *b, size_t k)
{
	const size_t i = b->special_of[k];
	struct group *g = &b->groups[i];
	struct go_special sp;
	uint64_t index;

	b->have_bits[i] = b->reads[k].ok;
	g->special = 0;
	if (!b->reads[k].ok)
		return;
	sp = special_parse(gm->lo, gobin_version(gm->gb)->minor, b->specials[k]);
	index = sp.offset / g->span.elemsize;
	if (sp.kind == SPECIAL_FINALIZER && index < g->span.nelems)
		b->bits[i][index / 8] |= (uint8_t)(1 << index % 8);
	g->special = sp.next;
}

/* Groups whose records are not all read have no bits. */
static void revive(const struct gomem *gm, struct batch *b)
{
	const bool known = special_bytes(gm->lo);
	size_t n;

	for (size_t i = 0; i < b->n; i++) {
		struct group *g = &b->groups[i];

		g->special = 0;
		if (b->have_bits[i] && may_revive(gm, g, b->gen, b->bits[i])) {
			g->special = known ? g->span.specials : 0;
			b->have_bits[i] = known;
		}
	}
	for (size_t round = 0; round < MAX_SPECIALS && (n = read_specials(gm, b)) > 0; round++)
		for (size_t k = 0; k < n; k++)
			take_special(gm, b, k);
	for (size_t i = 0; i < b->n; i++)
		b->have_bits[i] = b->have_bits[i] && !b->groups[i].special;
}

static void settle_with_bits(const struct gomem *gm, struct batch *b, uint32_t gen_after)
{
	struct go_span again;
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct group *g = &b->groups[i];

		if (b->have_bits[i] && b->reads[i].ok && gen_after == b->gen) {
			gomem_parse_span(gm, raw_span(gm, b, i), &again);
			if (gomem_span_kept(&g->span, &again, g->swept, b->gen)) {
				decide_group(gm, g, b->gen, b->bits[i]);
				continue;
			}
		}
		b->groups[n++] = *g;
	}
	b->n = n;
}

/* Decides all groups of the batch, those that change meanwhile again; what is left is unknown. */
static int decide_batch(struct gomem *gm, struct batch *b)
{
	uint32_t gen_after;
	int err;

	for (size_t i = 0; i < b->n; i++)
		set_liveness(&b->groups[i], LIVENESS_UNKNOWN);
	for (int round = 0; round < ROUNDS && b->n; round++) {
		if (round > QUICK_ROUNDS)
			usleep(PAUSE_US);
		err = gomem_sweepgen(gm, &b->gen);
		if (err)
			return err;
		read_spans(gm, b, NULL);
		settle_without_bits(gm, b);
		target_read_many(gm->t, b->reads, b->n);
		for (size_t i = 0; i < b->n; i++)
			b->have_bits[i] = b->reads[i].len && b->reads[i].ok;
		revive(gm, b);
		gen_after = b->gen + 1;		/* if it cannot be read: differs */
		read_spans(gm, b, &gen_after);
		settle_with_bits(gm, b, gen_after);
	}
	return 0;
}

/* Fills the batch with the pages of the objects before end; returns how many objects they have. */
static size_t take_pages(struct batch *b, struct object *objects, const struct object *end)
{
	struct object *o = objects;

	for (b->n = 0; b->n < BATCH && o < end; b->n++) {
		struct group *page = &b->groups[b->n];

		*page = (struct group){ .objects = o };
		while (o < end && o->addr >> GO_PAGE_SHIFT == page->objects->addr >> GO_PAGE_SHIFT)
			o++;
		page->n = (size_t)(o - page->objects);
	}
	return (size_t)(o - objects);
}

/* Reads the *mspan of each page.  Decides those without an arena. */
static int read_span_slots(struct gomem *gm, struct batch *b, uint32_t gen)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct group page = b->groups[i];
		uint64_t arena, addr = page.objects->addr;
		int err = gomem_arena(gm, addr, &arena);

		if (err && err != -EFAULT)
			return err;
		if (err) {
			set_liveness(&page, LIVENESS_UNKNOWN);
		} else if (!arena) {
			decide_group(gm, &page, gen, NULL);
		} else {
			b->groups[n] = page;
			b->reads[n] = (struct target_read){
				.addr = gomem_span_slot(gm, arena, addr),
				.buf = &b->groups[n].addr, .len = sizeof(b->groups[n].addr) };
			n++;
		}
	}
	b->n = n;
	target_read_many(gm->t, b->reads, n);
	return 0;
}

/* From pages to spans: decides the pages without one, joins those with the same. */
static void join_pages(const struct gomem *gm, struct batch *b, uint32_t gen)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct group page = b->groups[i];
		struct group *last = n ? &b->groups[n - 1] : NULL;

		if (!b->reads[i].ok)
			set_liveness(&page, LIVENESS_UNKNOWN);
		else if (!page.addr)
			decide_group(gm, &page, gen, NULL);
		else if (last && last->addr == page.addr && last->objects + last->n == page.objects)
			last->n += page.n;
		else
			b->groups[n++] = page;
	}
	b->n = n;
}

static struct batch *get_batch(struct gomem *gm)
{
	if (!gm->batch) {
		gm->batch = xcalloc(1, sizeof(*gm->batch));
		gm->batch->raw = xcalloc(BATCH, (size_t)gm->lo->mspan_size);
	}
	return gm->batch;
}

void gomem_batch_free(struct batch *b)
{
	if (b)
		free(b->raw);
	free(b);
}

int gomem_alive(struct gomem *gm, struct object *objects, size_t n, uint32_t *gen)
{
	const struct object *end = objects + n;
	struct batch *b = get_batch(gm);
	uint32_t gen_after;
	int err = gomem_sweepgen(gm, gen);

	if (!err && !gm->arenas)
		err = -EAGAIN;
	while (!err && objects < end) {
		objects += take_pages(b, objects, end);
		err = read_span_slots(gm, b, *gen);
		if (!err) {
			join_pages(gm, b, *gen);
			err = decide_batch(gm, b);
		}
	}
	return err ? err : gomem_sweepgen(gm, &gen_after);
}
