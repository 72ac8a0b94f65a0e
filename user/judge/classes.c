// SPDX-License-Identifier: BSD-2-Clause
/*
 * classes.c - does a size class grow?  By the census alone: nobody is accused yet.
 */
#include <math.h>

#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

void judge_take_early(const struct judge_limits *limits, uint64_t n_cycles, double seconds,
		      struct judgement *is)
{
	/* without one for each part nothing is known of growth, whatever is asked for */
	uint64_t least = limits->min_cycles > WINDOW_PARTS ? limits->min_cycles : WINDOW_PARTS;
	double lacking = limits->min_s - seconds;

	if (n_cycles < least) {
		is->verdict = VERDICT_TOO_FEW;
		is->missing = MISSING_CYCLES;
		is->watch_s = n_cycles ? seconds / (double)n_cycles * (double)(least - n_cycles) :
					 NAN;
	}
	if (lacking <= 0)
		return;
	if (is->verdict == VERDICT_LEAK)
		is->verdict = VERDICT_GROWING;
	if (is->verdict == VERDICT_GROWING || is->missing) {
		is->missing |= MISSING_TIME;
		is->watch_s = fmax(is->watch_s, lacking);
	}
}

/* Bytes that so many objects, or so many bytes where they are large, make up. */
static double some_bytes(const struct judge_class *c, double least_bytes)
{
	double few = fmax(CLASS_BYTES, CLASS_LEAST_OBJECTS * c->object_bytes);

	return c->object_bytes > 0 ?
	       fmin(few, fmax(CLASS_OBJECTS * c->object_bytes, least_bytes)) : few;
}

/* Growth since the begin of part 2 that is more than a warm-up or the sway of a population, in
 * bytes. */
static double least_growth(const struct judge_class *c)
{
	double sway = CLASS_SWAY * sqrt(fmax(c->bytes.level[2], 0) * c->object_bytes);

	return fmax(some_bytes(c, CLASS_LEAST_BYTES), sway);
}

/*
 * The slope's interval knows what sways about a line; but what grows does so by the chance of
 * requests, and their sum wanders.  With n independent objects the slope has a variance of 6/5 n
 * (that of a line through a random walk).
 */
static double chance(const struct judge_class *c)
{
	double each = fmax(c->object_bytes, 1);

	return sqrt(1.2 * fabs(c->bytes.late.value) * each / c->bytes.late_s);
}

static struct estimate rate_of(const struct judge_class *c)
{
	struct estimate e = c->bytes.late;
	double width = 1.96 * chance(c);

	e.low = e.value - hypot(e.value - e.low, width);
	e.high = e.value + hypot(e.high - e.value, width);
	return e;
}

bool class_grows(const struct judge_class *c)
{
	return c->is.rate.low > 0;
}

/* That of a part's slope, as a multiple of that of parts 2 and 3 together: over half of the moments,
 * and a share of the time. */
static double part_error(const struct judge_class *c, size_t part)
{
	return sqrt(2) * c->bytes.late_s / c->bytes.part_s[part];
}

bool class_goes_on(const struct judge_class *c)
{
	double error = hypot(part_error(c, 2), PART_RATIO * part_error(c, 1)) *
		       standard_error(&c->is.rate);
	const double *part = c->bytes.part;

	return part[2] > 0 && part[2] + error >= PART_RATIO * part[1] &&
	       c->bytes.change >= PART_RATIO * c->bytes.late.value;
}

/* Growth decays, from the middle of part 1 to that of part 3, so that little more is to come. */
static bool comes_to_an_end(const struct judge_class *c, const struct growth *heap)
{
	const double *part = c->bytes.part, *part_s = c->bytes.part_s;
	double error = hypot(part_error(c, 0), part_error(c, 2)) * chance(c);
	double between = c->bytes.seconds - (part_s[0] + part_s[2]) / 2, decay, now;

	if (!(part[0] - part[2] > SLOWER_Z * error))
		return false;
	decay = log(part[0] / part[2]) / between;	/* a second */
	now = part[2] * exp(-decay * part_s[2] / 2);
	return now / decay < LITTLE_MORE * heap->level[2];
}

/* For a class by itself: what slows down is a cache that fills, or a map that gets worn. */
static bool goes_on_alone(const struct judge_class *c, const struct growth *heap)
{
	const double *part = c->bytes.part;

	return class_goes_on(c) && part[2] >= CLASS_RATIO * part[1] &&
	       part[2] >= PART_RATIO * part[0] && !comes_to_an_end(c, heap);
}

bool class_contradicts(const struct judge_class *c, const struct estimate *rate)
{
	double most = rate->low / CLASS_EXPLAINED;

	return c->is.rate.high < most && c->bytes.change < most;
}

bool class_tells_alone(const struct judge_class *c)
{
	return c->is.verdict >= VERDICT_GROWING &&
	       !(c->is.missing & ~(unsigned)(MISSING_TIME | MISSING_LOAD));
}

bool class_tells(const struct judge_class *c)
{
	return c->type.low > 0 ? c->is.verdict >= VERDICT_GROWING : class_tells_alone(c);
}

bool class_is_unexplained(const struct judge_class *c, bool sites)
{
	double half = c->is.rate.value / 2;

	return !sites || c->unseen.low > half ||
	       (class_tells_alone(c) && c->shown < half);
}

bool class_type_grows(const struct judge_class *c, const struct estimate *rate)
{
	return c->type.low > 0 && c->type.low >= rate->value / CLASS_EXPLAINED;
}

/* What is allocated a second rises with what lives. */
static bool follows_load(const struct judge_class *c)
{
	const double *level = c->bytes.level;
	double more = c->load[2] / c->load[1];

	return c->load[1] > 0 && level[1] > 0 && level[2] > level[1] &&
	       log(more) >= LOAD_POWER * log(level[2] / level[1]);
}

static bool was_growth(const struct judge_class *c, size_t part)
{
	return c->bytes.part[part] * c->bytes.part_s[part] >= some_bytes(c, 0);
}

static enum verdict not_growing(const struct judge_class *c)
{
	const double *part = c->bytes.part;

	return (was_growth(c, 0) || was_growth(c, 1)) &&
	       fabs(part[2]) <= FLAT_SHARE * fmax(part[0], part[1]) ? VERDICT_PLATEAU
								    : VERDICT_STEADY;
}

/* A map has more overflow buckets the longer its keys have come and gone, and has at most as many as
 * others; that it does not come to an end by then shows in the heap as a whole. */
static bool is_worn(const struct judge_class *c)
{
	return c->worn.low > c->type.low && c->worn.low >= c->is.rate.value / CLASS_EXPLAINED;
}

static void judge_growth(struct judge_class *c, const struct growth *heap, double least)
{
	const struct growth *g = &c->bytes;

	if (isnan(g->late.value) || isnan(g->part[1]) || isnan(g->part[2]))
		return;			/* too few cycles */
	if (!class_grows(c) || g->late.value < least) {
		c->is.verdict = not_growing(c);
		return;
	}
	if (!goes_on_alone(c, heap))
		c->is.missing |= MISSING_GOES_ON;
	if (follows_load(c))
		c->is.missing |= MISSING_LOAD;
	/* Overflow buckets are no type of the program. */
	if (g->late.value * g->late_s < CLASS_SHARE * heap->level[2] &&
	    !class_type_grows(c, &c->is.rate))
		c->is.missing |= MISSING_SHARE;
	if (is_worn(c))
		c->is.missing |= MISSING_SIZES;
	c->is.verdict = c->is.missing ? VERDICT_GROWING : VERDICT_LEAK;
	c->is.watch_s = c->is.missing ? g->seconds / 2 : 0;
}

static bool is_neighbour(const struct judge_class *a, const struct judge_class *b)
{
	return b->object_bytes > 0 && b->object_bytes <= NEIGHBOUR_SIZE * a->object_bytes &&
	       a->object_bytes <= NEIGHBOUR_SIZE * b->object_bytes;
}

/* Of part 3: what others have less of for certain is most of what has come, and there are hardly more
 * of all of them.  Values that have moved on to a larger class, as their keys got longer, leave the one
 * before no sooner than the oldest of them go. */
static bool is_moved(const struct judge_input *in, const struct judge_class *c)
{
	double came = 0, went = 0, more = 0;

	for (size_t i = 0; i < in->n_classes; i++) {
		const struct judge_class *other = &in->classes[i];
		const struct estimate *last = &other->bytes.last;

		if (!is_neighbour(c, other) || isnan(last->value))
			continue;
		more += last->value / other->object_bytes;
		if (other->is.verdict >= VERDICT_GROWING || last->low > 0)
			came += fmax(last->value, 0) / other->object_bytes;
		else if (last->high < 0)
			went -= last->value / other->object_bytes;
	}
	return went > 0 && went >= MOVED_SHARE * came && more <= (1 - MOVED_SHARE) * came;
}

void judge_shrinking(const struct judge_input *in, struct judge_class *c)
{
	if (c->is.verdict < VERDICT_GROWING ||
	    !(is_moved(in, c) || in->heap->is.rate.high < c->is.rate.low / CLASS_EXPLAINED))
		return;
	c->is.verdict = VERDICT_GROWING;
	c->is.missing |= MISSING_SHRINKS;
	c->is.watch_s = fmax(c->is.watch_s, c->bytes.seconds / 2);
}

bool class_has_grown(const struct judge_class *c)
{
	return c->is.verdict >= VERDICT_GROWING &&
	       !(c->is.missing & (MISSING_SIZES | MISSING_SHRINKS));
}

bool class_goes_with_goroutines(const struct judge_input *in, const struct judge_class *c)
{
	return c->of_runtime && goroutines_grow(in);
}

void judge_class(struct judge_class *c, const struct growth *heap,
		 const struct judge_limits *limits)
{
	const struct growth *g = &c->bytes;
	double least = least_growth(c) / g->late_s;

	c->is = (struct judgement){ .rate = rate_of(c), .lifetime_s = NAN, .over_s = g->late_s };
	c->detectable = isnan(g->late.value) ? NAN : fmax(g->late.value - g->late.low, least);
	judge_growth(c, heap, least);
	judge_take_early(limits, g->n, g->seconds, &c->is);
}
