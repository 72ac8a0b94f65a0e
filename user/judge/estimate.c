// SPDX-License-Identifier: BSD-2-Clause
/*
 * estimate.c - how far off a sum over samples may be.
 *
 * What was recorded throughout was chosen object by object: n samples of weight w = 1/p have the
 * variance sum w^2 (1 - p) (Horvitz and Thompson).  Scaled to the exact count of their class, what
 * is uncertain is only their share q of the N samples of the class: times 1 - q.  q is taken as
 * (n + 2) / (N + 4), as A. Agresti and B. A. Coull do (The American Statistician 52, 1998), since n
 * of N samples do not prove that there is nothing else.
 *
 * In bursts the windows are what was chosen, and programs allocate in runs: all samples of one
 * window may be one event.  So the variance is that between windows.  What is scaled to the exact
 * count is the part of Y_k, their sum in window k, that goes with X_k, that of the whole class (see
 * strata.c): b X_k, with b = sum(pull Y).  What is left is Y_k - b X_k.  What a program does
 * changes with time, which is no error: each window is compared with its neighbours only, and what
 * it deviates from their mean is divided by sqrt(1 + 1/2) for what they deviate themselves.  The
 * sum of the squares is the variance.  Deviations of different sums in the same windows are added
 * before they are squared: if they come in the same runs, they have the same luck.  The fewer
 * windows there are, and the fewer of them matter, the less is known of the variance itself: it is
 * made larger as Student's t is for so many, and by 2 over the number of those at least.  And a
 * class all of whose samples are of one kind has no variance at all; as above it is given that of
 * q = (n + 2) / (n + 4) with n windows.
 *
 * Intervals are those of a weighted sum of Poisson numbers (M. P. Fay and E. J. Feuer, Statistics
 * in Medicine 16, 1997): gamma quantiles with the sum's mean and variance, above with one event of
 * the largest weight more.  With many samples they are the normal ones, with few and equal weights
 * the exact Poisson limits, and with none, three times the weight of the one that may have been
 * missed.
 */
#include "user/judge/estimate.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "user/base/util.h"
#include "user/judge/stat.h"

#define Z95 1.959964

/* ---- samples of one class -------------------------------------------------------------------- */

void sampling_begin(struct sampling *s, struct strata *strata, unsigned class)
{
	memset(s, 0, sizeof(*s));
	s->strata = strata;
	s->class = class;
}

void sampling_add(struct sampling *s, uint8_t slot, double weight, unsigned shift)
{
	bool bursts = strata_is_bursts(slot);
	double n = ldexp(1, (int)shift);
	struct sampled_slot *k = &s->slots[bursts][slot % STRATA_SLOTS];

	s->n++;
	if (weight <= 1 && !bursts) {
		s->certain += n;
		s->var += n * (n - 1);
		s->largest = fmax(s->largest, sqrt(n * (n - 1)));
		return;
	}
	s->n_chosen++;
	k->n++;
	k->weight += weight * n;
	k->squares += n * weight * (bursts ? weight : weight - 1);
	k->thinned += weight * weight * n * (n - 1);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

struct window {
	double plain;		/* the samples here, and */
	double left;		/* what is left of them if the class explains what it can */
	double n;		/* windows that are joined in this one */
};

static void fill_windows(const struct sampling *s, const struct stratum *const *st, unsigned n,
			 struct window *w)
{
	double slope = 0;

	for (unsigned i = 0; i < n; i++) {
		w[i].plain = s->slots[1][i].weight * st[i]->plain;
		w[i].n = st[i]->n_windows;
		slope += st[i]->pull * w[i].plain;
	}
	for (unsigned i = 0; i < n; i++)
		w[i].left = w[i].plain - (st[i]->counted ? slope * st[i]->scaled : 0);
}

/* One that is not over yet is nobody's neighbour. */
static double deviation(const struct window *w, unsigned n, unsigned i)
{
	double sum = 0, windows = 0, ratio;

	for (unsigned k = i ? i - 1 : 0; k < n && k <= i + 1; k++) {
		if (k == i || !w[k].n)
			continue;
		sum += w[k].left;
		windows += w[k].n;
	}
	ratio = windows > 0 ? w[i].n / windows : 0;
	return (w[i].left - sum * ratio) / sqrt(1 + ratio);
}

/* Of samples that may be all there are of the class. */
static double few_windows(const struct window *w, const struct stratum *const *st, unsigned n,
			  double sum)
{
	double plain = 0, all = 0, squares = 0, q, n_windows;

	for (unsigned i = 0; i < n; i++) {
		plain += w[i].plain;
		all += st[i]->scaled;
		squares += st[i]->scaled * st[i]->scaled;
	}
	if (!(squares > 0))
		return 0;
	q = plain / all;
	n_windows = all * all / squares;	/* as many as if all had had the same */
	return sum * sum * fmax(0, q - (q * n_windows + 2) / (n_windows + 4)) / n_windows;
}

static void end_windows(const struct sampling *s, const struct stratum *const *st, unsigned n,
			double sum, struct spread *spread)
{
	struct window w[STRATA_SLOTS];
	double missing = 0;

	fill_windows(s, st, n, w);
	for (unsigned i = 0; i < n; i++) {
		double unheard = st[i]->plain > 1 ? 1 - 1 / st[i]->plain : 1;

		spread->windows[i] = deviation(w, n, i) * sqrt(unheard);
		missing += st[i]->missing;
	}
	spread->v.bursts += few_windows(w, st, n, sum);
	spread->v.missing = fmax(0, missing);
}

/* ---- the sum --------------------------------------------------------------------------------- */

/* What is uncertain of the samples in one slot, going by their number. */
static double uncertain(const struct sampled_slot *k, const struct stratum *st, double n_group,
			bool bursts)
{
	double q = st->counted ? (n_group + 2) / (st->group_n + 4) : 0;
	double squares = k->squares * (1 - fmin(q, 1));

	if (bursts)
		squares *= fmax(0, 1 - 1 / st->factor);
	return st->factor * st->factor * (squares + k->thinned);
}

static double end_kind(const struct sampling *s, bool bursts, struct spread *spread)
{
	const struct sampled_slot *slots = s->slots[bursts];
	unsigned n = strata_n(s->strata, bursts);
	double n_group[STRATA_SLOTS] = { 0 }, sum = 0;
	const struct stratum *st[STRATA_SLOTS];

	for (unsigned i = 0; i < n; i++) {
		st[i] = strata_get(s->strata, (uint8_t)(i | (bursts ? STRATA_BURSTS : 0)),
				   s->class);
		n_group[st[i]->group] += slots[i].n;
	}
	for (unsigned i = 0; i < n; i++) {
		double var;

		if (!slots[i].n)
			continue;
		sum += slots[i].weight * st[i]->factor;
		var = uncertain(&slots[i], st[i], n_group[st[i]->group], bursts);
		*(bursts ? &spread->v.bursts : &spread->v.var) += var;
		spread->v.largest = fmax(spread->v.largest, st[i]->factor *
					 sqrt((slots[i].squares + slots[i].thinned) / slots[i].n));
	}
	if (bursts && sum > 0)
		end_windows(s, st, n, sum, spread);
	return sum;
}

double sampling_end(const struct sampling *s, struct spread *spread)
{
	*spread = (struct spread){ .v = { .var = s->var, .largest = s->largest } };
	return s->certain + end_kind(s, false, spread) + end_kind(s, true, spread);
}

/* ---- sums over several ----------------------------------------------------------------------- */

void spread_add(struct spread *to, const struct spread *from, double scale)
{
	to->v.var += scale * scale * from->v.var;
	to->v.bursts += scale * scale * from->v.bursts;
	to->v.largest = fmax(to->v.largest, scale * from->v.largest);
	to->v.missing = fmax(to->v.missing, scale * from->v.missing);
	for (size_t i = 0; i < STRATA_SLOTS; i++)
		to->windows[i] += scale * from->windows[i];
}

/* The variance of which the normal limits are those of Student's t with so many degrees of freedom,
 * as a multiple of the one that was measured. */
static double student(unsigned freedom)
{
	static const double few[] = { 0, 12.706, 4.303, 3.182, 2.776 };
	double t;

	if (freedom < ARRAY_SIZE(few))
		t = few[freedom];
	else	/* M. Abramowitz and I. Stegun, 26.7.5 */
		t = Z95 + Z95 * (Z95 * Z95 + 1) / (4 * freedom);
	return t * t / (Z95 * Z95);
}

struct variance spread_variance(const struct spread *s)
{
	struct variance v = s->v;
	double squares = 0, fourth = 0;
	unsigned n = 0;

	for (size_t i = 0; i < STRATA_SLOTS; i++) {
		double square = s->windows[i] * s->windows[i];

		squares += square;
		fourth += square * square;
		n += square > 0;
		v.largest = fmax(v.largest, fabs(s->windows[i]));
	}
	/* 1 / n, for n equal ones, is fourth / squares^2; one window deviates from nothing */
	if (squares > 0)
		v.bursts = fmax(v.bursts, fmax(squares + 2 * fourth / squares,
					       squares * student(n > 1 ? n - 1 : 1)));
	return v;
}

void variance_scale(struct variance *v, double factor)
{
	v->var *= factor * factor;
	v->bursts *= factor * factor;
	v->largest *= factor;
	v->missing *= factor;
}

void variance_add(struct variance *to, const struct variance *from)
{
	double bursts = sqrt(to->bursts) + sqrt(from->bursts);

	to->var += from->var;
	to->bursts = bursts * bursts;
	to->largest = fmax(to->largest, from->largest);
	to->missing = fmax(to->missing, from->missing);
}

/* ---- intervals ------------------------------------------------------------------------------- */

/* Of the gamma distribution with this mean and variance: that of a Poisson mean, in objects of
 * which there are so many that their number has that variance. */
static double gamma_quantile(double mean, double var, double z)
{
	double n = mean * mean / var;

	return mean / n * poisson_low(n, -z);
}

struct estimate estimate_of(double value, const struct variance *v, uint64_t samples)
{
	const double none = 3;		/* -ln 0.05: so many are all missed once in 20 times */
	struct estimate e = { .value = value, .low = value, .high = value, .samples = samples };
	double var = v->var + v->bursts, w = v->largest;

	if (value > 0 && var > 0)
		e.low = gamma_quantile(value, var, -Z95);
	if (value > 0 && (var > 0 || w > 0))
		e.high = fmax(value, gamma_quantile(value + w, var + w * w, Z95));
	else
		e.high = value + none * w;
	e.high += v->missing;
	return e;
}

struct estimate estimate_growth(const struct growth_sums *g)
{
	double died = fmax(g->died, 0), each = g->live_var.largest;
	struct variance v = { .largest = each };
	struct estimate born = estimate_of(g->born, &g->born_var, 0), dead, net;

	if (g->live > 0)
		each = (g->live_var.var + g->live_var.bursts) / g->live;
	v.var = died * each;
	dead = estimate_of(died, &v, 0);
	born.high = fmin(born.high, born.value + g->slack);
	net = estimate_difference(&born, &dead);
	return (struct estimate){ .value = g->born - g->died,
				  .low = net.low + died - g->died,
				  .high = net.high + died - g->died };
}

struct estimate estimate_difference(const struct estimate *plus, const struct estimate *minus)
{
	double value = plus->value - minus->value;

	return (struct estimate){
		.value = value, .samples = plus->samples + minus->samples,
		.low = value - hypot(plus->value - plus->low, minus->high - minus->value),
		.high = value + hypot(plus->high - plus->value, minus->value - minus->low) };
}
