// SPDX-License-Identifier: BSD-2-Clause
/*
 * tally.c - cycles of the census to numbers of a report.
 *
 * Growth is told over parts 2 and 3 of the time (trend.h): what warms up right after the attach is not
 * in it.
 */
#include "user/tally.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/gomem/gomem.h"
#include "user/judge/trend.h"
#include "user/model.h"

enum {
	KEY_ALL = TALLY_ALL,	/* in the trends, besides bytes by class: of all classes */
	N_KEYS,
};

struct tally {
	struct gomem *gm;
	struct census_poll *poll;	/* NULL: nobody has looked */
	uint64_t start_ns;
	struct census census;
	struct census_past past;
	struct census_counts first;	/* of the first mark phase that was seen */
	uint64_t first_ns;		/* 0: none */
	struct census_cycle last;	/* the last cycle that was seen whole */
	uint64_t n_cycles;
	struct trend *trend;		/* live bytes of the cycles that were seen whole */
	struct trend *allocs;		/* bytes allocated until then, since the process began */
	struct tracked {		/* what lives of what is tracked */
		double bytes, objects[CENSUS_CLASSES], recorded[CENSUS_CLASSES];
		double sure[CENSUS_CLASSES];
	} tracked, of_cycle;
	uint32_t tracked_gen;		/* of tracked: sweepgen after that mark phase */
	bool matched;			/* of_cycle is that of a cycle that was seen whole: */
	/* Of its bytes, what is not tracked, UNKNOWN_U64; and what can be older than the attach. */
	uint64_t older_bytes, older_most;
	struct census_cycle cycle;
	/* Objects that were there, garbage included, when a mark phase began, at most; and its
	 * sweepgen. */
	double there[CENSUS_CLASSES];
	uint32_t there_gen;
	/* Objects that lived at the attach, at most, and the bytes of the large ones. */
	uint64_t at_attach[CENSUS_CLASSES], large_at_attach;
	uint64_t older[CENSUS_CLASSES];	/* objects that may be older than the attach */
};

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* As an upper bound of what lives of them later: garbage is among them.  A program that has just
 * been started has none. */
static void count_at_attach(struct tally *t, const struct census_reading *r)
{
	uint32_t gen;
	bool known = r && !r->sweeping, none = false;

	if (!known)
		none = !gomem_sweepgen(t->gm, &gen) && !gen;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		uint64_t n = known ? r->counts.n_alloc[i] + r->above[i] - r->counts.n_free[i] : 0;

		t->at_attach[i] = known || none ? n : UINT64_MAX;
	}
	t->large_at_attach = known || none ? 0 : UINT64_MAX;
	if (known)
		t->large_at_attach = r->counts.large_alloc_bytes + r->large_bytes_above -
				     r->counts.large_free_bytes;
}

/* What is older than the attach lives in the first cycle, too, if it lives later. */
static void limit_at_attach(struct tally *t)
{
	const struct census_cycle *c = &t->last;

	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		t->at_attach[i] = lower(t->at_attach[i], c->live[i] + c->above[i]);
	t->large_at_attach = lower(t->large_at_attach, c->large_bytes + c->large_above);
}

void tally_new(struct tally **out, struct gomem *gm, uint64_t start_ns)
{
	struct tally *t = xcalloc(1, sizeof(*t));
	struct census_reading r;
	bool read = !census_allocs(gm, &r);

	t->gm = gm;
	t->start_ns = start_ns;
	t->older_bytes = UNKNOWN_U64;
	trend_new(&t->trend, N_KEYS);
	trend_new(&t->allocs, N_KEYS);
	if (read)
		t->past.last = r;
	count_at_attach(t, read ? &r : NULL);
	*out = t;
}

void tally_attached(struct tally *t)
{
	struct census_reading r;

	count_at_attach(t, census_allocs(t->gm, &r) ? NULL : &r);
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	trend_free(t->trend);
	trend_free(t->allocs);
	census_poll_free(t->poll);
	free(t);
}

static uint64_t class_bytes(unsigned i, uint64_t objects, uint64_t large_bytes)
{
	return i ? objects * golayout_class_size(i) : large_bytes;
}

/* Bytes that are older than the attach and live in this cycle, at most. */
static uint64_t older_most(const struct tally *t, const struct census_cycle *c)
{
	uint64_t bytes = lower(t->large_at_attach, c->large_bytes + c->large_above);

	for (unsigned i = 1; i < CENSUS_CLASSES; i++)
		bytes += class_bytes(i, lower(t->at_attach[i], c->live[i] + c->above[i]), 0);
	return bytes;
}

/* What is older than the attach lives in each cycle besides what is known not to be, if it lives
 * later.  What tracked objects are thought to stand for would not do here: where that is too many,
 * all that comes later would be taken for what is not older. */
static void limit_older(struct tally *t)
{
	const struct census_cycle *c = &t->last;

	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		double n = (double)(c->live[i] + c->above[i]) - t->tracked.sure[i];
		uint64_t before = t->matched ? t->older[i] : t->at_attach[i];

		t->older[i] = lower(n > 0 ? (uint64_t)ceil(n) : 0, before);
	}
}

/* The last cycle is the one that was tracked, too. */
static void match(struct tally *t)
{
	const struct census_cycle *c = &t->last;

	t->of_cycle = t->tracked;
	t->cycle = *c;
	t->older_most = older_most(t, c);
	t->older_bytes = (double)c->bytes > t->tracked.bytes ?
			 c->bytes - (uint64_t)llround(t->tracked.bytes) : 0;
	t->older_bytes = lower(t->older_bytes, t->older_most);
	limit_older(t);
	t->matched = true;
}

/* When the last mark phase began, whose counts of what is free are those of then. */
static void count_there(struct tally *t)
{
	const struct census_mark *m = &t->census.last;

	t->there_gen = m->gen;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		int64_t n = (int64_t)(m->counts.n_alloc[i] + m->above[i] - m->counts.n_free[i]);

		t->there[i] = n > 0 ? (double)n : 0;
	}
}

static void add_allocs(struct tally *t, const struct census_counts *then)
{
	uint64_t values[N_KEYS] = { 0 };

	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		values[i] = class_bytes(i, then->n_alloc[i], then->large_alloc_bytes);
		values[KEY_ALL] += values[i];
	}
	trend_add(t->allocs, t->last.time_ns, values, NULL, NULL);
}

/* last has become known: one mark phase ended with this sweepgen, and the next has begun.  then:
 * what was counted when that one began. */
static void add_cycle(struct tally *t, uint32_t gen, const struct census_counts *then)
{
	const struct census_cycle *c = &t->last;
	uint64_t values[N_KEYS], below[N_KEYS], above[N_KEYS];

	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		values[i] = class_bytes(i, c->live[i], c->large_bytes);
		below[i] = class_bytes(i, c->below[i], c->large_below);
		above[i] = class_bytes(i, c->above[i], c->large_above);
	}
	values[KEY_ALL] = c->bytes;
	below[KEY_ALL] = c->bytes_below;
	above[KEY_ALL] = c->bytes_above;
	trend_add(t->trend, c->time_ns, values, below, above);
	add_allocs(t, then);
	if (!t->n_cycles++)
		limit_at_attach(t);
	count_there(t);
	if (t->tracked_gen == gen)
		match(t);
}

static void add_mark(struct tally *t, const struct census_mark *mark)
{
	struct census_counts then = t->census.last.counts;

	if (!t->first_ns) {
		t->first = mark->counts;
		t->first_ns = mark->time_ns;
	}
	if (census_add(&t->census, mark, &t->last))
		add_cycle(t, mark->gen, &then);
}

void tally_mark(struct tally *t, uint32_t gen, uint64_t time_ns, const uint8_t *heapstats)
{
	struct census_mark mark = { .gen = gen, .time_ns = time_ns };

	if (census_read(t->gm, heapstats, &t->past, &mark))
		return;		/* a cycle that is not seen; or the process has gone */
	add_mark(t, &mark);
}

int tally_look(struct tally *t, uint64_t now_ns, uint64_t *next_ns)
{
	struct census_mark mark;
	int seen;

	if (!t->poll)
		census_poll_new(&t->poll, t->gm);
	seen = census_poll_look(t->poll, now_ns, &mark, next_ns);
	if (seen > 0)
		add_mark(t, &mark);
	return seen;
}

void tally_follow(struct tally *t, const struct tally *other)
{
	add_mark(t, &other->census.last);
}

void tally_tracked(struct tally *t, uint32_t gen, double bytes, const double *objects,
		   const double *recorded, const double *sure)
{
	t->tracked_gen = gen;
	t->tracked.bytes = bytes;
	memcpy(t->tracked.objects, objects, sizeof(t->tracked.objects));
	memcpy(t->tracked.recorded, recorded, sizeof(t->tracked.recorded));
	memcpy(t->tracked.sure, sure, sizeof(t->tracked.sure));
}

static void fill_tracked(const struct tally *t, unsigned i, struct heap_class *c)
{
	const struct census_cycle *k = &t->cycle;
	double least = (double)k->live[i] - (double)(k->below[i] + t->older[i]);

	c->recorded = t->matched ? t->of_cycle.recorded[i] : NAN;
	c->tracked = t->of_cycle.objects[i];
	c->least = least > 0 ? least : 0;
	c->most = (double)(k->live[i] + k->above[i]);
	/* the last look is of that mark phase, or of one before */
	c->most_now = (int32_t)(t->tracked_gen - t->there_gen) <= 2 ? t->there[i] : INFINITY;
}

static void fill_class(const struct tally *t, unsigned i, struct heap_census *out)
{
	struct heap_class c = {
		.size = golayout_class_size(i), .live_objects = t->last.live[i],
		.live_bytes = class_bytes(i, t->last.live[i], t->last.large_bytes),
		.alloc_objects = t->census.last.counts.n_alloc[i] - t->first.n_alloc[i],
		.rate = trend_late(t->trend, i, t->start_ns),
	};

	fill_tracked(t, i, &c);
	if ((int64_t)c.alloc_objects < 0)	/* by what a class may be off */
		c.alloc_objects = 0;
	if (c.live_objects || c.alloc_objects || c.rate.value < 0)
		out->classes[out->n_classes++] = c;
}

void tally_fill(const struct tally *t, struct heap_census *out)
{
	*out = (struct heap_census){ .n_cycles = t->n_cycles, .n_missed = t->census.n_missed };
	if (!t->n_cycles)
		return;
	out->live_bytes = t->last.bytes;
	out->compared_bytes = t->cycle.bytes;
	out->older_bytes = t->older_bytes;
	out->older_most = t->older_most;
	out->alloc_span_s = (double)(t->census.last.time_ns - t->first_ns) / 1e9;
	out->rate = trend_late(t->trend, KEY_ALL, t->start_ns);
	out->classes = xcalloc(CENSUS_CLASSES, sizeof(*out->classes));
	for (unsigned i = 1; i < CENSUS_CLASSES; i++)
		fill_class(t, i, out);
	fill_class(t, 0, out);
}

void tally_growth(const struct tally *t, unsigned class, struct growth *live)
{
	trend_growth(t->trend, class, t->start_ns, live);
}

void tally_load(const struct tally *t, unsigned class, double load[3])
{
	trend_parts(t->allocs, class, t->start_ns, load);
}

uint64_t tally_live_bytes(const struct tally *t, unsigned class)
{
	return class == TALLY_ALL ? t->last.bytes :
	       class_bytes(class, t->last.live[class], t->last.large_bytes);
}

uint64_t tally_cycles(const struct tally *t, uint64_t *n_missed)
{
	*n_missed = t->census.n_missed;
	return t->n_cycles;
}

double tally_object_bytes(const struct tally *t, unsigned class)
{
	uint64_t objects = 0;

	if (class && class < CENSUS_CLASSES)
		return (double)golayout_class_size(class);
	for (unsigned i = 0; i < CENSUS_CLASSES && class; i++)
		objects += t->last.live[i];
	if (!class)
		objects = t->last.live[0];
	return objects ? (double)(class ? t->last.bytes : t->last.large_bytes) / (double)objects : 0;
}
