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
 * What is allocated from a span in a P's cache is counted when the span leaves the cache; until
 * then the span knows.  Up to Go 1.18 a span was counted as full when it entered the cache, and
 * corrected when it left (runtime/mcache.go, refill and releaseAll).
 *
 * Whoever copies heapStats with the world stopped does not have the time to look into the caches;
 * they are read some time later.  While the collector marks, what a cache holds later is as good as
 * what it held then: both are a part of one span.  When it has done, all caches are emptied
 * (gcMarkTermination): then a class that has moved by no more than caches hold has most likely been
 * emptied and nothing else, and its count of now is that of then.
 */
#include "user/gomem/census.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

_Static_assert((int)CENSUS_CLASSES == (int)N_SIZE_CLASSES, "size classes");

bool gomem_heapstats_sane(const struct go_layout *lo)
{
	const int32_t words[] = {
		lo->heapstats_inheap, lo->heapstats_released, lo->heapstats_instacks,
		lo->heapstats_tinyalloccount, lo->heapstats_largealloc,
		lo->heapstats_largealloccount, lo->heapstats_largefree,
		lo->heapstats_largefreecount,
	}, optional[] = { lo->heapstats_inworkbufs, lo->heapstats_inptrscalarbits };
	int32_t size = lo->heapstats_size, arrays = size - 8 * N_SIZE_CLASSES;
	bool ok = size <= MAX_HEAPSTATS_BYTES && lo->heapstats_smallalloccount >= 0 &&
		  lo->heapstats_smallalloccount <= arrays && lo->heapstats_smallfreecount >= 0 &&
		  lo->heapstats_smallfreecount <= arrays;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ok = ok && words[i] >= 0 && words[i] <= size - 8;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		ok = ok && optional[i] <= size - 8;
	return ok && lo->memstats_heapstats && lo->allp;
}

bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len)
{
	*addr = gm->lo->memstats_heapstats + gm->bias;
	*len = N_DELTAS * (size_t)gm->lo->heapstats_size;
	return gomem_heapstats_sane(gm->lo);
}

void gomem_add_counts(const struct go_layout *lo, const uint8_t *delta, struct census_counts *c)
{
	c->n_alloc[0] += gomem_u64(delta, lo->heapstats_largealloccount);
	c->n_free[0] += gomem_u64(delta, lo->heapstats_largefreecount);
	c->large_alloc_bytes += gomem_u64(delta, lo->heapstats_largealloc);
	c->large_free_bytes += gomem_u64(delta, lo->heapstats_largefree);
	for (int i = 1; i < N_SIZE_CLASSES; i++) {
		c->n_alloc[i] += gomem_u64(delta, lo->heapstats_smallalloccount + 8 * i);
		c->n_free[i] += gomem_u64(delta, lo->heapstats_smallfreecount + 8 * i);
	}
}

/* The spans of one P's cache; raw: room for all of them. */
static int add_mcache(const struct gomem *gm, uint64_t mcache, uint8_t *raw,
		      struct census_counts *c, uint64_t *n_tiny)
{
	const struct go_layout *lo = gm->lo;
	uint64_t spans[N_SPAN_CLASSES], tiny;
	struct target_read reads[N_SPAN_CLASSES + 2] = {
		{ mcache + (uint32_t)lo->mcache_alloc, spans, sizeof(spans), false },
		{ mcache + (uint32_t)lo->mcache_tinyallocs, &tiny, sizeof(tiny), false },
	};
	size_t size = (size_t)lo->mspan_size;
	struct go_span s;

	if (target_read_many(gm->t, reads, 2) != 2)
		return -EFAULT;
	for (size_t i = 0; i < N_SPAN_CLASSES; i++)
		reads[i] = (struct target_read){ .addr = spans[i], .buf = raw + i * size,
						 .len = (uint32_t)size };
	if (target_read_many(gm->t, reads, N_SPAN_CLASSES) != N_SPAN_CLASSES)
		return -EFAULT;
	*n_tiny += tiny;
	for (size_t i = 0; i < N_SPAN_CLASSES; i++) {
		uint64_t before;

		gomem_parse_span(gm, raw + i * size, &s);
		if (s.spanclass != i)	/* emptymspan; or it has left the cache by now */
			continue;
		before = lo->mspan_alloccountbeforecache < 0 ? s.nelems : s.alloccount_before;
		c->n_alloc[i / 2] += s.alloccount - before;	/* up to 1.18 negative: modulo
								 * 2^64 */
	}
	return 0;
}

int gomem_add_cached(const struct gomem *gm, struct census_counts *c, uint64_t *n_tiny)
{
	uint64_t allp[2], *ps, mcache;
	uint8_t *raw;
	int err = target_read(gm->t, gm->lo->allp + gm->bias, allp, sizeof(allp));

	if (err || allp[1] > MAX_PS)
		return err ? err : -EBADMSG;
	ps = xcalloc(allp[1], sizeof(*ps));
	raw = xcalloc(N_SPAN_CLASSES, (size_t)gm->lo->mspan_size);
	err = target_read(gm->t, allp[0], ps, allp[1] * sizeof(*ps));
	for (size_t i = 0; i < allp[1] && !err; i++) {
		if (!ps[i])
			continue;	/* GOMAXPROCS is being raised */
		err = gomem_read_u64(gm, ps[i] + (uint32_t)gm->lo->p_mcache, &mcache);
		if (!err && mcache)
			err = add_mcache(gm, mcache, raw, c, n_tiny);
	}
	free(raw);
	free(ps);
	return err;
}

static void add_ring(const struct gomem *gm, const uint8_t *raw, struct census_counts *c)
{
	for (int i = 0; i < N_DELTAS; i++)
		gomem_add_counts(gm->lo, raw + i * gm->lo->heapstats_size, c);
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
	uint8_t ring[N_DELTAS * MAX_HEAPSTATS_BYTES];
	uint64_t addr, n_tiny = 0;
	uint32_t gen_now;
	size_t len;
	int err = census_place(gm, &addr, &len) ? target_read(gm->t, addr, ring, len) : -EBADMSG;

	if (err)
		return err;
	add_ring(gm, raw, &then);
	add_ring(gm, ring, &handed_in);
	now = handed_in;
	err = gomem_add_cached(gm, &now, &n_tiny);
	if (!err)
		err = gomem_sweepgen(gm, &gen_now);
	if (!err)
		settle(&then, &handed_in, &now, gen_now != gen, out);
	return err;
}

/* By what a class may be off, it may also seem to have less than nothing. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) > 0 ? a - b : 0;
}

static void fill_cycle(const struct census *c, const struct census_counts *end,
		       struct census_cycle *out)
{
	const struct census_counts *start = &c->counts;

	*out = (struct census_cycle){
		.gen = c->gen, .time_ns = c->time_ns,
		.large_bytes = less(start->large_alloc_bytes, end->large_free_bytes),
	};
	out->bytes = out->large_bytes;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		out->live[i] = less(start->n_alloc[i], end->n_free[i]);
		out->bytes += out->live[i] * golayout_class_size(i);
	}
}

bool census_add(struct census *c, uint32_t gen, uint64_t time_ns,
		const struct census_counts *counts, struct census_cycle *out)
{
	uint32_t n = (gen - c->gen) / 2;	/* sweepgen moves by 2 with each collection */
	bool whole = c->begun && n == 1;

	if (whole)
		fill_cycle(c, counts, out);
	else if (c->begun)
		c->n_missed += n;
	c->begun = true;
	c->gen = gen;
	c->time_ns = time_ns;
	c->counts = *counts;
	return whole;
}
