// SPDX-License-Identifier: BSD-2-Clause
/*
 * stats.c - runtime.MemStats from outside: what readmemstats_m of runtime/mstats.go computes.
 *
 * ReadMemStats stops the world and first empties the caches of all Ps, because the counts of what
 * was allocated from a cached span are added up only when the span leaves the cache.  Here the
 * cached spans are read instead (counts.c).
 *
 * memstats.heapStats is a ring of three deltas; their sum is the truth.  Whoever asks
 * runtime/metrics moves one into another meanwhile, which may be seen half done: too much, or too
 * little.  Its counts only grow, so of three looks in a row, none of which has less than the one
 * before, the middle one is whole.
 *
 * Spans leave the caches while these are read, and are counted in neither.  The third look, behind
 * the caches, tells: if it is as the second, nothing has left.  A few times it is tried to have it
 * so; of a program that allocates faster than that, what left is missing.
 */
#include "user/gomem/gomem.h"

#include <errno.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem_internal.h"

enum {
	TRIES = 5,
	MIN_RUNWAY = 64 << 10,	/* of heapGoalInternal, runtime/mgcpacer.go */
	MIN_HEADROOM = 1 << 20,	/* memoryLimitMinHeapGoalHeadroom, before 1.21 the only one */
	HEADROOM_PERCENT = 3,	/* memoryLimitHeapGoalHeadroomPercent, from 1.21 on */
	HEAP_MINIMUM = 4 << 20,	/* defaultHeapMinimum */
	TRIGGER_PARTS = 64,	/* triggerRatioDen, of the way from the marked heap to the goal */
	MIN_TRIGGER_PARTS = 45,	/* minTriggerRatioNum */
	MAX_TRIGGER_PARTS = 61,	/* maxTriggerRatioNum */
};

/* The sum of heapStats, completed by what the Ps have not handed in. */
struct totals {
	uint64_t in_heap, released, in_stacks, in_workbufs, in_ptrbits;
	struct census_counts by_class;
	uint64_t alloc_bytes, n_alloc, free_bytes, n_free;	/* sums of by_class */
};

static void sum_classes(struct totals *t)
{
	const struct census_counts *c = &t->by_class;

	t->alloc_bytes = c->large_alloc_bytes;
	t->free_bytes = c->large_free_bytes;
	t->n_alloc = t->n_free = 0;
	for (unsigned i = 0; i < N_SIZE_CLASSES; i++) {
		t->n_alloc += c->n_alloc[i];
		t->alloc_bytes += c->n_alloc[i] * golayout_class_size(i);
		t->n_free += c->n_free[i];
		t->free_bytes += c->n_free[i] * golayout_class_size(i);
	}
}

static void add_delta(const struct go_layout *lo, const uint8_t *raw, struct totals *t)
{
	t->in_heap += gomem_u64(raw, lo->heapstats_inheap);
	t->released += gomem_u64(raw, lo->heapstats_released);
	t->in_stacks += gomem_u64(raw, lo->heapstats_instacks);
	t->in_workbufs += gomem_u64(raw, lo->heapstats_inworkbufs);
	t->in_ptrbits += gomem_u64(raw, lo->heapstats_inptrscalarbits);
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
	if (!err)
		gomem_add_ring(lo, raw, &t->by_class);
	sum_classes(t);
	return err;
}

static bool follows(const struct totals *t, const struct totals *before)
{
	return t->n_alloc >= before->n_alloc && t->n_free >= before->n_free &&
	       t->alloc_bytes >= before->alloc_bytes && t->free_bytes >= before->free_bytes;
}

/* The ring, and with what is in the caches; changed: since then.  -EAGAIN: it is not whole. */
static int read_once(struct gomem *gm, struct totals *ring, struct totals *all, bool *changed)
{
	struct gomem_cached cached = { 0 };
	struct totals first, last;
	uint32_t gen;
	int err = gomem_sweepgen(gm, &cached.gen);

	if (!err)
		err = read_deltas(gm, &first);
	if (!err)
		err = read_deltas(gm, ring);
	*all = *ring;
	if (!err)
		err = gomem_add_cached(gm, &all->by_class, &cached);
	sum_classes(all);
	if (!err)
		err = read_deltas(gm, &last);
	if (!err)
		err = gomem_sweepgen(gm, &gen);
	if (err)
		return err;
	*changed = !follows(ring, &last);
	return gen == cached.gen && follows(ring, &first) && follows(&last, ring) &&
	       ring->n_alloc >= ring->n_free && ring->alloc_bytes >= ring->free_bytes ? 0 : -EAGAIN;
}

static int read_totals(struct gomem *gm, struct totals *ring, struct totals *all)
{
	struct totals r, a;
	bool changed = true, known = false;

	for (int i = 0; i < TRIES && changed; i++) {
		int err = read_once(gm, &r, &a, &changed);

		if (err && err != -EAGAIN)
			return err;
		changed |= err != 0;
		if (err)
			continue;
		*ring = r;
		*all = a;
		known = true;
	}
	return known ? 0 : -EAGAIN;
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
	uint64_t runway, heap_inuse, heap_free, heap_released;
	uint64_t limit, mapped, total_alloc, total_free;
};

static int read_pacer_once(const struct gomem *gm, struct pacer *p)
{
	const struct go_layout *lo = gm->lo;
	const struct word words[] = {
		{ &p->heap_marked, lo->gccontroller_heapmarked },
		{ &p->heap_goal, lo->gccontroller_heapgoal },
		{ &p->percent_goal, lo->gccontroller_gcpercentheapgoal },
		{ &p->min_trigger, lo->gccontroller_sweepdistmintrigger },
		{ &p->triggered, lo->gccontroller_triggered },
		{ &p->runway, lo->gccontroller_runway },
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

/* Memory goes from one of its sums to another: they are read until two looks agree, or a few times. */
static int read_pacer(const struct gomem *gm, struct pacer *p)
{
	struct pacer before;
	int err = read_pacer_once(gm, p);

	for (int i = 0; i < TRIES && !err; i++) {
		before = *p;
		err = read_pacer_once(gm, p);
		if (!memcmp(&before, p, sizeof(before)))
			break;
	}
	return err;
}

/* (*gcControllerState).memoryLimitHeapGoal of runtime/mgcpacer.go; pending: what ReadMemStats would
 * have made the caches hand in to totalAlloc before. */
static uint64_t limit_goal(const struct gomem *gm, const struct pacer *p, uint64_t pending)
{
	uint64_t total = p->total_alloc + pending;
	uint64_t heap_alloc = total > p->total_free ? total - p->total_free : 0;
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

/* (*gcControllerState).trigger; up to Go 1.18 it was a variable. */
static uint64_t trigger(const struct pacer *p, uint64_t goal)
{
	uint64_t marked = p->heap_marked, step, low, high, at;

	if (marked >= goal)
		return goal;
	step = (goal - marked) / TRIGGER_PARTS;
	low = marked + step * MIN_TRIGGER_PARTS;
	high = marked + step * MAX_TRIGGER_PARTS;
	if (goal > HEAP_MINIMUM && goal - HEAP_MINIMUM > high)
		high = goal - HEAP_MINIMUM;
	at = p->runway < goal ? goal - p->runway : 0;
	return at < low ? low : at > high ? high : at;
}

int gomem_trigger(const struct gomem *gm, uint64_t *bytes)
{
	struct pacer p;
	int err;

	if (gm->lo->gccontroller_trigger >= 0)
		return gomem_read_u64(gm, gm->lo->gccontroller + gm->bias +
					  (uint32_t)gm->lo->gccontroller_trigger, bytes);
	err = read_pacer(gm, &p);
	if (!err)
		*bytes = p.percent_goal == UINT64_MAX && p.limit >= INT64_MAX ?
				 UINT64_MAX : trigger(&p, heap_goal(gm, &p, 0));
	return err;
}

int gomem_pacing(const struct gomem *gm, struct go_pacing *out)
{
	const struct go_layout *lo = gm->lo;
	struct go_pacing p = { .memory_limit = UINT64_MAX };
	struct target_read reads[] = {
#define READ(base, field, to) \
	{ .addr = (base) + (uint32_t)lo->field + gm->bias, .buf = &(to), .len = sizeof(to) }
		READ(lo->gccontroller, gccontroller_gcpercent, p.gc_percent),
		READ(lo->gccontroller, gccontroller_heaplive, p.heap_live),
		READ(lo->memstats, mstats_last_gc_nanotime, p.last_end_ns),
		READ(lo->gccontroller, gccontroller_memorylimit, p.memory_limit),
#undef READ
	};
	bool limited = lo->gccontroller_memorylimit >= 0;	/* Go 1.19 and later */
	size_t n = ARRAY_SIZE(reads) - !limited;
	int err;

	if (lo->gccontroller_gcpercent < 0 || lo->gccontroller_heaplive < 0 ||
	    lo->mstats_last_gc_nanotime < 0 || !lo->memstats)
		return -ENOENT;
	if (target_read_many(gm->t, reads, n) != n)
		return -EFAULT;
	if (p.memory_limit >= INT64_MAX)	/* maxInt64: debug.SetMemoryLimit's "none" */
		p.memory_limit = UINT64_MAX;
	err = gomem_trigger(gm, &p.trigger);
	if (!err)
		*out = p;
	return err;
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
	out->mallocs = t->n_alloc + t->by_class.n_tiny;	/* tiny ones are counted as freed at once */
	out->frees = t->n_free + t->by_class.n_tiny;
	out->heap_objects = t->n_alloc - t->n_free;
	out->stack_inuse = t->in_stacks;
}

int gomem_memstats(struct gomem *gm, struct go_memstats *out)
{
	uint64_t stacks_sys, gcmisc_sys, heap_sys;
	struct go_memstats m = { 0 };
	struct totals handed_in, t;
	struct pacer p;
	bool sane = gomem_heapstats_sane(gm->lo) && gm->lo->gccontroller;
	int err = sane ? read_totals(gm, &handed_in, &t) : -EBADMSG;

	if (!err)
		err = read_pacer(gm, &p);
	if (!err)
		err = read_mstats(gm, &m, &stacks_sys, &gcmisc_sys, &heap_sys);
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
