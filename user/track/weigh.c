// SPDX-License-Identifier: BSD-2-Clause
/*
 * weigh.c - how many objects one that was recorded stands for.
 *
 * That is 1 over the chance with which it was recorded, scaled so that all of its size class and
 * stratum add up to what the runtime has counted there (judge/strata.h), times 2^level where only
 * one in 2^level of what was recorded is followed.
 *
 * A tiny object that opens a 16-byte block stands for blocks, which is what the runtime counts,
 * with all other 16-byte objects: it is scaled as they are.  One inside of a block is counted
 * nowhere and holds no bytes: it takes that same factor, but what it adds up to is compared with
 * nothing.
 */
#include <math.h>
#include <string.h>

#include "user/track/track_internal.h"

/*
 * A chance c, in 2^-32, as 16 bits: the exponent of c as a float, 0 to 31, and 11 bits of its
 * mantissa, plus 1; 0 is certain.  That is right to 1 in 4096.
 */
enum { CODE_SHIFT = 23 - 11, CODE_BIAS = 127 << 11 };
#define CERTAIN 4294967296.0

double weigh_chance(uint16_t code)
{
	uint32_t bits = (uint32_t)(code - 1 + CODE_BIAS) << CODE_SHIFT;
	float chance;

	if (!code)
		return 1;
	memcpy(&chance, &bits, sizeof(chance));
	return CERTAIN / (double)chance;
}

uint16_t weigh_code(uint32_t chance)
{
	float f = (float)chance;
	uint32_t bits, code;

	if (!chance)
		return 0;
	memcpy(&bits, &f, sizeof(bits));
	code = ((bits + (1 << (CODE_SHIFT - 1))) >> CODE_SHIFT) - CODE_BIAS + 1;
	return code <= UINT16_MAX ? (uint16_t)code : 0;	/* so near to certain that it is */
}

void weigh_count(struct track *tr, struct account *a, uint16_t code)
{
	uint8_t slot = strata_open_slot(tr->strata);
	double weight = weigh_chance(code);

	if (!is_inner(a))
		strata_add(tr->strata, a->class, weight);
	a->allocs++;
	a->chance = code;
	a->stratum = slot;
	if (!code && !strata_is_bursts(slot))
		return;
	tr->chosen = true;
	a->n_chosen++;
	if (strata_is_bursts(slot))
		a->open += weight;
	else
		a->scaled += weight;
}

void track_stratum(struct track *tr, const uint64_t allocs[STRATA_CLASSES], double listened,
		   bool bursts)
{
	uint8_t ended = strata_open_slot(tr->strata);
	bool joined = strata_close(tr->strata, allocs, listened, bursts);

	strata_skips(tr->strata, tr->unseen);
	for (uint32_t i = 0; i < tr->account_pool.n && strata_is_bursts(ended); i++) {
		tr->accounts[i].scaled += tr->accounts[i].open / listened;
		tr->accounts[i].open = 0;
	}
	if (!joined)
		return;
	for (uint32_t i = 0; i < tr->account_pool.n; i++)
		if (strata_is_bursts(tr->accounts[i].stratum) == bursts)
			tr->accounts[i].stratum = strata_joined(tr->accounts[i].stratum);
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		if (strata_is_bursts(o->stratum) == bursts)
			o->stratum = strata_joined(o->stratum);
}

void track_so_far(struct track *tr, const uint64_t allocs[STRATA_CLASSES])
{
	strata_so_far(tr->strata, allocs);
}

unsigned weigh_shift(const struct track *tr, const struct account *a)
{
	return a->size > tr->all_above ? 0 : tr->level;
}

static double weigh(const struct track *tr, const struct account *a, uint16_t chance,
		    uint8_t stratum)
{
	double weight = weigh_chance(chance);

	if (chance || strata_is_bursts(stratum))
		weight *= strata_get(tr->strata, stratum, a->class)->factor;
	return weight;
}

double weigh_object(const struct track *tr, const struct tracked *o)
{
	const struct account *a = &tr->accounts[o->account];

	return ldexp(weigh(tr, a, o->chance, o->stratum), (int)weigh_shift(tr, a));
}

/*
 * What an object stands for is known better as time goes on, but who counts births and deaths must
 * be told the same of both.  So what was told is kept with it, in 2^(1/8): up to 2^31 in a byte.
 * Of the two nearest steps one is drawn, by the address: whoever stands for 10.5 is told as 10.4 or
 * 11.3, and their sum is right.
 */
#define TOLD_STEPS 8.0

double weigh_told(uint8_t code)
{
	return exp2(code / TOLD_STEPS);
}

uint8_t weigh_told_code(const struct track *tr, const struct tracked *o)
{
	double weight = weigh_object(tr, o), below;
	double code = floor(log2(fmax(weight, 1)) * TOLD_STEPS);
	double drawn = (double)(table_mix(tr->key_seed, o->addr) >> 11) * 0x1p-53;

	if (code >= UINT8_MAX)
		return UINT8_MAX;
	below = exp2(code / TOLD_STEPS);
	return (uint8_t)(code + (drawn * below * (exp2(1 / TOLD_STEPS) - 1) < weight - below));
}

double weigh_last(const struct track *tr, const struct account *a)
{
	return weigh(tr, a, a->chance, a->stratum);
}

bool weigh_alone_unknown(const struct track *tr, const struct tracked *o)
{
	return tr->accounts[o->account].tiny && !tr->ops.tiny_alone &&
	       (o->chance || strata_is_bursts(o->stratum));
}

/* One factor for all strata: what is scaled to more than one is not remembered by stratum. */
double weigh_allocs(const struct track *tr, const struct account *a)
{
	uint8_t slot = strata_open_slot(tr->strata);
	double scaled = a->scaled;

	if (a->open > 0)
		scaled += a->open * strata_get(tr->strata, slot, a->class)->plain;
	if (scaled > 0)
		scaled *= strata_ratio(tr->strata, a->class);
	return (double)(a->allocs - a->n_chosen) + scaled;
}
