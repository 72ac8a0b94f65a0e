// SPDX-License-Identifier: BSD-2-Clause
/*
 * census.c - how many objects of each size class live.
 *
 * The runtime counts, per size class, what was allocated (A) and what its sweeper found free (F),
 * in memstats.heapStats.  Nothing is swept during a mark phase, and all that the last one left is
 * swept before the next begins (gcStart and finishsweep_m, runtime/mgc.go and mgcsweep.go).  So
 * with both counts taken at the begin of each mark phase,
 *
 *	live(n) = A(n) - F(n+1)
 *
 * are the objects that were allocated before mark phase n began and that it found alive: those
 * older than the attach are in it, garbage that was allocated meanwhile is not.
 *
 * Whoever copies heapStats with the world stopped does not have the time to look into the caches;
 * they are read some time later, along with heapStats as of then (counts.c), and all that was
 * allocated by then is an upper bound.  A class of which no more has been handed in since than a
 * cache holds has hardly moved, and its count of now is that of then; so it is with all that the
 * caches hold when the collector has done, since they are emptied then (gcMarkTermination).  Of
 * others, what a cache holds later is as good as what it held then: both are a part of one span.
 * The reading before this one is a lower bound, so that a class that nobody allocates in is exact;
 * and all that was cached when a mark phase began is in the copy that is made when the next begins.
 * Without a probe there is the way of census_poll.c.
 */
#include "user/gomem/census.h"

#include <errno.h>

#include "user/base/limits.h"
#include "user/gomem/gomem_internal.h"

enum {
	KINDS_OF_SPAN = 2,	/* of each class: with pointers and without */
	BURST = 4,		/* so many times as fast as in the mean may be allocated */
};

bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len)
{
	*addr = gm->lo->memstats_heapstats + gm->bias;
	*len = N_DELTAS * (size_t)gm->lo->heapstats_size;
	return gomem_heapstats_sane(gm->lo);
}

/* ---- the begin of a mark phase --------------------------------------------------------------- */

/* A count, modulo 2^64. */
static bool is_less(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return is_less(a, b) ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
	return is_less(a, b) ? b : a;
}

/* What was counted at two times. */
struct moments {
	const struct census_counts *then;
	const struct census_reading *now;
	const struct census_reading *before;	/* then; NULL: there is none */
	double part;		/* of the time from before to now: what is since then, BURST times */
	bool emptied;		/* the caches, since then */
	bool as_full;		/* what enters a cache is counted as full: up to Go 1.18 */
	uint64_t n_caches;
};

/* What was allocated since then is between nothing and what was since before, and unless it came in
 * a burst it is the part of that that its time is. */
static uint64_t least_then(const struct moments *m, unsigned i)
{
	uint64_t all = m->now->counts.n_alloc[i], before = m->before->counts.n_alloc[i];
	uint64_t since = all + m->now->above[i] - before;

	if (is_less(since, 0))		/* not what counts do */
		since = 0;
	return higher(before, all - (uint64_t)((double)since * m->part));
}

/* Whether what has been handed in since then is most likely what was cached then: little, or as the
 * caches have been emptied. */
static bool is_still(const struct moments *m, unsigned i, uint64_t room)
{
	uint64_t all = m->now->counts.n_alloc[i], moved = all - m->then->n_alloc[i];
	uint64_t most = room;

	if (!m->emptied) {
		moved -= m->now->cached[i];
		most = KINDS_OF_SPAN * golayout_span_objects(i);
	}
	return !is_less(moved + most, 0) && !is_less(most, moved);
}

static void settle(const struct moments *m, unsigned i, struct census_mark *out)
{
	uint64_t then = m->then->n_alloc[i], all = m->now->counts.n_alloc[i];
	uint64_t room = m->n_caches * golayout_span_objects(i);
	uint64_t low = m->as_full ? then - room : then, high = m->as_full ? then : then + room;
	uint64_t n = is_still(m, i, room) ? all : then + m->now->cached[i];

	high = lower(high, all + m->now->above[i]);
	if (m->before)
		low = higher(low, least_then(m, i));
	low = lower(low, high);
	n = higher(low, lower(n, high));
	out->counts.n_alloc[i] = n;
	out->below[i] = n - low;
	out->above[i] = high - n;
	out->handed_in[i] = then;
}

/* The reading is kept, for those that come.  Whoever is late is told of several mark phases at
 * once: what was read for the first of them was read after all of them. */
static void keep(struct census_past *past, const struct census_reading *now, uint64_t time_ns)
{
	if (past->last.end_ns && past->last.end_ns < time_ns)
		past->before = past->last;
	past->last = *now;
}

static void relate(struct moments *m, const struct census_past *past, uint64_t time_ns)
{
	uint64_t end = m->now->end_ns, since = end > time_ns ? end - time_ns : 0;

	if (!past->before.end_ns || past->before.end_ns >= end)
		return;
	m->before = &past->before;
	m->part = BURST * (double)since / (double)(end - past->before.end_ns);
	if (m->part > 1)
		m->part = 1;
}

int census_read(struct gomem *gm, const uint8_t *raw, struct census_past *past,
		struct census_mark *mark)
{
	struct census_counts then = { 0 };
	struct census_reading now;
	struct moments m = { .then = &then, .now = &now };
	int err = gomem_heapstats_sane(gm->lo) ? 0 : -EBADMSG;

	if (!err)
		err = gomem_counts_since(gm, mark->gen, &now, &m.emptied);
	if (err)
		return err;
	gomem_add_ring(gm->lo, raw, &then);
	keep(past, &now, mark->time_ns);
	relate(&m, past, mark->time_ns);
	m.as_full = gm->lo->mspan_alloccountbeforecache < 0;
	m.n_caches = gm->n_ps * KINDS_OF_SPAN;
	*mark = (struct census_mark){
		.gen = mark->gen, .time_ns = mark->time_ns, .counts = then, .copied = true,
	};
	for (unsigned i = 1; i < CENSUS_CLASSES; i++)
		settle(&m, i, mark);
	return 0;
}

/* ---- cycles ---------------------------------------------------------------------------------- */

/* By what a class may be off, it may also seem to have less than nothing. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) > 0 ? a - b : 0;
}

static void fill_class(unsigned i, const struct census_mark *start, const struct census_counts *end,
		       struct census_cycle *out)
{
	uint64_t n = start->counts.n_alloc[i], freed = end->n_free[i];
	uint64_t size = golayout_class_size(i);

	out->live[i] = less(n, freed);
	out->below[i] = out->live[i] - less(n - start->below[i], freed);
	out->above[i] = less(n + start->above[i], freed) - out->live[i];
	out->bytes += out->live[i] * size;
	out->bytes_below += out->below[i] * size;
	out->bytes_above += out->above[i] * size;
}

static void fill_cycle(const struct census_mark *start, const struct census_counts *end,
		       struct census_cycle *out)
{
	uint64_t bytes = start->counts.large_alloc_bytes, freed = end->large_free_bytes;

	*out = (struct census_cycle){
		.gen = start->gen, .time_ns = start->time_ns, .large_bytes = less(bytes, freed),
	};
	out->large_below = out->large_bytes - less(bytes - start->large_below, freed);
	out->large_above = less(bytes + start->large_above, freed) - out->large_bytes;
	out->bytes = out->large_bytes;
	out->bytes_below = out->large_below;
	out->bytes_above = out->large_above;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		fill_class(i, start, end, out);
}

/* All caches are emptied between two mark phases: what was in one when the first began has been
 * handed in when the next begins. */
static void limit(struct census_mark *start, const struct census_mark *end)
{
	for (unsigned i = 1; i < CENSUS_CLASSES && end->copied; i++) {
		uint64_t n = start->counts.n_alloc[i], low = n - start->below[i];
		uint64_t high = higher(low, lower(n + start->above[i], end->handed_in[i]));

		start->counts.n_alloc[i] = lower(n, high);
		start->below[i] = start->counts.n_alloc[i] - low;
		start->above[i] = high - start->counts.n_alloc[i];
	}
}

bool census_add(struct census *c, const struct census_mark *mark, struct census_cycle *out)
{
	uint32_t n = (mark->gen - c->last.gen) / 2;	/* sweepgen moves by 2 with each */
	bool whole = c->begun && n == 1 && !mark->free_unknown;

	if (whole)
		limit(&c->last, mark);
	if (whole)
		fill_cycle(&c->last, &mark->counts, out);
	else if (c->begun)
		c->n_missed += n;
	c->begun = true;
	c->last = *mark;
	return whole;
}
