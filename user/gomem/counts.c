// SPDX-License-Identifier: BSD-2-Clause
/*
 * counts.c - what the runtime counts of its heap, as of now: memstats.heapStats, a ring of three
 * deltas whose sum is the truth, completed by what the Ps have not handed in.
 *
 * What is allocated from a span in a P's cache is counted when the span leaves the cache; until
 * then the span knows.  Up to Go 1.18 a span was counted as full when it entered the cache, and
 * corrected when it left (runtime/mcache.go, refill and releaseAll).
 *
 * Spans go on leaving while all this is read, so the ring is read before the caches and after them.
 * With the first, a span that left in between is counted in neither: the sum is at most what had
 * been allocated at the end.  With the second it is counted twice: the sum is at least what had
 * been allocated at the begin.  A class for which both are the same is exact.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem_internal.h"

_Static_assert((int)CENSUS_CLASSES == (int)N_SIZE_CLASSES, "size classes");

enum {
	PS_AT_ONCE = 16,
	MAX_WINDOW = 128,	/* bytes of an mspan from the first field wanted to the last */
	PIECE = 4096,		/* bytes that are read in one, of several mspans */
	TRIES = 4,
};
/* sweepDrainedMask of runtime/mgcsweep.go, and nobody sweeping. */
#define SWEEP_DRAINED (1u << 31)
/* Up to Go 1.17 mheap has sweepgen, sweepDrained and sweepers, 4 bytes each, then allspans
 * (runtime/mheap.go); later ones have nothing in between. */
enum { SWEEPDRAINED_OFF = 4, ALLSPANS_OFF = 16 };

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

static void add_delta(const struct go_layout *lo, const uint8_t *delta, struct census_counts *c)
{
	c->n_alloc[0] += gomem_u64(delta, lo->heapstats_largealloccount);
	c->n_free[0] += gomem_u64(delta, lo->heapstats_largefreecount);
	c->large_alloc_bytes += gomem_u64(delta, lo->heapstats_largealloc);
	c->large_free_bytes += gomem_u64(delta, lo->heapstats_largefree);
	c->n_tiny += gomem_u64(delta, lo->heapstats_tinyalloccount);
	for (int i = 1; i < N_SIZE_CLASSES; i++) {
		c->n_alloc[i] += gomem_u64(delta, lo->heapstats_smallalloccount + 8 * i);
		c->n_free[i] += gomem_u64(delta, lo->heapstats_smallfreecount + 8 * i);
	}
}

void gomem_add_ring(const struct go_layout *lo, const uint8_t *ring, struct census_counts *c)
{
	for (int i = 0; i < N_DELTAS; i++)
		add_delta(lo, ring + i * lo->heapstats_size, c);
}

/* ---- the caches of the Ps -------------------------------------------------------------------- */

struct p_cache {
	uint64_t mcache;		/* 0: the P has none */
	uint64_t spans[N_SPAN_CLASSES];
	uint64_t n_tiny;
};

/* The part of an mspan that is wanted here. */
struct window {
	int32_t from, to;
};

static void widen(struct window *w, int32_t off, int32_t size)
{
	if (off < 0)
		return;
	w->from = off < w->from ? off : w->from;
	w->to = off + size > w->to ? off + size : w->to;
}

static struct window span_window(const struct go_layout *lo)
{
	struct window w = { lo->mspan_alloccount, lo->mspan_alloccount + 2 };

	widen(&w, lo->mspan_alloccountbeforecache, 2);
	widen(&w, lo->mspan_spanclass, 1);
	widen(&w, lo->mspan_sweepgen, 4);
	if (lo->mspan_alloccountbeforecache < 0)
		widen(&w, lo->mspan_nelems, 8);
	return w;
}

/* What else is read in the same system call: before the caches, after them. */
struct beside {
	struct target_read *v;
	size_t n;
};

enum { GC_READS = 6, MAX_BESIDE = 1 + GC_READS };

static size_t add_beside(struct target_read *reads, size_t n, const struct beside *b)
{
	for (size_t i = 0; i < b->n; i++)
		reads[n + i] = b->v[i];
	return n + b->n;
}

static size_t want_cache(const struct go_layout *lo, struct p_cache *c, struct target_read *reads)
{
	reads[0] = (struct target_read){
		.addr = c->mcache + (uint32_t)lo->mcache_alloc, .buf = c->spans,
		.len = sizeof(c->spans) };
	reads[1] = (struct target_read){
		.addr = c->mcache + (uint32_t)lo->mcache_tinyallocs, .buf = &c->n_tiny,
		.len = sizeof(c->n_tiny) };
	return 2;
}

/* A P keeps its cache, so what it was the last time is read right behind the word that says so; and
 * again in the rare case that it says something else. */
static int read_caches(const struct gomem *gm, const uint64_t *ps, uint64_t *mcaches,
		       struct p_cache *caches, size_t n, const struct beside *before)
{
	struct target_read reads[3 * PS_AT_ONCE + MAX_BESIDE];
	size_t n_reads = add_beside(reads, 0, before);
	uint64_t now[PS_AT_ONCE] = { 0 };

	for (size_t i = 0; i < n; i++) {
		caches[i].mcache = mcaches[i];
		if (ps[i])
			reads[n_reads++] = (struct target_read){
				.addr = ps[i] + (uint32_t)gm->lo->p_mcache, .buf = &now[i],
				.len = sizeof(now[i]) };
		if (ps[i] && mcaches[i])
			n_reads += want_cache(gm->lo, &caches[i], reads + n_reads);
	}
	if (target_read_many(gm->t, reads, n_reads) != n_reads) {
		memset(mcaches, 0, n * sizeof(*mcaches));
		return -EFAULT;
	}
	n_reads = 0;
	for (size_t i = 0; i < n; i++) {
		caches[i].mcache = now[i];
		if (now[i] && now[i] != mcaches[i])
			n_reads += want_cache(gm->lo, &caches[i], reads + n_reads);
	}
	if (target_read_many(gm->t, reads, n_reads) != n_reads)
		return -EFAULT;
	memcpy(mcaches, now, n * sizeof(*mcaches));
	return 0;
}

/* mheap.go: sweepgen + 3 is swept and cached, + 1 cached before the sweep began; even ones are not
 * cached.  Nor is sweepgen - 1, which is being swept: uncacheSpan of mcentral.go does so itself
 * with what was cached before the sweep began.  Its counts have been handed in by then, and mean
 * nothing any more, but until it has been swept it stays in its place. */
static bool has_left(uint32_t gen, uint32_t now)
{
	return gen % 2 == 0 || gen == now - 1;
}

/* raw: the window of the span in that place of a cache. */
static void add_span(const struct gomem *gm, const struct window *w, const uint8_t *raw,
		     unsigned spanclass, struct census_counts *c, struct gomem_cached *out)
{
	const struct go_layout *lo = gm->lo;
	uint32_t gen = gomem_u32(raw, lo->mspan_sweepgen - w->from);
	uint64_t before, n;

	if (raw[lo->mspan_spanclass - w->from] != spanclass)
		return;			/* it has left the cache by now */
	before = lo->mspan_alloccountbeforecache < 0 ?
			 gomem_nelems(lo, raw, w->from) :
			 gomem_u16(raw, lo->mspan_alloccountbeforecache - w->from);
	/* Up to 1.18 negative: modulo 2^64. */
	n = gomem_u16(raw, lo->mspan_alloccount - w->from) - before;
	/* refill of mcache.go lets go of a span, hands in its counts, and puts another in its place
	 * only when it has found one, which may take long. */
	if (!has_left(gen, out->gen))
		c->n_alloc[spanclass / 2] += n;
	else if (gen % 2 == 0 && (int64_t)n > 0)
		out->above[spanclass / 2] += n;
	if (gen != out->gen + 3)
		out->unswept = true;
}

/* A span in a cache: where the part of it is that is wanted, in the target and in what is read. */
struct cached_span {
	uint64_t addr;
	size_t at;
	unsigned spanclass;
};

static int by_address(const void *a, const void *b)
{
	const struct cached_span *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Large objects are not cached, so the first place shows what an empty one holds. */
static size_t list_spans(const struct p_cache *caches, size_t n, int32_t from,
			 struct cached_span *spans)
{
	size_t n_spans = 0;

	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < N_SPAN_CLASSES && caches[i].mcache; k++)
			if (caches[i].spans[k] != caches[i].spans[0])
				spans[n_spans++] = (struct cached_span){
					.addr = caches[i].spans[k] + (uint32_t)from,
					.spanclass = k };
	if (n_spans)
		qsort(spans, n_spans, sizeof(*spans), by_address);
	return n_spans;
}

/* What a read costs is its pages, and spans lie next to each other: those that are no further apart
 * than a page are read in one piece.  Returns how many; *bytes: of all. */
static size_t want_spans(struct cached_span *spans, size_t n, uint32_t len,
			 struct target_read *reads, size_t *bytes)
{
	struct target_read *last = NULL;
	size_t n_reads = 0;

	*bytes = 0;
	for (size_t i = 0; i < n; i++) {
		if (!last || spans[i].addr - last->addr > PIECE - len) {
			*bytes += last ? last->len : 0;
			last = &reads[n_reads++];
			*last = (struct target_read){ .addr = spans[i].addr };
		}
		last->len = (uint32_t)(spans[i].addr - last->addr) + len;
		spans[i].at = *bytes + last->len - len;
	}
	*bytes += last ? last->len : 0;
	return n_reads;
}

/* reads, spans: room for the spans of all these caches. */
static int add_caches(const struct gomem *gm, const struct window *w, const struct p_cache *caches,
		      size_t n, const struct beside *after, struct target_read *reads,
		      struct cached_span *spans, struct census_counts *c,
		      struct gomem_cached *out)
{
	size_t n_spans = list_spans(caches, n, w->from, spans), bytes, at = 0;
	size_t n_reads = want_spans(spans, n_spans, (uint32_t)(w->to - w->from), reads, &bytes);
	uint8_t *raw = xreallocarray(NULL, bytes, 1);
	bool ok;

	for (size_t i = 0; i < n_reads; at += reads[i++].len)
		reads[i].buf = raw + at;
	n_reads = add_beside(reads, n_reads, after);
	ok = target_read_many(gm->t, reads, n_reads) == n_reads;
	for (size_t i = 0; i < n && ok; i++)
		c->n_tiny += caches[i].mcache ? caches[i].n_tiny : 0;
	for (size_t i = 0; i < n_spans && ok; i++)
		add_span(gm, w, raw + spans[i].at, spans[i].spanclass, c, out);
	free(raw);
	return ok ? 0 : -EFAULT;
}

/* With few Ps all takes two system calls. */
static int add_ps(struct gomem *gm, const struct beside *before, const struct beside *after,
		  struct census_counts *c, struct gomem_cached *out)
{
	static const struct beside nothing;
	size_t n = gm->n_ps, most = n < PS_AT_ONCE ? n : PS_AT_ONCE, i = 0;
	size_t room = most * N_SPAN_CLASSES;
	struct target_read *reads = xreallocarray(NULL, room + MAX_BESIDE, sizeof(*reads));
	struct cached_span *spans = xreallocarray(NULL, room + 1, sizeof(*spans));
	struct p_cache *caches = xcalloc(most, sizeof(*caches));
	struct window w = span_window(gm->lo);
	int err = w.to - w.from > MAX_WINDOW ? -EBADMSG : 0;

	do {
		size_t some = n - i < PS_AT_ONCE ? n - i : PS_AT_ONCE;

		if (!err)
			err = read_caches(gm, gm->ps + i, gm->mcaches + i, caches, some,
					  i ? &nothing : before);
		if (!err)
			err = add_caches(gm, &w, caches, some, i + some < n ? &nothing : after,
					 reads, spans, c, out);
		i += some;
	} while (i < n && !err);
	free(caches);
	free(spans);
	free(reads);
	return err;
}

/* The Ps, read again only when there are others: a P stays where it is. */
static bool same_ps(const struct gomem *gm, const uint64_t allp[2])
{
	return gm->ps && allp[0] == gm->allp && allp[1] == gm->n_ps;
}

static int read_ps(struct gomem *gm, const uint64_t allp[2])
{
	uint64_t *ps;
	int err;

	if (allp[1] > MAX_PS)
		return -EBADMSG;
	ps = xcalloc(allp[1], sizeof(*ps));
	err = target_read(gm->t, allp[0], ps, allp[1] * sizeof(*ps));
	free(gm->ps);
	free(gm->mcaches);
	gm->ps = ps;
	gm->allp = allp[0];
	gm->n_ps = err ? 0 : allp[1];
	gm->mcaches = xcalloc(gm->n_ps, sizeof(*gm->mcaches));
	for (size_t i = 0; i < gm->n_ps; i++)
		if (!ps[i])
			gm->allp = 0;	/* GOMAXPROCS is being raised: not the last word */
	return err;
}

static int find_ps(struct gomem *gm)
{
	uint64_t allp[2];
	int err = target_read(gm->t, gm->lo->allp + gm->bias, allp, sizeof(allp));

	return err || same_ps(gm, allp) ? err : read_ps(gm, allp);
}

size_t gomem_processors(const struct gomem *gm)
{
	return gm->n_ps;
}

int gomem_add_cached(struct gomem *gm, struct census_counts *c, struct gomem_cached *out)
{
	const struct beside nothing = { 0 };
	int err = find_ps(gm);

	return err ? err : add_ps(gm, &nothing, &nothing, c, out);
}

/* ---- where the collector stands -------------------------------------------------------------- */

/* sweep.active.state; up to Go 1.17 sweepDrained and sweepers. */
struct sweeper {
	uint32_t words[2];
};

static bool has_sweepers(const struct go_layout *lo)
{
	return !lo->sweep && lo->mheap_allspans - lo->mheap_sweepgen == ALLSPANS_OFF;
}

static bool all_swept(const struct go_layout *lo, const struct sweeper *s)
{
	if (has_sweepers(lo))
		return s->words[0] && !s->words[1];	/* isSweepDone() */
	return s->words[0] == SWEEP_DRAINED;
}

/* How to read it, in as many reads as returned, and the state of the sweeper; the layout knows
 * where. */
static size_t want_gc(const struct gomem *gm, struct gomem_gc *out, struct sweeper *sweeper,
		      struct target_read reads[GC_READS])
{
	const struct go_layout *lo = gm->lo;
	const struct { uint64_t var; int32_t off; void *to; uint32_t len; } words[GC_READS] = {
		{ lo->gcphase, 0, &out->phase, sizeof(out->phase) },
		{ lo->sweepgen, 0, &out->gen, sizeof(out->gen) },
		{ lo->gccontroller, lo->gccontroller_heaplive, &out->heap_live, 8 },
		{ lo->work, lo->work_tsweepterm, &out->start_ns, 8 },
		{ lo->work, lo->work_tmark, &out->mark_ns, 8 },
		{ has_sweepers(lo) ? lo->sweepgen : lo->sweep,
		  has_sweepers(lo) ? SWEEPDRAINED_OFF : lo->sweep_active, sweeper->words,
		  has_sweepers(lo) ? 8 : 4 },
	};
	size_t n = lo->sweep || has_sweepers(lo) ? GC_READS : GC_READS - 1;

	*sweeper = (struct sweeper){ 0 };
	for (size_t i = 0; i < n; i++)
		reads[i] = (struct target_read){
			.addr = words[i].var + (uint32_t)words[i].off + gm->bias,
			.buf = words[i].to, .len = words[i].len };
	return n;
}

static bool knows_gc(const struct gomem *gm)
{
	return gm->lo->gcphase && gm->lo->work;
}

int gomem_gc(const struct gomem *gm, struct gomem_gc *out)
{
	struct target_read reads[GC_READS];
	struct sweeper sweeper;
	size_t n;

	if (!knows_gc(gm))
		return -ENOTSUP;
	n = want_gc(gm, out, &sweeper, reads);
	if (target_read_many(gm->t, reads, n) != n)
		return -EFAULT;
	out->swept = all_swept(gm->lo, &sweeper);
	return 0;
}

/* ---- a reading ------------------------------------------------------------------------------- */

/* What has been handed in between two looks at the ring.  -EAGAIN: less than nothing in some class;
 * somebody asks runtime/metrics, which moves one delta into another, or all caches were emptied
 * (up to Go 1.18, where that takes counts back). */
static int add_handed_in(const struct census_counts *first, const struct census_counts *second,
			 struct census_reading *out)
{
	int64_t bytes = (int64_t)(second->large_alloc_bytes - first->large_alloc_bytes);
	bool less = bytes < 0 || second->large_free_bytes < first->large_free_bytes;

	out->large_bytes_above = (uint64_t)bytes;
	out->sweeping = false;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		int64_t n = (int64_t)(second->n_alloc[i] - first->n_alloc[i]);

		less = less || n < 0 || second->n_free[i] < first->n_free[i];
		out->above[i] = (uint64_t)n;
		out->sweeping = out->sweeping || second->n_free[i] != first->n_free[i];
	}
	return less ? -EAGAIN : 0;
}

/* Room for the ring of deltas, and how to read it. */
struct ring {
	uint8_t raw[N_DELTAS * MAX_HEAPSTATS_BYTES];
	struct target_read read;
};

static bool want_ring(const struct gomem *gm, struct ring *r)
{
	size_t len = 0;
	bool known = census_place(gm, &r->read.addr, &len);

	r->read.buf = r->raw;
	r->read.len = (uint32_t)len;
	return known;
}

/* The Ps are taken to be those of the last time, and are looked at along with the ring. */
static int read_once(struct gomem *gm, uint32_t gen, struct census_reading *out,
		     struct gomem_gc *gc)
{
	struct gomem_cached cached = { .gen = gen };
	struct census_counts first = { 0 }, second = { 0 };
	struct ring before, after;
	uint64_t allp[2];
	struct target_read reads[2], reads_after[MAX_BESIDE];
	size_t n_after = 1;
	struct sweeper sweeper;
	int err = want_ring(gm, &before) && want_ring(gm, &after) ? 0 : -EBADMSG;

	if (!err && !gm->ps)
		err = find_ps(gm);
	reads[0] = before.read;
	reads[1] = (struct target_read){ .addr = gm->lo->allp + gm->bias, .buf = allp,
					 .len = sizeof(allp) };
	reads_after[0] = after.read;
	if (gc)
		n_after += want_gc(gm, gc, &sweeper, reads_after + 1);
	out->begin_ns = now_ns();
	out->counts = first;
	if (!err)
		err = add_ps(gm, &(struct beside){ reads, 2 },
			     &(struct beside){ reads_after, n_after }, &out->counts, &cached);
	out->end_ns = now_ns();
	if (err)
		return err;
	if (gc)
		gc->swept = all_swept(gm->lo, &sweeper);
	if (!same_ps(gm, allp)) {
		err = read_ps(gm, allp);
		return err ? err : -EAGAIN;
	}
	memcpy(out->cached, out->counts.n_alloc, sizeof(out->cached));
	gomem_add_ring(gm->lo, before.raw, &first);
	gomem_add_ring(gm->lo, before.raw, &out->counts);
	gomem_add_ring(gm->lo, after.raw, &second);
	out->unswept = cached.unswept;
	err = add_handed_in(&first, &second, out);
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		out->above[i] += cached.above[i];
	return err;
}

int gomem_read_counts(struct gomem *gm, uint32_t gen, struct census_reading *out,
		      struct gomem_gc *gc)
{
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++)
		err = read_once(gm, gen, out, gc);
	return err;
}

/* ---- for others ------------------------------------------------------------------------------ */

/* Of each class what is known better. */
static void take_better(struct census_reading *best, const struct census_reading *r)
{
	best->end_ns = r->end_ns;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		if (r->above[i] >= best->above[i])
			continue;
		best->above[i] = r->above[i];
		best->counts.n_alloc[i] = r->counts.n_alloc[i];
		best->cached[i] = r->cached[i];
		if (i > 0)
			continue;
		best->counts.large_alloc_bytes = r->counts.large_alloc_bytes;
		best->large_bytes_above = r->large_bytes_above;
	}
}

static bool exact(const struct census_reading *r)
{
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		if (r->above[i])
			return false;
	return true;
}

/*
 * When marking is done the caches are emptied into the ring, one span after another.  A reading
 * into which this falls finds some of what was allocated in neither of them; above[] tells, and it
 * is read again.  One in which the sweepgen itself has moved may have taken spans for cached that
 * were being swept, and counts for nothing.
 */
int gomem_counts_since(struct gomem *gm, uint32_t gen, struct census_reading *out, bool *emptied)
{
	struct census_reading r;
	uint32_t before, now;
	bool read = false;
	int err = gomem_sweepgen(gm, &now);

	for (int i = 0; i < TRIES && !err; i++) {
		before = now;
		err = gomem_read_counts(gm, before, &r, NULL);
		if (!err)
			err = gomem_sweepgen(gm, &now);
		if (err || now != before)
			continue;
		if (read)
			take_better(out, &r);
		else
			*out = r;
		read = true;
		*emptied = now != gen;
		if (!*emptied || exact(out))
			break;
	}
	return err || read ? err : -EAGAIN;
}

int census_allocs(struct gomem *gm, struct census_reading *out)
{
	struct census_reading best, r;
	uint32_t gen;
	int err = gomem_heapstats_sane(gm->lo) ? gomem_sweepgen(gm, &gen) : -EBADMSG;

	if (!err)
		err = gomem_read_counts(gm, gen, &best, NULL);
	for (int i = 1; i < TRIES && !err && !exact(&best); i++) {
		err = gomem_read_counts(gm, gen, &r, NULL);
		if (!err)
			take_better(&best, &r);
	}
	if (!err)
		err = gomem_sweepgen(gm, &gen);
	if (!err)
		*out = best;
	return err;
}
