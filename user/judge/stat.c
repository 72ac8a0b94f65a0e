// SPDX-License-Identifier: BSD-2-Clause
/*
 * stat.c - sums of weighted objects to numbers with intervals.
 *
 * A sum of weights with its squares is as good as a count of sum^2 / squares objects of the mean
 * weight squares / sum (L. Kish, Survey Sampling, 1965).  So the exact limits for few objects serve
 * for weighted ones, too.  Those of a difference of two counts come from those of each (G. Y. Zou
 * and A. Donner, 2008: the method of variance estimates recovery).
 */
#include "user/judge/stat.h"

#include <math.h>

#define Z95 1.959964

double poisson_low(double n, double z)
{
	double c = 1 - 1 / (9 * n) - z / (3 * sqrt(n));

	return n > 0 && c > 0 ? n * c * c * c : 0;
}

double poisson_high(double n, double z)
{
	double m = n + 1, c = 1 - 1 / (9 * m) + z / (3 * sqrt(m));

	return m * c * c * c;
}

double samples_of(const struct weights *w)
{
	return w->squares > 0 ? w->sum * w->sum / w->squares : 0;
}

struct net net_of(const struct window_change *c)
{
	double all = c->born.sum + c->died.sum;
	struct net net = {
		.sum = c->born.sum - c->died.sum,
		.variance = c->born.squares + c->died.squares,
	};

	if (net.variance <= 0)
		return net;
	net.z = net.sum / sqrt(net.variance);
	net.samples = net.sum * all / net.variance;
	return net;
}

/* Limits of a sum of weights; one that is empty is counted in objects of weight each. */
static struct estimate limits(const struct weights *w, double each)
{
	double n = samples_of(w), unit = n > 0 ? w->sum / n : each;

	return (struct estimate){
		.value = w->sum, .low = poisson_low(n, Z95) * unit,
		.high = poisson_high(n, Z95) * unit,
	};
}

struct estimate net_rate(const struct window_change *c, double seconds)
{
	double all = c->born.sum + c->died.sum, squares = c->born.squares + c->died.squares;
	double each = all > 0 ? squares / all : 0;
	struct estimate born = limits(&c->born, each), died = limits(&c->died, each);
	double sum = born.value - died.value;

	if (seconds <= 0)
		return (struct estimate){ NAN, NAN, NAN, 0 };
	return (struct estimate){
		.value = sum / seconds,
		.low = (sum - hypot(born.value - born.low, died.high - died.value)) / seconds,
		.high = (sum + hypot(born.high - born.value, died.value - died.low)) / seconds,
		.samples = (uint64_t)llround(samples_of(&c->born) + samples_of(&c->died)),
	};
}

double standard_error(const struct estimate *e)
{
	return (e->high - e->low) / (2 * Z95);
}
