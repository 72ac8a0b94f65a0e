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
 * hangs on how exactly the cost of a hit is known, so then it is not used: of a class, what the
 * slow ones would have made is what the runtime counts outside of the window less what the others
 * stand for, and the records of the slow ones share it evenly.
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
	SLOW = 0.2,		/* part of the window in traps from which 1 / (1 - u) is not used */
	MOST = 0.95;		/* part that is believed where nothing else is known */

enum { MAX_GOROUTINES_BYTES = 4 << 20, TINY_BLOCK = 16 };

struct hits {
	uint64_t g;
	uint64_t n;
};

struct burst {
	struct table goroutines;	/* struct hits */
	struct burst_record *v;
	size_t n, cap;
};

void burst_new(struct burst **out)
{
	struct burst *w = xcalloc(1, sizeof(*w));

	table_init(&w->goroutines, sizeof(struct hits), MAX_GOROUTINES_BYTES);
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

/* By class, how many allocations each record of a slow goroutine stands for. */
static void share_out(const struct burst *w, const struct burst_facts *f,
		      double share[BURST_CLASSES])
{
	double others[BURST_CLASSES] = { 0 }, slow[BURST_CLASSES] = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct burst_record *r = &w->v[i];
		double u = part_in_traps(w, f, r);

		if (u < SLOW)
			others[r->class % BURST_CLASSES] += burst_counted(r) / (1 - u);
		else
			slow[r->class % BURST_CLASSES] += burst_counted(r);
	}
	for (unsigned i = 0; i < BURST_CLASSES; i++) {
		double left = f->expected ? f->expected[i] - others[i] : 0;

		share[i] = slow[i] > 0 ? fmax(left / slow[i], 1) : 1;
	}
}

/* A chance that says as much; 0: certain. */
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
	double share[BURST_CLASSES];

	share_out(w, facts, share);
	for (size_t i = 0; i < w->n; i++) {
		struct burst_record *r = &w->v[i];
		double u = part_in_traps(w, facts, r);
		double times = u < SLOW ? 1 / (1 - u) :
			       facts->expected ? share[r->class % BURST_CLASSES] :
						 1 / (1 - fmin(u, MOST));

		r->rec.chance = chance_of(plain_weight(r) * times);
		fn(ctx, r);
	}
	w->n = 0;
	if (facts->over)
		table_clear(&w->goroutines);
}
