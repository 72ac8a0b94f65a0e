/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trend.h - how fast numbers grow that are counted again and again: a slope with its interval.
 * Pure arithmetic; what the numbers stand for is the owner's business.
 */
#ifndef TREND_H
#define TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

struct trend;

/* n_keys numbers each time; memory for 128 moments, however many times there will be: then
 * neighbours become one. */
void trend_new(struct trend **out, size_t n_keys);
void trend_free(struct trend *t);		/* NULL is fine */

/* The numbers at a time, later than that of the call before; by how much each may be less or more,
 * NULL: they are exact. */
void trend_add(struct trend *t, uint64_t time_ns, const uint64_t *values, const uint64_t *below,
	       const uint64_t *above);

/* The time from start_ns to the last moment has three parts.  They are thirds; but from TREND_MIN_CUT
 * moments on parts 2 and 3 have half of TREND_MIN_SAMPLES each at least, and begin earlier for
 * that. */
enum { TREND_MIN_SAMPLES = 8, TREND_MIN_CUT = TREND_MIN_SAMPLES + 3 };

/* Growth of a number a second over parts 2 and 3: the median of the slopes between all pairs of
 * times, with its 95 % interval, which holds wherever in their bounds the numbers are.  All NAN
 * with fewer than TREND_MIN_SAMPLES there. */
struct estimate trend_late(const struct trend *t, size_t key, uint64_t start_ns);

/* How it grew in the three parts. */
struct growth {
	struct estimate late;	/* trend_late() */
	struct estimate values;	/* the same as if the numbers were exact: what they show */
	double part[3];		/* slopes; NAN with fewer than three moments in a part */
	struct estimate last;	/* that of part 3 with its interval, as of late; NAN with fewer than
				 * half of TREND_MIN_SAMPLES there */
	double level[3];	/* means; NAN with none */
	double change;		/* from the first moments of part 2 to the last of part 3, a
				 * second: what a slope does not show of a few large steps */
	double first, first_s;	/* mean of those first moments; how long before the last one */
	double sway;		/* standard deviation about the line, in parts 2 and 3 */
	double seconds, late_s;	/* all, and parts 2 and 3 */
	double part_s[3];
	uint64_t n;		/* times that it was counted */
};
void trend_growth(const struct trend *t, size_t key, uint64_t start_ns, struct growth *out);
/* Its part alone, which is a small part of the work. */
void trend_parts(const struct trend *t, size_t key, uint64_t start_ns, double part[3]);

/* How two numbers go together since from_ns: Pearson's coefficient, 0 if one is constant. */
double trend_correlation(const struct trend *t, size_t key, size_t other, uint64_t from_ns);

#endif
