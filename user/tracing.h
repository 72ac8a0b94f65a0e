/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracing.h - one process traced over time: what is planned is planted, what arrives is tracked,
 * and what is known at a moment comes out as an observation.
 *
 * new, attach, turn and observe as often as wanted, detach, free.
 */
#ifndef TRACING_H
#define TRACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/budget.h"

struct observation;
struct plan;
struct process;
struct tracing;

struct tracing_options {
	bool heap, goroutines;	/* what is traced; at least one */
	size_t memory_bytes;	/* of our own; see limits.h for the least */
	double budget_percent;	/* of one core, that the target may be made to spend */
	enum source source;	/* of the heap, at any price; N_SOURCES: as the budget says */
	uint64_t distance;	/* mean bytes between two samples, or BUDGET_ANY */
	uint64_t min_cycles;	/* no leak is called before so many collections, */
	double min_s;		/* nor so soon */
	bool gc;		/* each collection, too */
	uint64_t older_ns, older_cycles; /* an age that objects are to be told by; or both 0 */
	/* Whether whatever is being done should end early; asked often.  NULL: never. */
	bool (*interrupted)(void *ctx);
	/* Called some time after a stack was first seen, so that it can be named while its binary
	 * is still there; pcs are vaddrs, pcs[0] the probed instruction.  NULL: not wanted. */
	void (*new_stack)(void *ctx, const uint64_t *pcs, size_t n, bool cut);
	void *ctx;
};

/* Plans the probes and compares the code with the live process; plants nothing.  The process must
 * outlive the tracing.  Tells the user on failure. */
int tracing_new(struct tracing **out, struct process *p, const struct tracing_options *opt);
void tracing_free(struct tracing *t);		/* NULL is fine */

const struct plan *tracing_plan(const struct tracing *t);

/* What following everything would take, and what will be listened to instead, from what the process
 * has done since tracing_new(), or for over_ns if that is longer.  false: that is not known, and
 * everything will be followed until it turns out to be too much. */
bool tracing_price(struct tracing *t, uint64_t over_ns, struct budget_price *price,
		   struct budget_choice *choice);

/* Loads the BPF programs and plants the probes.  -ESRCH: the process has ended or runs another
 * program by now, nothing is planted.  Tells the user on failure. */
int tracing_attach(struct tracing *t);
uint64_t tracing_attach_ns(const struct tracing *t);	/* CLOCK_MONOTONIC */

/* When the trace will end, where that is known: the heap is looked at before. */
void tracing_ends(struct tracing *t, uint64_t end_ns);
/* Likewise of one that ends as soon as the heap has been looked at once more, if that is worth its
 * while: at *end_ns at the latest. */
void tracing_ends_soon(struct tracing *t, uint64_t *end_ns);
bool tracing_has_looked(const struct tracing *t);	/* so that it need not go on */

int tracing_fd(const struct tracing *t);	/* readable after records that must not wait */

/* To be called every few ms: takes the records that are there, looks what lives if a collection has
 * ended since the last look (force: even if that was just now), reads the memory figures now and
 * then.  Its work is bounded however fast the target is.  -EBADMSG: the layout turned out not to
 * fit, the user has been told.  0 also when the process has gone: see process_gone(). */
int tracing_turn(struct tracing *t, bool force);

/* Collections that have ended since the attach and that a look has seen. */
uint64_t tracing_cycles(const struct tracing *t);

/* For a sign of life. */
struct tracing_status {
	uint64_t attach_ns;	/* CLOCK_MONOTONIC */
	uint64_t gc_cycles;	/* since then */
	uint64_t held;		/* objects that are followed */
	uint64_t hits;		/* of all probes */
	double spent_ns;	/* by the target; NAN: unknown */
};
void tracing_status(const struct tracing *t, struct tracing_status *out);

/* What is known now.  Reads goroutines and memory of the process if it is still there. */
struct observation *tracing_observe(struct tracing *t);

/* Removes the probes and takes the records that are left.  A look after this would be wrong: what
 * is allocated now is not seen, and a slot that is used again would look like its old object. */
void tracing_detach(struct tracing *t);

#endif
