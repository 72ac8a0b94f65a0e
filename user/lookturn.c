// SPDX-License-Identifier: BSD-2-Clause
/*
 * lookturn.c - what a look is worth is what has been added while nobody knew what it is.
 *
 * Looks are for finding leaks, and the order is not that in which processes came: of many that grow
 * most warm up, and a leak must not stand in line behind them.
 */
#include "user/lookturn.h"

#include <math.h>

enum {
	LEAST_RATE = 100,	/* bytes a second */
	GROWS_SHARE = 500,	/* times as long as a first look took there is none for another
				 * heap that grows, since each has another one follow; */
	LEAKS_SHARE = 200,	/* or that leaks */
	LONGEST_PAUSE = 300,	/* s, but not more */
	REST_SHARE = 100,	/* likewise, of looks at one heap; */
	MAX_REST = 3600,	/* s; twice that after each that failed, but not more */
	MAX_DOUBLED = 12,
};

/* By so many bytes, and those of a second more: of those that have just come it is the fastest. */
static double has_grown(const struct look_claim *claim, uint64_t now_ns)
{
	double waited = now_ns > claim->since_ns ? (double)(now_ns - claim->since_ns) / 1e9 : 0;

	return fmax(claim->bytes_per_s, LEAST_RATE) * (1 + waited);
}

bool lookturn_before(const struct look_claim *a, const struct look_claim *b, uint64_t now_ns)
{
	if (a->leaks != b->leaks)
		return a->leaks;
	return has_grown(a, now_ns) > has_grown(b, now_ns);
}

uint64_t lookturn_pause_ns(double cpu_s, bool leaks)
{
	double s = cpu_s * (leaks ? LEAKS_SHARE : GROWS_SHARE);

	return (uint64_t)(fmin(s, LONGEST_PAUSE) * 1e9);
}

uint64_t lookturn_rest_ns(double cpu_s, unsigned n_failed)
{
	double s = cpu_s * REST_SHARE;

	if (n_failed)
		s = fmin(fmax(s, 1) * (1 << (n_failed < MAX_DOUBLED ? n_failed : MAX_DOUBLED)),
			 fmax(s, MAX_REST));
	return (uint64_t)(s * 1e9);
}
