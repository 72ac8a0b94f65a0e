// SPDX-License-Identifier: BSD-2-Clause
/*
 * snapshot.c - what is known at this moment, as plain data.
 */
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/track/track_internal.h"

/* How many objects each one that is followed stands for. */
static unsigned shift_of(const struct track *tr, const struct account *a)
{
	return a->size > tr->all_above ? 0 : tr->level;
}

void track_each_live(const struct track *tr, void (*fn)(void *ctx, uint64_t key, uint64_t n),
		     void *ctx)
{
	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];

		if (a->live)
			fn(ctx, a->key, (uint64_t)a->live << shift_of(tr, a));
	}
}

uint64_t track_live_bytes(const struct track *tr)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];

		bytes += ((uint64_t)a->live << shift_of(tr, a)) * a->size;
	}
	return bytes;
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

/* A lost record has at most one successor's place, or that of the tiny objects of one block. */
static uint64_t at_most_lost(const struct track *tr, uint64_t doubtful, bool tiny)
{
	uint64_t most = tr->n_lost * (tiny ? TINY_BLOCK : 1);

	return doubtful < most ? doubtful : most;
}

static struct obs_account copy_account(const struct track *tr, const struct account *a)
{
	unsigned shift = shift_of(tr, a);

	return (struct obs_account){
		.key = a->key, .tiny = a->tiny, .typ = a->typ, .size = a->size,
		.live = (uint64_t)a->live << shift, .young = (uint64_t)a->young << shift,
		.shared = (uint64_t)a->shared << shift,
		.doubtful = at_most_lost(tr, (uint64_t)a->doubtful << shift, a->tiny),
		.allocs = a->allocs, .samples = a->live };
}

static void copy_accounts(const struct track *tr, struct track_snapshot *out,
			  const uint32_t *stack_index_of)
{
	uint32_t *index_of = xcalloc(tr->account_pool.n, sizeof(*index_of));
	bool tiny = false;

	out->accounts = xcalloc(tr->n_accounts, sizeof(*out->accounts));
	for (uint32_t i = 0; i < tr->account_pool.n; i++) {
		const struct account *a = &tr->accounts[i];
		struct obs_account *o = &out->accounts[out->n_accounts];

		if (!a->key)
			continue;
		index_of[i] = (uint32_t)out->n_accounts++;
		*o = copy_account(tr, a);
		o->stack = stack_index_of[a->stack];
		out->loss.doubtful += o->doubtful;
		tiny |= a->tiny && a->doubtful;
	}
	out->loss.doubtful = at_most_lost(tr, out->loss.doubtful, tiny);
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o)) {
		struct obs_account *a = &out->accounts[index_of[o->account]];

		if (o->found && (!a->oldest_ns || o->birth_ns < a->oldest_ns))
			a->oldest_ns = o->birth_ns;
	}
	free(index_of);
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
