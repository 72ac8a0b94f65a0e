/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * naming.h - what it is that grows in a process: types, holders and lines from two looks at its
 * heap, stacks where its own memory profiler is live, and where goroutines wait.  No probe.
 */
#ifndef NAMING_H
#define NAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept_facts;
struct naming;
struct process;
struct profile;
struct suppress;
struct watched;
struct watched_growth;
struct watched_places;

struct naming_options {
	uint64_t rate;			/* bytes of the process read a second; 0: no limit */
	size_t memory_bytes;		/* of our own, while it looks */
	struct suppress *suppress;	/* what the user accepts; NULL: nothing */
	struct kept_facts *facts;	/* of the programs of all processes */
	bool (*interrupted)(void *ctx);	/* asked often; true: an end */
	void *ctx;
};

/* The process must outlive it. */
void naming_new(struct naming **out, struct process *p, const struct naming_options *opt);
void naming_free(struct naming *n);		/* NULL is fine */

/* Looks at the heap, and at the profile; at a large heap for the size classes only that grow by w,
 * and by what was known at the look before.  0; -EINTR; otherwise why it cannot be read; it says
 * nothing to the user.  The third look takes the place of the first; one for classes that the one
 * before was not for has none before it. */
int naming_look(struct naming *n, const struct watched *w);
/* Looks at the profile only, where it had too few samples to tell a stack: what it told before is
 * forgotten, and what it tells is of the time since then. */
void naming_profile(struct naming *n);
unsigned naming_looks(const struct naming *n);	/* that there are: 0, 1, 2 */

/* What grew between two looks; good until the next call of anything here.  What is suppressed is
 * left out of its stacks, and stands behind the rows of its types: what has a type that is, and what
 * only lines allocate that are. */
void naming_growth(struct naming *n, struct watched_growth *out);
/* What grew in one bucket of the program's profile: bytes by so many samples. */
struct naming_grown {
	size_t bucket;
	double bytes;
	uint64_t samples;
};

/* The samples of a bucket at an older look. */
struct naming_before {
	uint64_t allocs, live;
};

/* The buckets that grew most, fastest first, at most max, of those with as many new samples as a
 * trace asks of a stack, and with more than chance gives; returns how many.  before: the first
 * n_before buckets. */
size_t naming_grown(const struct profile *now, const struct naming_before *before, size_t n_before,
		    struct naming_grown *out, size_t max);

/* Forgets both looks; what they have cost stays. */
void naming_forget(struct naming *n);
double naming_cpu_s(const struct naming *n);	/* of ours, in all */

/* Where goroutines of the statement are, by a look at all stacks; as long good as a growth.
 * Errors as of naming_look(). */
int naming_goroutines(struct naming *n, uint64_t gopc, uint64_t startpc,
		      struct watched_places *out);

#endif
