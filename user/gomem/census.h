/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census.h - how many objects of each size class live, counted by the runtime itself: the essay is
 * in census.c.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gomem;

/* Class 0 is that of large objects; the others are as in golayout_class_size(). */
enum { CENSUS_CLASSES = 68 };

/* Of all classes since the process began: ever allocated, and ever found free by the sweeper. */
struct census_counts {
	uint64_t n_alloc[CENSUS_CLASSES], n_free[CENSUS_CLASSES];
	uint64_t large_alloc_bytes, large_free_bytes;
};

/* Where the runtime keeps its counts, for somebody who copies them while the world is stopped;
 * false: the layout contradicts itself. */
bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len);

/*
 * The counts as of the moment that raw, the len bytes of census_place(), was copied, at the begin
 * of the mark phase with this sweepgen.  What the caches of the Ps had not handed in by then is
 * read now: so a class may be off by some spans for each P that allocates in it, however late this
 * is asked, and by nothing if it has not been allocated in since.
 */
int census_read(struct gomem *gm, uint32_t gen, const uint8_t *raw, struct census_counts *out);

/* What lived when a mark phase began. */
struct census_cycle {
	uint32_t gen;		/* sweepgen during that mark phase */
	uint64_t time_ns;	/* when it began */
	uint64_t live[CENSUS_CLASSES];
	uint64_t large_bytes;
	uint64_t bytes;		/* of all classes */
};

/* All 0 at first. */
struct census {
	bool begun;		/* the last mark phase that was seen: */
	uint32_t gen;
	uint64_t time_ns;
	struct census_counts counts;
	uint64_t n_missed;	/* cycles that were not seen from begin to end */
};

/* The counts at the begin of a mark phase; true: *out is the cycle that the one before began. */
bool census_add(struct census *c, uint32_t gen, uint64_t time_ns,
		const struct census_counts *counts, struct census_cycle *out);

#endif
