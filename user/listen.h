/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.h - what is listened to now: carries out on the probes what the budget decides, and keeps
 * the account of it.
 *
 * Knows neither Go nor the process; what it has to know of them comes through functions that the
 * owner plugs in.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/observation.h"
#include "user/tracer/tracer.h"

struct budget;
struct budget_counts;
struct listen;

struct listen_ops {
	void *ctx;
	/* The runtime's counts; false: they cannot be read now. */
	bool (*count)(void *ctx, struct budget_counts *out);
	/* As in struct budget_costs. */
	double (*wakes)(void *ctx);
	/* From now on not every allocation, or start and end of a goroutine, is seen; all are again.
	 * Called before the first can be missed, and after the last was. */
	void (*unseen)(void *ctx, bool goroutines);
	void (*seen)(void *ctx, bool goroutines);
	/* A window of allocations that was open for so long has ended; its records are in the ring,
	 * if they have not been taken. */
	void (*window)(void *ctx, uint64_t open_ns);
	/* A time is over in which allocations were listened to in one way; its records are in the
	 * ring, if they have not been taken.  open: the share of it, > 0, that windows were open if
	 * that was in bursts; or that one listened if all should have been recorded, but probes
	 * were gone for some of it.  bursts: whether the time that begins listens in bursts. */
	void (*stretch)(void *ctx, double open, bool bursts);
};

struct listen_setup {
	struct budget *budget;		/* started by listen_start() */
	struct tracer *tracer;
	const char *path;		/* as tracer_attach() takes it */
	pid_t pid;
	unsigned int wanted;		/* groups that may be listened to */
	size_t n_probes[TRACER_N_GROUPS];
	struct tracer_subset burst;	/* probes of the heap and of goroutines that windows need */
	struct listen_ops ops;
};

/* All pointers must outlive it. */
void listen_new(struct listen **out, const struct listen_setup *setup);
void listen_free(struct listen *l);		/* NULL is fine; removes nothing */

/* Plants the collector's probes, and those of the first choice.  Tells the user on failure. */
int listen_start(struct listen *l);
/* To be called every 20 ms or more often.  Tells the user on failure, and then listens to less. */
int listen_turn(struct listen *l);
/* Nothing is recorded any more when this returns; records that are left can be taken. */
void listen_stop(struct listen *l);

/* Windows listen to these probes from now on, which are all those of the sizes that grow. */
void listen_focus(struct listen *l, const struct tracer_subset *probes);

/* For how long a window of allocations has been open; 0: none is. */
uint64_t listen_window_ns(const struct listen *l);

/* Nothing has been left out of the heap, or of goroutines, since the start. */
bool listen_saw_all(const struct listen *l, bool goroutines);

/* Which source was used when; a copy of its own. */
struct obs_source *listen_sources(const struct listen *l, size_t *n, uint64_t *n_left_out);
/* What it has cost the target, ns. */
double listen_spent(const struct listen *l);

#endif
