/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h - is growth a leak?  Numbers in, verdicts out: for each size class of the census, each
 * allocating stack and each group of goroutines; and which of them are one leak.
 *
 * The census (trend.h) has no attach transient and nothing sampled: it says whether a class grows,
 * and how fast.  Samples (window.h) say who.  A stack is not called a leak in a class that does not
 * grow, and what it leaks is told as its share of what the class grows.  thresholds.h has all
 * numbers that are chosen.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/judge/trend.h"
#include "user/judge/window.h"
#include "user/model.h"

/* No leak is called before. */
struct judge_limits {
	uint64_t min_cycles;	/* collections; of goroutines: looks at their table */
	double min_s;
};

#define NO_FINDING SIZE_MAX

/* One size class of the heap, or all of them together. */
struct judge_class {
	double object_bytes;	/* of large objects, and of all: their mean; 0: not known */
	struct growth bytes;	/* live bytes, by the census */
	double load[3];		/* allocations a second in each part, of any unit; 0: not known */
	/* What a type of objects has grown between two looks at the heap, bytes a second, for that
	 * which grew most; the bounds are certain.  0: no type is known to. */
	struct estimate type;
	bool of_runtime;	/* what grew most there is what the runtime keeps for itself */
	struct estimate worn;	/* likewise of buckets of maps, where no more maps have come */

	/* Filled in: */
	struct judgement is;
	double detectable;	/* a slope that would be called growth, bytes a second; NAN: too
				 * early for any */
	struct estimate sampled; /* growth a second, of all stacks */
	struct estimate unseen;	/* growth that no stack shows; 0: none beyond the intervals */
	double told;		/* growth of stacks that are in findings by evidence of their own, and
				 * of those of goroutines and suppressed ones, */
	double shown;		/* at most */
	size_t finding;		/* where that is one; NO_FINDING */
};

/* Objects of one stack and one size. */
struct judge_part {
	size_t class;		/* index into the input's classes */
	double object_bytes;
	const struct window_flow *objects;
};

/* What the leaf of a stack enlarges. */
enum container {
	CONTAINER_NONE,
	CONTAINER_SLICE,	/* append; or make, of what takes the place of a smaller one */
	CONTAINER_MAP,		/* its buckets: that a map has more of them is no leak by itself */
};

/* One allocating stack. */
struct judge_site {
	const struct judge_part *parts;
	size_t n_parts;
	double n_allocated;	/* samples, dead ones included */
	double replaced;	/* share of its live bytes, 0 to 1, that may be others' by now: what was
				 * seen may have died, and what lives in its slot came unseen */
	enum container container;
	bool of_goroutines;	/* descriptors of goroutines, their timers and waits, which the
				 * runtime keeps for the next ones */
	const uint64_t *callers; /* functions of the stack, leaf first, by numbers other than 0 */
	const uint8_t *owners;	/* of these, as enum goname_owner: what is nearest to the program has
				 * the lowest */
	size_t n_callers;
	bool suppressed;	/* the user knows: its growth is explained, and no finding; set, too,
				 * of what suppressed goroutines hold */

	/* Filled in: */
	struct judgement is;	/* rate in bytes a second */
	size_t finding;		/* index into the result's findings; NO_FINDING */
};

enum wait_class {
	WAIT_NONE,		/* runs, or is the runtime's own */
	WAIT_WEAK,		/* for the network or a timer: comes to an end by itself, mostly */
	WAIT_STRONG,		/* for another goroutine */
	WAIT_CERTAIN,		/* for what cannot come */
	WAIT_LEAKED,		/* for what nobody can reach, as the runtime itself found */
	N_WAIT_CLASSES,
};

/* Goroutines of one creation stack.  Counts are exact, those older than the attach included. */
struct judge_group {
	const struct window_flow *goroutines;
	uint64_t waiting[N_WAIT_CLASSES];	/* live ones */
	bool main;		/* goroutine 1 */
	double bytes_each;	/* mean size of their stacks */
	uint64_t function;	/* that they run, a number as in callers; 0: not known */
	uint64_t creator;	/* function with the go statement, likewise */
	bool suppressed;	/* as of a site */

	/* Filled in: */
	struct judgement is;	/* rate in goroutines a second */
	size_t finding;
};

/* One leak, or one thing that grows: groups of goroutines that one function starts in step, with
 * what they hold; sites that grow in step below one caller; or a class of which no stack explains
 * the growth: one that leaks but for time or load, or that grows while a type of it does.  Of what
 * is in step, leaks that have not most of the growth are apart. */
struct judge_finding {
	enum verdict verdict;	/* of its worst part */
	size_t group;		/* of those with its verdict the one that grows most, if there are
				 * any; NO_FINDING: there is no group */
	size_t first_site;	/* likewise */
	size_t class;		/* NO_FINDING: there are stacks */
	size_t n_sites;
	uint64_t caller;	/* nearest function that all sites share; 0: one site, or none */
	struct estimate rate;	/* bytes a second, stacks of goroutines included */
};

struct judge_input {
	struct judge_limits limits;
	struct judge_class *classes;
	size_t n_classes;
	struct judge_class *heap;	/* all classes together */
	struct window_span sites_span, groups_span;
	struct judge_site *sites;
	size_t n_sites;
	struct judge_group *groups;
	size_t n_groups;
};

struct judge_result {
	enum verdict verdict;		/* worst of all findings, and of classes that nobody
					 * explains */
	struct judge_finding *findings;	/* growing and leaking ones: leaks first, then by the lower
					 * end of the rate; free() */
	size_t n_findings;
	struct estimate explained;	/* share of the heap's growth that leaks on the heap make
					 * up, and what is suppressed; NAN: it does not grow */
	struct estimate growing;	/* likewise what grows and is no leak */
	struct estimate unseen;		/* growth of the heap that no stack shows, and no finding of
					 * a class tells of, bytes a second */
	double detectable;		/* a leak of so many bytes a second in any one size class
					 * would show; NAN: not known yet */
	double detectable_mostly;	/* in any of nine in ten size classes; likewise */
};

/* Fills in classes, heap, sites and groups of the input, and the result. */
void judge(struct judge_input *in, struct judge_result *out);

/* A class by itself, or the heap; heap: live bytes of all classes. */
void judge_class(struct judge_class *c, const struct growth *heap,
		 const struct judge_limits *limits);

#endif
