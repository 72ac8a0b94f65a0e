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
	uint64_t n_tiny;	/* tiny objects; n_alloc[2] has their 16-byte blocks */
};

/* The counts as of now. */
struct census_reading {
	uint64_t begin_ns, end_ns;	/* of the reading, CLOCK_MONOTONIC */
	struct census_counts counts;	/* n_alloc: at most what there was at end_ns ... */
	/* ... and with so many more at least what there was at begin_ns.  0 for a class of which no
	 * P has used up a span meanwhile: then it is exact. */
	uint64_t above[CENSUS_CLASSES];
	uint64_t large_bytes_above;
	/* Of n_alloc: what the Ps have not handed in; up to Go 1.18 what they have to take back,
	 * modulo 2^64. */
	uint64_t cached[CENSUS_CLASSES];
	bool sweeping;		/* n_free has moved meanwhile */
	bool unswept;		/* a P holds a span that has not been swept since the last mark */
};

/*
 * How many were allocated of each class by now, with what the Ps have not handed in.  The
 * difference of two readings is exact but for what is allocated while they are made (less than a
 * millisecond each) and for what they say themselves in above[].  Errors as in gomem.h; -EAGAIN
 * also: its counts were being moved at each try.
 */
int census_allocs(struct gomem *gm, struct census_reading *out);

/* Where the runtime keeps its counts, for somebody who copies them while the world is stopped;
 * false: the layout contradicts itself. */
bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len);

/*
 * The begin of a mark phase.  counts: n_alloc of then; n_free of any moment of that mark phase,
 * since nothing is swept during it.
 */
struct census_mark {
	uint32_t gen;		/* sweepgen during it */
	uint64_t time_ns;
	struct census_counts counts;
	bool free_unknown;	/* n_free is not what it was then */
	/* n_alloc may have been so much less or more. */
	uint64_t below[CENSUS_CLASSES], above[CENSUS_CLASSES];
	uint64_t large_below, large_above;
	/* What had been handed in is known; all that was allocated before the mark phase before
	 * this one is in it. */
	bool copied;
	uint64_t handed_in[CENSUS_CLASSES];
};

/* Readings of before, to tell how much of what there is now has come since: the last, and the last
 * that was over when the mark phase that is asked for began.  end_ns is 0: none. */
struct census_past {
	struct census_reading last, before;
};

/*
 * The counts as of the moment that raw, the len bytes of census_place(), was copied, at the begin
 * of a mark phase.  mark: gen and time_ns are set; the rest will be.  What the caches of the Ps
 * had not handed in by then is read now.  A class that has not been allocated in since the reading
 * before is exact, however late this is asked; another may be off by some spans for each P that
 * allocates in it, and its bounds say by how much: they hold if, since the mark phase began, it was
 * allocated in at most four times as fast as in the mean since the reading before.  Errors as in
 * gomem.h; -EAGAIN also: its counts were being moved at each try.
 */
int census_read(struct gomem *gm, const uint8_t *raw, struct census_past *past,
		struct census_mark *mark);

/* What lived when a mark phase began. */
struct census_cycle {
	uint32_t gen;		/* sweepgen during that mark phase */
	uint64_t time_ns;	/* when it began */
	uint64_t live[CENSUS_CLASSES];
	uint64_t large_bytes;
	uint64_t bytes;		/* of all classes */
	/* It may be so much less or more, as in census_mark. */
	uint64_t below[CENSUS_CLASSES], above[CENSUS_CLASSES];
	uint64_t large_below, large_above, bytes_below, bytes_above;
};

/* All 0 at first. */
struct census {
	bool begun;		/* last is */
	struct census_mark last;	/* the last mark phase that was seen */
	uint64_t n_missed;	/* cycles that were not seen from begin to end */
};

/* A mark phase has begun; true: *out is the cycle that the one before began. */
bool census_add(struct census *c, const struct census_mark *mark, struct census_cycle *out);

#endif
