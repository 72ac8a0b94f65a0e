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
 * they are read some time later (counts.c).  While the collector marks, what a cache holds later is
 * as good as what it held then: both are a part of one span.  When it has done, all caches are
 * emptied (gcMarkTermination): then a class that has moved by no more than caches hold has most
 * likely been emptied and nothing else, and its count of now is that of then.  Without a
 * probe there is the way of census_poll.c.
 */
#include "user/gomem/census.h"

#include <errno.h>

#include "user/base/limits.h"
#include "user/gomem/gomem_internal.h"

bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len)
{
	*addr = gm->lo->memstats_heapstats + gm->bias;
	*len = N_DELTAS * (size_t)gm->lo->heapstats_size;
	return gomem_heapstats_sane(gm->lo);
}

/* What has been handed in between the two; now: with what the caches hold. */
static void settle(const struct census_counts *then, const struct census_counts *handed_in,
		   const struct census_counts *now, bool emptied, struct census_counts *out)
{
	*out = *then;
	for (unsigned i = 1; i < CENSUS_CLASSES; i++) {
		uint64_t moved = handed_in->n_alloc[i] - then->n_alloc[i];
		uint64_t cached = now->n_alloc[i] - handed_in->n_alloc[i];
		uint64_t room = 2 * (1 << GO_PAGE_SHIFT) / golayout_class_size(i);

		out->n_alloc[i] += cached;
		if (emptied && moved + room <= 2 * room)	/* either way */
			out->n_alloc[i] += moved;
	}
}

int census_read(struct gomem *gm, uint32_t gen, const uint8_t *raw, struct census_counts *out)
{
	struct census_counts then = { 0 }, handed_in = { 0 }, now;
	struct gomem_cached cached = { .gen = gen };
	uint8_t ring[N_DELTAS * MAX_HEAPSTATS_BYTES];
	uint64_t addr;
	uint32_t gen_now;
	size_t len;
	int err = census_place(gm, &addr, &len) ? target_read(gm->t, addr, ring, len) : -EBADMSG;

	if (err)
		return err;
	gomem_add_ring(gm->lo, raw, &then);
	gomem_add_ring(gm->lo, ring, &handed_in);
	now = handed_in;
	err = gomem_add_cached(gm, &now, &cached);
	if (!err)
		err = gomem_sweepgen(gm, &gen_now);
	if (!err)
		settle(&then, &handed_in, &now, gen_now != gen, out);
	return err;
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

bool census_add(struct census *c, const struct census_mark *mark, struct census_cycle *out)
{
	uint32_t n = (mark->gen - c->last.gen) / 2;	/* sweepgen moves by 2 with each */
	bool whole = c->begun && n == 1 && !mark->free_unknown;

	if (whole)
		fill_cycle(&c->last, &mark->counts, out);
	else if (c->begun)
		c->n_missed += n;
	c->begun = true;
	c->last = *mark;
	return whole;
}
