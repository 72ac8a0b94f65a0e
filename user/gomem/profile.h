/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - the runtime's own memory profile, read from outside: for each stack and size of
 * object, how many of the sampled objects were allocated and freed since the program's start.
 *
 * The runtime samples one allocation in so many bytes wherever runtime.MemProfile is linked in
 * (net/http/pprof does), from the first one on.  So this names memory that is older than any trace.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gomem;

struct profile_bucket {
	uint64_t size;		/* heap bytes of one object */
	/* As runtime.MemProfile gives them: what the last collection but one, or the last one whose
	 * sweep is done, has left behind, consistent with each other. */
	uint64_t allocs, frees;
	/* Counted since, not published yet: allocations as of now, of frees those that the sweeper
	 * has come to. */
	uint64_t new_allocs, new_frees;
	/* vaddrs: index into the profile's pcs, leaf first, as runtime.Callers gives them: all are
	 * return addresses, and what was inlined has one of its own for each call. */
	size_t first_pc;
	uint32_t n_pcs;
};

struct profile {
	uint64_t rate;		/* bytes between two samples, on average; 1: each allocation */
	struct profile_bucket *v;	/* oldest first; a bucket keeps its place */
	size_t n;
	uint64_t *pcs;
	size_t n_pcs;
	size_t n_left_out;	/* buckets for which there was no room */
	bool settled;		/* false: allocs and frees may be of two collections, since
				 * collections came faster than they can be read */
};

struct profile_limits {
	size_t max_bytes;	/* of the result; as much again while it grows */
	bool (*interrupted)(void *ctx);	/* asked now and then, true: -EINTR; NULL: is not asked */
	void *ctx;
};

/* runtime.MemProfileRate, 0: the profiler is off, as where nothing in the program asks for its
 * profile.  -ENOENT: this binary does not tell where it is. */
int profile_rate(struct gomem *gm, uint64_t *rate);

struct profile_reader;
struct profile_reader *profile_open(struct gomem *gm, const struct profile_limits *limits);
void profile_close(struct profile_reader *r);		/* NULL is fine */

/*
 * The profile as of now.  A later look adds the buckets that are new and reads all counters anew.
 * The result lives until the next look.  -ENOENT: the profiler is off, or this binary does not tell
 * where its buckets are; -EINTR; otherwise the errors of gomem.h.  It says nothing to the user.
 * Work: two system calls for each new bucket, two for each 256 there are.
 */
int profile_look(struct profile_reader *r, const struct profile **out);

/* The chance with which an object of that size is sampled, not 0: each sample stands for 1 / chance
 * of them, which is the estimate of pprof (scaleHeapSample in runtime/pprof/protomem.go). */
double profile_chance(uint64_t rate, uint64_t size);

#endif
