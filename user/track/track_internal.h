/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track_internal.h - what the parts of the live set share: track.c (records), accounts.c (stacks
 * and accounts), look.c (collections), weigh.c (what a sample stands for), snapshot.c.
 */
#ifndef TRACK_INTERNAL_H
#define TRACK_INTERNAL_H

#include "user/base/table.h"
#include "user/judge/estimate.h"
#include "user/judge/strata.h"
#include "user/track/pool.h"
#include "user/track/track.h"

enum { TINY_BLOCK = 16 };	/* runtime.maxTinySize */

/* Entries of tables begin with their key. */
struct tracked {		/* an object, by address */
	uint64_t addr;
	uint32_t birth;		/* see track_birth_ns() */
	uint32_t gen;		/* the last one in which it is known to have lived: that of its
				 * birth, then that of each look that found it alive */
	uint32_t account : 29;	/* index */
	uint32_t found : 1;	/* found alive by a collection */
	uint32_t shared : 1;	/* tiny, with another live one in its block at that collection */
	uint32_t doubtful : 1;	/* see look.c */
	uint16_t chance;	/* with which it was recorded; see weigh.c */
	uint8_t stratum;	/* slot of its stratum */
	uint8_t told;		/* weight that ops.born() was told: weigh_told() */
};

struct inner {			/* tiny objects that do not begin a 16-byte block, by that block */
	uint64_t block;
	uint64_t offsets;	/* bit i: there is one at block + i */
};

enum { STACK_BITS = 24, MS_NS = 1000000 };

struct tracked_g {		/* by its address; small, for there may be very many */
	uint64_t g;
	uint64_t goid;
	uint64_t start_ms : 40;	/* rounded up */
	uint64_t stack : STACK_BITS;
};

static inline uint64_t tracked_start_ns(const struct tracked_g *g)
{
	return (uint64_t)g->start_ms * MS_NS;
}

struct ended_g {		/* by goid, until the next snapshot: track_hold_ended() */
	uint64_t goid;
	uint64_t start_ns;
	uint64_t stack;
};

struct index_entry {		/* of a stack by its id, of an account by its key */
	uint64_t key;
	uint64_t index;
};

struct stack {
	uint64_t id;		/* 0: the unknown one, or not in use */
	uint64_t *pcs;		/* NULL: not known (yet) */
	uint32_t n, flags;
	uint32_t n_users;	/* accounts and running goroutines */
	uint64_t started, ended;
	double other_allocs, other_bytes;
};

/* What became of objects at looks: they were dead, or lived, or nobody knows whether what lived
 * were still they, since so many collections were missed. */
struct fates {
	uint32_t died, lived, missed;
};

struct account {
	uint64_t key;		/* 0: not in use */
	uint64_t typ;
	uint64_t size;		/* as in struct obs_account */
	uint64_t allocs;	/* that were recorded; of these, */
	uint64_t n_chosen;	/* not certain to be */
	double scaled;		/* what the chosen ones stand for without the census, */
	double open;		/* but those of the open stratum, while one listens in bursts */
	uint32_t stack;
	uint32_t live, young, shared, doubtful;	/* objects that are followed */
	struct fates fates[2];	/* of those that no look had found alive before, of the others */
	uint16_t chance;	/* of its last allocation, */
	uint8_t stratum;	/* and slot of that one's stratum */
	uint8_t class;		/* size class; 0: large */
	bool tiny;
};

struct track {
	struct track_ops ops;
	struct table objects, inner, goroutines, ended;
	struct table stack_index, account_index;
	struct pool stack_pool, account_pool;
	struct stack *stacks;		/* [0]: the unknown one */
	struct account *accounts;
	size_t n_accounts;		/* in use */
	size_t pcs_bytes, max_pcs_bytes;
	size_t look_batch;		/* objects asked for at a time */
	uint64_t key_seed;
	unsigned level;			/* one in 2^level blocks is followed */
	uint64_t all_above;		/* and every object of more bytes */
	size_t n_large;			/* followed because of that */
	struct strata *strata;
	bool chosen;			/* not every record was certain to be made */
	uint64_t first_ns;		/* of the first object; 0: none yet */
	uint64_t looked_ns, gc_cycles;
	uint64_t aged_ns;		/* see track_count_aged() */
	uint32_t looked_gen;		/* of the last look; 0: none yet */
	uint64_t n_unplaced;		/* allocations whose address is not known */
	uint64_t n_lost;		/* as known so far */
	bool had_loss;
	uint32_t loss_gen;		/* no loss that is known of is of a later one; but */
	bool unseen;			/* now not everything is recorded, on purpose, */
	uint32_t unseen_gen;		/* since this one, */
	bool was_unseen;		/* or it was not at some time */
	bool hold_ended;
	struct track_loss loss;
};

static inline uint64_t block_of(uint64_t addr)
{
	return addr - addr % TINY_BLOCK;
}

/* Tiny, in a block that another opened: holds no bytes, and the runtime does not count it as an
 * allocation of its size class. */
static inline bool is_inner(const struct account *a)
{
	return a->tiny && !a->size;
}

/* Births are kept in units of 17 ms, since the first, which are enough for two years. */
enum { BIRTH_SHIFT = 24 };

static inline uint64_t track_birth_ns(const struct track *tr, const struct tracked *o)
{
	return tr->first_ns + ((uint64_t)o->birth << BIRTH_SHIFT);
}

/* track.c */
/* An object is found alive for the first time. */
void track_tell_born(struct track *tr, struct tracked *o);
void track_remove(struct track *tr, uint64_t addr);
/* Follows fewer objects from now on; those that no longer belong go. */
void track_follow_fewer(struct track *tr);

/* accounts.c */
void accounts_init(struct track *tr, size_t stack_bytes, size_t account_bytes);
void accounts_fini(struct track *tr);
/* Index of a stack by its id, made if new; 0, the unknown one, if there is no room. */
uint32_t stack_get(struct track *tr, uint64_t id);
/* A user more, a user less. */
void stack_hold(struct track *tr, uint32_t index);
void stack_release(struct track *tr, uint32_t index);
/* The account of an allocation, made if new; NULL: no room. */
struct account *account_get(struct track *tr, const struct gl_alloc *rec, uint64_t slot_bytes,
			    bool tiny);
/* To be called when an account's objects may have become none, or some. */
void account_settle(struct track *tr, const struct account *a);

/* weigh.c */
/* A chance as kept with an object; 0: certain. */
uint16_t weigh_code(uint32_t chance);
/* 1 over the chance. */
double weigh_chance(uint16_t code);
/* Counts an allocation. */
void weigh_count(struct track *tr, struct account *a, uint16_t code);
/* Each object of an account that is followed stands for 2^shift of those that were recorded. */
unsigned weigh_shift(const struct track *tr, const struct account *a);
/* How many objects this one stands for. */
double weigh_object(const struct track *tr, const struct tracked *o);
/* The weight of an object as kept in a byte, drawn so that it is right in the mean; and what that
 * byte says. */
uint8_t weigh_told_code(const struct track *tr, const struct tracked *o);
double weigh_told(uint8_t code);
/* How many the last allocation of an account stood for. */
double weigh_last(const struct track *tr, const struct account *a);
/* Whether another object in its block may not have been recorded. */
bool weigh_alone_unknown(const struct track *tr, const struct tracked *o);
/* Objects that were ever allocated at an account, recorded or not. */
double weigh_allocs(const struct track *tr, const struct account *a);

/* sums.c */
struct account_sum {		/* over its objects, each with its weight */
	double live, young;
	double old;		/* of live: those born before a moment */
	double aged;		/* before track.aged_ns */
	double shared, doubtful; /* of live */
	uint64_t n_old;		/* old, without weights but for thinning */
	uint64_t n_aged;	/* objects */
	uint64_t oldest_ns;	/* birth of the oldest live one; 0: none */
	struct variance v;	/* of live */
};

struct stack_sum {		/* over the live objects of its accounts */
	struct variance objects, bytes;
	struct variance new_bytes; /* of those that are not old */
};

struct sums {
	struct account_sum *accounts;	/* by index */
	struct stack_sum *stacks;
	struct variance objects, bytes;	/* of all */
};

/* old_ns: old is what was born before. */
void sums_make(const struct track *tr, uint64_t old_ns, struct sums *out);
void sums_fini(struct sums *s);

#endif
