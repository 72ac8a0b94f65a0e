/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.h - the live set: feed it records, tell it when a collection has ended, ask for a snapshot.
 *
 * Knows neither the kernel nor Go: sizes come with the records, liveness through a function that
 * the owner plugs in, so it runs on recordings as well.  It keeps below the memory it is given:
 * where objects do not fit, only one in so many is followed, and the snapshot says so.
 *
 * Where only some allocations are recorded, each stands for as many as its weight says (weigh.c).
 */
#ifndef TRACK_H
#define TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobpfleak.h"
#include "user/judge/strata.h"
#include "user/observation.h"

struct object;
struct track;

struct track_ops {
	void *ctx;
	/* Tiny objects do not share: each lies at the end of a block of its own (race detector). */
	bool tiny_alone;
	/* Chooses what is followed where not everything can be; 0: drawn at random. */
	uint64_t seed;
	/* Fills in the liveness of a batch sorted by address; *gen: the sweepgen it belongs to, or
	 * the first of them if it moves meanwhile.  n may be 0: only the sweepgen.  0 or -errno. */
	int (*alive)(void *ctx, struct object *objects, size_t n, uint32_t *gen);
	/* Records of allocations lost so far, all reasons, unreadable ones included; not what was
	 * left out on purpose. */
	uint64_t (*lost)(void *ctx);
	/* Index of the size class of a slot of so many bytes, below STRATA_CLASSES, 0: a large
	 * object.  NULL: classes are not told apart. */
	unsigned (*class_of)(uint64_t slot_bytes);
	/* Whether a look has to end now; asked between batches.  NULL: never. */
	bool (*interrupted)(void *ctx);
	/* What looks find alive for the first time, and what of that a later look finds dead or
	 * another object has taken the place of: the account's key, when it was allocated, and how
	 * many objects it stands for, the same at birth and death.  NULL: nobody asks. */
	void (*born)(void *ctx, uint64_t key, uint64_t birth_ns, double weight);
	void (*died)(void *ctx, uint64_t key, uint64_t birth_ns, double weight);
	/* Fewer objects are followed from now on, each standing for more, and nothing has died:
	 * what is known of births is void, and born() is called again for all that live. */
	void (*thinned)(void *ctx);
	/* The stack is not known here (any more): it has to be sent again before it is used.
	 * May be NULL. */
	void (*forget_stack)(void *ctx, uint64_t id);
};

struct track_loss {
	uint64_t unsized;	/* allocations of which only the address was known: track_end() */
	uint64_t stacks_full, accounts_full, goroutines_full; /* records without a place for them */
	uint64_t forgotten_allocs, forgotten_started; /* counted at stacks that were given up when
				 * they held nothing and there was no room */
	uint64_t liveness_unknown; /* objects of which the last look could not tell */
	uint64_t doubtful;	/* as in struct obs_account, of all together */
};

struct track_snapshot {		/* a copy of its own */
	uint64_t *pcs;		/* of all stacks */
	size_t n_pcs;
	struct obs_stack *stacks; /* half_live is left to the owner */
	size_t n_stacks;
	struct obs_account *accounts; /* live_first and live_half are left to the owner */
	size_t n_accounts;
	struct obs_started *started; /* by goid */
	size_t n_started;
	struct variance objects, bytes; /* of the sums over all that live */
	uint64_t n_windows;	/* strata of bursts that are told apart */
	bool few_windows;	/* strata_few() */
	uint64_t time_ns;	/* when it was taken */
	uint64_t looked_ns;	/* when a collection was last looked at in full, 0: never */
	uint64_t gc_cycles;	/* since the attach */
	uint64_t one_in;	/* one in so many objects is followed; a power of two, */
	uint64_t all_above;	/* but every one of more bytes than this */
	struct track_loss loss;
};

/* max_bytes: of memory for all it holds, snapshots excluded; at least 128 KiB. */
int track_new(struct track **out, const struct track_ops *ops, size_t max_bytes);
void track_free(struct track *tr);

/* Records, one function for each kind.  Lengths are the caller's to check, gl_stack.n too.
 * slot_bytes: heap bytes of the object's slot, 16 if it is tiny. */
void track_alloc(struct track *tr, const struct gl_alloc *rec, uint64_t slot_bytes, bool tiny,
		 uint64_t now_ns);
/* An allocation of which nothing but its address is known: what lay there has ended. */
void track_end(struct track *tr, uint64_t addr);
void track_stack(struct track *tr, const struct gl_stack *rec);
void track_gostart(struct track *tr, const struct gl_gostart *rec, uint64_t now_ns);
void track_goend(struct track *tr, const struct gl_goend *rec);

/* Of the goroutines that were seen to start before that time only these, in order, still run: where
 * not every end is seen. */
void track_running(struct track *tr, const uint64_t *goids, size_t n, uint64_t before_ns);

/* From now to the next snapshot goroutines that end stay known, marked as ended: so that what the
 * runtime's table shows in between can be told from what was never seen to start. */
void track_hold_ended(struct track *tr);

/* The pcs of a stack, valid until the next record, and its enum gl_stack_flags; false: not
 * known. */
bool track_find_stack(const struct track *tr, uint64_t id, const uint64_t **pcs, uint32_t *n,
		      uint32_t *flags);

/*
 * Not every allocation need be recorded.  gen: mheap_.sweepgen, as read before the first that may
 * be missing was made, or after the last that was.  At first everything is recorded.
 *
 * While something is unseen a slot may be used again without a word, and only looks tell whether an
 * object is still the same: every collection has to be looked at, and what is found alive after one
 * was missed is doubtful (look.c).
 */
void track_unseen_from(struct track *tr, uint32_t gen);
void track_seen_from(struct track *tr, uint32_t gen);

/*
 * Time is cut into strata, each of which listens in one way: throughout, where each allocation is
 * recorded with the chance that its record says; or in bursts, where none is outside of short
 * windows of which nothing in the program decides when they are.  This ends a stratum, when all its
 * records have been fed, and begins the next one.  Strata are cheap: each window should have its
 * own.
 *	allocs: how many objects of each size class were allocated in the stratum that ends, as the
 *		runtime counts them; what was recorded is scaled to that.  NULL: not known
 *	listened: the share of its time in which it listened, > 0: that its windows were open, if
 *		it listened in bursts; 1 throughout, or less if each allocation was certain to be
 *		recorded but for some of it none could be
 *	bursts: how the next one listens
 */
void track_stratum(struct track *tr, const uint64_t allocs[STRATA_CLASSES], double listened,
		   bool bursts);

/* How many there were of each size class in the stratum that has not ended, until now: what the next
 * snapshot says was allocated adds up to that as well. */
void track_so_far(struct track *tr, const uint64_t allocs[STRATA_CLASSES]);

/* Asks which objects live, after a collection has ended.  0; -EINTR: ops.interrupted() ended it
 * early; or what ops.alive() failed with.  What was not looked at stays as it was. */
int track_look(struct track *tr, uint64_t now_ns);

/* Collections since the attach, as far as looks know. */
uint64_t track_cycles(const struct track *tr);

/* Objects that are followed now, live as far as is known. */
size_t track_held(const struct track *tr);

/* When a collection was last looked at in full, 0: never. */
uint64_t track_looked_ns(const struct track *tr);

/* Calls fn for each account (its key, and its live objects: how many were recorded, and how many
 * they stand for) or stack (its id and its goroutines that have started since the attach and not
 * ended): what a series is fed with. */
void track_each_live(const struct track *tr,
		     void (*fn)(void *ctx, uint64_t key, uint64_t n, double live), void *ctx);
/* Calls fn for objects that live as far as is known, and the *_type that each was allocated with,
 * until it says no. */
void track_each_object(const struct track *tr,
		       bool (*fn)(void *ctx, uint64_t addr, uint64_t typ), void *ctx);
struct track_sum {
	double bytes;
	/* By class, of those that the runtime counts: what they stand for, and how many were
	 * recorded. */
	double objects[STRATA_CLASSES], recorded[STRATA_CLASSES];
	/* So many at least were born since the attach and before a moment, and the last look has
	 * found them alive: no estimate. */
	double sure[STRATA_CLASSES];
};
/* Of all that live; sure: born before_ns. */
void track_sum(const struct track *tr, uint64_t before_ns, struct track_sum *out);
void track_each_running(const struct track *tr, void (*fn)(void *ctx, uint64_t id, uint64_t n),
			void *ctx);

/* From now on the live objects that were born before are counted apart, as aged. */
void track_count_aged(struct track *tr, uint64_t before_ns);

/* old_ns: what was born before is told apart, so that growth since then can be told. */
void track_snapshot(struct track *tr, uint64_t now_ns, uint64_t old_ns,
		    struct track_snapshot *out);
void track_snapshot_fini(struct track_snapshot *s);

#endif
