/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * burst.h - the allocations of one window, held back until it is known whom the probes slowed
 * down: the essay is in burst.c.
 *
 * Pure arithmetic; knows no tracer and no process.
 */
#ifndef BURST_H
#define BURST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct burst;

enum {
	BURST_CLASSES = 68,	/* size classes, 0: large objects */
	BURST_RECORDS = 1 << 16,	/* that are held back at most */
};

struct burst_record {
	struct gl_alloc rec;
	uint64_t bytes;		/* of the slot */
	bool tiny;
	uint8_t class;
};

/* seed: chooses what is left out; 0: drawn at random. */
void burst_new(struct burst **out, uint64_t seed);
void burst_free(struct burst *w);		/* NULL is fine */

/* How many of what the runtime counts it stands for, as it was recorded: a tiny object is counted as
 * the block that it opens, and not where it shares one. */
double burst_counted(const struct burst_record *r);

/* false: there is no room for more before the next burst_feed(). */
bool burst_add(struct burst *w, const struct burst_record *r);
size_t burst_n(const struct burst *w);

struct burst_facts {
	double hit_ns;		/* what a hit took of the goroutine's time */
	double open_ns;		/* how long the window was open, or has been */
	/* Allocations by class that there would have been without a window, since the last feed of
	 * this one, from what the runtime counts outside of it; NULL: not known. */
	const double *expected;
	bool over;		/* the next record will be of another window */
};

/* Hands out what was added, in order, and empties; rec.chance says what each stands for.  Some are
 * left out, by chance, where each would stand for less than itself. */
void burst_feed(struct burst *w, const struct burst_facts *facts,
		 void (*fn)(void *ctx, const struct burst_record *r), void *ctx);

#endif
