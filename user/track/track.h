/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.h - the live set: feed it records, tell it when a collection has ended, ask for a snapshot.
 *
 * Knows neither the kernel nor Go: sizes and liveness come through two functions that the owner
 * plugs in, so it runs on recordings as well.  Every table is capped (limits.h), every loss
 * counted.
 */
#ifndef TRACK_H
#define TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct object;
struct track;

struct track_stack {
	uint64_t id;
	const uint64_t *pcs;	/* addresses in the target, as struct gl_stack */
	uint32_t n;
	uint32_t flags;
	uint64_t started, ended; /* goroutines created with this stack */
	uint64_t half_live;	/* started minus ended at the snapshot's go_half_ns */
};

struct track_ops {
	void *ctx;
	/* Tiny objects do not share: each lies at the end of a block of its own (race detector). */
	bool tiny_alone;
	/* Heap bytes of every object of this (stack, type, size, probe), and whether they are
	 * tiny, that is share 16-byte blocks: asked once for each. */
	uint64_t (*object_size)(void *ctx, const struct gl_alloc *a,
				const struct track_stack *stack, bool *tiny);
	/* Fills in the liveness of a batch sorted by address; *gen: the sweepgen it belongs to.  0 or
	 * -errno. */
	int (*alive)(void *ctx, struct object *objects, size_t n, uint32_t *gen);
};

struct track_loss {
	uint64_t objects_full;	/* allocations not followed: the table is full */
	uint64_t stacks_full, accounts_full, goroutines_full;
	uint64_t liveness_unknown; /* objects whose liveness after the last collection is unreadable */
	uint64_t doubtful;	/* objects that may be a lost successor of themselves: records were
				 * lost while a collection went by unseen */
};

/* All objects of one stack, type and size. */
struct track_account {
	uint32_t stack;		/* index into stacks */
	uint16_t probe;
	uint64_t typ;		/* as in gl_alloc */
	uint64_t size;		/* heap bytes of one object; 0 with tiny objects in a block that
				 * another opened */
	bool tiny;
	uint64_t live, young, shared, allocs; /* objects, see model.h struct site_part */
	uint64_t live_first;	/* live after the first collection since the attach */
	uint64_t live_half;	/* live at the snapshot's heap_half_ns */
	uint64_t oldest_ns;	/* birth of the oldest live object, CLOCK_MONOTONIC; 0: none */
};

struct track_goroutine {
	uint64_t goid;
	uint32_t stack;		/* index into stacks */
	uint64_t start_ns;
};

struct track_snapshot {		/* a copy of its own */
	struct track_stack *stacks;
	size_t n_stacks;
	struct track_account *accounts;
	size_t n_accounts;
	struct track_goroutine *goroutines;	/* started since the attach, not ended, by goid */
	size_t n_goroutines;
	uint64_t time_ns;	/* when it was taken */
	uint64_t looked_ns;	/* when the last collection was looked at, 0: never */
	uint64_t heap_half_ns;	/* a collection near the middle of the trace, 0: too early */
	uint64_t go_half_ns;	/* a moment near the middle of the trace, 0: too early */
	uint64_t gc_cycles;	/* looked at since the attach */
	uint64_t n_records;	/* of all kinds, seen */
	struct track_loss loss;
};

int track_new(struct track **out, const struct track_ops *ops, uint64_t start_ns);
void track_free(struct track *tr);

void track_feed(struct track *tr, const struct gl_header *rec, uint64_t now_ns);
/* lost: records lost so far, all reasons. */
void track_collection(struct track *tr, uint64_t now_ns, uint64_t lost);
/* To be called now and then, so that growth of goroutines can be told. */
void track_tick(struct track *tr, uint64_t now_ns);
void track_snapshot(struct track *tr, uint64_t now_ns, struct track_snapshot *out);
void track_snapshot_fini(struct track_snapshot *s);

#endif
