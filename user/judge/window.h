/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - births and deaths of what lives, by 64-bit key, over a window that grows with every
 * look and is always split into three equal parts: what a verdict on a population is told from.
 * Pure arithmetic; what lives (sampled objects of a stack, goroutines of a creator) is the owner's
 * business.
 *
 * Who feeds it:
 *	- calls window_look() once for each look at what lives, before the births and deaths it
 *	  found;
 *	- reports as born what a look finds alive for the first time, and as dead what an earlier
 *	  look found alive and this one does not.  What dies before any look found it is not fed.
 *	  So what stands here at a look is what lived at that look, and not garbage besides;
 *	- weighs each object with the number of objects it stands for, the same at birth and death.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum {
	WINDOW_STEPS = 12,	/* at most, of which the parts are made */
	WINDOW_PARTS = 3,
};

struct window;

/* start_ns: when the window begins, the clock of all other times.  What does not fit into
 * max_bytes is not kept, and counted. */
void window_new(struct window **out, uint64_t start_ns, size_t max_bytes);
void window_free(struct window *w);		/* NULL is fine */

/* time_ns, rising: as of when the look tells what lived.  For a heap that is the begin of the mark
 * phase that the look shows; the time of the look itself is nearly as good. */
void window_look(struct window *w, uint64_t time_ns);

/* birth_ns: when it was allocated or started; up to start_ns: it is older than the window. */
void window_birth(struct window *w, uint64_t key, uint64_t birth_ns, double weight);
void window_death(struct window *w, uint64_t key, uint64_t birth_ns, double weight);

/* Births that found no room, keys that hold nothing having made room before. */
uint64_t window_lost(const struct window *w);

/* ---- what it says ---------------------------------------------------------------------------- */

/* How the window is split; one for all keys. */
struct window_span {
	double seconds;			/* of all; 0: no look yet */
	double part_s[WINDOW_PARTS];	/* about a third each; all 0 with fewer than 3 looks */
	double late_s;			/* parts 2 and 3 */
	double step_s[WINDOW_STEPS];
	size_t n_steps;
	uint64_t n_looks;
};

void window_span(const struct window *w, struct window_span *out);

/* Sums over objects: of their weights, and of the squares of these. */
struct weights {
	double sum, squares;
};

/* What changed between two moments; what was born and died in between is in neither. */
struct window_change {
	struct weights born;	/* since the first, and alive at the second */
	struct weights died;	/* alive at the first, and dead at the second */
};

/* A population. */
struct window_flow {
	struct weights live;
	struct window_change part[WINDOW_PARTS];
	struct window_change late;	/* parts 2 and 3 in one */
	struct window_change step[WINDOW_STEPS];
	/* Those that have lived for five looks and a sixth of the window at least: */
	struct weights old_died;
	struct weights old;		/* all that came to that age */
	double old_seconds;		/* weight times time that they have lived since */
};

/* All 0 for a key that is not known. */
void window_flow(const struct window *w, uint64_t key, struct window_flow *out);

/* Adds a population to another, each of its objects counting factor times: bytes from objects of
 * one size. */
void window_flow_add(struct window_flow *sum, const struct window_flow *f, double factor);

#endif
