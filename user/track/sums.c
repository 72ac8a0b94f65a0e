// SPDX-License-Identifier: BSD-2-Clause
/*
 * sums.c - what the objects of accounts and of stacks add up to, and how uncertain that is.
 *
 * Where everything was certain to be recorded, all is counted in one pass.  Else how far off a sum
 * may be follows from which windows its objects were recorded in.  So the live ones are sorted by
 * stack and account, as four bytes each, and one account after the other is summed up by strata;
 * sums of a stack, and of all, are made of those, window by window.
 */
#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/track/track_internal.h"

static void add_object(const struct track *tr, struct account_sum *s, const struct tracked *o,
		       uint64_t old_ns)
{
	double weight = weigh_object(tr, o);
	uint64_t birth = track_birth_ns(tr, o);

	if (!o->found) {
		s->young += weight;
		return;
	}
	s->live += weight;
	s->shared += o->shared ? weight : 0;
	s->doubtful += o->doubtful ? weight : 0;
	if (birth < old_ns) {
		s->old += weight;
		s->n_old += 1ull << weigh_shift(tr, &tr->accounts[o->account]);
	}
	if (birth < tr->aged_ns) {
		s->aged += weight;
		s->n_aged++;
	}
	if (!s->oldest_ns || birth < s->oldest_ns)
		s->oldest_ns = birth;
}

/* ---- how uncertain --------------------------------------------------------------------------- */

struct packed {			/* a live object */
	uint16_t chance;
	uint8_t stratum;
	bool is_new;
};

/* What may live though nobody has met it: of a class, what one of its accounts may have. */
struct unmet {
	double objects[STRATA_CLASSES], bytes[STRATA_CLASSES];
};

struct summing {
	const struct track *tr;
	bool unmet;		/* something may live though nobody has met it */
	uint32_t *accounts;	/* indices of those that hold something, by stack */
	uint32_t n_accounts;
	size_t *end;		/* by index of an account: where its objects end in objects */
	struct packed *objects;
	struct sampling live, fresh;
};

static void sort_accounts(struct summing *z)
{
	const struct track *tr = z->tr;
	uint32_t *next = xcalloc(tr->stack_pool.n + 1, sizeof(*next));

	for (uint32_t i = 0; i < tr->account_pool.n; i++)
		next[tr->accounts[i].stack + 1] += tr->accounts[i].key != 0;
	for (uint32_t i = 0; i < tr->stack_pool.n; i++)
		next[i + 1] += next[i];
	z->n_accounts = next[tr->stack_pool.n];
	z->accounts = xcalloc(z->n_accounts, sizeof(*z->accounts));
	for (uint32_t i = 0; i < tr->account_pool.n; i++)
		if (tr->accounts[i].key)
			z->accounts[next[tr->accounts[i].stack]++] = i;
	free(next);
}

/* After this, objects of an account end at end[]; they begin where those of the one before it in
 * z->accounts end. */
static void sort_objects(struct summing *z, uint64_t old_ns)
{
	const struct track *tr = z->tr;
	size_t n = 0;

	z->end = xcalloc(tr->account_pool.n, sizeof(*z->end));
	for (uint32_t i = 0; i < z->n_accounts; i++) {
		z->end[z->accounts[i]] = n;
		n += tr->accounts[z->accounts[i]].live;
	}
	z->objects = xcalloc(n, sizeof(*z->objects));
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		if (o->found)
			z->objects[z->end[o->account]++] = (struct packed){
				.chance = o->chance, .stratum = o->stratum,
				.is_new = track_birth_ns(tr, o) >= old_ns };
}

/* Of an account that holds nothing: what one more sample like its last would add. */
static double one_sample(const struct track *tr, const struct account *a)
{
	struct sampling s;
	struct spread spread;

	sampling_begin(&s, tr->strata, a->class);
	sampling_add(&s, a->stratum, weigh_chance(a->chance), weigh_shift(tr, a));
	sampling_end(&s, &spread);
	return spread.v.largest;
}

/* What came while the probes were gone may be anybody's.  All tiny objects of a block are inside of
 * one that may have been missed. */
static void add_gone(const struct track *tr, const struct account *a, struct spread *live)
{
	live->v.missing += strata_gone(tr->strata, a->class) * (is_inner(a) ? TINY_BLOCK : 1);
}

/* What it may have that none of its samples stands for.  Those that were certain to be recorded stand
 * for themselves alone; of what was not, there is none that lives, nor was one the last. */
static double unmet(const struct summing *z, const struct account *a)
{
	const bool last_chosen = a->chance || strata_is_bursts(a->stratum);
	const bool certain = !z->live.n_chosen && (z->live.n || !last_chosen);
	struct strata *s = z->tr->strata;
	double n = 0;

	if (certain)
		n += strata_unchosen(s, a->class);
	if (certain || !strata_is_bursts(a->stratum))
		n += strata_unmet(s, a->class);
	return n * (is_inner(a) ? TINY_BLOCK : 1);
}

static void sum_account(struct summing *z, uint32_t i, const struct packed *from,
			const struct packed *end, struct spread *live, struct spread *fresh)
{
	const struct account *a = &z->tr->accounts[i];
	unsigned shift = weigh_shift(z->tr, a);

	sampling_begin(&z->live, z->tr->strata, a->class);
	sampling_begin(&z->fresh, z->tr->strata, a->class);
	for (const struct packed *p = from; p < end; p++) {
		sampling_add(&z->live, p->stratum, weigh_chance(p->chance), shift);
		if (p->is_new)
			sampling_add(&z->fresh, p->stratum, weigh_chance(p->chance), shift);
	}
	sampling_end(&z->live, live);
	sampling_end(&z->fresh, fresh);
	live->v.missing = fmax(live->v.missing, unmet(z, a));
	add_gone(z->tr, a, live);
	if (z->unmet || !z->live.n_chosen)
		fresh->v.missing = live->v.missing;
	if (from == end)
		live->v.largest = one_sample(z->tr, a);
	if (!z->fresh.n)
		fresh->v.largest = live->v.largest;
}

struct stack_spread {
	struct spread objects, bytes, new_bytes;
	struct unmet unmet;
};

static void add_unmet(struct unmet *u, const struct account *a, double missing)
{
	unsigned class = a->class % STRATA_CLASSES;

	u->objects[class] = fmax(u->objects[class], missing);
	u->bytes[class] = fmax(u->bytes[class], missing * (double)a->size);
}

/* All classes may have been missed at once: what comes in a run is of many. */
static void end_unmet(struct stack_spread *s, struct stack_spread *all)
{
	double objects = 0, bytes = 0;

	for (unsigned i = 0; i < STRATA_CLASSES; i++) {
		objects += s->unmet.objects[i];
		bytes += s->unmet.bytes[i];
		if (!all)
			continue;
		all->unmet.objects[i] = fmax(all->unmet.objects[i], s->unmet.objects[i]);
		all->unmet.bytes[i] = fmax(all->unmet.bytes[i], s->unmet.bytes[i]);
	}
	s->objects.v.missing = fmax(s->objects.v.missing, objects);
	s->bytes.v.missing = fmax(s->bytes.v.missing, bytes);
	s->new_bytes.v.missing = fmax(s->new_bytes.v.missing, bytes);
}

static void end_stack(struct stack_spread *s, struct stack_sum *out, struct stack_spread *all)
{
	end_unmet(s, all);
	out->objects = spread_variance(&s->objects);
	out->bytes = spread_variance(&s->bytes);
	out->new_bytes = spread_variance(&s->new_bytes);
	spread_add(&all->objects, &s->objects, 1);
	spread_add(&all->bytes, &s->bytes, 1);
	*s = (struct stack_spread){ 0 };
}

static void sum_all(struct summing *z, struct sums *out)
{
	struct stack_spread stack = { 0 }, all = { 0 };
	size_t from = 0;

	for (uint32_t k = 0; k < z->n_accounts; k++) {
		uint32_t i = z->accounts[k];
		const struct account *a = &z->tr->accounts[i];
		struct spread live, fresh;

		sum_account(z, i, z->objects + from, z->objects + z->end[i], &live, &fresh);
		from = z->end[i];
		out->accounts[i].v = spread_variance(&live);
		spread_add(&stack.objects, &live, 1);
		spread_add(&stack.bytes, &live, (double)a->size);
		spread_add(&stack.new_bytes, &fresh, (double)a->size);
		if (z->unmet)
			add_unmet(&stack.unmet, a, live.v.missing);
		if (k + 1 == z->n_accounts || z->tr->accounts[z->accounts[k + 1]].stack != a->stack)
			end_stack(&stack, &out->stacks[a->stack], &all);
	}
	end_unmet(&all, NULL);
	out->objects = spread_variance(&all.objects);
	out->bytes = spread_variance(&all.bytes);
}

void sums_make(const struct track *tr, uint64_t old_ns, struct sums *out)
{
	bool few = strata_few(tr->strata), gone = strata_any_gone(tr->strata);
	struct summing z = { .tr = tr, .unmet = few || gone };

	*out = (struct sums){ .accounts = xcalloc(tr->account_pool.n, sizeof(*out->accounts)),
			      .stacks = xcalloc(tr->stack_pool.n, sizeof(*out->stacks)) };
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		add_object(tr, &out->accounts[o->account], o, old_ns);
	if (!tr->chosen && !tr->level && !z.unmet && !strata_any_unchosen(tr->strata))
		return;
	sort_accounts(&z);
	sort_objects(&z, old_ns);
	sum_all(&z, out);
	free(z.accounts);
	free(z.end);
	free(z.objects);
}

void sums_fini(struct sums *s)
{
	free(s->accounts);
	free(s->stacks);
}
