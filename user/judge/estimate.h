/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * estimate.h - sums over samples, with their 95 % intervals.  Pure arithmetic; the essay is in
 * estimate.c.
 */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include <stdint.h>

#include "user/judge/strata.h"
#include "user/model.h"

/* How uncertain a sum is. */
struct variance {
	double var;		/* of what was recorded throughout, each by its own chance */
	double bursts;		/* of what was recorded in bursts */
	double largest;		/* most that one sample, or one window, adds */
	double missing;		/* may be there, though no sample stands for it */
};

/* The same, as long as what happened in one window is to be added up. */
struct spread {
	struct variance v;	/* bursts: as far as that follows from the number of samples */
	double windows[STRATA_SLOTS];	/* by how much each deviates from its neighbours */
};

/* Samples of one size class, by the slots of their strata. */
struct sampling {
	struct strata *strata;
	unsigned class;
	uint64_t n, n_chosen;	/* all of them; those that were not certain to be recorded */
	double certain;		/* what samples that were certain to be recorded stand for, */
	double var, largest;	/* of that: they may have been thinned */
	struct sampled_slot {
		uint32_t n;
		double weight;	/* without the stratum's factor */
		double squares;	/* of the weights, times what is uncertain of them, */
		double thinned;	/* and by thinning */
	} slots[2][STRATA_SLOTS];	/* throughout, bursts */
};

void sampling_begin(struct sampling *s, struct strata *strata, unsigned class);
/* One sample; weight as given to strata_add(), and then only one in 2^shift was kept. */
void sampling_add(struct sampling *s, uint8_t slot, double weight, unsigned shift);
/* How many objects they stand for. */
double sampling_end(const struct sampling *s, struct spread *spread);

/* Adds scale times what from is the spread of; other samples, of the same strata. */
void spread_add(struct spread *to, const struct spread *from, double scale);
struct variance spread_variance(const struct spread *s);
/* That of the sum times factor. */
void variance_scale(struct variance *v, double factor);
/* Adds the variance of another sum, as if windows were alike in both. */
void variance_add(struct variance *to, const struct variance *from);

struct estimate estimate_of(double value, const struct variance *v, uint64_t samples);
/* plus less minus, of different samples. */
struct estimate estimate_difference(const struct estimate *plus, const struct estimate *minus);

/* What lives now of what has been born since some moment, and what lived then and has died since,
 * of which only the sum is known; it is taken to be as uncertain as what lives.  died may be below
 * 0 by what was born and not found then. */
struct growth_sums {
	double born, died, live;
	struct variance born_var, live_var;
	double slack;		/* born is at most so much more; INFINITY: not known */
};
struct estimate estimate_growth(const struct growth_sums *g);

#endif
