// SPDX-License-Identifier: BSD-2-Clause
/*
 * snapshot.c - what is known at this moment, as plain data.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/track/track_internal.h"

/* What the objects of an account stand for. */
struct amounts {
	double live, young, shared, doubtful;
	uint64_t oldest_ns;	/* birth; 0: none lives */
};

static void add_object(const struct track *tr, struct amounts *a, const struct tracked *o)
{
	double weight = weigh_object(tr, o);
	uint64_t birth = track_birth_ns(tr, o);

	if (!o->found) {
		a->young += weight;
		return;
	}
	a->live += weight;
	a->shared += o->shared ? weight : 0;
	a->doubtful += o->doubtful ? weight : 0;
	if (!a->oldest_ns || birth < a->oldest_ns)
		a->oldest_ns = birth;
}

/* By index of the account; to be freed. */
static struct amounts *add_up(const struct track *tr)
{
	struct amounts *all = xcalloc(tr->account_pool.n, sizeof(*all));

	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		add_object(tr, &all[o->account], o);
	return all;
}

void track_each_live(const struct track *tr, void (*fn)(void *ctx, uint64_t key, uint64_t n),
		     void *ctx)
{
	struct amounts *all = add_up(tr);

	for (uint32_t i = 0; i < tr->account_pool.n; i++)
		if (tr->accounts[i].live)
			fn(ctx, tr->accounts[i].key, (uint64_t)llround(all[i].live));
	free(all);
}

uint64_t track_live_bytes(const struct track *tr)
{
	double bytes = 0;

	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		if (o->found)
			bytes += weigh_object(tr, o) * (double)tr->accounts[o->account].size;
	return (uint64_t)llround(bytes);
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
static void copy_stacks(const struct track *tr, struct track_snapshot *out, uint32_t *index_of)
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
			.other_allocs = s->other_allocs, .other_bytes = s->other_bytes };
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

static struct obs_account copy_account(const struct track *tr, const struct account *a,
				       const struct amounts *of)
{
	return (struct obs_account){
		.key = a->key, .tiny = a->tiny, .typ = a->typ, .size = a->size,
		.live = of->live, .young = of->young, .shared = of->shared,
		.doubtful = at_most_lost(tr, of->doubtful, a->tiny),
		.allocs = weigh_allocs(tr, a), .samples = a->live, .oldest_ns = of->oldest_ns };
}

static void copy_accounts(const struct track *tr, struct track_snapshot *out,
			  const uint32_t *stack_index_of)
{
	struct amounts *all = add_up(tr);
	double doubtful = (double)tr->loss.doubtful;
	bool tiny = false;

	out->accounts = xcalloc(tr->n_accounts, sizeof(*out->accounts));
	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];
		struct obs_account *o = &out->accounts[out->n_accounts];

		if (!a->key)
			continue;
		out->n_accounts++;
		*o = copy_account(tr, a, &all[i]);
		o->stack = stack_index_of[a->stack];
		doubtful += o->doubtful;
		tiny |= a->tiny && a->doubtful;
	}
	out->loss.doubtful = (uint64_t)llround(at_most_lost(tr, doubtful, tiny));
	free(all);
}

static int by_goid(const void *a, const void *b)
{
	const struct obs_started *x = a, *y = b;

	return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static void copy_goroutines(const struct track *tr, struct track_snapshot *out,
			    const uint32_t *stack_index_of)
{
	out->started = xcalloc(tr->goroutines.n, sizeof(*out->started));
	for (struct tracked_g *g = table_next(&tr->goroutines, NULL); g;
	     g = table_next(&tr->goroutines, g))
		out->started[out->n_started++] = (struct obs_started){
			.goid = g->goid, .stack = stack_index_of[g->stack],
			.start_ns = g->start_ns, .ended = g->ended };
	qsort(out->started, out->n_started, sizeof(*out->started), by_goid);
}

static bool keep_running(void *ctx, void *entry)
{
	struct tracked_g *g = entry;

	if (g->ended)
		stack_release(ctx, g->stack);
	return !g->ended;
}

static void let_ended_go(struct track *tr)
{
	if (tr->hold_ended)
		table_filter(&tr->goroutines, keep_running, tr);
	tr->hold_ended = false;
}

uint64_t track_cycles(const struct track *tr)
{
	return tr->gc_cycles;
}

void track_snapshot(struct track *tr, uint64_t now, struct track_snapshot *out)
{
	uint32_t *index_of = xcalloc(tr->stack_pool.n, sizeof(*index_of));

	*out = (struct track_snapshot){
		.time_ns = now, .looked_ns = tr->looked_ns, .gc_cycles = tr->gc_cycles,
		.one_in = 1ull << tr->level, .all_above = tr->all_above, .loss = tr->loss,
	};
	copy_stacks(tr, out, index_of);
	copy_accounts(tr, out, index_of);
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
