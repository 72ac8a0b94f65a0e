// SPDX-License-Identifier: BSD-2-Clause
/*
 * fit.c - samples are scaled to what was allocated; what lives is counted as well.
 *
 * The census says how many objects of a size class lived when a mark phase began.  Of these, at
 * most so many are older than the attach as were there then, or in any cycle that was counted and
 * tracked, besides what is known to be younger, since they can only die.  So what tracked objects
 * of the class stand for must lie between the count less those, and the count.  If it does not, the
 * samples of the class stand for the wrong number: windows slow down what they watch, or have
 * missed what happened between them.  They are scaled to the nearer end.  Whose the difference is
 * nobody knows; half of it is taken as a standard error more.
 *
 * The other way round, what is counted bounds what may live of each account.  At most it has what
 * it is thought to have, what no sample of the class explains, and what the others may have too
 * much.
 * At least, what it is thought to have, less what the class may have less in all, what the others
 * may have too little, and what others may have of which there is no sample at all: 3 / n of the
 * class, if n samples or windows have not met them (95 %).
 *
 * A class of which no sample lived when it was counted has nothing that could be scaled.  What it
 * has more than may be older than the attach is hidden: it was allocated when nobody listened, as
 * what is kept in runs may be, however many samples of its stacks have died.  Any stack of the
 * class may have it, or one that was never seen.
 *
 * Counts and looks are compared as of the same cycle, and the outcome serves until the next one.
 * What the samples that lived then stand for is known better by now, so only their number is
 * remembered; those that have come since are taken to be like them, and of these nothing is
 * counted.  But all together are no more than there were, with the garbage, when the mark phase
 * began that has told what lives.
 */
#include "user/fit.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/judge/estimate.h"
#include "user/observation.h"

enum {
	TINY_BLOCK = 16,	/* runtime.maxTinySize */
	LARGEST_CLASS = 32768,	/* bytes; what is larger has no class */
};

struct fit {			/* of one class */
	const struct heap_class *class;
	double exact, estimated; /* live objects of its accounts */
	double recorded;	/* of these */
	double factor;		/* of the estimated ones */
	double growth;		/* of all since they were counted */
	double above, below;	/* what all may have more, or less, than they are thought to */
	double more, less;	/* the same, summed over accounts, each by its own samples */
	double samples;
	double unseen, hidden;	/* so many, or so many at most, are not older than the attach and
				 * have no sample that stands for them */
};

struct change {			/* of sums, by fitting */
	double objects, bytes, new_bytes;	/* as they were */
	double more_objects, more_bytes, more_new_bytes;
};

static bool is_estimate(const struct obs_account *a)
{
	return a->live_var.var > 0 || a->live_var.bursts > 0 || a->live_var.largest > 0;
}

static bool is_sampled(const struct observation *o)
{
	for (size_t i = 0; i < o->n_accounts; i++)
		if (is_estimate(&o->accounts[i]) || o->accounts[i].live_var.missing > 0)
			return true;
	return o->n_windows > 0;
}

/* Tiny objects inside of blocks that others opened are not counted; they go with these. */
static struct fit *fit_of(struct fit *fits, size_t n, const struct obs_account *a)
{
	uint64_t size = a->tiny ? TINY_BLOCK : a->size;

	for (size_t i = 0; i < n; i++)
		if (fits[i].class->size == size ||
		    (!fits[i].class->size && size > LARGEST_CLASS))
			return &fits[i];
	return NULL;
}

static void add_up(struct observation *o, struct fit *fits, size_t n)
{
	for (size_t i = 0; i < o->n_accounts; i++) {
		const struct obs_account *a = &o->accounts[i];
		struct fit *f = fit_of(fits, n, a);

		if (!f || !a->size)
			continue;
		*(is_estimate(a) ? &f->estimated : &f->exact) += a->live;
		f->recorded += (double)a->n_live;
		f->samples += (double)a->samples;
	}
}

static void set_hidden(struct fit *f)
{
	const struct heap_class *c = f->class;

	f->unseen = fmax(0, c->least - c->tracked);
	f->hidden = f->unseen > 0 ? c->most - c->tracked : 0;
}

/* What few samples of then say of those that have come since may be far too much, or only by
 * chance.  By as much as it was, it may now be too much. */
static void set_cap(struct fit *f)
{
	double now = f->exact + f->factor * f->estimated, most = fmax(f->class->most_now, f->exact);

	if (!(now > most))
		return;
	f->factor = (most - f->exact) / f->estimated;
	f->below += now - most;
}

/* sampled: not every object is recorded. */
static void set_factor(struct fit *f, bool sampled)
{
	const struct heap_class *c = f->class;
	double then, fitted, exact;

	f->factor = 1;
	f->above = f->below = INFINITY;
	if (!(c->recorded > 0) || !(f->estimated > 0)) {
		if (sampled && !isnan(c->recorded))
			set_hidden(f);
		set_cap(f);
		return;
	}
	f->growth = f->recorded / c->recorded;
	then = (f->exact + f->estimated) / f->growth;
	exact = f->exact / f->growth;
	fitted = fmin(fmax(then, c->least), c->most);
	f->factor = fmax(fitted - exact, 0) / (then - exact);
	f->above = fmax(0, c->most - fitted) * f->growth;
	f->below = fmax(0, fitted - c->least) * f->growth;
	set_cap(f);
}

static void scale_account(struct obs_account *a, double factor)
{
	double error = (factor - 1) * a->live / 2;

	a->live *= factor;
	a->young *= factor;
	a->shared *= factor;
	a->doubtful *= factor;
	a->replaced *= factor;
	a->live_first *= factor;
	a->live_half *= factor;
	a->old *= factor;
	a->aged *= factor;
	a->each *= factor;
	variance_scale(&a->live_var, factor);
	a->live_var.bursts += error * error;
}

static void add_change(struct change *c, const struct obs_account *a, double factor)
{
	double size = (double)a->size;

	c->objects += a->live;
	c->bytes += a->live * size;
	c->new_bytes += (a->live - a->old) * size;
	c->more_objects += (factor - 1) * a->live;
	c->more_bytes += (factor - 1) * a->live * size;
	c->more_new_bytes += (factor - 1) * (a->live - a->old) * size;
}

/* A sum has become so much more. */
static void change_variance(struct variance *v, double sum, double more)
{
	if (sum > 0)
		variance_scale(v, 1 + more / sum);
	v->bursts += more * more / 4;
}

static void change_stack(struct obs_stack *st, const struct change *c)
{
	change_variance(&st->objects, c->objects, c->more_objects);
	change_variance(&st->bytes, c->bytes, c->more_bytes);
	change_variance(&st->new_bytes, c->new_bytes, c->more_new_bytes);
}

/* Classes may be wrong in different ways: their errors are not added up. */
static void change_all(struct observation *o, const struct change *classes, size_t n)
{
	struct change all = { 0 };
	double objects = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		const struct change *c = &classes[i];

		all.objects += c->objects;
		all.bytes += c->bytes;
		all.more_objects += c->more_objects;
		all.more_bytes += c->more_bytes;
		objects += c->more_objects * c->more_objects / 4;
		bytes += c->more_bytes * c->more_bytes / 4;
	}
	if (all.objects > 0)
		variance_scale(&o->objects, 1 + all.more_objects / all.objects);
	if (all.bytes > 0)
		variance_scale(&o->bytes, 1 + all.more_bytes / all.bytes);
	o->objects.bursts += objects;
	o->bytes.bursts += bytes;
}

/* classes[n]: of accounts without a class. */
static void scale(struct observation *o, struct fit *fits, size_t n, struct change *classes)
{
	struct change *stacks = xcalloc(o->n_stacks, sizeof(*stacks));

	for (size_t i = 0; i < o->n_accounts; i++) {
		struct obs_account *a = &o->accounts[i];
		struct fit *f = fit_of(fits, n, a);
		double factor = f && is_estimate(a) ? f->factor : 1;

		add_change(&stacks[a->stack], a, factor);
		add_change(&classes[f ? (size_t)(f - fits) : n], a, factor);
		if (factor != 1)
			scale_account(a, factor);
	}
	for (size_t i = 0; i < o->n_stacks; i++)
		change_stack(&o->stacks[i], &stacks[i]);
	free(stacks);
}

static double mean_bytes(const struct heap_class *c)
{
	if (c->size || !c->live_objects)
		return (double)c->size;
	return (double)c->live_bytes / (double)c->live_objects;
}

/* What was counted and neither tracked nor hidden, if that is an estimate: what was tracked is
 * known better now. */
static void set_older(struct observation *o, struct fit *fits, size_t n)
{
	double since = 0, older;		/* bytes allocated since the attach */

	for (size_t i = 0; i < o->n_accounts; i++) {
		const struct obs_account *a = &o->accounts[i];
		const struct fit *f = fit_of(fits, n, a);

		if (f && f->class->recorded > 0 && f->recorded > 0)
			since += a->live * (double)a->size * f->class->recorded / f->recorded;
	}
	for (size_t i = 0; i < n; i++)
		since += fits[i].unseen * mean_bytes(fits[i].class);
	older = fmax(0, (double)o->census.compared_bytes - since);
	if (o->census.older_bytes != UNKNOWN_U64)
		o->census.older_bytes = (uint64_t)llround(
			fmin(older, (double)o->census.older_most));
}

/* How far a sum may be off by its own samples. */
static struct estimate by_chance(const struct obs_account *a)
{
	struct variance v = a->live_var;

	v.missing = 0;
	return estimate_of(a->live, &v, 0);
}

/* By how much it may be too much: by its samples, and since what is found alive in a slot need not be
 * what was recorded there. */
static double too_much(const struct obs_account *a)
{
	double unsure = a->live > 0 ? fmin(1, (a->shared + a->replaced) / a->live) : 0;

	return a->live - by_chance(a).low * (1 - unsure);
}

static void set_most(struct obs_account *a, const struct fit *f)
{
	struct estimate e = by_chance(a);
	double is_new = f->growth > 1 ? 1 - 1 / f->growth : 0;
	double others = f->less - too_much(a);

	a->most = e.high + a->live_var.missing;
	a->most = fmin(a->most, a->live + f->above + others + sqrt(is_new) * (e.high - e.value) +
				is_new * a->live_var.missing);
}

/* To be called when all have their most. */
static void set_least(struct obs_account *a, const struct fit *f, uint64_t n_windows)
{
	struct estimate e = by_chance(a);
	double is_new = f->growth > 1 ? 1 - 1 / f->growth : 0;
	double others = f->more - (a->most - a->live), all = f->exact + f->factor * f->estimated;
	double n = n_windows ? fmin((double)n_windows, f->samples) : f->samples;

	a->least = fmax(0, a->live - f->below - others - all * fmin(1, 3 / n) -
			   sqrt(is_new) * (e.value - e.low));
}

/* Also of those whose samples were all certain to be made, before one listened in bursts.  While
 * windows are few, a round of what none has met may have come after the count. */
static struct fit *fit_to_bound(const struct observation *o, struct fit *fits, size_t n,
				const struct obs_account *a)
{
	struct fit *f = fit_of(fits, n, a);

	if (o->few_windows && a->live_var.missing > 0)
		return NULL;
	return f && a->size && (is_estimate(a) || a->live_var.missing > 0) &&
	       isfinite(f->above) ? f : NULL;
}

static void set_bounds(struct observation *o, struct fit *fits, size_t n)
{
	struct fit *f;

	for (size_t i = 0; i < o->n_accounts; i++)
		if ((f = fit_to_bound(o, fits, n, &o->accounts[i])))
			f->less += too_much(&o->accounts[i]);
	for (size_t i = 0; i < o->n_accounts; i++) {
		f = fit_to_bound(o, fits, n, &o->accounts[i]);
		if (!f)
			continue;
		set_most(&o->accounts[i], f);
		f->more += o->accounts[i].most - o->accounts[i].live;
	}
	for (size_t i = 0; i < o->n_accounts; i++)
		if ((f = fit_to_bound(o, fits, n, &o->accounts[i])))
			set_least(&o->accounts[i], f, o->n_windows);
}

static void add_bounds(struct obs_bounds *b, double above, double below, double scale)
{
	b->above += above * scale;
	b->below += below * scale;
}

/* What is new since the count, of each account; and what is counted, once of each class. */
static void bound_account(struct observation *o, const struct obs_account *a, struct fit *f)
{
	double is_new = f->growth > 1 ? sqrt(1 - 1 / f->growth) : 0, size = (double)a->size;
	struct estimate e = by_chance(a);

	add_bounds(&o->objects_bounds, e.high - a->live, a->live - e.low, is_new);
	add_bounds(&o->bytes_bounds, e.high - a->live, a->live - e.low, is_new * size);
	add_bounds(&o->objects_bounds, f->above, f->below, 1);
	add_bounds(&o->bytes_bounds, f->above, f->below, size);
	if (f->above + f->below > 0 && !f->class->size)
		o->bytes_bounds.known = false;	/* they have many sizes */
	f->above = f->below = 0;
}

/* Of the sums over all accounts, unless nothing is counted of some. */
static void bound_all(struct observation *o, struct fit *fits, size_t n)
{
	o->objects_bounds = o->bytes_bounds = (struct obs_bounds){ .known = true };
	for (size_t i = 0; i < o->n_accounts; i++) {
		const struct obs_account *a = &o->accounts[i];
		struct fit *f = fit_to_bound(o, fits, n, a);

		if (f) {
			bound_account(o, a, f);
		} else if (is_estimate(a) || a->live_var.missing > 0) {
			o->objects_bounds.known = false;
			o->bytes_bounds.known &= !a->size;
		}
	}
}

/* More than may be missing of it anyway.  Two accounts of one stack and class both may have it. */
static void hide(struct observation *o, struct obs_account *a, const struct fit *f)
{
	double more = fmax(0, f->hidden - a->live_var.missing), bytes = more * (double)a->size;
	struct obs_stack *st = &o->stacks[a->stack];

	a->live_var.missing += more;
	st->objects.missing += more;
	st->bytes.missing += bytes;
	st->new_bytes.missing += bytes;
}

/* Those that are large may be all that is. */
static void hide_in_all(struct observation *o, const struct fit *f)
{
	const struct heap_class *c = f->class;
	double bytes = c->size ? f->hidden * (double)c->size : (double)c->live_bytes;

	o->objects.missing += f->hidden;
	o->bytes.missing += bytes;
	add_bounds(&o->objects_bounds, f->hidden, 0, 1);
	add_bounds(&o->bytes_bounds, bytes, 0, 1);
}

static void set_missing(struct observation *o, struct fit *fits, size_t n)
{
	for (size_t i = 0; i < o->n_accounts; i++) {
		struct obs_account *a = &o->accounts[i];
		const struct fit *f = fit_of(fits, n, a);

		if (f && f->hidden > 0 && a->size && (is_estimate(a) || a->live_var.missing > 0))
			hide(o, a, f);
	}
	for (size_t i = 0; i < n; i++)
		if (fits[i].hidden > 0)
			hide_in_all(o, &fits[i]);
}

void fit_live(struct observation *o)
{
	size_t n = o->census.n_classes;
	bool sampled = is_sampled(o);
	struct fit *fits = xcalloc(n, sizeof(*fits));
	struct change *classes = xcalloc(n + 1, sizeof(*classes));

	for (size_t i = 0; i < n; i++)
		fits[i].class = &o->census.classes[i];
	add_up(o, fits, n);
	for (size_t i = 0; i < n; i++)
		set_factor(&fits[i], sampled);
	scale(o, fits, n, classes);
	change_all(o, classes, n + 1);
	if (sampled)
		set_older(o, fits, n);
	set_bounds(o, fits, n);
	bound_all(o, fits, n);
	set_missing(o, fits, n);
	free(classes);
	free(fits);
}
