/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapgrowth.h - how the heap by type grows while a process is traced: looks at it now and then,
 * and compares the last look with the first.
 */
#ifndef HEAPGROWTH_H
#define HEAPGROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/heap/heap.h"
#include "user/model.h"

struct heap_seed;
struct heap_view;
struct heapgrowth;
struct process;

struct heapgrowth_options {
	struct process *process;
	size_t max_bytes;	/* of memory for a look */
	/* Objects of which the type is known, at most max of them, are put into out. */
	size_t (*seeds)(void *ctx, struct heap_seed *out, size_t max);
	void *ctx;
};

/* What decides whether it is time for a look. */
struct heapgrowth_moment {
	uint64_t now_ns;
	uint64_t end_ns;	/* of the trace; 0: not known */
	bool ending;		/* it waits for the last look alone, until end_ns at most */
	uint64_t live_bytes;	/* of the heap */
	bool early;		/* for the census to say whether anything grows */
	bool grows;		/* so it says, */
	bool classes[HEAP_CLASSES];	/* and in which size classes */
};

/* Forks, see looker.h.  Without that process there are no looks, and nobody need be told. */
void heapgrowth_new(struct heapgrowth **out, const struct heapgrowth_options *options,
		    uint64_t start_ns);
void heapgrowth_free(struct heapgrowth *g);	/* NULL is fine */

/* Takes a result that is there, and begins a look that is due. */
void heapgrowth_turn(struct heapgrowth *g, const struct heapgrowth_moment *m);

/* How long a trace should go on that may end at any time now, so that a look taken for its end is
 * over by then, most likely: ns; 0: it need not. */
uint64_t heapgrowth_last_ns(const struct heapgrowth *g);
/* Whether that look is over, or there will be none; end_ns: as it was told since. */
bool heapgrowth_has_ended(const struct heapgrowth *g, uint64_t end_ns);

/* For a report: takes a look of its own if those before were over so soon that nobody notices, and
 * the last one is of some time ago.  Waits for what is under way, if that should be quick or the
 * end was known, for fifths of a second; for seconds where that end has come and the look should
 * have been over.  pump is called every few ms meanwhile. */
void heapgrowth_finish(struct heapgrowth *g, const struct heapgrowth_moment *m,
		       void (*pump)(void *ctx), void *ctx);

/* The last look compared with the first; NULL: there have not been two.  Good until the next
 * call. */
const struct heap_view *heapgrowth_view(const struct heapgrowth *g);
/* What all looks have taken. */
void heapgrowth_cost(const struct heapgrowth *g, struct looks_cost *out);

#endif
