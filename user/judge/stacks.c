// SPDX-License-Identifier: BSD-2-Clause
/*
 * stacks.c - does a stack leak?  Its samples say that it grows (flow.c); whether that is growth or
 * takes the place of what is older than the attach, the census of its size classes says.
 *
 * What all stacks of a class show (T) and what it grows by the census (S) are two measurements of
 * the same, if everything is seen and nothing older dies.  Then a stack's rate is its share of S,
 * which has no luck of sampling in it.  If T is more, older objects are being replaced, nobody
 * knows by whom: a stack grows by what the others leave of S at least, and by S at most.  If T is
 * less, there are allocations that nobody has seen yet.
 */
#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

#define Z95 1.959964

enum { N_SIZES = 3 };	/* of objects of a site: it may enlarge a container by hand */

/* What the stacks show of one class, bytes a second. */
struct class_sum {
	double all, all_variance;		/* of all parts */
	double up, up_variance;			/* of those that grow */
	double flagged, flagged_variance;	/* with evidence by themselves */
	double told, told_variance;		/* of these what is a finding, and what is told of
						 * elsewhere */
};

struct part_view {
	struct judged_flow flow;	/* of objects */
	struct estimate rate;		/* bytes a second, by samples alone */
};

struct view {
	struct judge_input *in;
	struct class_sum *sums;
	struct part_view *parts;	/* of all sites, in their order */
};

/* ---- sums by class --------------------------------------------------------------------------- */

static struct estimate scaled(const struct estimate *e, double factor)
{
	return (struct estimate){ e->value * factor, e->low * factor, e->high * factor,
				  e->samples };
}

static void add_sum(double *sum, double *variance, const struct estimate *rate)
{
	double error = standard_error(rate);

	*sum += rate->value;
	*variance += error * error;
}

static void view_part(const struct view *v, const struct judge_part *p, struct part_view *out)
{
	struct class_sum *s = &v->sums[p->class];

	judge_flow(p->objects, &v->in->sites_span, &out->flow);
	out->rate = scaled(&out->flow.is.rate, p->object_bytes);
	if (isnan(out->rate.value))
		return;
	add_sum(&s->all, &s->all_variance, &out->rate);
	if (out->rate.value > 0)
		add_sum(&s->up, &s->up_variance, &out->rate);
	if (out->flow.is.verdict >= VERDICT_GROWING)
		add_sum(&s->flagged, &s->flagged_variance, &out->rate);
}

/* What is taken to replace older objects has evidence, and explains no growth. */
static bool is_told(const struct judge_site *site, const struct part_view *part)
{
	return site->suppressed || site->of_goroutines ||
	       (part->flow.is.verdict >= VERDICT_GROWING && site->is.verdict >= VERDICT_GROWING);
}

static void tell_part(const struct view *v, const struct judge_site *site,
		      const struct judge_part *p, const struct part_view *part)
{
	struct class_sum *s = &v->sums[p->class];

	if (!isnan(part->rate.value) && is_told(site, part))
		add_sum(&s->told, &s->told_variance, &part->rate);
}

/* Difference of census and stacks, with its interval. */
static struct estimate unseen(const struct judge_class *c, const struct class_sum *s)
{
	double off = c->is.rate.value - s->all;
	double width = Z95 * hypot(standard_error(&c->is.rate), sqrt(s->all_variance));

	return (struct estimate){ off, off - width, off + width, c->is.rate.samples };
}

/* No more than the class grows by: stacks that seem to shrink by more than it does are luck. */
static void fill_class(struct judge_class *c, const struct class_sum *s)
{
	const struct estimate *all = &c->is.rate;
	double width = Z95 * sqrt(s->all_variance);

	c->sampled = (struct estimate){ .value = s->all, .low = s->all - width,
					.high = s->all + width };
	c->unseen = unseen(c, s);
	if (!(c->unseen.low > 0) || !(all->low > 0)) {
		c->unseen = (struct estimate){ 0 };
		return;
	}
	c->unseen.value = fmin(c->unseen.value, all->value);
	c->unseen.low = fmin(c->unseen.low, all->low);
	c->unseen.high = fmin(c->unseen.high, all->high);
}

/* ---- the class's word ------------------------------------------------------------------------ */

enum word {
	AGREES,
	ACCUSES,	/* and is a leak by itself, most of which this is: its growth has neither an
			 * attach in it nor a load that rises, so that old objects may die, too: a
			 * queue that gets longer */
	CANNOT_TELL,
	CONTRADICTS,
	N_WORDS,
};

static bool is_leak_but_early(const struct judgement *is)
{
	return is->verdict == VERDICT_LEAK ||
	       (is->verdict == VERDICT_GROWING && is->missing == MISSING_TIME);
}

static enum word word_of_class(const struct judge_class *c, const struct class_sum *s,
			       const struct estimate *rate)
{
	struct estimate flagged = { .low = s->flagged - Z95 * sqrt(s->flagged_variance) };

	if (class_contradicts(c, rate) || class_contradicts(c, &flagged))
		return CONTRADICTS;
	if ((!class_grows(c) && !class_type_grows(c, rate)) || !class_goes_on(c) ||
	    s->flagged > CLASS_EXPLAINED * c->bytes.late.value)
		return CANNOT_TELL;
	return is_leak_but_early(&c->is) && rate->value >= c->is.rate.value / CLASS_EXPLAINED ?
	       ACCUSES : AGREES;
}

/* By the bytes of the parts that grow, if most of them have the same one. */
static enum word word_of_classes(const struct view *v, const struct judge_site *site,
				 const struct part_view *parts)
{
	double bytes[N_WORDS] = { 0 }, all = 0;

	for (size_t i = 0; i < site->n_parts; i++) {
		size_t class = site->parts[i].class;

		if (!(parts[i].rate.value > 0))
			continue;
		bytes[word_of_class(&v->in->classes[class], &v->sums[class], &parts[i].rate)] +=
			parts[i].rate.value;
		all += parts[i].rate.value;
	}
	if (bytes[ACCUSES] > all / 2)
		return ACCUSES;
	if (bytes[AGREES] + bytes[ACCUSES] >= all / 2 && all > 0)
		return AGREES;
	return bytes[CONTRADICTS] > all / 2 ? CONTRADICTS : CANNOT_TELL;
}

static void set_verdict(struct judgement *is, enum verdict verdict, unsigned missing,
			double watch_s)
{
	is->verdict = verdict;
	is->missing = missing;
	is->watch_s = watch_s;
}

static void take_word(enum word word, const struct window_span *span, struct judged_flow *flow)
{
	struct judgement *is = &flow->is;

	if (is->verdict < VERDICT_GROWING || word == AGREES)
		return;
	if (word == ACCUSES) {
		if (is->missing == MISSING_OLD_STAY)
			set_verdict(is, VERDICT_LEAK, 0, 0);
	} else if (word == CONTRADICTS || flow->old_die) {
		set_verdict(is, flow->old_die ? VERDICT_CHURN : VERDICT_STEADY, 0, 0);
		is->replacing = !flow->old_die;
	} else {
		set_verdict(is, VERDICT_GROWING, is->missing | MISSING_CENSUS, span->seconds / 2);
	}
}

/* ---- rates ----------------------------------------------------------------------------------- */

/*
 * Samples show less than the class grows: windows slow down what they watch, or have missed what
 * happened between them, as in fit.c; or somebody else has not been met.  A stack gets its share of
 * what is lacking for certain, and half of that as a standard error more; but it may be another's, all
 * of it.
 */
static struct estimate rate_fitted(const struct judge_class *c, const struct class_sum *s,
				   const struct estimate *own, double lacking)
{
	double share = lacking * own->value / s->up, error = Z95 * share / 2;
	struct estimate e = { .value = own->value + share, .samples = own->samples };

	e.low = own->low;
	e.high = fmin(e.value + hypot(error, own->high - own->value),
		      fmax(c->is.rate.high + s->up - s->all, e.value));
	return e;
}

/*
 * What a stack grows when all of its class is known: no more than its samples and the class say;
 * no less than what the others leave of the class.  If older objects may have been replaced, so
 * large a share of each stack's growth may be that.
 */
static struct estimate rate_in_class(const struct judge_class *c, const struct class_sum *s,
				     const struct estimate *own)
{
	struct estimate off = unseen(c, s), e = *own;
	const struct estimate *class = &c->is.rate;
	double error = standard_error(own), others = s->up - own->value;
	double others_error = Z95 * sqrt(fmax(s->up_variance - error * error, 0));
	double replaced = fmin(fmax(-off.low, 0) / s->all, 1);

	if (!(own->value > 0) || isnan(off.value))
		return *own;
	if (off.low > 0)	/* what is followed one by one is what it is */
		return own->high > own->value ? rate_fitted(c, s, own, off.low) : *own;
	e.low = fmax(class->low - others - others_error, own->low * (1 - replaced));
	e.high = fmin(own->high, fmax(class->high, 0) + s->up - s->all);
	e.value = fmax(class->value, 0) * own->value / fmax(off.high < 0 ? s->up : s->all,
							    own->value);
	if (!(e.low <= e.high))
		return *own;
	e.value = fmin(fmax(e.value, e.low), e.high);
	return e;
}

static struct estimate site_rate(const struct view *v, const struct judge_site *site,
				 const struct part_view *parts)
{
	struct estimate sum = { 0 };
	double low = 0, high = 0;

	for (size_t i = 0; i < site->n_parts; i++) {
		size_t class = site->parts[i].class;
		struct estimate e = rate_in_class(&v->in->classes[class], &v->sums[class],
						  &parts[i].rate);

		sum.value += e.value;
		sum.samples += e.samples;
		low = hypot(low, e.value - e.low);
		high = hypot(high, e.high - e.value);
	}
	sum.low = sum.value - low;
	sum.high = sum.value + high;
	return sum;
}

/* ---- containers ------------------------------------------------------------------------------ */

/*
 * By how much the mean size of an array has grown, 0 if it ever fell: what only ever is replaced by
 * larger ones (R5).  Their number may rise: the first ones are older than the attach.  But then as
 * many have been replaced: who adds to those that there are, as overflow buckets of a map, makes the
 * mean larger if the first was a small one, and replaces nothing.
 */
static double grown_size(const struct window_flow *bytes, const struct window_flow *objects,
			 size_t n_steps)
{
	double n = 0, died = 0, sum = 0, first = 0, largest = 0, most = 0;

	for (size_t i = 0; i < n_steps; i++) {
		n += objects->step[i].born.sum - objects->step[i].died.sum;
		died += objects->step[i].died.sum;
		sum += bytes->step[i].born.sum - bytes->step[i].died.sum;
		if (n < 0.5)
			continue;
		if (!first)
			first = sum / n;
		if (sum / n < SHRUNK_SIZE * largest)
			return 0;
		largest = fmax(largest, sum / n);
		most = fmax(most, n);
	}
	return first && n >= most / 2 && died >= n ? largest / first : 0;
}

/* A few large steps are no slope yet; but the heap is larger by then. */
static bool heap_agrees(const struct judge_class *heap, const struct estimate *rate)
{
	return heap->bytes.change >= rate->value / CLASS_EXPLAINED;
}

static bool heap_grows_as_well(const struct judge_class *heap, const struct estimate *rate)
{
	return class_grows(heap) && class_goes_on(heap) && heap_agrees(heap, rate);
}

/* With evidence in bytes, in both of the later parts. */
static bool grows_steadily(const struct judgement *samples)
{
	return samples->verdict >= VERDICT_GROWING && !(samples->missing & MISSING_GOES_ON);
}

/* samples: what they say of its bytes by themselves.  Arrays that move on to another class grow by
 * that, whatever their classes do. */
static void judge_container(const struct view *v, const struct judge_site *site,
			    const struct window_flow *bytes, const struct window_flow *objects,
			    const struct judgement *samples, struct judgement *is)
{
	const struct window_span *span = &v->in->sites_span;
	double grown = grown_size(bytes, objects, span->n_steps);
	const struct judge_class *heap = v->in->heap;
	bool map = site->container == CONTAINER_MAP;

	if ((grown >= LEAKED_SIZE && heap_agrees(heap, &is->rate)) ||
	    (grown >= GROWN_SIZE && grows_steadily(samples) && !map &&
	     heap_grows_as_well(heap, &is->rate))) {
		set_verdict(is, VERDICT_LEAK, 0, 0);
		if (!(is->rate.low > 0))
			is->rate = samples->rate;
	} else if ((grown >= GROWN_SIZE && is->verdict != VERDICT_LEAK &&
		    !class_contradicts(heap, &is->rate)) ||
		   (is->verdict == VERDICT_LEAK && map)) {
		set_verdict(is, VERDICT_GROWING, MISSING_SIZES, span->seconds);
	}
}

/* ---- sites ----------------------------------------------------------------------------------- */

static bool classes_grew_early(const struct view *v, const struct judge_site *site)
{
	for (size_t i = 0; i < site->n_parts; i++) {
		enum verdict verdict = v->in->classes[site->parts[i].class].is.verdict;

		if (verdict == VERDICT_PLATEAU || verdict == VERDICT_GROWING)
			return true;
	}
	return false;
}

/* The best of the whole and of each of its parts: a leak of one size may hide in the churn of
 * another. */
static void judge_parts(const struct view *v, const struct judge_site *site,
			const struct part_view *parts, struct judged_flow *all)
{
	for (size_t i = 0; i < site->n_parts && site->n_parts > 1; i++) {
		size_t class = site->parts[i].class;
		struct judged_flow flow = parts[i].flow;

		take_word(word_of_class(&v->in->classes[class], &v->sums[class], &parts[i].rate),
			  &v->in->sites_span, &flow);
		if (flow.is.verdict > all->is.verdict)
			all->is = flow.is;
		all->grew_early |= flow.grew_early;
	}
}

/* What may not grow at all is no leak, whatever its sizes and witnesses say. */
static void doubt_rate(const struct window_span *span, struct judgement *is)
{
	if (is->verdict == VERDICT_LEAK && !(is->rate.low > 0))
		set_verdict(is, VERDICT_GROWING, MISSING_RATE, span->seconds / 2);
}

static void judge_site(const struct view *v, struct judge_site *site, const struct part_view *parts)
{
	const struct window_span *span = &v->in->sites_span;
	struct window_flow bytes = { 0 }, objects = { 0 };
	struct judged_flow all;
	struct judgement samples;

	for (size_t i = 0; i < site->n_parts; i++) {
		window_flow_add(&bytes, site->parts[i].objects, site->parts[i].object_bytes);
		window_flow_add(&objects, site->parts[i].objects, 1);
	}
	judge_flow(&bytes, span, &all);
	samples = all.is;
	take_word(word_of_classes(v, site, parts), span, &all);
	judge_parts(v, site, parts, &all);
	all.is.rate = site_rate(v, site, parts);
	all.is.rate.low -= site->replaced * fmax(all.is.rate.high, 0);
	if (site->container != CONTAINER_NONE || site->n_parts >= N_SIZES)
		judge_container(v, site, &bytes, &objects, &samples, &all.is);
	site->is = all.is;
	if (site->is.verdict == VERDICT_TOO_FEW && !objects.live.sum &&
	    site->n_allocated >= EVIDENCE_SAMPLES)
		site->is.verdict = VERDICT_CHURN;
	if (site->is.verdict == VERDICT_STEADY && all.grew_early && classes_grew_early(v, site))
		site->is.verdict = VERDICT_PLATEAU;
	doubt_rate(span, &site->is);
	judge_take_early(&v->in->limits, span->n_looks, span->seconds, &site->is);
}

static void tell_all(const struct view *v)
{
	const struct judge_input *in = v->in;
	size_t n = 0;

	for (size_t i = 0; i < in->n_sites; i++)
		for (size_t k = 0; k < in->sites[i].n_parts; k++)
			tell_part(v, &in->sites[i], &in->sites[i].parts[k], &v->parts[n++]);
	for (size_t i = 0; i < in->n_classes; i++) {
		const struct class_sum *s = &v->sums[i];

		in->classes[i].told = s->told;
		in->classes[i].shown = s->told + Z95 * sqrt(s->told_variance);
	}
}

/* Of a class that grows, nobody knows by whom: whether its samples leave open that it is by this. */
static bool may_be_by(const struct judge_class *c, const struct part_view *part)
{
	return class_tells(c) && class_is_unexplained(c, true) &&
	       part->rate.high >= c->is.rate.value / CLASS_EXPLAINED;
}

/* Likewise, and no sample of any stack shows it: it came when nobody listened, by any of them, as what
 * is kept in runs may, however many samples of its stack have died. */
static bool may_be_hidden(const struct judge_class *c, const struct class_sum *s)
{
	return class_tells(c) && class_is_unexplained(c, true) && !(s->up > 0);
}

/* What may be the leak is neither steady nor churn, but seen too little. */
static void doubt_site(const struct view *v, struct judge_site *site, const struct part_view *parts)
{
	const bool steady = site->is.verdict == VERDICT_STEADY && !site->is.replacing;
	const bool churns = site->is.verdict == VERDICT_CHURN;

	for (size_t i = 0; i < site->n_parts; i++) {
		const size_t class = site->parts[i].class;

		if ((steady && may_be_by(&v->in->classes[class], &parts[i])) ||
		    (churns && may_be_hidden(&v->in->classes[class], &v->sums[class])))
			site->is.verdict = VERDICT_TOO_FEW;
	}
}

void judge_sites(struct judge_input *in)
{
	struct view v = { .in = in };
	size_t n = 0;

	for (size_t i = 0; i < in->n_sites; i++)
		n += in->sites[i].n_parts;
	v.parts = xcalloc(n, sizeof(*v.parts));
	v.sums = xcalloc(in->n_classes, sizeof(*v.sums));
	n = 0;
	for (size_t i = 0; i < in->n_sites; i++)
		for (size_t k = 0; k < in->sites[i].n_parts; k++)
			view_part(&v, &in->sites[i].parts[k], &v.parts[n++]);
	for (size_t i = 0; i < in->n_classes; i++)
		fill_class(&in->classes[i], &v.sums[i]);
	n = 0;
	for (size_t i = 0; i < in->n_sites; n += in->sites[i++].n_parts)
		judge_site(&v, &in->sites[i], v.parts + n);
	tell_all(&v);
	n = 0;
	for (size_t i = 0; i < in->n_sites; n += in->sites[i++].n_parts)
		doubt_site(&v, &in->sites[i], v.parts + n);
	free(v.parts);
	free(v.sums);
}
