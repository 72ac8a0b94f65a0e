// SPDX-License-Identifier: BSD-2-Clause
/*
 * strata.c - weights of samples from exact counts.
 *
 * In stratum k the runtime has allocated A_k objects of a class.  Samples of the class were
 * recorded there, each with a known chance p; in bursts besides only during a share f_k of the
 * time.  Their plain weights 1 / (p f_k) sum up to X_k, which is A_k only in the mean.  They are
 * scaled so that they sum up to A: an estimate no longer hangs on how many samples there happened
 * to be, but only on which (W. G. Cochran, Sampling Techniques, chapters 6 and 7).
 *
 * Throughout, all are scaled by g = A / X.  A ratio of small numbers is biased, so neighbours are
 * joined to groups of enough samples, class by class.  One that was certain to be recorded stands
 * for itself alone; what is shared out among the others is A less the number of these.
 *
 * In bursts the number of samples does not say how much they tell: programs allocate in runs, and
 * with g = A / X a leak that shares its class with batches would be blamed for those batches that
 * no window has met.  So windows are scaled one by one: by g_k = 1 - (X - A) d_k / sum(d X), where
 * d_k is by how much X_k is above the mean of all X_k.  The class as a whole then adds up to A, and
 * what is the same in all windows stays what it is; what comes and goes with the class is scaled
 * with it.  d_k / sum(d X) is the pull of a window.  Few windows cannot be told apart: with them
 * d_k = 1, which is g = A / X.  And where A differs from X by more than the windows from each other
 * can explain, they have missed something altogether.  Nobody knows whose it was, so that is not
 * shared out, and adds to upper limits only (estimate.c).  If it is X that is too much, all windows
 * are scaled to A: no more lives than was ever allocated.
 *
 * Where all should have been recorded throughout, and for a moment nothing was, A says how many are
 * missing.  These are nobody's either.
 *
 * Memory is bounded: when all slots of a kind are used, neighbours become one.
 */
#include "user/judge/strata.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"

/* The numbers were fitted with the simulation of test_estimate.c. */
enum {
	MIN_SLOTS = 4,
	MIN_SAMPLES = 20,	/* of a group */
	MIN_WINDOWS = 8,	/* before one is told from another */
	MIN_T2 = 16,		/* square of the standard deviations that are always explained; */
				/* with more windows than that, their number */
};

struct cell {			/* one class in one stratum */
	double allocs;		/* A; as scaled if that is not known */
	double certain;		/* samples that stand for themselves */
	double weight, heaviest;	/* sum of 1 / p of the others, and the largest */
	uint32_t n;		/* these */
	double gone;		/* of allocs, while nothing could be recorded */
	struct stratum st;	/* X is st.scaled */
};

struct slot {
	unsigned n_strata;	/* joined in it */
	bool counted;		/* all of them */
	bool skips;		/* some of them: see strata_skips() */
	double plain;		/* 1 / f, in the mean */
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
	bool so_far_known;	/* the open one's allocs */
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

	s->settled = s->so_far_known = false;
	if (weight <= 1 && !s->bursts) {
		c->certain++;
		return;
	}
	c->weight += weight;
	c->heaviest = fmax(c->heaviest, weight);
	c->n++;
}

void strata_skips(struct strata *s, bool skips)
{
	open_one(s)->skips = skips;
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
	to->plain = to->plain * to->n_strata + from->plain * from->n_strata;
	to->n_strata += from->n_strata;
	to->plain /= to->n_strata;
	to->counted &= from->counted;
	to->skips |= from->skips;
	for (unsigned i = 0; i < STRATA_CLASSES; i++) {
		to->cells[i].allocs += from->cells[i].allocs;
		to->cells[i].certain += from->cells[i].certain;
		to->cells[i].weight += from->cells[i].weight;
		to->cells[i].heaviest = fmax(to->cells[i].heaviest, from->cells[i].heaviest);
		to->cells[i].st.scaled += from->cells[i].st.scaled;
		to->cells[i].n += from->cells[i].n;
		to->cells[i].gone += from->cells[i].gone;
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
	bool joined;

	slot->plain = s->bursts ? 1 / listened : 1;
	for (unsigned i = 0; i < STRATA_CLASSES; i++) {
		struct cell *c = &slot->cells[i];

		c->st.scaled = c->weight * slot->plain;
		c->allocs = allocs ? (double)allocs[i] : c->certain + c->st.scaled;
		if (!s->bursts && listened < 1)
			c->gone = fmax(0, c->allocs - c->certain - c->st.scaled);
	}
	slot->counted = allocs != NULL;
	s->bursts = bursts;
	joined = make_room(s, &s->kinds[bursts]);
	open_slot(s);
	s->settled = s->so_far_known = false;
	return joined;
}

void strata_so_far(struct strata *s, const uint64_t allocs[STRATA_CLASSES])
{
	for (unsigned i = 0; i < STRATA_CLASSES; i++)
		open_one(s)->cells[i].allocs = (double)allocs[i];
	s->so_far_known = true;
	s->settled = false;
}

/* ---- factors --------------------------------------------------------------------------------- */

struct sums {
	double allocs, scaled;
	uint32_t n;
};

static void add_cell(struct sums *t, const struct cell *c)
{
	t->allocs += c->allocs - c->certain;
	t->scaled += c->st.scaled;
	t->n += c->n;
}

/* A sample stands for itself at least. */
static double at_least_itself(double factor, const struct cell *c)
{
	return factor * c->weight < c->n ? c->n / c->weight : factor;
}

static void set_group(struct kind *k, unsigned class, unsigned from, unsigned end, uint32_t group)
{
	struct sums t = { 0 };

	for (unsigned i = from; i < end; i++)
		add_cell(&t, &k->slots[i]->cells[class]);
	for (unsigned i = from; i < end; i++) {
		struct cell *c = &k->slots[i]->cells[class];

		c->st.factor = at_least_itself(t.scaled > 0 ? t.allocs / t.scaled : 1, c);
		c->st.group_n = t.n;
		c->st.group = group;
	}
}

/* What is left over at the end joins the group before. */
static void settle_throughout(struct kind *k, unsigned class, unsigned n)
{
	unsigned from = 0, last_from = 0;
	uint32_t group = 0;
	struct sums t = { 0 };

	for (unsigned i = 0; i < n; i++) {
		add_cell(&t, &k->slots[i]->cells[class]);
		if (t.n < MIN_SAMPLES)
			continue;
		set_group(k, class, from, i + 1, group++);
		last_from = from;
		from = i + 1;
		t = (struct sums){ 0 };
	}
	if (from < n)
		set_group(k, class, group ? last_from : 0, n, group ? group - 1 : 0);
}

struct windows {		/* that are counted, of one class */
	unsigned n_slots;
	double n, scaled;
	double excess;		/* scaled less allocs */
};

static void add_windows(struct windows *w, const struct slot *slot, unsigned class)
{
	const struct cell *c = &slot->cells[class];

	if (!slot->counted)
		return;
	w->n_slots++;
	w->n += slot->n_strata;
	w->scaled += c->st.scaled;
	w->excess += c->st.scaled - c->allocs;
}

/* Sets the pull of each window; see the essay. */
static void set_pulls(struct kind *k, unsigned class, unsigned n, const struct windows *w)
{
	bool alike = w->n < MIN_WINDOWS;
	double mean = w->scaled / w->n, squares = 0, moment = 0, t2, damp;

	for (unsigned i = 0; i < n; i++) {
		struct stratum *st = &k->slots[i]->cells[class].st;
		double m = k->slots[i]->n_strata, d = st->scaled / m - mean;

		st->pull = k->slots[i]->counted ? alike ? 1 : d : 0;
		squares += k->slots[i]->counted ? d * d * m : 0;
		moment += st->pull * st->scaled;
	}
	/* NAN: one window, or none */
	t2 = w->excess * w->excess * (w->n_slots - 1.0) / (w->n * squares);
	damp = moment > 0 && t2 >= 0 ? fmin(1, fmax(MIN_T2, w->n) / t2) / moment : 0;
	for (unsigned i = 0; i < n; i++)
		k->slots[i]->cells[class].st.pull *= damp;
}

/* Of one window nobody knows how much it is like the rest, but nothing is more than was counted. */
static double at_most_counted(double factor, const struct cell *c)
{
	return at_least_itself(c->weight > 0 ? fmin(factor, c->allocs / c->weight) : factor, c);
}

/* Nor are all windows together, however much alike they are. */
static double all_at_most_counted(const struct kind *k, unsigned class, unsigned n)
{
	double allocs = 0, sum = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct cell *c = &k->slots[i]->cells[class];

		if (!k->slots[i]->counted)
			continue;
		allocs += c->allocs;
		sum += c->st.factor * c->weight;
	}
	return sum > allocs ? allocs / sum : 1;
}

static void settle_bursts(struct kind *k, unsigned class, unsigned n)
{
	struct windows w = { 0 };
	uint32_t n_samples = 0;
	double counted;

	for (unsigned i = 0; i < n; i++) {
		add_windows(&w, k->slots[i], class);
		n_samples += k->slots[i]->cells[class].n;
	}
	set_pulls(k, class, n, &w);
	for (unsigned i = 0; i < n; i++) {
		struct cell *c = &k->slots[i]->cells[class];
		struct stratum *st = &c->st;

		st->n_windows = k->slots[i]->n_strata;
		st->plain = c->weight > 0 ? st->scaled / c->weight : k->slots[i]->plain;
		st->factor = at_least_itself(st->plain * (1 - w.excess * st->pull), c);
		st->group_n = n_samples;
	}
	counted = all_at_most_counted(k, class, n);
	for (unsigned i = 0; i < n; i++) {
		struct cell *c = &k->slots[i]->cells[class];

		if (k->slots[i]->counted)
			c->st.factor = at_least_itself(c->st.factor * counted, c);
		c->st.missing = c->allocs - c->st.factor * c->weight;
	}
}

/* Bursts that are over. */
static double n_windows(const struct strata *s)
{
	const struct kind *k = &s->kinds[true];
	double n = 0;

	for (unsigned i = 0; i + s->bursts < k->n; i++)
		n += k->slots[i]->n_strata;
	return n;
}

/* Of the open one samples are known, and only sometimes how many there were.  As long as windows
 * are few, it may be most of the time. */
static void settle_open(struct strata *s, unsigned class)
{
	const struct kind *k = &s->kinds[s->bursts];
	const struct slot *before = k->n > 1 ? k->slots[k->n - 2] : NULL;
	struct cell *c = &k->slots[k->n - 1]->cells[class];

	c->st.plain = c->st.factor = s->bursts && before ? before->plain : 1;
	c->st.group = before ? before->cells[class].st.group : 0;
	c->st.group_n = before ? before->cells[class].st.group_n : c->n;
	c->st.scaled = c->weight * c->st.plain;
	if (!s->so_far_known)
		c->allocs = c->certain + c->st.scaled;
	else if (s->bursts && strata_few(s))
		c->st.factor = at_most_counted(c->st.factor, c);
	c->st.missing = strata_few(s) ? fmax(0, c->allocs - c->st.scaled) : 0;
}

static void settle(struct strata *s)
{
	for (unsigned b = 0; b < ARRAY_SIZE(s->kinds); b++) {
		struct kind *k = &s->kinds[b];
		bool open = s->bursts == b;

		for (unsigned i = 0; i < STRATA_CLASSES; i++) {
			(b ? settle_bursts : settle_throughout)(k, i, k->n - open);
			if (open)
				settle_open(s, i);
			for (unsigned j = 0; j < k->n; j++)
				k->slots[j]->cells[i].st.counted = k->slots[j]->counted;
		}
	}
	s->settled = true;
}

const struct stratum *strata_get(struct strata *s, uint8_t slot, unsigned class)
{
	static const struct stratum none = { .factor = 1 };
	const struct kind *k = &s->kinds[strata_is_bursts(slot)];
	unsigned i = slot & (STRATA_BURSTS - 1);

	if (i >= k->n)
		return &none;
	if (!s->settled)
		settle(s);
	return &k->slots[i]->cells[class % STRATA_CLASSES].st;
}

double strata_ratio(struct strata *s, unsigned class)
{
	struct sums t = { 0 };

	if (!s->settled)
		settle(s);
	for (unsigned b = 0; b < ARRAY_SIZE(s->kinds); b++)
		for (unsigned i = 0; i < s->kinds[b].n; i++)
			add_cell(&t, &s->kinds[b].slots[i]->cells[class % STRATA_CLASSES]);
	return t.scaled > 0 ? fmax(0, t.allocs / t.scaled) : 1;
}

bool strata_few(const struct strata *s)
{
	return s->kinds[true].n && n_windows(s) < MIN_WINDOWS;
}

/* What went by while one ceased to listen throughout: nothing that was chosen stands for it. */
static double unheard(const struct strata *s, unsigned class)
{
	const struct kind *k = &s->kinds[false];
	double n = 0;

	for (unsigned i = 0; i + !s->bursts < k->n; i++) {
		const struct cell *c = &k->slots[i]->cells[class];

		if (!c->n && !k->slots[i]->skips)
			n += fmax(0, c->allocs - c->certain - c->gone);
	}
	return n;
}

/* Who has no sample among those that were chosen may have had all that were not, but with samples of
 * its class no more than three of these stand for (95 %). */
double strata_unchosen(struct strata *s, unsigned class)
{
	const struct kind *k = &s->kinds[false];
	double allocs = 0, heaviest = 0;
	bool met = false;

	class %= STRATA_CLASSES;
	if (!s->settled)
		settle(s);
	for (unsigned i = 0; i < k->n; i++) {
		const struct cell *c = &k->slots[i]->cells[class];

		if (!k->slots[i]->skips)
			continue;
		allocs += c->allocs - c->certain - c->gone;
		heaviest = fmax(heaviest, c->heaviest * c->st.factor);
		met |= c->n > 0;
	}
	return fmax(0, met ? fmin(allocs, 3 * heaviest) : allocs);
}

bool strata_any_unchosen(struct strata *s)
{
	for (unsigned i = 0; i < STRATA_CLASSES; i++)
		if (strata_unchosen(s, i) > 0)
			return true;
	return false;
}

double strata_gone(const struct strata *s, unsigned class)
{
	const struct kind *k = &s->kinds[false];
	double n = 0;

	for (unsigned i = 0; i < k->n; i++)
		n += k->slots[i]->cells[class % STRATA_CLASSES].gone;
	return n;
}

bool strata_any_gone(const struct strata *s)
{
	for (unsigned i = 0; i < STRATA_CLASSES; i++)
		if (strata_gone(s, i) > 0)
			return true;
	return false;
}

/* Who allocates at a steady rate has three samples in the mean, if that all are missed is to happen
 * once in 20 times.  As long as windows are few they may also have met nothing of what comes in
 * runs or was kept waiting: then who allocates in a share p of all times is missed by n with the
 * chance (1 - p)^n.  Everything may be somebody's if they have no sample of the class, and what came
 * since the last of them, or before the first. */
double strata_unmet(struct strata *s, unsigned class)
{
	const struct kind *k = &s->kinds[true];
	double n = n_windows(s), allocs = 0, weight = 0, between;
	bool met = false;

	class %= STRATA_CLASSES;
	for (unsigned i = 0; i + s->bursts < k->n; i++) {
		allocs += k->slots[i]->cells[class].allocs;
		weight = fmax(weight, k->slots[i]->plain);
		met |= k->slots[i]->cells[class].n > 0;
	}
	if (n >= MIN_WINDOWS)
		return fmin(allocs, 3 * weight);
	if (!k->n)
		return 0;
	between = unheard(s, class);
	if (s->bursts && s->so_far_known)
		between += open_one(s)->cells[class].allocs;
	return between + allocs * (met ? 1 - pow(0.05, 1 / n) : 1);
}
