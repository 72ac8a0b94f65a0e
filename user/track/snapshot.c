// SPDX-License-Identifier: BSD-2-Clause
/*
 * snapshot.c - what is known at this moment, as plain data.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/judge/stat.h"
#include "user/track/track_internal.h"

size_t track_held(const struct track *tr)
{
	return tr->objects.n;
}

void track_each_live(const struct track *tr,
		     void (*fn)(void *ctx, uint64_t key, uint64_t n, double live), void *ctx)
{
	double *live = xcalloc(tr->account_pool.n, sizeof(*live));

	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		live[o->account] += o->found ? weigh_object(tr, o) : 0;
	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];

		if (a->live)
			fn(ctx, a->key, (uint64_t)a->live << weigh_shift(tr, a), live[i]);
	}
	free(live);
}

void track_each_object(const struct track *tr,
		       bool (*fn)(void *ctx, uint64_t addr, uint64_t typ), void *ctx)
{
	const struct tracked *o = table_next(&tr->objects, NULL);

	for (; o; o = table_next(&tr->objects, o)) {
		const struct account *a = &tr->accounts[o->account];

		if (!o->doubtful && !a->tiny && a->typ && a->typ != GL_UNKNOWN &&
		    !fn(ctx, o->addr, a->typ))
			return;
	}
}

/* Its birth was not later than its record was fed, which is known to a unit of time. */
static bool is_sure(const struct track *tr, const struct tracked *o, uint64_t before_ns)
{
	return !o->doubtful && (int32_t)(o->gen - tr->looked_gen) >= 0 &&
	       track_birth_ns(tr, o) + (1ull << BIRTH_SHIFT) <= before_ns;
}

void track_sum(const struct track *tr, uint64_t before_ns, struct track_sum *out)
{
	*out = (struct track_sum){ 0 };
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o)) {
		const struct account *a = &tr->accounts[o->account];
		double weight = o->found ? weigh_object(tr, o) : 0;

		out->bytes += weight * (double)a->size;
		if (!o->found || is_inner(a))
			continue;
		out->objects[a->class] += weight;
		out->recorded[a->class] += (double)(1ull << weigh_shift(tr, a));
		out->sure[a->class] += is_sure(tr, o, before_ns);
	}
}

void track_each_running(const struct track *tr, void (*fn)(void *ctx, uint64_t id, uint64_t n),
			void *ctx)
{
	for (uint32_t i = 0; i < tr->stack_pool.n; i++) {
		const struct stack *s = &tr->stacks[i];

		if (s->started > s->ended)
			fn(ctx, s->id, s->started - s->ended);
	}
}

/* ---- the parts ------------------------------------------------------------------------------- */

/* The unknown one stays first; one in use that neither holds nor ever held anything is left out. */
static bool is_shown(const struct track *tr, uint32_t i)
{
	const struct stack *s = &tr->stacks[i];

	return !i || (s->id && (s->n_users || s->started || s->other_allocs));
}

/* index_of: of each stack here, its index in the snapshot. */
static void copy_stacks(const struct track *tr, struct track_snapshot *out, uint32_t *index_of,
			const struct sums *sums)
{
	out->stacks = xcalloc(tr->stack_pool.n, sizeof(*out->stacks));
	out->pcs = xcalloc(tr->pcs_bytes / sizeof(*out->pcs), sizeof(*out->pcs));
	for (uint32_t i = 0; i < tr->stack_pool.n; i++) {
		const struct stack *s = &tr->stacks[i];

		if (!is_shown(tr, i))
			continue;
		if (s->n)
			memcpy(out->pcs + out->n_pcs, s->pcs, s->n * sizeof(*s->pcs));
		index_of[i] = (uint32_t)out->n_stacks;
		out->stacks[out->n_stacks++] = (struct obs_stack){
			.id = s->id, .first_pc = out->n_pcs, .n_pcs = s->n, .flags = s->flags,
			.started = s->started, .ended = s->ended,
			.other_allocs = s->other_allocs, .other_bytes = s->other_bytes,
			.objects = sums->stacks[i].objects, .bytes = sums->stacks[i].bytes,
			.new_bytes = sums->stacks[i].new_bytes };
		out->n_pcs += s->n;
	}
}

/* A lost record has at most one successor's place, or that of the tiny objects of one block; of
 * what is not recorded on purpose nobody knows the number. */
static double at_most_lost(const struct track *tr, double doubtful, bool tiny)
{
	double most = (double)tr->n_lost * (tiny ? TINY_BLOCK : 1);

	return doubtful < most || tr->was_unseen ? doubtful : most;
}

/* Upper limit (95 %) of a share of n objects of which so many had it. */
static double share_at_most(uint32_t n_have, uint32_t n)
{
	return n ? fmin(1, poisson_high(n_have, 1.645) / n) : 1;
}

/* Of the doubtful, how many may have been replaced, in the mean; see look.c. */
static double replaced(const struct account *a, double doubtful)
{
	double n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(a->fates); i++) {
		const struct fates *f = &a->fates[i];

		n += f->missed * share_at_most(f->died, f->died + f->lived);
	}
	return a->doubtful ? doubtful * fmin(1, n / a->doubtful) : 0;
}

static double mean_weight(const struct track *tr, const struct account *a,
			  const struct account_sum *sum)
{
	if (sum->n_old)
		return sum->old / (double)sum->n_old;
	if (a->live)
		return sum->live / (double)((uint64_t)a->live << weigh_shift(tr, a));
	return weigh_last(tr, a);
}

static struct obs_account copy_account(const struct track *tr, const struct account *a,
				       const struct account_sum *sum)
{
	return (struct obs_account){
		.key = a->key, .tiny = a->tiny, .typ = a->typ, .size = a->size,
		.live = sum->live, .live_var = sum->v, .young = sum->young, .shared = sum->shared,
		.doubtful = at_most_lost(tr, sum->doubtful, a->tiny),
		.replaced = at_most_lost(tr, replaced(a, sum->doubtful), a->tiny),
		.n_live = (uint64_t)a->live << weigh_shift(tr, a),
		.aged = sum->aged, .n_aged = sum->n_aged, .old = sum->old, .n_old = sum->n_old, .each = mean_weight(tr, a, sum),
		.allocs = weigh_allocs(tr, a), .recorded = a->allocs,
		.samples = a->live, .oldest_ns = sum->oldest_ns };
}

static void copy_accounts(const struct track *tr, struct track_snapshot *out,
			  const uint32_t *stack_index_of, const struct sums *sums)
{
	double doubtful = (double)tr->loss.doubtful;
	bool tiny = false;

	out->accounts = xcalloc(tr->n_accounts, sizeof(*out->accounts));
	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];
		struct obs_account *o = &out->accounts[out->n_accounts];

		if (!a->key)
			continue;
		out->n_accounts++;
		*o = copy_account(tr, a, &sums->accounts[i]);
		o->stack = stack_index_of[a->stack];
		doubtful += o->doubtful;
		tiny |= a->tiny && a->doubtful;
	}
	out->loss.doubtful = (uint64_t)llround(at_most_lost(tr, doubtful, tiny));
}

static int by_goid(const void *a, const void *b)
{
	const struct obs_started *x = a, *y = b;

	return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static void copy_goroutines(const struct track *tr, struct track_snapshot *out,
			    const uint32_t *stack_index_of)
{
	out->started = xcalloc(tr->goroutines.n + tr->ended.n, sizeof(*out->started));
	for (struct tracked_g *g = table_next(&tr->goroutines, NULL); g;
	     g = table_next(&tr->goroutines, g))
		out->started[out->n_started++] = (struct obs_started){
			.goid = g->goid, .stack = stack_index_of[g->stack],
			.start_ns = tracked_start_ns(g) };
	for (struct ended_g *g = table_next(&tr->ended, NULL); g; g = table_next(&tr->ended, g))
		out->started[out->n_started++] = (struct obs_started){
			.goid = g->goid, .stack = stack_index_of[g->stack],
			.start_ns = g->start_ns, .ended = true };
	qsort(out->started, out->n_started, sizeof(*out->started), by_goid);
}

static void let_ended_go(struct track *tr)
{
	for (struct ended_g *g = table_next(&tr->ended, NULL); g; g = table_next(&tr->ended, g))
		stack_release(tr, (uint32_t)g->stack);
	table_clear(&tr->ended);
	tr->hold_ended = false;
}

uint64_t track_cycles(const struct track *tr)
{
	return tr->gc_cycles;
}

uint64_t track_looked_ns(const struct track *tr)
{
	return tr->looked_ns;
}

void track_count_aged(struct track *tr, uint64_t before_ns)
{
	tr->aged_ns = before_ns;
}

void track_snapshot(struct track *tr, uint64_t now, uint64_t old_ns, struct track_snapshot *out)
{
	uint32_t *index_of = xcalloc(tr->stack_pool.n, sizeof(*index_of));
	struct sums sums;

	*out = (struct track_snapshot){
		.time_ns = now, .looked_ns = tr->looked_ns, .gc_cycles = tr->gc_cycles,
		.one_in = 1ull << tr->level, .all_above = tr->all_above, .loss = tr->loss,
	};
	sums_make(tr, old_ns, &sums);
	out->objects = sums.objects;
	out->bytes = sums.bytes;
	out->n_windows = strata_n(tr->strata, true);
	out->few_windows = strata_few(tr->strata);
	copy_stacks(tr, out, index_of, &sums);
	copy_accounts(tr, out, index_of, &sums);
	sums_fini(&sums);
	copy_goroutines(tr, out, index_of);
	let_ended_go(tr);
	free(index_of);
}

void track_snapshot_fini(struct track_snapshot *s)
{
	free(s->pcs);
	free(s->stacks);
	free(s->accounts);
	free(s->started);
	*s = (struct track_snapshot){ 0 };
}
