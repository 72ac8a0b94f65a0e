// SPDX-License-Identifier: BSD-2-Clause
/*
 * trend.c - Theil-Sen slopes over a bounded number of moments.
 *
 * When there is no more room, neighbours are joined to their mean, and from then on as many new
 * ones are joined before they are kept.  The mean of points on a line lies on that line.
 *
 * The median of the slopes of all pairs bears three in ten points that are wrong, which least
 * squares do not.  Its interval is Sen's: the slopes whose ranks lie 1.96 standard deviations of
 * Kendall's S to either side (P. K. Sen, Estimates of the regression coefficient based on Kendall's
 * tau, JASA 63, 1968).  That takes points to be independent; what sways (a batch, a cache) is not,
 * and its points tell less than they are: the deviation of S grows with the correlation r of
 * neighbours as that of a mean does, by sqrt((1 + r) / (1 - r)).
 *
 * A number that is known between bounds only has slopes between bounds: the least of a pair goes
 * from the upper bound of the first to the lower one of the second.  The k-th least of all slopes
 * lies not below the k-th least of the least ones, nor above that of the greatest; so the same
 * ranks are taken of those, and the interval holds wherever in their bounds the numbers are.
 *
 * A heap that grows is collected ever more rarely: where it has to double each time, a third of the
 * time has one or two collections in it, however long one waits.  So parts have moments enough
 * before they have a third of the time.  A slope is one over whatever time; and that the first
 * moments, which a warm-up has, take part earlier is told by that part's own slope.
 */
#include "user/judge/trend.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"

enum {
	N_MOMENTS = 128,			/* even */
	PART_MOMENTS = TREND_MIN_SAMPLES / 2,	/* of parts 2 and 3 at least, */
	FIRST_MOMENTS = TREND_MIN_CUT - TREND_MIN_SAMPLES,	/* if these are left for part 1 */
};
enum { LOW, VALUE, HIGH, N_LINES };	/* a number and its bounds */

struct trend {
	size_t n_keys, n;		/* moments that are whole */
	size_t join, n_joined;		/* so many times are one moment; in the next one */
	uint64_t start_ns;		/* time 0 of times[] */
	double times[N_MOMENTS];	/* seconds */
	double *lines[N_LINES];		/* of moment i from i * n_keys on */
	uint64_t n_added;
};

void trend_new(struct trend **out, size_t n_keys)
{
	struct trend *t = xcalloc(1, sizeof(*t));

	t->n_keys = n_keys;
	t->join = 1;
	for (int l = 0; l < N_LINES; l++)
		t->lines[l] = xcalloc(N_MOMENTS * n_keys, sizeof(*t->lines[l]));
	*out = t;
}

void trend_free(struct trend *t)
{
	if (!t)
		return;
	for (int l = 0; l < N_LINES; l++)
		free(t->lines[l]);
	free(t);
}

static void halve_line(double *line, size_t n_keys)
{
	for (size_t i = 0; i < N_MOMENTS / 2; i++) {
		const double *from = line + 2 * i * n_keys;
		double *to = line + i * n_keys;

		for (size_t k = 0; k < n_keys; k++)
			to[k] = (from[k] + from[n_keys + k]) / 2;
	}
}

static void halve(struct trend *t)
{
	halve_line(t->times, 1);
	for (int l = 0; l < N_LINES; l++)
		halve_line(t->lines[l], t->n_keys);
	t->n = N_MOMENTS / 2;
	t->join *= 2;
}

static void join(double *mean, double value, size_t n_joined)
{
	*mean = n_joined ? *mean + (value - *mean) / (double)(n_joined + 1) : value;
}

void trend_add(struct trend *t, uint64_t time_ns, const uint64_t *values, const uint64_t *below,
	       const uint64_t *above)
{
	size_t at = t->n * t->n_keys;

	if (!t->n && !t->n_joined)
		t->start_ns = time_ns;
	join(&t->times[t->n], (double)(time_ns - t->start_ns) / 1e9, t->n_joined);
	for (size_t k = 0; k < t->n_keys; k++) {
		double value = (double)values[k];

		join(&t->lines[LOW][at + k], value - (below ? (double)below[k] : 0), t->n_joined);
		join(&t->lines[VALUE][at + k], value, t->n_joined);
		join(&t->lines[HIGH][at + k], value + (above ? (double)above[k] : 0), t->n_joined);
	}
	t->n_added++;
	if (++t->n_joined < t->join)
		return;
	t->n_joined = 0;
	if (++t->n == N_MOMENTS)
		halve(t);
}

/* ---- slopes ---------------------------------------------------------------------------------- */

struct points {
	size_t n;
	double x[N_MOMENTS], y[N_LINES][N_MOMENTS];
};

/* Seconds since the first moment. */
static double seconds_at(const struct trend *t, uint64_t time_ns)
{
	return ((double)time_ns - (double)t->start_ns) / 1e9;
}

static void take_points(const struct trend *t, size_t key, double from, double to, struct points *p)
{
	p->n = 0;
	for (size_t i = 0; i < t->n; i++) {
		if (t->times[i] < from || t->times[i] > to)
			continue;
		p->x[p->n] = t->times[i];
		for (int l = 0; l < N_LINES; l++)
			p->y[l][p->n] = t->lines[l][i * t->n_keys + key];
		p->n++;
	}
}

/* Of all pairs, from one line to another, in no order; returns how many. */
static size_t pair_slopes(const struct points *p, int from, int to, double *slopes)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = i + 1; k < p->n; k++)
			slopes[n++] = (p->y[to][k] - p->y[from][i]) / (p->x[k] - p->x[i]);
	return n;
}

/* Moves what is less than the pivot, or with equal as much, to the front; returns how many these are.
 * Which way a comparison goes cannot be foretold, so nothing branches on it. */
static size_t part(double *v, size_t n, double pivot, bool equal)
{
	size_t front = 0;

	for (size_t i = 0; i < n; i++) {
		double x = v[i];

		v[i] = v[front];
		v[front] = x;
		front += equal ? !(x > pivot) : x < pivot;
	}
	return front;
}

/* The rank-th least, from 0 on (C. A. R. Hoare, Find): a tenth of the work of sorting.  Afterwards
 * what stands before it is no more, and what stands behind it no less. */
static double nth(double *v, size_t n, size_t rank)
{
	for (;;) {
		double pivot = v[n / 2];
		size_t less = part(v, n, pivot, false);

		if (rank < less) {
			n = less;
			continue;
		}
		less += part(v + less, n - less, pivot, true);
		if (rank < less)
			return pivot;
		v += less;
		n -= less;
		rank -= less;
	}
}

/* Of neighbours, with the slope taken out; 0 if it is negative. */
static double correlation(const struct points *p, double slope)
{
	double mean = 0, sum = 0, squares = 0, before = 0;

	for (size_t i = 0; i < p->n; i++)
		mean += (p->y[VALUE][i] - slope * p->x[i]) / (double)p->n;
	for (size_t i = 0; i < p->n; i++) {
		double r = p->y[VALUE][i] - slope * p->x[i] - mean;

		sum += before * r;
		squares += r * r;
		before = r;
	}
	return squares > 0 && sum > 0 ? sum / squares : 0;
}

static bool is_exact(const struct points *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->y[LOW][i] != p->y[HIGH][i])
			return false;
	return true;
}

/* Parts them at the lower one. */
static double median(double *v, size_t n)
{
	size_t middle = (n - 1) / 2;
	double lower = nth(v, n, middle);

	return (lower + nth(v + middle, n - middle, n / 2 - middle)) / 2;
}

/* values: of the numbers as they are; out: wherever in their bounds they are.  slopes: room for those
 * of all pairs. */
static void sen(const struct points *p, double *slopes, struct estimate *values,
		struct estimate *out)
{
	const double z95 = 1.959964;
	double n = (double)p->n, all, r, deviation, first, last;
	size_t n_slopes = pair_slopes(p, VALUE, VALUE, slopes), low, high;
	size_t middle = (n_slopes - 1) / 2;

	all = (double)n_slopes;
	values->value = median(slopes, n_slopes);
	values->samples = p->n;
	r = correlation(p, values->value);
	deviation = sqrt(n * (n - 1) * (2 * n + 5) / 18 * (1 + r) / (1 - r));
	first = round((all - z95 * deviation) / 2) - 1;
	last = round((all + z95 * deviation) / 2);
	low = first > 0 ? (size_t)first : 0;
	high = last < all ? (size_t)last : n_slopes - 1;
	/* low is below the median, high above it: each is looked for only where it can be */
	values->low = nth(slopes, middle + 1, low);
	values->high = nth(slopes + middle, n_slopes - middle, high - middle);
	*out = *values;
	if (is_exact(p))
		return;
	pair_slopes(p, HIGH, LOW, slopes);
	out->low = nth(slopes, n_slopes, low);
	pair_slopes(p, LOW, HIGH, slopes);
	out->high = nth(slopes, n_slopes, high);
}

static bool is_flat(const struct points *p)
{
	for (size_t i = 1; i < p->n; i++)
		if (p->y[VALUE][i] != p->y[VALUE][0])
			return false;
	return is_exact(p);
}

/* values may be NULL. */
static struct estimate slope(const struct points *p, size_t min_samples, struct estimate *values)
{
	struct estimate e = { .value = NAN, .low = NAN, .high = NAN, .samples = p->n }, as_they_are;
	double *slopes;

	as_they_are = e;
	if (p->n >= min_samples && is_flat(p)) {
		e = as_they_are = (struct estimate){ .samples = p->n };
	} else if (p->n >= min_samples) {
		slopes = xreallocarray(NULL, p->n * (p->n - 1) / 2, sizeof(*slopes));
		sen(p, slopes, &as_they_are, &e);
		free(slopes);
	}
	if (values)
		*values = as_they_are;
	return e;
}

/* ---- growth in parts ------------------------------------------------------------------------- */

/* Seconds since the first moment: part i goes from at[i] to at[i + 1]. */
struct cut {
	double at[4];
};

/* The first moment at that time or behind it. */
static size_t moment_at(const struct trend *t, double time)
{
	size_t i = 0;

	while (i < t->n && t->times[i] < time)
		i++;
	return i;
}

static struct cut cut_parts(const struct trend *t, uint64_t start_ns)
{
	double start = seconds_at(t, start_ns), end = t->n ? t->times[t->n - 1] : start;
	struct cut c = { { start, start + (end - start) / 3, start + (end - start) * 2 / 3, end } };
	size_t third;

	if (t->n < TREND_MIN_CUT)
		return c;
	c.at[2] = fmin(c.at[2], t->times[t->n - PART_MOMENTS]);
	third = moment_at(t, c.at[2]);
	if (third + 1 >= FIRST_MOMENTS + PART_MOMENTS)
		c.at[1] = fmin(c.at[1], t->times[third - PART_MOMENTS]);
	return c;
}

struct estimate trend_late(const struct trend *t, size_t key, uint64_t start_ns)
{
	const struct cut c = cut_parts(t, start_ns);
	struct points p;

	take_points(t, key, c.at[1], c.at[3], &p);
	return slope(&p, TREND_MIN_SAMPLES, NULL);
}

/* Of the numbers as they are, without an interval. */
static double part_slope(const struct points *p)
{
	double *slopes, value;

	if (p->n < 3)
		return NAN;
	if (is_flat(p))
		return 0;
	slopes = xreallocarray(NULL, p->n * (p->n - 1) / 2, sizeof(*slopes));
	value = median(slopes, pair_slopes(p, VALUE, VALUE, slopes));
	free(slopes);
	return value;
}

static double level(const struct points *p)
{
	double sum = 0;

	for (size_t i = 0; i < p->n; i++)
		sum += p->y[VALUE][i];
	return p->n ? sum / (double)p->n : NAN;
}

/* Of the means of a sixth of the points at either end. */
static void ends(const struct points *p, struct growth *out)
{
	size_t n = p->n < 6 ? 1 : p->n / 6;
	double x = 0, y = 0, first_x = 0, first_y = 0;

	out->change = out->first = out->first_s = NAN;
	if (p->n < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		x += p->x[p->n - 1 - i] - p->x[i];
		y += p->y[VALUE][p->n - 1 - i] - p->y[VALUE][i];
		first_x += p->x[i] / (double)n;
		first_y += p->y[VALUE][i] / (double)n;
	}
	out->change = y / x;
	out->first = first_y;
	out->first_s = p->x[p->n - 1] - first_x;
}

static double sway(const struct points *p, double slope)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < p->n; i++)
		mean += (p->y[VALUE][i] - slope * p->x[i]) / (double)p->n;
	for (size_t i = 0; i < p->n; i++) {
		double r = p->y[VALUE][i] - slope * p->x[i] - mean;

		squares += r * r;
	}
	return p->n > 2 ? sqrt(squares / (double)(p->n - 2)) : NAN;
}

void trend_parts(const struct trend *t, size_t key, uint64_t start_ns, double part[3])
{
	const struct cut c = cut_parts(t, start_ns);
	struct points p;

	for (size_t i = 0; i < 3; i++) {
		take_points(t, key, c.at[i], c.at[i + 1], &p);
		part[i] = part_slope(&p);
	}
}

void trend_growth(const struct trend *t, size_t key, uint64_t start_ns, struct growth *out)
{
	const struct cut c = cut_parts(t, start_ns);
	struct points p;

	*out = (struct growth){ .n = t->n_added, .seconds = c.at[3] - c.at[0],
				.late_s = c.at[3] - c.at[1] };
	for (size_t i = 0; i < 3; i++) {
		take_points(t, key, c.at[i], c.at[i + 1], &p);
		out->part[i] = part_slope(&p);
		out->part_s[i] = c.at[i + 1] - c.at[i];
		out->level[i] = level(&p);
	}
	out->last = slope(&p, PART_MOMENTS, NULL);
	take_points(t, key, c.at[1], c.at[3], &p);
	out->late = slope(&p, TREND_MIN_SAMPLES, &out->values);
	ends(&p, out);
	out->sway = sway(&p, out->late.value);
}

double trend_correlation(const struct trend *t, size_t key, size_t other, uint64_t from_ns)
{
	double xx = 0, yy = 0, xy = 0, mean_a, mean_b;
	struct points a, b;

	take_points(t, key, seconds_at(t, from_ns), INFINITY, &a);
	take_points(t, other, seconds_at(t, from_ns), INFINITY, &b);
	mean_a = level(&a);
	mean_b = level(&b);
	for (size_t i = 0; i < a.n; i++) {
		double x = a.y[VALUE][i] - mean_a, y = b.y[VALUE][i] - mean_b;

		xx += x * x;
		yy += y * y;
		xy += x * y;
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}
