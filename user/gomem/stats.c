// SPDX-License-Identifier: BSD-2-Clause
/*
 * stats.c - runtime.MemStats from outside: what readmemstats_m of runtime/mstats.go computes.
 *
 * ReadMemStats stops the world and first empties the caches of all Ps, because the counts of what
 * was allocated from a cached span are added up only when the span leaves the cache.  Here the
 * cached spans are read instead.  Up to Go 1.18 a span was counted as full when it entered the
 * cache, and corrected when it left.
 *
 * memstats.heapStats is a ring of three deltas; their sum is the truth.  Whoever asks
 * runtime/metrics moves one into another meanwhile, which may be seen half done: so the ring is
 * read until two looks agree that nothing was lost.
 */
#include "user/gomem/gomem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

enum {
	N_DELTAS = 3,		/* len(consistentHeapStats.stats) */
	TRIES = 5,
	MIN_RUNWAY = 64 << 10,	/* of heapGoalInternal, runtime/mgcpacer.go */
	MIN_HEADROOM = 1 << 20,	/* memoryLimitMinHeapGoalHeadroom, before 1.21 the only one */
	HEADROOM_PERCENT = 3,	/* memoryLimitHeapGoalHeadroomPercent, from 1.21 on */
};

/* The sum of heapStats, completed by what the Ps have not handed in. */
struct totals {
	uint64_t in_heap, released, in_stacks, in_workbufs, in_ptrbits;
	uint64_t alloc_bytes, n_alloc, free_bytes, n_free, n_tiny;
};

static void add_delta(const struct go_layout *lo, const uint8_t *raw, struct totals *t)
{
	t->in_heap += gomem_u64(raw, lo->heapstats_inheap);
	t->released += gomem_u64(raw, lo->heapstats_released);
	t->in_stacks += gomem_u64(raw, lo->heapstats_instacks);
	t->in_workbufs += gomem_u64(raw, lo->heapstats_inworkbufs);
	t->in_ptrbits += gomem_u64(raw, lo->heapstats_inptrscalarbits);
	t->n_tiny += gomem_u64(raw, lo->heapstats_tinyalloccount);
	t->alloc_bytes += gomem_u64(raw, lo->heapstats_largealloc);
	t->n_alloc += gomem_u64(raw, lo->heapstats_largealloccount);
	t->free_bytes += gomem_u64(raw, lo->heapstats_largefree);
	t->n_free += gomem_u64(raw, lo->heapstats_largefreecount);
	for (int i = 1; i < N_SIZE_CLASSES; i++) {
		uint64_t size = golayout_class_size((unsigned)i);
		uint64_t n_alloc = gomem_u64(raw, lo->heapstats_smallalloccount + 8 * i);
		uint64_t n_free = gomem_u64(raw, lo->heapstats_smallfreecount + 8 * i);

		t->n_alloc += n_alloc;
		t->alloc_bytes += n_alloc * size;
		t->n_free += n_free;
		t->free_bytes += n_free * size;
	}
}

static bool deltas_sane(const struct go_layout *lo)
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
	return ok && lo->memstats_heapstats && lo->gccontroller && lo->allp;
}

static int read_deltas(const struct gomem *gm, struct totals *t)
{
	const struct go_layout *lo = gm->lo;
	uint8_t raw[N_DELTAS * MAX_HEAPSTATS_BYTES];
	int err = target_read(gm->t, lo->memstats_heapstats + gm->bias, raw,
			      N_DELTAS * (size_t)lo->heapstats_size);

	*t = (struct totals){ 0 };
	for (int i = 0; i < N_DELTAS && !err; i++)
		add_delta(lo, raw + i * lo->heapstats_size, t);
	return err;
}

static int read_totals(const struct gomem *gm, struct totals *t)
{
	struct totals after;

	for (int i = 0; i < TRIES; i++) {
		int err = read_deltas(gm, t);

		if (!err)
			err = read_deltas(gm, &after);
		if (err || (after.n_alloc >= t->n_alloc && after.n_free >= t->n_free &&
			    t->n_alloc >= t->n_free && t->alloc_bytes >= t->free_bytes))
			return err;
	}
	return -EAGAIN;
}

/* The spans of one P's cache (raw: room for all of them), and its tiny objects not handed in. */
static int add_mcache(const struct gomem *gm, uint64_t mcache, uint8_t *raw, struct totals *t)
{
	const struct go_layout *lo = gm->lo;
	uint64_t spans[N_SPAN_CLASSES], n_tiny;
	struct target_read reads[N_SPAN_CLASSES + 2] = {
		{ mcache + (uint32_t)lo->mcache_alloc, spans, sizeof(spans), false },
		{ mcache + (uint32_t)lo->mcache_tinyallocs, &n_tiny, sizeof(n_tiny), false },
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
	t->n_tiny += n_tiny;
	for (size_t i = 0; i < N_SPAN_CLASSES; i++) {
		uint64_t n, before;

		gomem_parse_span(gm, raw + i * size, &s);	/* emptymspan: all 0 */
		before = lo->mspan_alloccountbeforecache < 0 ? s.nelems : s.alloccount_before;
		n = s.alloccount - before;	/* up to 1.18 negative: modulo 2^64 */
		t->n_alloc += n;
		t->alloc_bytes += n * s.elemsize;
	}
	return 0;
}

static int add_pending(const struct gomem *gm, struct totals *t)
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
			err = add_mcache(gm, mcache, raw, t);
	}
	free(raw);
	free(ps);
	return err;
}

/* Words of one struct of the runtime, many at a time. */
struct word {
	uint64_t *to;
	int32_t off;		/* -1: the version has none, *to is 0 */
};

static int read_words(const struct gomem *gm, uint64_t addr, const struct word *words, size_t n)
{
	struct target_read reads[32];
	size_t n_reads = 0;

	for (size_t i = 0; i < n && n_reads < ARRAY_SIZE(reads); i++) {
		*words[i].to = 0;
		if (words[i].off >= 0)
			reads[n_reads++] = (struct target_read){
				.addr = addr + (uint32_t)words[i].off, .buf = words[i].to,
				.len = sizeof(*words[i].to) };
	}
	return target_read_many(gm->t, reads, n_reads) == n_reads ? 0 : -EFAULT;
}

struct pacer {
	uint64_t heap_marked, heap_goal, percent_goal, min_trigger, triggered;
	uint64_t heap_inuse, heap_free, heap_released;
	uint64_t limit, mapped, total_alloc, total_free;
};

static int read_pacer(const struct gomem *gm, struct pacer *p)
{
	const struct go_layout *lo = gm->lo;
	const struct word words[] = {
		{ &p->heap_marked, lo->gccontroller_heapmarked },
		{ &p->heap_goal, lo->gccontroller_heapgoal },
		{ &p->percent_goal, lo->gccontroller_gcpercentheapgoal },
		{ &p->min_trigger, lo->gccontroller_sweepdistmintrigger },
		{ &p->triggered, lo->gccontroller_triggered },
		{ &p->heap_inuse, lo->gccontroller_heapinuse },
		{ &p->heap_free, lo->gccontroller_heapfree },
		{ &p->heap_released, lo->gccontroller_heapreleased },
		{ &p->limit, lo->gccontroller_memorylimit },
		{ &p->mapped, lo->gccontroller_mappedready },
		{ &p->total_alloc, lo->gccontroller_totalalloc },
		{ &p->total_free, lo->gccontroller_totalfree },
	};

	return read_words(gm, lo->gccontroller + gm->bias, words, ARRAY_SIZE(words));
}

/* (*gcControllerState).memoryLimitHeapGoal of runtime/mgcpacer.go; pending: what ReadMemStats would
 * have made the caches hand in to totalAlloc before. */
static uint64_t limit_goal(const struct gomem *gm, const struct pacer *p, uint64_t pending)
{
	uint64_t heap_alloc = p->total_alloc + pending - p->total_free;
	uint64_t rest, over = p->mapped > p->limit ? p->mapped - p->limit : 0, goal, headroom;

	if (p->heap_free + heap_alloc > p->mapped)	/* a moment between two updates */
		heap_alloc = p->mapped - p->heap_free;
	rest = p->mapped - p->heap_free - heap_alloc;
	if (rest + over >= p->limit)
		return p->heap_marked;
	goal = p->limit - (rest + over);
	headroom = MIN_HEADROOM;
	if (gobin_version(gm->gb)->minor >= 21 && goal / 100 * HEADROOM_PERCENT > headroom)
		headroom = goal / 100 * HEADROOM_PERCENT;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal < p->heap_marked ? p->heap_marked : goal;
}

/* (*gcControllerState).heapGoalInternal; up to Go 1.18 the goal was a variable. */
static uint64_t heap_goal(const struct gomem *gm, const struct pacer *p, uint64_t pending)
{
	uint64_t goal = p->percent_goal, limit;

	if (gm->lo->gccontroller_heapgoal >= 0)
		return p->heap_goal;
	if (gm->lo->gccontroller_mappedready >= 0) {
		limit = limit_goal(gm, p, pending);
		if (limit < goal)
			return limit;
	}
	if (p->min_trigger > goal)
		goal = p->min_trigger;
	if (p->triggered != UINT64_MAX && goal < p->triggered + MIN_RUNWAY)
		goal = p->triggered + MIN_RUNWAY;
	return goal;
}

/* The words of mstats. */
static int read_mstats(const struct gomem *gm, struct go_memstats *out, uint64_t *stacks_sys,
		       uint64_t *gcmisc_sys, uint64_t *heap_sys)
{
	const struct go_layout *lo = gm->lo;
	uint64_t num_gc, base = lo->memstats_heapstats - (uint32_t)lo->mstats_heapstats + gm->bias;
	const struct word words[] = {
		{ stacks_sys, lo->mstats_stacks_sys },
		{ gcmisc_sys, lo->mstats_gcmisc_sys },
		{ heap_sys, lo->mstats_heap_sys },	/* up to Go 1.18 */
		{ &out->mspan_sys, lo->mstats_mspan_sys },
		{ &out->mcache_sys, lo->mstats_mcache_sys },
		{ &out->buckhash_sys, lo->mstats_buckhash_sys },
		{ &out->other_sys, lo->mstats_other_sys },
		{ &num_gc, lo->mstats_numgc },
	};
	int err = read_words(gm, base, words, ARRAY_SIZE(words));

	out->num_gc = (uint32_t)num_gc;		/* uint32, numforcedgc behind it */
	return err;
}

static void fill(struct go_memstats *out, const struct totals *t)
{
	out->total_alloc = t->alloc_bytes;
	out->heap_alloc = t->alloc_bytes - t->free_bytes;
	out->mallocs = t->n_alloc + t->n_tiny;	/* tiny ones are counted as freed at once */
	out->frees = t->n_free + t->n_tiny;
	out->heap_objects = t->n_alloc - t->n_free;
	out->stack_inuse = t->in_stacks;
}

int gomem_memstats(struct gomem *gm, struct go_memstats *out)
{
	uint64_t stacks_sys, gcmisc_sys, heap_sys;
	struct go_memstats m = { 0 };
	struct totals handed_in, t;
	struct pacer p;
	uint32_t gen;
	int err = deltas_sane(gm->lo) ? gomem_sweepgen(gm, &gen) : -EBADMSG;

	if (!err)
		err = read_totals(gm, &t);
	handed_in = t;
	if (!err)
		err = add_pending(gm, &t);
	if (!err)
		err = read_pacer(gm, &p);
	if (!err)
		err = read_mstats(gm, &m, &stacks_sys, &gcmisc_sys, &heap_sys);
	if (!err)
		err = gomem_sweepgen(gm, &gen);
	if (err)
		return err;
	fill(&m, &t);
	if (gm->lo->gccontroller_heapinuse >= 0) {
		m.heap_inuse = p.heap_inuse;
		m.heap_released = p.heap_released;
		m.heap_idle = p.heap_free + p.heap_released;
		m.heap_sys = m.heap_inuse + m.heap_idle;
	} else {
		m.heap_inuse = t.in_heap;
		m.heap_released = t.released;
		m.heap_sys = heap_sys;
		m.heap_idle = heap_sys - t.in_heap;
	}
	m.stack_sys = t.in_stacks + stacks_sys;
	m.gc_sys = gcmisc_sys + t.in_workbufs + t.in_ptrbits;
	m.next_gc = heap_goal(gm, &p, t.alloc_bytes - handed_in.alloc_bytes);
	m.heap_marked = p.heap_marked;
	*out = m;
	return 0;
}
