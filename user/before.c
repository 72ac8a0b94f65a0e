// SPDX-License-Identifier: BSD-2-Clause
/*
 * before.c - which samples of the runtime's profile are older than the attach.
 *
 * A bucket counts allocations and frees; which of the objects died it does not say.  Allocations
 * are published in the order in which they were made, so the first as many as there were at the
 * attach are the older ones.  Of these live at least those that no free can have been of, and at
 * most as many as live at all.  In between, those that died are taken to be the younger ones, as
 * most objects die young; a bucket that nothing is added to and nothing dies of is exact.
 *
 * What the profile publishes is as of the last collection but one, or of the last one whose sweep
 * is done.  Until that is one after the attach, what was allocated shortly before the attach may
 * live or not.
 */
#include "user/before.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/baseline.h"
#include "user/gomem/profile.h"
#include "user/observation.h"
#include "user/process.h"

#define LOOK_NS 200000000ull	/* between two looks after collections, */
#define MAX_LOOK_NS 5000000000ull	/* or up to this: */
#define LOOK_SHARE 200		/* they may take one in so many of our time */

/* One bucket that held something at the attach, of that stack of the baseline. */
struct older {
	size_t bucket;
	uint64_t allocs, frees;		/* by the attach, published or not */
	uint64_t least, samples, most;	/* of these, that live */
};

struct before {
	struct process *p;
	struct profile_reader *reader;
	struct baseline b;	/* as of the attach */
	struct older *v;	/* as many as stacks */
	uint64_t rate;
	uint32_t gen;		/* sweepgen when it was looked at, 0: before any turn, */
	uint32_t last_gen;	/* and as of the last turn */
	uint64_t next_ns;	/* the next look is not before */
};

static uint64_t less(uint64_t a, uint64_t b)	/* numbers are a hostile program's */
{
	return a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void count(struct older *o, const struct profile_bucket *now)
{
	uint64_t had = less(o->allocs, o->frees), live = less(now->allocs, now->frees);
	uint64_t published = smaller(now->allocs, o->allocs);
	uint64_t frees = now->frees > o->frees ? now->frees : o->frees;

	o->samples = smaller(had, live);
	o->least = smaller(less(published, frees), o->samples);
	o->most = smaller(had, live + (o->allocs - published));
}

/* The profile with all that it counts, less the buckets that hold nothing. */
static struct profile as_of_now(const struct profile *from)
{
	struct profile p = *from;

	p.v = xcalloc(from->n, sizeof(*p.v));
	for (size_t i = 0; i < p.n; i++) {
		struct profile_bucket *b = &p.v[i];

		*b = from->v[i];
		b->allocs += b->new_allocs;
		b->frees += b->new_frees;
		if (b->allocs <= b->frees)
			b->allocs = b->frees = 0;
	}
	return p;
}

static void begin(struct before *b, const struct profile *profile)
{
	struct profile all = as_of_now(profile);
	size_t n = 0;

	b->rate = profile->rate;
	baseline_make(b->p, &all, &b->b);
	b->v = xcalloc(b->b.n, sizeof(*b->v));
	for (size_t i = 0; i < all.n && n < b->b.n; i++) {
		if (!all.v[i].allocs)
			continue;
		b->v[n] = (struct older){ .bucket = i, .allocs = all.v[i].allocs,
					  .frees = all.v[i].frees };
		count(&b->v[n++], &profile->v[i]);
	}
	free(all.v);
}

/* What was read counts only if the process was the same one before and after. */
static int look(struct before *b, const struct profile **profile)
{
	int err = process_check(b->p);

	if (!err)
		err = profile_look(b->reader, profile);
	return !err && process_gone(b->p) ? -ESRCH : err;
}

void before_new(struct before **out, struct process *p, size_t max_bytes,
		bool (*interrupted)(void *ctx), void *ctx)
{
	const struct profile_limits limits = { .max_bytes = max_bytes, .interrupted = interrupted,
					       .ctx = ctx };
	struct before *b = xcalloc(1, sizeof(*b));
	const struct profile *profile;

	b->p = p;
	b->reader = profile_open(process_gomem(p), &limits);
	if (look(b, &profile)) {
		before_free(b);
		b = NULL;
	} else {
		begin(b, profile);
	}
	*out = b;
}

void before_free(struct before *b)
{
	if (!b)
		return;
	profile_close(b->reader);
	baseline_fini(&b->b);
	free(b->v);
	free(b);
}

void before_look(struct before *b)
{
	const struct profile *profile;

	if (!b || look(b, &profile))
		return;
	for (size_t i = 0; i < b->b.n; i++)
		count(&b->v[i], &profile->v[b->v[i].bucket]);
	b->gen = b->last_gen;
}

void before_turn(struct before *b, uint32_t gen)
{
	uint64_t begin = now_ns(), pause;

	if (!b)
		return;
	b->last_gen = gen;
	if (gen == b->gen || begin < b->next_ns)
		return;
	before_look(b);
	pause = LOOK_NS + LOOK_SHARE * (now_ns() - begin);
	b->next_ns = begin + (pause < MAX_LOOK_NS ? pause : MAX_LOOK_NS);
}

void before_fill(const struct before *b, struct observation *o)
{
	struct obs_before *to = &o->before;
	bool late;

	if (!b)
		return;
	late = b->gen != b->last_gen;	/* all may have died in a collection since */
	to->rate = b->rate;
	to->v = xcalloc(b->b.n, sizeof(*to->v));
	to->pcs = xcalloc(b->b.n_pcs, sizeof(*to->pcs));
	if (b->b.n_pcs)
		memcpy(to->pcs, b->b.pcs, b->b.n_pcs * sizeof(*to->pcs));
	for (size_t i = 0; i < b->b.n; i++) {
		const struct obs_stack *st = &b->b.stacks[i];
		uint64_t size = b->b.accounts[i].size;

		if (b->v[i].most)
			to->v[to->n++] = (struct obs_older){
				.first_pc = st->first_pc, .n_pcs = st->n_pcs, .flags = st->flags,
				.size = size, .chance = profile_chance(b->rate, size),
				.least = late ? 0 : b->v[i].least, .samples = b->v[i].samples,
				.most = b->v[i].most };
	}
}
