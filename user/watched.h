/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watched.h - what is known of a process that is watched without a probe, as plain data.
 *
 * Strings belong to whoever filled it in.  What is thought of it is of the last judgement, the
 * numbers of memory and goroutines are the last that were read.
 */
#ifndef WATCHED_H
#define WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

struct heap_view;

/* One size class of the heap. */
struct watched_class {
	uint64_t size;		/* bytes of one object; 0: large ones */
	uint64_t live_bytes;
	struct judgement is;
};

/* Goroutines of one go statement. */
struct watched_go {
	uint64_t gopc;		/* as of struct goroutine */
	uint64_t startpc;	/* entry of the function that it starts */
	uint64_t live;
	const char *state;	/* of most of them, Go's own words */
	uint64_t n_state;	/* how many are in it */
	double longest_wait_s;	/* in any state; -1: unknown */
	double since_s;		/* for so long the statement's goroutines have been seen */
	struct judgement is;	/* rate in goroutines a second */
	bool suppressed;	/* the user knows: they are told of in reports only */
};

/* What a stack allocated grew between two looks, by the program's own memory profile. */
struct watched_stack {
	struct frames frames;
	const char *type, *how;	/* as of struct site_part */
	uint64_t size;		/* of one object */
	double bytes_per_s;	/* an estimate, from so many samples: */
	uint64_t samples;
};

/* What grew between two looks. */
struct watched_growth {
	const struct heap_view *types;	/* fastest first; NULL: nobody looked */
	struct watched_stack *stacks;	/* fastest first */
	size_t n_stacks;
	bool profiled;		/* the program has a profile of its own */
	double age_s;		/* since the second look */
	double cpu_s;		/* of ours, for both looks */
};

/* Where goroutines of one go statement were created, and where most of them wait. */
struct watched_places {
	struct frames created, blocked;	/* blocked.n 0: not known */
	uint64_t n_blocked;		/* of n_read, at that very place */
	uint64_t n_read;
};

struct watched {
	struct target_info target;
	const char *gone;	/* NULL: it is there; else "exited" ... */
	double seconds;		/* that it has been watched for */
	double age_s;		/* since it was started; NAN: not known */
	uint64_t n_cycles, n_missed;	/* collections seen whole, and others */
	uint64_t min_cycles;	/* before which there is no leak, */
	uint64_t growth_cycles;	/* seen whole, that growth of its heap takes, */
	double min_s;		/* nor so soon */
	bool census_known;	/* false: this binary does not tell when it collects, so nothing is
				 * known of the heap by size */
	uint64_t live_bytes;	/* of the heap, when the last collection began */
	enum verdict verdict;	/* the worst of all below */
	struct judgement heap;	/* of all classes together */
	struct watched_class *classes;	/* that hold anything, or are growing; by size */
	size_t n_classes;
	struct watched_go *gos;	/* fastest growing first */
	size_t n_gos;
	uint64_t n_goroutines;	/* UNKNOWN_U64: their table was not read yet */
	double table_age_s;	/* since it was read; NAN: never */
	uint64_t n_tables;	/* readings of the table; no leak before min_cycles of them */
	uint64_t n_tables_lost;	/* and those that were not whole */
	uint64_t n_gos_lost;	/* goroutines of go statements that found no room */
	struct memory_account memory;
	struct diagnosis does;
	uint64_t limit_bytes, limit_used;	/* 0: not known */
	const char *limit_of;	/* "cgroup", "machine" */
	double cpu_s;		/* of ours, for what is more than a look at the collector */
};

#endif
