/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census_poll.h - the begin of each mark phase, seen without a probe: by looking now and then, and
 * often only when one is due.  The essay is in census_poll.c.
 */
#ifndef CENSUS_POLL_H
#define CENSUS_POLL_H

#include <stdint.h>

struct census_mark;
struct census_poll;
struct gomem;

/* gm must outlive it. */
void census_poll_new(struct census_poll **out, struct gomem *gm);
void census_poll_free(struct census_poll *p);		/* NULL is fine */

/*
 * Takes some microseconds, and a few hundred small reads a second at most.  1: *mark has begun
 * since the last look; 0: none has, or it was not seen well enough.  *next_ns: when to look again;
 * later is allowed, and widens the bounds of the next mark, or misses it (so a timer that may be
 * late by its slack, prctl(2), should not be).  -ENOTSUP: this binary does not tell where its
 * collector stands; the other errors are those of gomem.h.  now_ns: CLOCK_MONOTONIC.
 */
int census_poll_look(struct census_poll *p, uint64_t now_ns, struct census_mark *mark,
		     uint64_t *next_ns);

#endif
