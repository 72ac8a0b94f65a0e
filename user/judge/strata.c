// SPDX-License-Identifier: BSD-2-Clause
/*
 * strata.c - weights of samples from exact counts.
 *
 * In stratum k the runtime has allocated A_k objects of a class.  Samples of the class were
 * recorded there, each with a known chance p; in bursts besides only during a share f_k of the
 * time.  Their plain weights 1 / (p f_k) sum up to X_k, which is A_k only in the mean.  So they are
 * scaled by g = A / X, the ratio estimator (W. G. Cochran, Sampling Techniques, chapter 6): an estimate no
 * longer hangs on how many samples there happened to be, but only on which.
 *
 * A ratio of small numbers is biased, so neighbours are joined to groups, class by class, each with
 * one g = sum A / sum X.  Throughout, what counts is the number of samples.  In bursts it is that
 * of windows as well: programs allocate in runs, and one window that meets a run says nothing of
 * the time between runs, however many samples it has.
 *
 * A sample that was certain to be recorded stands for itself alone; what is shared out among the
 * others is A less the number of these.  In bursts none is certain.
 *
 * Memory is bounded: when all slots of a kind are used, neighbours become one.
 */
#include "user/judge/strata.h"

#include <stdlib.h>

#include "user/base/util.h"

enum {
	MIN_SLOTS = 4,
	MIN_SAMPLES = 20,	/* of a group */
	MIN_WINDOWS = 8,	/* of a group, in bursts */
};

struct cell {			/* one class in one stratum */
	double allocs;		/* A; as scaled if that is not known */
	double certain;		/* samples that stand for themselves */
	double weight;		/* sum of 1 / p of the others */
	double scaled;		/* X, the same over f; 0 while the stratum is open */
	double factor;		/* of their group, times scaled / weight */
	uint32_t n;		/* the others */
	uint32_t group_n, group;
};

struct slot {
	unsigned n_strata;	/* joined in it */
	struct cell cells[STRATA_CLASSES];
};

struct kind {
	struct slot *slots[STRATA_SLOTS];
	unsigned n;		/* the open one included, if it is of this kind */
};

struct strata {
	struct kind kinds[2];	/* throughout, bursts */
	unsigned max_slots;	/* even */
	bool bursts;		/* the kind of the open one */
	bool settled;		/* factors are up to date */
};

static void open_slot(struct strata *s)
{
	struct kind *k = &s->kinds[s->bursts];

	k->slots[k->n] = xcalloc(1, sizeof(*k->slots[k->n]));
	k->slots[k->n++]->n_strata = 1;
}

void strata_new(struct strata **out, size_t max_bytes)
{
	struct strata *s = xcalloc(1, sizeof(*s));
	size_t n = max_bytes / ARRAY_SIZE(s->kinds) / sizeof(struct slot);

	s->max_slots = n < MIN_SLOTS ? MIN_SLOTS : n > STRATA_SLOTS ? STRATA_SLOTS : n & ~1u;
	open_slot(s);
	*out = s;
}

void strata_free(struct strata *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->kinds); i++)
		for (unsigned k = 0; k < s->kinds[i].n; k++)
			free(s->kinds[i].slots[k]);
	free(s);
}

static struct slot *open_one(struct strata *s)
{
	struct kind *k = &s->kinds[s->bursts];

	return k->slots[k->n - 1];
}

void strata_add(struct strata *s, unsigned class, double weight)
{
	struct cell *c = &open_one(s)->cells[class % STRATA_CLASSES];

	s->settled = false;
	if (weight <= 1 && !s->bursts) {
		c->certain++;
		return;
	}
	c->weight += weight;
	c->n++;
}

uint8_t strata_open_slot(const struct strata *s)
{
	return (uint8_t)((s->kinds[s->bursts].n - 1) | (s->bursts ? STRATA_BURSTS : 0));
}

unsigned strata_n(const struct strata *s, bool bursts)
{
	return s->kinds[bursts].n;
}

/* ---- the end of a stratum -------------------------------------------------------------------- */

static void join_slots(struct slot *to, const struct slot *from)
{
	to->n_strata += from->n_strata;
	for (unsigned i = 0; i < STRATA_CLASSES; i++) {
		to->cells[i].allocs += from->cells[i].allocs;
		to->cells[i].certain += from->cells[i].certain;
		to->cells[i].weight += from->cells[i].weight;
		to->cells[i].scaled += from->cells[i].scaled;
		to->cells[i].n += from->cells[i].n;
	}
}

static bool make_room(struct strata *s, struct kind *k)
{
	if (k->n < s->max_slots)
		return false;
	for (unsigned i = 0; i < k->n / 2; i++) {
		join_slots(k->slots[2 * i], k->slots[2 * i + 1]);
		free(k->slots[2 * i + 1]);
		k->slots[i] = k->slots[2 * i];
	}
	k->n /= 2;
	return true;
}

bool strata_close(struct strata *s, const uint64_t *allocs, double listened, bool bursts)
{
	struct slot *slot = open_one(s);
	double f = s->bursts ? listened : 1;
	bool joined;

	for (unsigned i = 0; i < STRATA_CLASSES; i++) {
		struct cell *c = &slot->cells[i];

		c->scaled = c->weight / f;
		c->allocs = allocs ? (double)allocs[i] : c->certain + c->scaled;
	}
	s->bursts = bursts;
	joined = make_room(s, &s->kinds[bursts]);
	open_slot(s);
	s->settled = false;
	return joined;
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct sums {
	double allocs, scaled, weight;
	uint32_t n;
	unsigned n_strata;
};

static void add_cell(struct sums *t, const struct cell *c, unsigned n_strata)
{
	t->allocs += c->allocs - c->certain;
	t->scaled += c->scaled;
	t->weight += c->weight;
	t->n += c->n;
	t->n_strata += n_strata;
}

/* A sample stands for itself at least; of a class of which there is none, as many as its weight. */
static void set_factors(struct kind *k, unsigned class, unsigned from, unsigned end, uint32_t group)
{
	struct sums t = { 0 };
	double g;

	for (unsigned i = from; i < end; i++)
		add_cell(&t, &k->slots[i]->cells[class], k->slots[i]->n_strata);
	g = t.scaled > 0 ? t.allocs / t.scaled : 1;
	if (g * t.scaled < t.n)
		g = t.n / (t.scaled > 0 ? t.scaled : 1);
	for (unsigned i = from; i < end; i++) {
		struct cell *c = &k->slots[i]->cells[class];

		c->factor = c->weight > 0 ? g * c->scaled / c->weight : g;
		c->group_n = t.n;
		c->group = group;
	}
}

/* What is left over at the end joins the group before. */
static void group_class(struct kind *k, unsigned class, unsigned n, unsigned min_windows)
{
	unsigned from = 0, last_from = 0;
	uint32_t group = 0;
	struct sums t = { 0 };

	for (unsigned i = 0; i < n; i++) {
		add_cell(&t, &k->slots[i]->cells[class], k->slots[i]->n_strata);
		if (t.n < MIN_SAMPLES || t.n_strata < min_windows)
			continue;
		set_factors(k, class, from, i + 1, group++);
		last_from = from;
		from = i + 1;
		t = (struct sums){ 0 };
	}
	if (from < n)
		set_factors(k, class, group ? last_from : 0, n, group ? group - 1 : 0);
}

/* Of the open one only the samples are known: theirs weigh as in the group before. */
static void settle_open(struct kind *k, unsigned class, bool bursts)
{
	struct cell *c = &k->slots[k->n - 1]->cells[class];
	const struct cell *before = k->n > 1 ? &k->slots[k->n - 2]->cells[class] : NULL;

	c->factor = bursts && before ? before->factor : 1;
	c->group = before ? before->group : 0;
	c->group_n = before ? before->group_n : c->n;
	c->scaled = c->weight * c->factor;
	c->allocs = c->certain + c->scaled;
}

static void settle(struct strata *s)
{
	for (unsigned b = 0; b < ARRAY_SIZE(s->kinds); b++) {
		struct kind *k = &s->kinds[b];
		bool open = s->bursts == b;

		for (unsigned i = 0; i < STRATA_CLASSES; i++) {
			group_class(k, i, k->n - open, b ? MIN_WINDOWS : 0);
			if (open)
				settle_open(k, i, b);
		}
	}
	s->settled = true;
}

struct stratum strata_get(struct strata *s, uint8_t slot, unsigned class)
{
	const struct kind *k = &s->kinds[strata_is_bursts(slot)];
	unsigned i = slot & (STRATA_BURSTS - 1);
	const struct cell *c;

	if (i >= k->n)
		return (struct stratum){ .factor = 1 };
	if (!s->settled)
		settle(s);
	c = &k->slots[i]->cells[class % STRATA_CLASSES];
	return (struct stratum){
		.factor = c->factor, .allocs = c->allocs - c->certain, .scaled = c->scaled,
		.group_n = c->group_n, .group = c->group };
}

double strata_ratio(struct strata *s, unsigned class)
{
	struct sums t = { 0 };

	if (!s->settled)
		settle(s);
	for (unsigned b = 0; b < ARRAY_SIZE(s->kinds); b++)
		for (unsigned i = 0; i < s->kinds[b].n; i++)
			add_cell(&t, &s->kinds[b].slots[i]->cells[class % STRATA_CLASSES], 0);
	return t.scaled > 0 ? t.allocs / t.scaled : 1;
}
