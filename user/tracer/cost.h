/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost.h - what hits cost the target, by their kinds: the essay is in cost.c.
 */
#ifndef COST_H
#define COST_H

#include <stdbool.h>
#include <stdint.h>

#include "user/tracer/found.h"

/* Counts that only grow. */
struct cost_counts {
	uint64_t recorded, others;	/* hits */
	uint64_t stepped;	/* of all of them: at an instruction that is not emulated */
	uint64_t found;		/* how often the target was found in a trap */
};

struct cost_setup {
	int prog_fds[2];	/* what stands behind the probes; -1: nothing, or nothing yet */
	int found_fd;		/* what counts when the target is found; -1: nothing does */
	bool stepped;		/* some probes are at instructions that are not emulated */
};

struct cost {
	struct cost_setup setup;
	double trap_ns, step_ns;	/* one hit without the program's work; NAN: unknown */
	double run_ns;			/* what the program adds to one that is recorded; NAN, */
	uint64_t n_runs;		/* in the mean of so many */
	int stats_fd;			/* while the kernel measures the programs' time, or -1 */
	uint64_t stats_runs, stats_run_ns, stats_recorded;	/* when it began */
	uint64_t stats_begin_ns, runs_next_ns;
	bool stats_done;		/* enough was measured, or nothing can be */
	bool finding;			/* the clock runs: */
	struct found found;
	struct cost_counts clock_from;	/* since then; */
	struct cost_counts clocked;	/* and what there was while it ran before */
	uint64_t clock_ns;		/* when it was last seen what hits take: */
	double clock_sum;		/* all of them until then */
};

struct cost_prices {
	double recorded, dropped, unheard;	/* of one hit to come, ns; NAN: unknown */
	double total_ns;			/* of all of them so far */
};

void cost_init(struct cost *c);		/* nothing is known */
/* Measures the trap on ourselves, and from now on what happens to the target. */
void cost_start(struct cost *c, const struct cost_setup *setup);
/* The second of the programs, before it runs. */
void cost_second(struct cost *c, int prog_fd);
/* Ends what has been measured enough; to be called now and then. */
void cost_tick(struct cost *c, const struct cost_counts *now);
void cost_stop(struct cost *c);		/* one that was not started is fine */

void cost_get(const struct cost *c, const struct cost_counts *now, struct cost_prices *out);

#endif
