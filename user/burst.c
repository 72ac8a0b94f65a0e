// SPDX-License-Identifier: BSD-2-Clause
/*
 * burst.c - what the records of a window stand for.
 *
 * A window takes a share f of the time, but not that share of all allocations.  A loop that does
 * little but allocate makes ten times fewer of them while each costs a trap; what is driven by a
 * clock or by requests goes on as before.  If the window's samples were scaled to what the runtime
 * counts, class by class, the second would be taken for ten times what it is.
 *
 * How much a goroutine was slowed is known: it spent n hits of its own times the cost of one in
 * traps, a part u of the window, and has done in the other 1 - u what it does in all of it
 * otherwise.  So each of its records stands for 1 / (1 - u) allocations.  As u comes near to 1 that
 * hangs on how exactly the cost of a hit is known, and on how much of the window it had a processor,
 * so for the slowest and those that come near to them it is not used: of a class, what the slow ones
 * would have made is what the runtime counts outside of windows less what the others stand for, and
 * the records of the slow ones share it evenly.
 *
 * The others are not quite what they are outside of a window either: they wait for processors that
 * the slow ones hold for longer.  Classes in which nothing is slow tell by how much, in all, and
 * what the others stand for is corrected by it.
 *
 * Neither is decided by one window, in which much or nothing may happen, but by the last ten or so.
 *
 * Where everything is slowed together, since it waits for each other or for a processor, no single
 * goroutine is slow, and scaling to the runtime's counts, which comes later, is right.
 */
#include "user/burst.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/table.h"
#include "user/base/util.h"

static const double
	SLOW = 1.0 / 8,		/* of what the slowest spent in traps: who did so is slow, */
	LEAST_SLOW = 0.02,	/* and spent at least this part of the window there */
	MOST = 0.95,		/* part that is believed where nothing else is known */
	PURE = 0.01,		/* of a class in which nothing is slow, what may be all the same */
	FORGET = 0.1,		/* of what was seen in the windows before, with each */
	FEW = 30,		/* as many more records would have to tell that all is as else */
	FACTOR = 4;		/* that others are corrected by, at most */

enum { MAX_GOROUTINES_BYTES = 4 << 20, TINY_BLOCK = 16 };

struct hits {
	uint64_t g;
	uint64_t n;
};

struct burst {
	struct table goroutines;	/* struct hits */
	struct burst_record *v;
	size_t n, cap;
	uint64_t random;
	/* By class, of the last windows: what there would have been without, where that is known,
	 * and the records of it, corrected by 1 / (1 - u), and of slow goroutines. */
	double expected[BURST_CLASSES], others[BURST_CLASSES], slow[BURST_CLASSES];
};

void burst_new(struct burst **out, uint64_t seed)
{
	struct burst *w = xcalloc(1, sizeof(*w));

	table_init(&w->goroutines, sizeof(struct hits), MAX_GOROUTINES_BYTES);
	w->random = (seed ? seed : table_seed()) | 1;
	*out = w;
}

void burst_free(struct burst *w)
{
	if (!w)
		return;
	table_fini(&w->goroutines);
	free(w->v);
	free(w);
}

bool burst_add(struct burst *w, const struct burst_record *r)
{
	struct hits *h;
	bool is_new;

	if (w->n == BURST_RECORDS)
		return false;
	w->v = grow(w->v, w->n, &w->cap, sizeof(*w->v));
	w->v[w->n++] = *r;
	/* without room for its goroutine it counts as one that was not slowed */
	h = r->rec.g ? table_put(&w->goroutines, r->rec.g, &is_new) : NULL;
	if (h)
		h->n++;
	return true;
}

size_t burst_n(const struct burst *w)
{
	return w->n;
}

/* The part of the window that its goroutine spent in traps. */
static double part_in_traps(const struct burst *w, const struct burst_facts *f,
			    const struct burst_record *r)
{
	const struct hits *h = r->rec.g ? table_find(&w->goroutines, r->rec.g) : NULL;

	return h && f->open_ns > 0 ? (double)h->n * f->hit_ns / f->open_ns : 0;
}

/* By the chance that BPF drew it with. */
static double plain_weight(const struct burst_record *r)
{
	return r->rec.chance ? 0x1p32 / r->rec.chance : 1;
}

double burst_counted(const struct burst_record *r)
{
	return !r->tiny || r->rec.addr % TINY_BLOCK == 0 ? plain_weight(r) : 0;
}

/* The part of the window in traps from which on a goroutine is slow.  The slowest tells, since one
 * that waits for a processor most of the time can spend no more than a little. */
static double slow_from(const struct burst *w, const struct burst_facts *f)
{
	double most = 0;

	for (size_t i = 0; i < w->n; i++)
		most = fmax(most, part_in_traps(w, f, &w->v[i]));
	return fmax(most * SLOW, LEAST_SLOW);
}

/* What the records of a batch stand for. */
struct weights {
	double slow_from;		/* part of the window in traps */
	double others;			/* times 1 / (1 - u), of those that were not slow */
	double slow[BURST_CLASSES];	/* of those that were, each; 0: 1 / (1 - u) */
};

static void remember(struct burst *w, const struct burst_facts *f, double slow_enough)
{
	for (unsigned i = 0; i < BURST_CLASSES && f->expected; i++)
		w->expected[i] += f->expected[i];
	for (size_t i = 0; i < w->n && f->expected; i++) {
		const struct burst_record *r = &w->v[i];
		double u = part_in_traps(w, f, r);

		if (u < slow_enough)
			w->others[r->class % BURST_CLASSES] += burst_counted(r) / (1 - u);
		else
			w->slow[r->class % BURST_CLASSES] += burst_counted(r);
	}
}

static void forget(struct burst *w)
{
	for (unsigned i = 0; i < BURST_CLASSES; i++) {
		w->expected[i] *= 1 - FORGET;
		w->others[i] *= 1 - FORGET;
		w->slow[i] *= 1 - FORGET;
	}
}

/* What there was of classes in which nothing is slow, over what its records stand for. */
static double correct_others(const struct burst *w)
{
	double seen = FEW, real = FEW;

	for (unsigned i = 0; i < BURST_CLASSES; i++) {
		if (w->others[i] < FEW || w->slow[i] > PURE * w->others[i])
			continue;
		seen += w->others[i];
		real += w->expected[i];
	}
	return fmin(fmax(real / seen, 1 / FACTOR), FACTOR);
}

static void find_weights(struct burst *w, const struct burst_facts *f, struct weights *out)
{
	*out = (struct weights){ .slow_from = slow_from(w, f) };
	remember(w, f, out->slow_from);
	out->others = correct_others(w);
	for (unsigned i = 0; i < BURST_CLASSES; i++)
		if (w->slow[i] > 0)
			out->slow[i] = fmax((w->expected[i] - w->others[i] * out->others) /
					    w->slow[i], 1);
}

/* Between 0 and 1: xorshift64*, Vigna 2016. */
static double draw(struct burst *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (double)(w->random * 0x2545f4914f6cdd1dull >> 11) * 0x1p-53;
}

/* A chance that says as much; 0: certain.  None stands for less than itself: instead some by chance
 * are left out. */
static uint32_t chance_of(double weight)
{
	double chance = 0x1p32 / weight;

	if (chance >= 0x1p32 - 1)
		return 0;
	return chance < 1 ? 1 : (uint32_t)chance;
}

void burst_feed(struct burst *w, const struct burst_facts *facts,
		 void (*fn)(void *ctx, const struct burst_record *r), void *ctx)
{
	struct weights weights;

	find_weights(w, facts, &weights);
	for (size_t i = 0; i < w->n; i++) {
		struct burst_record *r = &w->v[i];
		double slow = weights.slow[r->class % BURST_CLASSES];
		double u = part_in_traps(w, facts, r);
		double times = u < weights.slow_from ? weights.others / (1 - u) :
			       slow > 0 ? slow : 1 / (1 - fmin(u, MOST));

		times *= plain_weight(r);
		r->rec.chance = chance_of(times);
		if (times >= 1 || draw(w) < times)
			fn(ctx, r);
	}
	w->n = 0;
	if (!facts->over)
		return;
	table_clear(&w->goroutines);
	forget(w);
}
