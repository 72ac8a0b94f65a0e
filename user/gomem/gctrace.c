// SPDX-License-Identifier: BSD-2-Clause
/*
 * gctrace.c - reads what gcMarkTermination (runtime/mgc.go) leaves behind.
 *
 * memstats keeps pause and end of the last 256 collections, and how many there were; numgc is
 * counted up last, so what belongs to the collections it counts is there.  The oldest entry may be
 * about to be written by the next one, so 255 are certain.  The rest of the last collection stands
 * in work, until the next one begins: work.cycles is ahead of numgc then, and the times are out of
 * order.  gcStart sets heap0 a few instructions before either shows; two readings that agree have
 * not been taken between these.
 */
#include "user/gomem/gctrace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"
#include "user/model.h"

enum { RING = 256, TRIES = 4 };		/* len(memstats.pause_ns) */

_Static_assert((int)GCTRACE_MOST < (int)RING, "the oldest may be written to");

/* One reading; no padding, so that two can be compared. */
struct reading {
	uint32_t numgc, numforcedgc;
	uint64_t pause_ns[RING], pause_end[RING];
	uint64_t last_gc_nanotime;
	uint64_t sweep_term, mark, mark_term, end;	/* work.tSweepTerm ... */
	uint64_t heap0, heap1, heap2;
	uint32_t cycles;
	uint32_t user_forced;		/* a bool of the target in its first byte */
};

struct gctrace {
	struct gomem *gm;
	bool looked;
	uint32_t numgc, numforcedgc;	/* at the last look */
	uint64_t goal;			/* of the one after that; UNKNOWN_U64 */
};

struct gctrace *gctrace_open(struct gomem *gm)
{
	struct gctrace *t = xcalloc(1, sizeof(*t));

	t->gm = gm;
	t->goal = UNKNOWN_U64;
	return t;
}

void gctrace_close(struct gctrace *t)
{
	free(t);
}

static bool layout_known(const struct go_layout *lo)
{
	const int32_t fields[] = {
		lo->mstats_pause_ns, lo->mstats_pause_end, lo->mstats_numgc,
		lo->mstats_numforcedgc, lo->mstats_last_gc_nanotime, lo->work_cycles,
		lo->work_userforced, lo->work_tsweepterm, lo->work_tmark, lo->work_tmarkterm,
		lo->work_tend, lo->work_heap0, lo->work_heap1, lo->work_heap2,
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i] < 0)
			return false;
	return lo->memstats && lo->work;
}

static int read_once(const struct gomem *gm, struct reading *out)
{
	const struct go_layout *lo = gm->lo;
	uint64_t mstats = lo->memstats + gm->bias, work = lo->work + gm->bias;
	uint8_t user_forced = 0;
	struct reading r = { 0 };
	struct target_read reads[] = {
#define READ(base, field, to) \
	{ .addr = (base) + (uint32_t)lo->field, .buf = &(to), .len = sizeof(to) }
		READ(mstats, mstats_numgc, r.numgc),
		READ(mstats, mstats_numforcedgc, r.numforcedgc),
		READ(mstats, mstats_pause_ns, r.pause_ns),
		READ(mstats, mstats_pause_end, r.pause_end),
		READ(mstats, mstats_last_gc_nanotime, r.last_gc_nanotime),
		READ(work, work_tsweepterm, r.sweep_term), READ(work, work_tmark, r.mark),
		READ(work, work_tmarkterm, r.mark_term), READ(work, work_tend, r.end),
		READ(work, work_heap0, r.heap0), READ(work, work_heap1, r.heap1),
		READ(work, work_heap2, r.heap2), READ(work, work_cycles, r.cycles),
		READ(work, work_userforced, user_forced),
#undef READ
	};

	if (target_read_many(gm->t, reads, ARRAY_SIZE(reads)) != ARRAY_SIZE(reads))
		return -EFAULT;
	r.user_forced = user_forced;
	*out = r;
	return 0;
}

static int read_settled(const struct gomem *gm, struct reading *out)
{
	struct reading again;
	int err = read_once(gm, out);

	for (int i = 0; i < TRIES && !err; i++) {
		err = read_once(gm, &again);
		if (!err && !memcmp(out, &again, sizeof(again)))
			return 0;
		*out = again;
	}
	return err ? err : -EAGAIN;
}

/* Whether work is still about the collection that numgc counted last. */
static bool is_of_last(const struct reading *r)
{
	return r->cycles == r->numgc && r->end == r->last_gc_nanotime &&
	       r->sweep_term <= r->mark && r->mark <= r->mark_term && r->mark_term <= r->end;
}

static void fill_last(const struct reading *r, struct gc_cycle *c)
{
	c->begin_ns = r->sweep_term;
	c->end_ns = r->end;
	c->heap_begin = r->heap0;
	c->heap_end = r->heap1;
	c->live = r->heap2;
	c->forced = r->user_forced & 1;
}

/* Whether all of the last n were forced, or none. */
static int forced(uint32_t n_forced, uint32_t n)
{
	return !n_forced ? 0 : n_forced == n ? 1 : -1;
}

static uint32_t fill(const struct gctrace *t, const struct reading *r, struct gc_cycle *out,
		     uint64_t *n_missed)
{
	uint32_t ended = r->numgc - t->numgc;	/* counts may wrap */
	uint32_t n = ended < GCTRACE_MOST ? ended : GCTRACE_MOST;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = r->numgc - n + 1 + i, at = (number - 1) % RING;

		out[i] = (struct gc_cycle){
			.number = number, .end_unix_ns = (int64_t)r->pause_end[at],
			.pause_ns = r->pause_ns[at], .begin_ns = UNKNOWN_U64, .end_ns = UNKNOWN_U64,
			.heap_begin = UNKNOWN_U64, .heap_end = UNKNOWN_U64, .live = UNKNOWN_U64,
			.goal = ended == 1 ? t->goal : UNKNOWN_U64,
			.forced = forced(r->numforcedgc - t->numforcedgc, ended) };
	}
	if (n && is_of_last(r))
		fill_last(r, &out[n - 1]);
	*n_missed = ended - n;
	return n;
}

/* Of the collection to come. */
static uint64_t next_goal(struct gomem *gm, uint32_t numgc)
{
	struct go_memstats st;

	return !gomem_memstats(gm, &st) && st.num_gc == numgc ? st.next_gc : UNKNOWN_U64;
}

int gctrace_look(struct gctrace *t, struct gc_cycle *out, uint64_t *n_missed)
{
	const struct go_layout *lo = t->gm->lo;
	uint32_t numgc, gen, n;
	struct reading r;
	int err = layout_known(lo) ? gomem_sweepgen(t->gm, &gen) : -ENOENT;

	*n_missed = 0;
	if (!err)
		err = target_read(t->gm->t, lo->memstats + (uint32_t)lo->mstats_numgc + t->gm->bias,
				  &numgc, sizeof(numgc));
	if (err || (t->looked && numgc == t->numgc))
		return err;
	err = read_settled(t->gm, &r);
	if (!err)
		err = gomem_sweepgen(t->gm, &gen);	/* the same program still */
	if (err)
		return err;
	n = fill(t, &r, out, n_missed);
	t->goal = next_goal(t->gm, r.numgc);
	t->numgc = r.numgc;
	t->numforcedgc = r.numforcedgc;
	t->looked = true;
	return (int)n;
}
