/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget.h - what to listen to, so that it costs the target no more than it may: the essay is in
 * budget.c.
 *
 * Pure arithmetic: numbers and times go in, decisions come out.  Knows no process, no tracer and
 * no clock.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/source.h"

struct budget;

#define BUDGET_ANY UINT64_MAX	/* a distance: the budget chooses it */

struct budget_setup {
	double percent;		/* of one core that may be spent */
	bool heap, goroutines;	/* what is wanted */
	enum source forced;	/* for the heap, whatever it costs but for bursts; N_SOURCES: the
				 * budget chooses */
	uint64_t distance;	/* mean bytes between two samples, as far as we sample; 0: every
				 * object; or BUDGET_ANY */
	bool can_burst;		/* probes can come and go quickly */
	double processors;	/* that the target may take at a time; not above 0: not known */
	size_t n_heap, n_go;	/* probes of the allocator, and of goroutines */
	uint64_t seed;		/* of the windows' times */
};

/* What one of these takes of the target's time, ns; NAN: not known, something sensible is
 * assumed. */
struct budget_costs {
	double hit;		/* recorded */
	double dropped;		/* not recorded, by chance or since nobody listens */
	double planting;	/* a probe, or removing it */
	double wakes;		/* what goroutines' hits cost besides, as a part of that: threads of
				 * the target that are woken for nothing */
};

/* By the runtime's own counts, since the process began. */
struct budget_counts {
	uint64_t time_ns;	/* when they were read */
	uint64_t allocs, alloc_bytes;
	uint64_t starts;	/* of goroutines */
	uint64_t profile_bytes;	/* mean bytes between two samples of the runtime's memory profiler
				 * now; 0: it is not live, or cannot be listened to */
};

/* What following everything takes, percent of one core; NAN: not known. */
struct budget_price {
	double heap, goroutines;
	double allocs, starts;	/* a second */
};

struct budget_choice {
	enum source heap, goroutines;	/* goroutines: every, burst or none */
	uint64_t distance;	/* bytes, of sample and burst; 0: no chance, every object */
};

/* A window of a burst: it ends after the time, or earlier when it has cost too much. */
struct budget_window {
	uint64_t length_ns;
	double max_ns;		/* of the target's time */
};

/* What budget_tick() wants to be done, as bits. */
enum {
	BUDGET_COUNT = 1,	/* the counts are to be read: budget_count() */
	BUDGET_PERIOD = 2,	/* a time begins in which there will be one window */
	BUDGET_WINDOW = 4,	/* a window is to be opened: budget_window() */
};

void budget_new(struct budget **out, const struct budget_setup *setup);
void budget_drop(struct budget *b);	/* NULL is fine */

/* To be called whenever one of them is known better; what is known or assumed now. */
void budget_set_costs(struct budget *b, const struct budget_costs *c);
const struct budget_costs *budget_costs(const struct budget *b);

/* Between two counts; the rates are those that the first choice is made by. */
void budget_price(struct budget *b, const struct budget_counts *from,
		  const struct budget_counts *to, struct budget_price *out);

/* Time begins.  The choice is made by the price, if it was asked for; else everything is followed
 * until it turns out to be too much. */
void budget_start(struct budget *b, uint64_t now_ns);
const struct budget_choice *budget_choice(const struct budget *b);

/* spent_ns: by the target for all that we do, since the start.  To be called every 20 ms or more
 * often; returns what is to be done. */
unsigned int budget_tick(struct budget *b, uint64_t now_ns, double spent_ns);

/* What may be spent until the next tick before something has to be done at once, ns; INFINITY: the
 * user wants it at any price. */
double budget_allowance(const struct budget *b);
/* That was spent: what is listened to all the time has been removed. */
void budget_overrun(struct budget *b);

/* The counts as asked for; NULL: they cannot be read.  true: the choice is another one now. */
bool budget_count(struct budget *b, const struct budget_counts *c);

/* The window that is due now; and that it has ended after so long (0: it could not be opened).
 * spent_ns as in the tick. */
void budget_window(const struct budget *b, struct budget_window *out);
void budget_window_end(struct budget *b, uint64_t now_ns, double spent_ns, uint64_t length_ns);

#endif
