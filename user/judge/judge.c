// SPDX-License-Identifier: BSD-2-Clause
/*
 * judge.c - all verdicts of one moment, and what they add up to.
 */
#include "user/judge/judge.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

/* Descriptors of goroutines never die, by design: more of them are more goroutines at one time, now
 * or before, and the goroutines say so themselves. */
static void clear_descriptors(struct judge_input *in)
{
	for (size_t i = 0; i < in->n_sites; i++) {
		struct judge_site *site = &in->sites[i];

		if (site->of_goroutines && site->is.verdict >= VERDICT_GROWING)
			site->is.verdict = VERDICT_STEADY;
	}
}

bool goroutines_grow(const struct judge_input *in)
{
	for (size_t i = 0; i < in->n_groups; i++)
		if (in->groups[i].is.verdict >= VERDICT_GROWING)
			return true;
	return false;
}

static void take_worse(enum verdict *worst, enum verdict v)
{
	if (v > *worst)
		*worst = v;
}

/* Of classes, what nobody seen explains; without stacks nobody is seen. */
static enum verdict worst(const struct judge_input *in, const struct judge_result *out)
{
	enum verdict v = in->heap->is.verdict == VERDICT_TOO_FEW ? VERDICT_TOO_FEW : VERDICT_STEADY;

	for (size_t i = 0; i < out->n_findings; i++)
		take_worse(&v, out->findings[i].verdict);
	for (size_t i = 0; i < in->n_classes; i++) {
		const struct judge_class *c = &in->classes[i];

		if (class_is_unexplained(c, in->n_sites))
			take_worse(&v, c->is.verdict);
	}
	if (!in->n_sites)
		take_worse(&v, in->heap->is.verdict);
	return v;
}

/* A share of two estimates that know nothing of each other. */
static struct estimate share(const struct estimate *part, const struct estimate *all)
{
	double value = part->value / all->value;
	double error = hypot(standard_error(part), value * standard_error(all)) / all->value;

	return (struct estimate){ value, fmax(value - 1.96 * error, 0), value + 1.96 * error,
				  part->samples };
}

/* As its finding.  What is suppressed counts with leaks. */
static bool counts_as(const struct judge_result *out, const struct judge_site *site,
		      enum verdict verdict)
{
	if (site->finding != NO_FINDING)
		return out->findings[site->finding].verdict == verdict;
	if (site->suppressed && site->is.verdict == VERDICT_GROWING)
		return verdict == VERDICT_LEAK;
	return site->is.verdict == verdict;
}

/* What the runtime keeps for goroutines is part of their finding. */
static bool class_counts_as(const struct judge_input *in, const struct judge_class *c,
			    enum verdict verdict)
{
	enum verdict goroutines = VERDICT_STEADY;

	if (c->finding != NO_FINDING || !class_goes_with_goroutines(in, c))
		return c->finding != NO_FINDING && c->is.verdict == verdict;
	for (size_t i = 0; i < in->n_groups; i++)
		take_worse(&goroutines, in->groups[i].is.verdict);
	return c->is.verdict >= VERDICT_GROWING && goroutines == verdict;
}

/* low, high: of sum, how far it is from its value. */
static void add_growth(const struct estimate *rate, struct estimate *sum, double *low, double *high)
{
	sum->value += rate->value;
	sum->samples += rate->samples;
	*low = hypot(*low, rate->value - rate->low);
	*high = hypot(*high, rate->high - rate->value);
}

/* Of a class what its stacks leave, which count by themselves. */
static struct estimate left_of(const struct judge_class *c)
{
	double most = fmax(c->is.rate.value, 0), told = fmin(fmax(c->told, 0), most);
	struct estimate e = c->is.rate;

	e.value -= told;
	e.low -= told;
	e.high -= told;
	return e;
}

/* The share of the heap's growth that findings of this verdict make up. */
static struct estimate share_of(const struct judge_input *in, const struct judge_result *out,
				enum verdict verdict)
{
	struct estimate sum = { 0 };
	double low = 0, high = 0;

	if (!(in->heap->is.rate.low > 0))
		return (struct estimate){ NAN, NAN, NAN, 0 };
	for (size_t i = 0; i < in->n_sites; i++)
		if (counts_as(out, &in->sites[i], verdict))
			add_growth(&in->sites[i].is.rate, &sum, &low, &high);
	for (size_t i = 0; i < in->n_classes; i++) {
		struct estimate left = left_of(&in->classes[i]);

		if (class_counts_as(in, &in->classes[i], verdict))
			add_growth(&left, &sum, &low, &high);
	}
	sum.low = sum.value - low;
	sum.high = sum.value + high;
	return share(&sum, &in->heap->is.rate);
}

static struct estimate unseen(const struct judge_input *in)
{
	struct estimate sum = { 0 };
	double width = 0;

	for (size_t i = 0; i < in->n_classes; i++) {
		const struct judge_class *c = &in->classes[i];
		const struct estimate *e = &c->unseen;

		if (c->finding != NO_FINDING || class_goes_with_goroutines(in, c))
			continue;
		sum.value += e->value;
		width = hypot(width, e->value - e->low);
	}
	sum.low = sum.value - width;
	sum.high = sum.value + width;
	return sum;
}

/* What grows in a class and is told nowhere may be a leak as fast as that. */
static double hidden(const struct judge_input *in, const struct judge_class *c)
{
	if (c->finding != NO_FINDING || class_goes_with_goroutines(in, c))
		return c->detectable;
	return fmax(c->detectable, c->is.rate.high - fmax(c->told, 0));
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* In the class that sways most, and in the worst of all but a tenth of them. */
static void find_detectable(const struct judge_input *in, struct judge_result *out)
{
	double *least = xcalloc(in->n_classes + 1, sizeof(*least));
	size_t n = 0;

	for (size_t i = 0; i < in->n_classes; i++) {
		const double slope = hidden(in, &in->classes[i]);

		if (!isnan(slope))
			least[n++] = slope;
	}
	qsort(least, n, sizeof(*least), by_size);
	out->detectable = n ? least[n - 1] : NAN;
	out->detectable_mostly = n ? least[n - 1 - n / 10] : NAN;
	free(least);
}

/*
 * Of the heap the bounds are the sum of those of all classes, as if all were off to the same side;
 * what it sways by tells better how far off it is.
 */
static void judge_heap(struct judge_input *in)
{
	struct judge_class *heap = in->heap;
	const struct growth *g = &heap->bytes;

	heap->bytes.late = heap->bytes.values;
	judge_class(heap, &heap->bytes, &in->limits);
	for (size_t i = 0; i < in->n_classes; i++)
		judge_shrinking(in, &in->classes[i]);
	for (size_t i = 0; i < in->n_classes; i++)
		if (class_has_grown(&in->classes[i]))
			return;
	if (heap->is.verdict == VERDICT_LEAK &&
	    g->late.value * g->late_s < HEAP_ALONE_SHARE * g->level[2]) {
		heap->is.verdict = VERDICT_GROWING;
		heap->is.missing = MISSING_SHARE;
		heap->is.watch_s = g->seconds / 2;
	}
}

void judge(struct judge_input *in, struct judge_result *out)
{
	for (size_t i = 0; i < in->n_classes; i++)
		judge_class(&in->classes[i], &in->heap->bytes, &in->limits);
	judge_heap(in);
	judge_sites(in);
	for (size_t i = 0; i < in->n_groups; i++)
		judge_group(&in->groups[i], &in->limits, &in->groups_span);
	if (!goroutines_grow(in))
		clear_descriptors(in);
	*out = (struct judge_result){ 0 };
	judge_together(in, out);
	out->verdict = worst(in, out);
	out->explained = share_of(in, out, VERDICT_LEAK);
	out->growing = share_of(in, out, VERDICT_GROWING);
	out->unseen = unseen(in);
	find_detectable(in, out);
}
