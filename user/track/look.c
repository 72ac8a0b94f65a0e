// SPDX-License-Identifier: BSD-2-Clause
/*
 * look.c - after a collection: asks of all objects whether they live.
 *
 * Doubt.  A mark bit says that the slot holds something that lives, not that it is the same object.
 * Let R be the last sweepgen in which an object is known to have lived: that of its birth, or of
 * the last look that found it alive.  Its slot can be free only from collection R+2 on.
 *
 *	- If the next look belongs to R+2, its answer is about this very object: what is in the slot
 *	  while the mark phase runs is still that, and a slot that is used again after it keeps the
 *	  answer (free) until the next collection.
 *	- If it belongs to a later collection, the object may have died at R+2 and a successor, born
 *	  in sweepgen R+2 or later, may be what is alive.  The successor's record ends the old
 *	  object here, unless that record was lost.
 *
 * So an object found alive is doubtful if the collection after R was not looked at, and a record
 * may have been lost in sweepgen R+2 or later.  It stays doubtful as long as it is there.  An
 * object that every collection has been looked at for is safe, however much was lost; one born
 * since the last look and before a gap is at risk, and so is one born before the last look, if it
 * died in the gap.
 *
 * When a loss is noticed the sweepgen of that moment bounds its own from above; all that is kept is
 * the bound of the latest.  Every loss may make one doubtful object (a lost first one of a block as
 * many as the block has tiny ones), which bounds what a snapshot shows.
 *
 * Where on purpose not everything is recorded, that is a loss that goes on: its upper bound is the
 * present, or the sweepgen in which everything was recorded again.  While it goes on the lower one
 * counts, too: the successor was born before the collection that found it alive, so what is unseen
 * only since that one does no harm.  How many successors there may be nobody knows.  But where an
 * object has a successor it has died; so of those that missed collections no more can have been
 * replaced than such objects die in as many.  That is known of each account from the looks that
 * missed none, and from the dead that a look after a gap finds: of a leak next to nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/object.h"
#include "user/track/track_internal.h"

enum {
	DIGIT_BITS = 8,		/* of addresses, when they are sorted */
	N_DIGITS = 1 << DIGIT_BITS,
	FEW = 48,
	AHEAD = 16,		/* entries of the table are fetched before they are looked at */
};

struct look {
	uint64_t *addrs;	/* sorted */
	size_t n;
	struct object *batch;
	size_t n_batch;
};

/* ---- addresses in order --------------------------------------------------------------------- */

static void sort_few(uint64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t x = v[i];
		size_t k = i;

		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

/* Radix sort in place, from the digit at shift downwards: a million take 35 ms, where qsort() takes
 * 140. */
static void sort_addrs(uint64_t *v, size_t n, int shift)
{
	size_t next[N_DIGITS] = { 0 }, end[N_DIGITS], sum = 0;

	if (n < FEW || shift < 0) {
		sort_few(v, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		next[v[i] >> shift & (N_DIGITS - 1)]++;
	for (size_t d = 0; d < N_DIGITS; d++) {
		end[d] = sum + next[d];
		next[d] = sum;
		sum = end[d];
	}
	for (size_t d = 0; d < N_DIGITS; d++)
		while (next[d] < end[d]) {
			uint64_t x = v[next[d]];
			size_t to = x >> shift & (N_DIGITS - 1);

			v[next[d]] = v[next[to]];
			v[next[to]++] = x;
		}
	for (size_t d = 0, from = 0; d < N_DIGITS; from = end[d++])
		if (end[d] - from > 1)
			sort_addrs(v + from, end[d] - from, shift - DIGIT_BITS);
}

static void sort_all(uint64_t *v, size_t n)
{
	uint64_t differ = 0;
	int shift = 0;

	for (size_t i = 1; i < n; i++)
		differ |= v[i] ^ v[0];
	while (shift + DIGIT_BITS < 64 && differ >> (shift + DIGIT_BITS))
		shift += DIGIT_BITS;
	sort_addrs(v, n, shift);
}

/* Those born after the collection have not been marked or swept: nothing can be said of them. */
static void collect_addrs(const struct track *tr, struct look *lk, uint32_t gen)
{
	lk->addrs = xcalloc(tr->objects.n, sizeof(*lk->addrs));
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		if ((int32_t)(o->gen - gen) < 0)
			lk->addrs[lk->n++] = o->addr;
	sort_all(lk->addrs, lk->n);
}

/* ---- one batch ------------------------------------------------------------------------------ */

/* The next objects from addrs[from] on, whole blocks; the table does not change meanwhile, so that
 * entries stay where they are. */
static void fill_batch(const struct track *tr, struct look *lk, size_t from)
{
	size_t max = tr->look_batch;

	lk->n_batch = 0;
	for (size_t i = from; i < lk->n; i++) {
		struct tracked *o = table_find(&tr->objects, lk->addrs[i]);
		const struct account *a = &tr->accounts[o->account];

		if (i + AHEAD < lk->n)
			table_expect(&tr->objects, lk->addrs[i + AHEAD]);
		if (lk->n_batch >= max && block_of(lk->addrs[i]) != block_of(lk->addrs[i - 1]))
			break;
		lk->batch[lk->n_batch++] = (struct object){
			.addr = o->addr, .gen = o->gen, .index = (uintptr_t)o,
			.size = a->tiny ? TINY_BLOCK : a->size };
	}
}

/* last: the answer is of a collection up to this one. */
static bool may_be_another(const struct track *tr, const struct tracked *o, uint32_t last)
{
	uint32_t next = o->gen + 2;

	if ((int32_t)(last - next) <= 0)
		return false;
	return (tr->had_loss && (int32_t)(tr->loss_gen - next) >= 0) ||
	       (tr->unseen && (int32_t)(tr->unseen_gen - last) < 0);
}

/* All in proportion, before they no longer fit. */
static void note_fate(struct fates *f, uint32_t *which, uint32_t n)
{
	if (*which > UINT32_MAX / 2) {
		f->died /= 2;
		f->lived /= 2;
		f->missed /= 2;
	}
	*which += n < UINT32_MAX / 4 ? n : UINT32_MAX / 4;
}

/* gen: of the answer, or the first that it may be of; last: or any up to this one. */
static void found_alive(struct track *tr, struct tracked *o, bool shared, uint32_t gen,
			uint32_t last)
{
	struct account *a = &tr->accounts[o->account];
	bool doubtful = may_be_another(tr, o, last);
	struct fates *fates = &a->fates[o->found];

	if (doubtful)
		note_fate(fates, &fates->missed, (last - o->gen - 2) / 2);
	else
		note_fate(fates, &fates->lived, 1);
	a->young -= !o->found;
	a->live += !o->found;
	if (!o->found)
		track_tell_born(tr, o);
	o->found = 1;
	shared = a->tiny && (shared || weigh_alone_unknown(tr, o));
	a->shared += shared;
	a->shared -= o->shared;
	o->shared = shared;
	a->doubtful += doubtful && !o->doubtful;
	o->doubtful |= doubtful;
	o->gen = gen;
}

static void found_dead(struct track *tr, uint64_t addr)
{
	const struct tracked *o = table_find(&tr->objects, addr);
	struct fates *fates = &tr->accounts[o->account].fates[o->found];

	note_fate(fates, &fates->died, 1);
	track_remove(tr, addr);
}

/* Block by block, since a live tiny object with a live neighbour in its block is shown as
 * shared.  The dead go last: that moves entries. */
static void apply_batch(struct track *tr, const struct look *lk, uint32_t gen, uint32_t last)
{
	const struct object *v = lk->batch;

	for (size_t i = 0, end; i < lk->n_batch; i = end) {
		size_t n_live = 0;

		for (end = i; end < lk->n_batch && block_of(v[end].addr) == block_of(v[i].addr);
		     end++)
			n_live += v[end].liveness == LIVENESS_LIVE;
		for (size_t k = i; k < end; k++)
			if (v[k].liveness == LIVENESS_LIVE)
				found_alive(tr, (struct tracked *)(uintptr_t)v[k].index, n_live > 1,
					    gen, last);
	}
	for (size_t i = 0; i < lk->n_batch; i++) {
		if (v[i].liveness == LIVENESS_DEAD)
			found_dead(tr, v[i].addr);
		tr->loss.liveness_unknown += v[i].liveness == LIVENESS_UNKNOWN;
	}
}

/* To be called before the sweepgen is asked for that bounds what was lost until now. */
static uint64_t ask_lost(const struct track *tr)
{
	return tr->ops.lost(tr->ops.ctx) + tr->n_unplaced;
}

static void note_lost(struct track *tr, uint64_t lost, uint32_t gen)
{
	if (lost == tr->n_lost)
		return;
	tr->n_lost = lost;
	tr->had_loss = true;
	tr->loss_gen = gen;
}

void track_unseen_from(struct track *tr, uint32_t gen)
{
	if (!tr->unseen || (int32_t)(gen - tr->unseen_gen) < 0)
		tr->unseen_gen = gen;
	tr->unseen = tr->was_unseen = true;
}

/* A loss before it bounds no more than this does. */
void track_seen_from(struct track *tr, uint32_t gen)
{
	if (!tr->unseen)
		return;
	tr->unseen = false;
	strata_skips(tr->strata, false);
	tr->had_loss = true;
	tr->loss_gen = gen;
}

/* If a collection ends meanwhile, some answers are already of that one. */
static int look_at_batch(struct track *tr, struct look *lk)
{
	uint32_t gen, last;
	uint64_t lost;
	int err;

	if (tr->ops.interrupted && tr->ops.interrupted(tr->ops.ctx))
		return -EINTR;
	err = tr->ops.alive(tr->ops.ctx, lk->batch, lk->n_batch, &gen);
	lost = ask_lost(tr);
	if (!err)
		err = tr->ops.alive(tr->ops.ctx, NULL, 0, &last);
	if (err)
		return err;
	note_lost(tr, lost, last);
	apply_batch(tr, lk, gen, last);
	return 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* sweepgen moves by 2 with each collection. */
static void count_cycles(struct track *tr, uint32_t gen)
{
	if (!tr->looked_gen)
		tr->gc_cycles = 1;
	else if ((int32_t)(gen - tr->looked_gen) > 0)
		tr->gc_cycles += (gen - tr->looked_gen) / 2;
	tr->looked_gen = gen;
}

int track_look(struct track *tr, uint64_t now)
{
	struct look lk = { 0 };
	uint64_t lost = ask_lost(tr);
	uint32_t gen;
	size_t i = 0;
	int err = tr->ops.alive(tr->ops.ctx, NULL, 0, &gen);

	if (err)
		return err;
	note_lost(tr, lost, gen);
	count_cycles(tr, gen);
	tr->loss.liveness_unknown = 0;
	collect_addrs(tr, &lk, gen);
	lk.batch = xcalloc((lk.n < tr->look_batch ? lk.n : tr->look_batch) + TINY_BLOCK,
			   sizeof(*lk.batch));
	for (; i < lk.n && !err; i += err ? 0 : lk.n_batch) {
		fill_batch(tr, &lk, i);
		err = look_at_batch(tr, &lk);
	}
	tr->loss.liveness_unknown += lk.n - i;
	if (!err)
		tr->looked_ns = now;
	free(lk.addrs);
	free(lk.batch);
	return err;
}
