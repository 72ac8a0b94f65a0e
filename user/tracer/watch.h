/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - makes probes go in time: at a given moment, or when hits have cost so much, whatever
 * keeps their owner busy; and opens windows, which would keep the owner busy for 5 to 10 ms.
 *
 * A thread of its own, which sleeps but for some us each 1 to 10 ms of a window, the more often the
 * nearer the limit, and each 10 ms beside it.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tracer;
struct tracer_subset;
struct watch;

struct watch_order {
	unsigned int groups;	/* of probes; 0: there is nothing to watch over */
	double limit_ns;	/* of the target's time that hits may cost from now on */
	double ns_recorded, ns_dropped;	/* what one costs, recorded or not */
	/* A window, to be opened now for these probes of the groups and to be closed after so long;
	 * NULL: the groups are planted already, and have no end but by what they cost. */
	const struct tracer_subset *window;
	uint64_t length_ns;
	const char *path;	/* as tracer_burst_begin() takes them */
	pid_t pid;
};

struct watch_outcome {
	int err;		/* the window could not be opened */
	uint64_t opened_ns;	/* CLOCK_MONOTONIC; 0: not yet, or there was nothing to open */
	uint64_t gone_ns;	/* when the removal of the groups began; 0: not yet */
	unsigned int gone;	/* these groups */
};

/* tr must outlive it.  Tells the user on failure. */
int watch_new(struct watch **out, struct tracer *tr);
void watch_free(struct watch *w);	/* NULL is fine; nothing is watched any more */

/*
 * While it is held nothing comes or goes.  To be held whenever probes of this tracer are planted or
 * removed, which may not be done by two threads at a time.
 */
void watch_hold(struct watch *w);
void watch_release(struct watch *w);

/* Takes the place of the order before; the watch must be held.  What order points to must outlive
 * it.  false: groups of the one before have gone since it was last asked for; nothing was done. */
bool watch_set(struct watch *w, const struct watch_order *order);
/* What became of the order.  Does not wait: while something comes or goes, all 0, ... */
void watch_ask(struct watch *w, struct watch_outcome *out);
/* ... and as it is, if the watch is held. */
void watch_ask_held(struct watch *w, struct watch_outcome *out);

#endif
