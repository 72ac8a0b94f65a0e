/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally.h - the census of one heap over time: is fed with the begin of each mark phase, or looks
 * for it, and says what lived and how fast each size class grows.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "user/gomem/census.h"

struct gomem;
struct growth;
struct heap_census;
struct tally;

/* gm must outlive it.  What was allocated before is older than the attach, ... */
void tally_new(struct tally **out, struct gomem *gm, uint64_t start_ns);
/* ... or, if it took a while until all was planted, what was allocated before now. */
void tally_attached(struct tally *t);
void tally_free(struct tally *t);		/* NULL is fine */

/* A mark phase has begun; heapstats: what lay at census_place() then. */
void tally_mark(struct tally *t, uint32_t gen, uint64_t time_ns, const uint8_t *heapstats);

/* The same without a probe: looks whether one has begun.  1: so it has.  *next_ns: when to look
 * again, see census_poll.h, also for the errors. */
int tally_look(struct tally *t, uint64_t now_ns, uint64_t *next_ns);
/* Another tally of the same heap has just seen one. */
void tally_follow(struct tally *t, const struct tally *other);

/* Of what is tracked so many bytes were found alive by the mark phase that ended with this
 * sweepgen, and by size class so many objects, of which so many were recorded, and at least so many
 * of which are known to have been there, and not at the attach, when it began; to be called before
 * the next one has begun. */
void tally_tracked(struct tally *t, uint32_t gen, double bytes, const double *objects,
		   const double *recorded, const double *sure);

/* What is known now; the classes are the caller's to free. */
void tally_fill(const struct tally *t, struct heap_census *out);

enum { TALLY_ALL = CENSUS_CLASSES };	/* in place of a class: all of them */

/* How the bytes that live in a class have grown since the begin; bytes allocated there, a second, in
 * each third of the time, NAN: not known. */
void tally_growth(const struct tally *t, unsigned class, struct growth *live);
void tally_load(const struct tally *t, unsigned class, double load[3]);
/* What lived in a class when the last mark phase began that was seen whole; 0: there was none. */
uint64_t tally_live_bytes(const struct tally *t, unsigned class);
/* Collections that were seen whole, and others since the first. */
uint64_t tally_cycles(const struct tally *t, uint64_t *n_missed);
/* Bytes of one object, the mean where they are not all of one size; 0: there is none. */
double tally_object_bytes(const struct tally *t, unsigned class);

#endif
