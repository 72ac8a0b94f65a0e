/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - makes probes go in time: at a given moment, or when hits have cost so much, whatever
 * keeps their owner busy.
 *
 * A thread of its own, which sleeps but for some us each ms of a window, and a few times a second
 * beside it.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct tracer;
struct watch;

struct watch_order {
	unsigned int groups;	/* of probes; 0: there is nothing to watch over */
	bool burst;		/* they were planted by tracer_burst_begin() */
	uint64_t end_ns;	/* CLOCK_MONOTONIC; UINT64_MAX: no end but by what they cost */
	double limit_ns;	/* of the target's time from now on, of all hits */
	double ns_recorded, ns_dropped;	/* what a hit costs, recorded or not */
};

/* tr must outlive it.  Tells the user on failure. */
int watch_new(struct watch **out, struct tracer *tr);
void watch_free(struct watch *w);	/* NULL is fine; nothing is watched any more */

/*
 * While it is held nothing goes.  To be held whenever probes of this tracer are planted or removed,
 * which may not be done by two threads at a time.
 */
void watch_hold(struct watch *w);
void watch_release(struct watch *w);

/* Takes the place of the order before; the watch must be held. */
void watch_set(struct watch *w, const struct watch_order *order);
/* Whether the groups of the last order have been removed, and when that began; once true, it is not
 * said again. */
bool watch_gone(struct watch *w, uint64_t *when_ns);

#endif
