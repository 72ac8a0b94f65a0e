/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * observation.h - one moment of a traced process as plain data: addresses in the target, not names;
 * indices, not pointers, so that a recording can hold the same.
 */
#ifndef OBSERVATION_H
#define OBSERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stack of addresses.  The first one of an array stands for the stacks that are not known: its id
 * is 0 and it has no pcs. */
struct obs_stack {
	uint64_t id;
	size_t first_pc;	/* index into the array of all pcs, leaf first, see struct gl_stack */
	uint32_t n_pcs;
	uint32_t flags;		/* enum gl_stack_flags */
	uint64_t started, ended; /* goroutines created with this stack since the attach */
	uint64_t half_live;	/* started minus ended near the middle of the trace */
	uint64_t other_allocs, other_bytes; /* allocated here, of accounts that were given up when
				 * they held nothing and there was no room */
};

/* All objects of one stack, type and size.  Where only one in so many objects is followed, the
 * counts of objects are estimates: as many times what was counted. */
struct obs_account {
	uint64_t key;		/* the same in all observations of one trace */
	uint32_t stack;		/* index into the stacks */
	bool tiny;		/* shares 16-byte blocks */
	uint64_t typ;		/* as in struct gl_alloc */
	uint64_t size;		/* heap bytes of one object's slot; 0: tiny ones in blocks that
				 * others opened */
	uint64_t live;		/* found alive by the last collection that saw them */
	uint64_t young;		/* born since: no collection has seen them */
	uint64_t shared;	/* of live: tiny, with another live one in their block */
	uint64_t doubtful;	/* of live: perhaps not this object but a successor whose record
				 * was lost */
	uint64_t allocs;	/* since the attach, exact */
	uint64_t samples;	/* objects that live and young were counted from */
	uint64_t live_first;	/* live after the first collection since the attach */
	uint64_t live_half;	/* live near the middle of the trace */
	uint64_t oldest_ns;	/* birth of the oldest live one, CLOCK_MONOTONIC; 0: none */
};

/* A goroutine that started since the attach and has not ended. */
struct obs_started {
	uint64_t goid;
	uint32_t stack;		/* index into the stacks */
	uint64_t start_ns;	/* CLOCK_MONOTONIC */
};

#endif
