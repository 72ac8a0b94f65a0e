// SPDX-License-Identifier: BSD-2-Clause
/*
 * baseline.c - from the runtime's buckets to stacks and accounts.
 *
 * A bucket's stack begins with the caller of the runtime's function that called mallocgc, or since
 * Go 1.23 with mallocgc.  What is called there is read from the code and put in front, so that the
 * type of the object is found as for a probed allocation.  Stacks end with goexit unless they were
 * too long for the runtime, or were taken on a system stack.
 */
#include "user/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "include/gobpfleak.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/sitetype.h"
#include "user/gomem/profile.h"
#include "user/observation.h"
#include "user/process.h"

/* The runtime cuts at 32 pcs up to Go 1.22 and at 128 since, unless it is told otherwise. */
enum { SHORTEST_CUT = 32 };

struct making {
	struct process *p;
	const struct profile *profile;
	uint64_t allocator;	/* entry, where what is called is not known */
	struct baseline b;
};

static bool is_cut(const struct making *mk, const uint64_t *pcs, size_t n)
{
	struct go_func root;

	return n >= SHORTEST_CUT &&
	       !(gobin_func_at(process_gobin(mk->p), pcs[n - 1] - 1, &root) &&
		 !strcmp(root.name, "runtime.goexit"));
}

static void add_stack(struct making *mk, const struct profile_bucket *bucket)
{
	const uint64_t *from = mk->profile->pcs + bucket->first_pc;
	uint64_t *pcs = mk->b.pcs + mk->b.n_pcs, id = 0, callee = 0;
	size_t n = bucket->n_pcs;
	bool cut = n && is_cut(mk, from, n);

	if (n) {
		memcpy(pcs + 1, from, n * sizeof(*pcs));
		n = gobin_physical(process_gobin(mk->p), pcs + 1, n);
		callee = sitetype_callee(process_sitetype(mk->p), pcs[1]);
	}
	pcs[0] = callee ? callee : mk->allocator;
	for (size_t i = 0; i <= n; i++)
		id = table_mix(id, pcs[i]);
	mk->b.stacks[mk->b.n] = (struct obs_stack){
		.id = id | 1, .first_pc = mk->b.n_pcs, .n_pcs = (uint32_t)n + 1,
		.flags = cut ? GL_STACK_CUT : 0, .called = true };
	mk->b.n_pcs += n + 1;
}

/* Each sample was taken by a chance of its own, judge/estimate.c. */
static void set_variance(struct obs_account *a, double chance, struct obs_stack *st)
{
	double size = (double)a->size, var = (1 - chance) / (chance * chance);

	a->live_var = (struct variance){ .var = var * (double)a->samples, .largest = sqrt(var) };
	st->objects = a->live_var;
	st->bytes = (struct variance){ .var = a->live_var.var * size * size,
				       .largest = a->live_var.largest * size };
}

/* Numbers may be of two collections, or a hostile program's: there are no fewer than none. */
static void add_account(struct making *mk, const struct profile_bucket *bucket)
{
	double chance = profile_chance(mk->profile->rate, bucket->size);
	uint64_t live = bucket->allocs > bucket->frees ? bucket->allocs - bucket->frees : 0;
	struct obs_account *a = &mk->b.accounts[mk->b.n];

	*a = (struct obs_account){ .key = mk->b.n + 1, .stack = (uint32_t)mk->b.n,
				   .typ = GL_UNKNOWN, .size = bucket->size, .samples = live,
				   .allocs = (double)bucket->allocs / chance,
				   .recorded = bucket->allocs,
				   .live = (double)live / chance };
	a->live_first = a->live_half = a->old = a->live;
	set_variance(a, chance, &mk->b.stacks[mk->b.n]);
}

void baseline_make(struct process *p, const struct profile *profile, struct baseline *out)
{
	struct making mk = { .p = p, .profile = profile };
	struct go_func allocator;

	if (gobin_find_func(process_gobin(p), "runtime.mallocgc", &allocator))
		mk.allocator = allocator.entry;
	mk.b.stacks = xcalloc(profile->n, sizeof(*mk.b.stacks));
	mk.b.accounts = xcalloc(profile->n, sizeof(*mk.b.accounts));
	mk.b.pcs = xcalloc(profile->n + profile->n_pcs, sizeof(*mk.b.pcs));
	for (size_t i = 0; i < profile->n; i++) {
		const struct profile_bucket *bucket = &profile->v[i];

		if (!bucket->allocs)
			continue;
		add_stack(&mk, bucket);
		add_account(&mk, bucket);
		mk.b.n++;
	}
	*out = mk.b;
}

void baseline_fini(struct baseline *b)
{
	free(b->stacks);
	free(b->accounts);
	free(b->pcs);
	*b = (struct baseline){ 0 };
}
