/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stat.h - sums of weighted objects to numbers with intervals.
 */
#ifndef STAT_H
#define STAT_H

#include "user/judge/window.h"
#include "user/model.h"

/* 95 % limits of the mean of a Poisson count n, which need not be whole (E. B. Wilson and M. M.
 * Hilferty, 1931); z = 1.96 for one of two, 1.645 for a single one. */
double poisson_low(double n, double z);
double poisson_high(double n, double z);

/* Objects of mean weight that make up a sum. */
double samples_of(const struct weights *w);

/* What a change says. */
struct net {
	double sum;		/* born less died */
	double variance;
	double z;		/* sum in standard deviations; 0: nothing happened */
	double samples;		/* objects of mean weight that make up sum */
};

struct net net_of(const struct window_change *c);

/* The sum with its interval, divided by seconds.  samples: those that were born or died. */
struct estimate net_rate(const struct window_change *c, double seconds);

/* Half of the width of the interval as standard error. */
double standard_error(const struct estimate *e);

#endif
