/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * looker.h - a process of ours that looks at the heap of a target, so that whoever starts a look
 * need not wait for it: what a trace records must be taken every few ms.
 */
#ifndef LOOKER_H
#define LOOKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/heap/heap.h"

struct heapmap;
struct looker;
struct process;

/* What one look is to do. */
struct looker_order {
	uint64_t rate;		/* bytes of the target read a second, at most; 0: no limit */
	uint64_t max_bytes;	/* of memory for it */
	unsigned slot;		/* where its result goes, in place of what lies there */
	bool of_all;		/* the whole heap; if not, */
	bool classes[HEAP_CLASSES];	/* these size classes of it */
};

enum { LOOKER_SLOTS = 4, LOOKER_SEEDS = 1 << 16 };

/* What the process has taken, as of its last look. */
struct looker_cost {
	double cpu_s;
	uint64_t rss;		/* resident, beyond what it shares with its parent */
};

/* Forks.  To be called before there is anything that a second process must not hold open: planted
 * probes go only when nobody has them any more. */
int looker_new(struct looker **out, struct process *p);
/* Ends the process at once, in the middle of a look as well.  NULL is fine. */
void looker_free(struct looker *lk);

/* LOOKER_SEEDS of them, for the next look; only while there is none under way. */
struct heap_seed *looker_seeds(struct looker *lk);
/* 0, or -errno: the process has ended. */
int looker_start(struct looker *lk, const struct looker_order *order, size_t n_seeds);
/*
 * -EAGAIN: the look is not over.  0: *out is its result, in the slot that was ordered.  Else what
 * heap_look() failed with, but -ENODATA where there is no heap yet; -ESRCH: the target has gone;
 * -ENOSPC: the result is too large; -EPIPE: the process that looks has ended.
 */
int looker_result(struct looker *lk, const struct heapmap **out);
int looker_fd(const struct looker *lk);		/* readable when it is over */
const struct looker_cost *looker_cost(const struct looker *lk);

#endif
