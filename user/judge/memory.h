/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - the memory of a process over time: what does it do, what is it made of, and how long
 * until it comes to its limit?  Pure arithmetic.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

#include "user/judge/trend.h"
#include "user/model.h"

struct memory_series;

/* One reading. */
struct memory_reading {
	uint64_t time_ns;
	uint64_t rss;
	uint64_t parts[N_MEMORY_PARTS];	/* bytes; what is less than nothing is 0 */
	uint64_t outside[N_OUTSIDE];	/* of parts[MEMORY_NOT_GO], by kind */
	uint64_t goal;		/* heap size at which the next collection begins; 0: not known */
	uint64_t n_collections;	/* since the process began */
	double allocated_per_s;	/* bytes a second, since the reading before */
};

void memory_series_new(struct memory_series **out, uint64_t start_ns);
void memory_series_free(struct memory_series *s);	/* NULL is fine */
void memory_series_add(struct memory_series *s, const struct memory_reading *r);

/* What is told of it, as plain data. */
struct memory_history {
	struct memory_reading last;	/* all 0: there was none */
	struct growth rss, collections, parts[N_MEMORY_PARTS];
	struct growth heap;		/* the sum of those of MEMORY_HEAP */
	struct growth outside[N_OUTSIDE];
	double load_correlation;	/* of the live heap with what is allocated a second */
};
void memory_series_history(const struct memory_series *s, struct memory_history *out);

/* After so long there is a collection anyway, unless GOGC is off (forcegcperiod, runtime/proc.go). */
#define FORCED_S 120.0

/* Seconds until the n-th collection from now on begins, about, as memory is allocated now and what
 * lives goes on growing: then each takes longer than the one before.  NAN: none comes. */
double memory_until_collection(const struct memory_history *h, const struct gc_pacing *p,
			       uint64_t n);

/* heap: what is thought of all classes together; worst: of the whole process.  limit_bytes: that
 * rss may come to; 0: none is known. */
void memory_tell(const struct memory_history *h, const struct judgement *heap, enum verdict worst,
		 uint64_t limit_bytes, struct diagnosis *out);

#endif
