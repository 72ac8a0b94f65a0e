// SPDX-License-Identifier: BSD-2-Clause
/*
 * census_poll.c - the begin of each mark phase, without a probe.
 *
 * What the census wants of a mark phase is how much of each class had been allocated when it began
 * (A), and how much had been found free by then (F).
 *
 * A only grows.  So a reading that ended before the mark phase began and one that began after are
 * bounds of A, which hold however late either was made; and the runtime notes the time at which it
 * began (work.tSweepTerm, work.tMark in gcStart, runtime/mgc.go), so A itself is taken from between
 * them in proportion to the time.
 *
 * F does not move during a mark phase, nor before it once all is swept that the last one left.  So
 * the second reading tells it if it was made while the collector marked, else the first one if all
 * had been swept by then, else it is unknown, and the cycle that ends here is not seen whole.
 *
 * The bounds are as wide as the class's allocations between the two readings.  How far the heap is
 * from the size at which the collector starts, and how fast it comes nearer, can be read: so each
 * look waits for two thirds of the time that is left, and looks are as close as a five thousandth
 * of the period (0.2 ms to 1 ms) only where a mark phase is due.  What starts without that
 * (runtime.GC, the two minutes) is seen late, and bounded accordingly.  A program that collects
 * hundreds of times a second is looked at in runs of some cycles, with pauses in between, so that
 * the reads stay few.
 */
#include "user/gomem/census_poll.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem_internal.h"

enum {
	MIN_WAIT_NS = 200000,
	FINE_WAIT_NS = 1000000,		/* between looks when one is due: this part of the period, */
	FINE_PARTS = 5000,		/* between these */
	OFTEN_WAIT_NS = 100000000,	/* between looks while no mark phase is due: a quarter of */
	MAX_WAIT_NS = 2000000000,	/* the period, between these; */
	GRID_NS = 250000000,		/* all processes at a time, so that we wake for them once */
	MAX_MARKING_NS = 250000000,	/* between looks while the collector marks; at most a */
	PERIOD_PARTS = 4,		/* quarter of the period */
	MIN_AGE_NS = 1000000,		/* of a reading of before the mark phase when it is made */
	OLD_AGE_NS = 1000000000,	/* anew, or this part of the longest wait, if that is more; */
	AGE_PERCENT = 130,
	AGE_TIMES = 8,			/* but never older than so many times the time left */
	RATE_NS = 1000000,		/* least time from which a rate is told, */
	RATE_MAX_NS = 10000000,		/* and the time after which one is told anew */
	PATIENCE = 64,			/* looks for one that is due, before they get rarer */
	MAX_RARER = 5,			/* times by two */
	/* System calls: */
	CALLS_LOOK = 1, CALLS_READING = 4,	/* two, that read much; of up to 16 Ps */
	CALLS_A_SECOND = 500,
	MAX_CALLS = CALLS_A_SECOND,	/* saved up */
	MIN_CALLS = CALLS_LOOK + CALLS_READING,
	RUN_CALLS = 200,		/* after a pause */
};

struct census_poll {
	struct gomem *gm;
	bool begun;			/* there was a look */
	uint64_t look_ns;		/* of the last one */
	uint64_t start_ns;		/* of the last cycle that is known to have been started */
	uint64_t period_ns;		/* from the one before */
	uint64_t since_ns;		/* so long there has been none: the period is no shorter */

	bool ready;			/* before is: no cycle had been started by then */
	struct census_reading before;
	uint32_t gen;			/* of that */
	uint64_t heap_live;
	bool swept;			/* n_free of that is F */

	double rate;			/* bytes a ns by which the heap grows; negative: unknown */
	uint64_t rate_ns, rate_live;	/* since when ... */
	uint32_t rate_gen;		/* ... in which cycle */
	uint64_t trigger;
	unsigned n_due;			/* looks since a mark phase has been due */
	double calls;			/* that may be made */
};

void census_poll_new(struct census_poll **out, struct gomem *gm)
{
	struct census_poll *p = xcalloc(1, sizeof(*p));

	p->gm = gm;
	p->trigger = UINT64_MAX;
	p->calls = MAX_CALLS;
	p->rate = -1;
	*out = p;
}

void census_poll_free(struct census_poll *p)
{
	free(p);
}

/* ---- when to look ---------------------------------------------------------------------------- */

static void note_rate(struct census_poll *p, const struct gomem_gc *gc, uint64_t now)
{
	uint64_t age = now - p->rate_ns;

	bool same = gc->phase == GC_OFF && gc->gen == p->rate_gen && gc->heap_live >= p->rate_live;

	if (same && age >= RATE_NS)
		p->rate = (double)(gc->heap_live - p->rate_live) / (double)age;
	if (same && age < RATE_MAX_NS)
		return;
	p->rate_ns = now;
	p->rate_live = gc->heap_live;
	p->rate_gen = gc->gen;
}

static void save_calls(struct census_poll *p, uint64_t now)
{
	p->calls += (double)(now - p->look_ns) * CALLS_A_SECOND / 1e9;
	if (p->calls > MAX_CALLS)
		p->calls = MAX_CALLS;
}

static double bytes_left(const struct census_poll *p, const struct gomem_gc *gc)
{
	return p->trigger > gc->heap_live ? (double)(p->trigger - gc->heap_live) : 0;
}

/* Between looks while nothing seems to be due: it may come sooner than it seems. */
static uint64_t longest_wait(const struct census_poll *p)
{
	uint64_t since = p->look_ns - p->since_ns;
	uint64_t wait = (since > p->period_ns ? since : p->period_ns) / PERIOD_PARTS;

	return wait < OFTEN_WAIT_NS ? OFTEN_WAIT_NS : wait > MAX_WAIT_NS ? MAX_WAIT_NS : wait;
}

/* A wait that may as well be somewhat shorter. */
static uint64_t on_grid(uint64_t now, uint64_t wait)
{
	return wait < 2 * GRID_NS ? wait : wait - (now + wait) % GRID_NS;
}

/* What a program allocates in it is as small a part of its heap, however often it collects. */
static uint64_t finest_wait(const struct census_poll *p)
{
	uint64_t wait = p->period_ns / FINE_PARTS;

	return wait < MIN_WAIT_NS ? MIN_WAIT_NS : wait > FINE_WAIT_NS ? FINE_WAIT_NS : wait;
}

static uint64_t wait_when_off(struct census_poll *p, const struct gomem_gc *gc)
{
	double wanted = bytes_left(p, gc) * 2 / 3, longest = (double)longest_wait(p);
	uint64_t finest = finest_wait(p);
	unsigned rarer;

	if (p->rate < 0)
		return RATE_NS;
	if (wanted >= p->rate * longest)
		return on_grid(p->look_ns, (uint64_t)longest);
	if (wanted > p->rate * (double)finest) {
		p->n_due = 0;
		return (uint64_t)(wanted / p->rate);
	}
	rarer = p->n_due++ / PATIENCE;
	return finest << (rarer < MAX_RARER ? rarer : MAX_RARER);
}

static uint64_t wait_while_marking(const struct census_poll *p)
{
	uint64_t wait = p->period_ns / PERIOD_PARTS;

	return wait < MIN_WAIT_NS ? MIN_WAIT_NS : wait > MAX_MARKING_NS ? MAX_MARKING_NS : wait;
}

static uint64_t next_look(struct census_poll *p, const struct gomem_gc *gc, uint64_t now)
{
	uint64_t wait;

	if (p->calls < MIN_CALLS)
		wait = (uint64_t)((RUN_CALLS - p->calls) * 1e9 / CALLS_A_SECOND);
	else if (p->ready && gc->start_ns != p->start_ns)
		wait = MIN_WAIT_NS;		/* it is about to begin */
	else
		wait = gc->phase == GC_OFF ? wait_when_off(p, gc) : wait_while_marking(p);
	return now + wait;
}

/* ---- before a mark phase --------------------------------------------------------------------- */

/* Whether the reading that there is serves as well as one made now. */
static bool fresh(const struct census_poll *p, const struct gomem_gc *gc, uint64_t now)
{
	uint64_t age = now - p->before.end_ns, old = longest_wait(p) * AGE_PERCENT / 100;

	if (!p->ready)
		return false;
	return age < MIN_AGE_NS || age < 2 * finest_wait(p) ||
	       (gc->heap_live == p->heap_live && p->swept) ||
	       (age < (old > OLD_AGE_NS ? old : OLD_AGE_NS) &&
		(double)age * p->rate < AGE_TIMES * bytes_left(p, gc));
}

static bool same_cycle(const struct gomem_gc *a, const struct gomem_gc *b)
{
	return a->gen == b->gen && a->phase == b->phase && a->start_ns == b->start_ns;
}

/* No cycle has been started since the last one that is known. */
static int read_before(struct census_poll *p, const struct gomem_gc *gc, uint64_t now)
{
	struct gomem_gc after;
	struct census_reading r;
	int err = 0;

	if (p->ready && p->gen != gc->gen)
		p->ready = false;
	if (!p->ready) {
		p->calls--;
		err = gomem_trigger(p->gm, &p->trigger);
	}
	if (err || fresh(p, gc, now))
		return err;
	p->calls -= CALLS_READING;
	err = gomem_read_counts(p->gm, gc->gen, &r, &after);
	if (err || !same_cycle(gc, &after))
		return err == -EAGAIN ? 0 : err;
	p->before = r;
	p->ready = true;
	p->gen = gc->gen;
	p->heap_live = gc->heap_live;
	p->swept = gc->swept && after.swept && !r.unswept && !r.sweeping;
	return 0;
}

/* ---- after its begin ------------------------------------------------------------------------- */

static uint64_t middle(const struct census_reading *r)
{
	return r->begin_ns + (r->end_ns - r->begin_ns) / 2;
}

/* Which part of what was allocated between the two readings was before the world was stopped.  Its
 * clock is ours unless it has a time namespace of its own; then it tells nothing. */
static double part_before(const struct census_reading *before, const struct census_reading *after,
			  const struct gomem_gc *gc, uint64_t *time_ns)
{
	uint64_t from = middle(before), to = middle(after);
	uint64_t resumed = gc->mark_ns > gc->start_ns ? gc->mark_ns : to;
	double first, second;

	*time_ns = from + (to - from) / 2;
	if (gc->start_ns < from || gc->start_ns > to)
		return 0.5;
	*time_ns = gc->start_ns;
	first = (double)(gc->start_ns - from);
	second = resumed < to ? (double)(to - resumed) : 0;
	return first + second > 0 ? first / (first + second) : 0.5;
}

/* Between the bounds [low, high], by the part of what lies between the best guesses. */
static uint64_t between(uint64_t low, uint64_t low_above, uint64_t high, uint64_t high_above,
			double part, uint64_t *below, uint64_t *above)
{
	double from = (double)low_above / 2, to = (double)(high - low) + (double)high_above / 2;
	uint64_t all = high + high_above - low, off;

	if ((int64_t)all < 0)		/* not what counts do: somebody was moving them */
		all = 0;
	off = to > from ? (uint64_t)(from + part * (to - from)) : (uint64_t)from;
	if (off > all)
		off = all;
	*below = off;
	*above = all - off;
	return low + off;
}

static void fill_mark(const struct census_poll *p, const struct gomem_gc *gc,
		      const struct census_reading *after, struct census_mark *out)
{
	const struct census_reading *before = &p->before;
	double part;

	*out = (struct census_mark){ .gen = p->gen };
	part = part_before(before, after, gc, &out->time_ns);
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		out->counts.n_alloc[i] =
			between(before->counts.n_alloc[i], before->above[i],
				after->counts.n_alloc[i], after->above[i], part,
				&out->below[i], &out->above[i]);
	out->counts.large_alloc_bytes =
		between(before->counts.large_alloc_bytes, before->large_bytes_above,
			after->counts.large_alloc_bytes, after->large_bytes_above, part,
			&out->large_below, &out->large_above);
	out->counts.n_tiny = before->counts.n_tiny;
}

static void fill_freed(const struct census_reading *r, struct census_mark *out)
{
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		out->counts.n_free[i] = r->counts.n_free[i];
	out->counts.large_free_bytes = r->counts.large_free_bytes;
}

/* A cycle has been started, and before is of right before it. */
static int read_after(struct census_poll *p, const struct gomem_gc *gc, struct census_mark *out)
{
	struct census_reading r;
	struct gomem_gc after;
	int err;

	p->calls -= CALLS_READING;
	err = gomem_read_counts(p->gm, gc->gen, &r, &after);
	if (err)
		return err == -EAGAIN ? 0 : err;
	fill_mark(p, after.start_ns == gc->start_ns ? &after : gc, &r, out);
	if (gc->phase != GC_OFF && after.phase != GC_OFF && gc->gen == after.gen && !r.sweeping)
		fill_freed(&r, out);
	else if (p->swept)
		fill_freed(&p->before, out);
	else
		out->free_unknown = true;
	return 1;
}

/* It is the one that before is of right before; not the second since then, and none that is only
 * about to begin. */
static bool is_next(const struct census_poll *p, const struct gomem_gc *gc)
{
	bool over = gc->phase == GC_OFF;

	return p->ready && gc->gen == p->gen + (over ? 2 : 0) &&
	       (!over || gc->mark_ns >= gc->start_ns);
}

/* It has been started, but the world has not been stopped; or the mark phase is over, and the world
 * is still stopped. */
static bool in_between(const struct census_poll *p, const struct gomem_gc *gc)
{
	return gc->phase == GC_OFF && gc->gen == p->gen;
}

int census_poll_look(struct census_poll *p, uint64_t now_ns, struct census_mark *mark,
		     uint64_t *next_ns)
{
	struct gomem_gc gc;
	int err = gomem_gc(p->gm, &gc);

	if (err)
		return err;
	if (!p->begun) {
		p->begun = true;
		p->look_ns = p->since_ns = now_ns;
		p->start_ns = gc.start_ns;
	}
	save_calls(p, now_ns);
	p->calls -= CALLS_LOOK;
	p->look_ns = now_ns;
	note_rate(p, &gc, now_ns);
	if (gc.start_ns == p->start_ns) {
		if (gc.phase == GC_OFF)
			err = read_before(p, &gc, now_ns);
	} else if (!p->ready || !in_between(p, &gc)) {
		if (is_next(p, &gc))
			err = read_after(p, &gc, mark);
		else
			p->rate = -1;		/* it came sooner than expected */
		p->period_ns = gc.start_ns - p->start_ns;
		p->since_ns = now_ns;
		p->start_ns = gc.start_ns;
		p->ready = false;
	}
	*next_ns = next_look(p, &gc, now_ns);
	return err;
}
