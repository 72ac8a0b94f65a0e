// SPDX-License-Identifier: BSD-2-Clause
/*
 * track.c - the live set.
 *
 * Every allocation enters the object table by its address.  An address that is seen again is a new
 * object: the old one has died, whatever else is known, and also if there is no room for the new
 * one.  After each collection all objects are asked for (look.c); the dead leave.  So a collection
 * that goes by unlooked-at does no harm as long as every allocation is seen: reuse of a slot shows
 * as a new allocation.
 *
 * "live" is what a collection has found alive; what was born since is "young".  A tiny object
 * (without pointers, below 16 bytes) shares a 16-byte block with others and lives as long as any of
 * them: the one at the block's start counts the 16 bytes, the others none, as in Go's own heap
 * profile.
 *
 * Where the table is full, one in 2^level of the 16-byte blocks of the address space is followed
 * from then on, chosen by a hash with a secret seed; the objects of other blocks go.  A block and
 * not an allocation is chosen, so that the reuse of an address is always seen for those that are
 * followed.  An object is as likely to stay if it is old as if it is new.  Large objects are few,
 * and each matters: they are all followed, until they are more than half of the table; then larger
 * ones only.
 */
#include "user/track/track.h"

#include <stdlib.h>

#include "user/base/util.h"
#include "user/object.h"
#include "user/track/track_internal.h"

/*
 * Shares of the memory, in 64ths.  Objects come first; the list of addresses that a look makes (8
 * bytes each) takes less than what their table keeps free for its doubling.  A look's batch is
 * there only during the look.
 */
enum {
	SHARE_OBJECTS = 27,
	SHARE_INNER = 4,
	SHARE_STACKS = 16,
	SHARE_ACCOUNTS = 8,
	SHARE_GOROUTINES = 6,
	SHARE_ENDED = 1,
	SHARE_BATCH = 1,
	SHARE_STRATA = 1,
	SHARES = 64,
	MAX_BATCH = 16384,
	LARGE = 32 << 10,	/* objects of more bytes have a span of their own */
	MAX_LEVEL = 63,
};

int track_new(struct track **out, const struct track_ops *ops, size_t max_bytes)
{
	struct track *tr = xcalloc(1, sizeof(*tr));
	size_t share = max_bytes / SHARES;

	tr->ops = *ops;
	tr->key_seed = table_seed();
	tr->ops.seed = ops->seed ? ops->seed : table_seed();
	tr->all_above = LARGE;
	table_init(&tr->objects, sizeof(struct tracked), SHARE_OBJECTS * share);
	table_init(&tr->inner, sizeof(struct inner), SHARE_INNER * share);
	table_init(&tr->goroutines, sizeof(struct tracked_g), SHARE_GOROUTINES * share);
	table_init(&tr->ended, sizeof(struct ended_g), SHARE_ENDED * share);
	accounts_init(tr, SHARE_STACKS * share, SHARE_ACCOUNTS * share);
	strata_new(&tr->strata, SHARE_STRATA * share);
	tr->look_batch = SHARE_BATCH * share / sizeof(struct object);
	if (tr->look_batch > MAX_BATCH)
		tr->look_batch = MAX_BATCH;
	*out = tr;
	return 0;
}

void track_free(struct track *tr)
{
	if (!tr)
		return;
	accounts_fini(tr);
	strata_free(tr->strata);
	table_fini(&tr->objects);
	table_fini(&tr->inner);
	table_fini(&tr->goroutines);
	table_fini(&tr->ended);
	free(tr);
}

/* ---- what is followed ---------------------------------------------------------------------- */

static bool block_followed(const struct track *tr, uint64_t block)
{
	return !tr->level || table_mix(tr->ops.seed, block) >> (64 - tr->level) == 0;
}

static bool is_followed(const struct track *tr, uint64_t addr, uint64_t size)
{
	return size > tr->all_above || block_followed(tr, block_of(addr));
}

void track_tell_born(struct track *tr, struct tracked *o)
{
	if (!tr->ops.born)
		return;
	o->told = weigh_told_code(tr, o);
	tr->ops.born(tr->ops.ctx, tr->accounts[o->account].key, track_birth_ns(tr, o),
		     weigh_told(o->told));
}

static void tell_died(const struct track *tr, const struct tracked *o)
{
	if (o->found && tr->ops.died)
		tr->ops.died(tr->ops.ctx, tr->accounts[o->account].key, track_birth_ns(tr, o),
			     weigh_told(o->told));
}

/* Takes an object out of its account; it is about to leave the table, or to be replaced there. */
static void uncount(struct track *tr, const struct tracked *o)
{
	struct account *a = &tr->accounts[o->account];

	if (o->found)
		a->live--;
	else
		a->young--;
	a->shared -= o->shared;
	a->doubtful -= o->doubtful;
	tr->n_large -= a->size > tr->all_above;
	account_settle(tr, a);
}

static bool keep_object(void *ctx, void *entry)
{
	struct track *tr = ctx;
	struct tracked *o = entry;
	uint64_t size = tr->accounts[o->account].size;

	if (is_followed(tr, o->addr, size))
		return true;
	uncount(tr, o);
	return false;
}

static bool keep_inner(void *ctx, void *entry)
{
	return block_followed(ctx, ((struct inner *)entry)->block);
}

static void count_large(struct track *tr)
{
	tr->n_large = 0;
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		tr->n_large += tr->accounts[o->account].size > tr->all_above;
}

static void tell_thinned(struct track *tr)
{
	if (!tr->ops.thinned)
		return;
	tr->ops.thinned(tr->ops.ctx);
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o))
		if (o->found)
			track_tell_born(tr, o);
}

void track_follow_fewer(struct track *tr)
{
	if (2 * tr->n_large > tr->objects.n && tr->all_above < 1ull << 62) {
		tr->all_above *= 2;
		count_large(tr);
	} else if (tr->level < MAX_LEVEL) {
		tr->level++;
	}
	table_filter(&tr->objects, keep_object, tr);
	table_filter(&tr->inner, keep_inner, tr);
	tell_thinned(tr);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void unnote_inner(struct track *tr, uint64_t addr)
{
	struct inner *in = addr % TINY_BLOCK ? table_find(&tr->inner, block_of(addr)) : NULL;

	if (!in)
		return;
	in->offsets &= ~(1ull << addr % TINY_BLOCK);
	if (!in->offsets)
		table_delete(&tr->inner, block_of(addr));
}

static void note_inner(struct track *tr, uint64_t addr)
{
	bool is_new;
	struct inner *in = table_put(&tr->inner, block_of(addr), &is_new);

	in->offsets |= 1ull << addr % TINY_BLOCK;
}

void track_remove(struct track *tr, uint64_t addr)
{
	struct tracked *o = table_find(&tr->objects, addr);

	if (!o)
		return;
	tell_died(tr, o);
	uncount(tr, o);
	table_delete(&tr->objects, addr);
	unnote_inner(tr, addr);
}

/*
 * What an allocation at addr says of its block's other addresses.  At the start of a block: if tiny
 * objects shared the block, they are dead, since what begins a block is the first in it.  If tiny
 * objects do not share, one at any place may be the first and only one, and then what covered the
 * block is dead as well.
 */
static void clear_block(struct track *tr, uint64_t addr)
{
	uint64_t block = block_of(addr);
	struct inner *in;
	struct tracked *o;
	uint64_t offsets;

	if (addr != block && !tr->ops.tiny_alone)
		return;
	in = tr->inner.n ? table_find(&tr->inner, block) : NULL;
	offsets = in ? in->offsets : 0;
	for (unsigned i = 1; offsets >> i; i++)
		if (offsets >> i & 1 && block + i != addr)
			track_remove(tr, block + i);
	o = addr != block ? table_find(&tr->objects, block) : NULL;
	if (o && tr->accounts[o->account].size >= TINY_BLOCK)
		track_remove(tr, block);
}

/* Room for one object more; false: this one is not followed. */
static bool make_room(struct track *tr, uint64_t addr, uint64_t size)
{
	while (is_followed(tr, addr, size)) {
		if (!table_full(&tr->objects) && !table_full(&tr->inner))
			return true;
		track_follow_fewer(tr);
	}
	return false;
}

static uint32_t birth_of(struct track *tr, uint64_t now)
{
	uint64_t units;

	if (!tr->first_ns)
		tr->first_ns = now;
	units = now > tr->first_ns ? (now - tr->first_ns) >> BIRTH_SHIFT : 0;
	return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

static void follow(struct track *tr, const struct gl_alloc *rec, struct account *a,
		   uint16_t chance, uint64_t now)
{
	bool is_new;
	struct tracked *o = table_put(&tr->objects, rec->addr, &is_new);

	if (!is_new) {
		tell_died(tr, o);
		uncount(tr, o);
		unnote_inner(tr, rec->addr);
	}
	if (a->tiny && rec->addr % TINY_BLOCK)
		note_inner(tr, rec->addr);
	*o = (struct tracked){ .addr = rec->addr, .birth = birth_of(tr, now), .gen = rec->gen,
			       .account = (uint32_t)(a - tr->accounts), .chance = chance,
			       .stratum = strata_open_slot(tr->strata) };
	a->young++;
	tr->n_large += a->size > tr->all_above;
}

void track_alloc(struct track *tr, const struct gl_alloc *rec, uint64_t slot_bytes, bool tiny,
		 uint64_t now)
{
	struct account *a;
	uint16_t chance = weigh_code(rec->chance);

	table_expect(&tr->objects, rec->addr);
	if (rec->addr)
		clear_block(tr, rec->addr);
	else
		tr->n_unplaced++;
	a = account_get(tr, rec, slot_bytes, tiny);
	if (a)
		weigh_count(tr, a, chance);
	if (a && rec->addr && make_room(tr, rec->addr, a->size))
		follow(tr, rec, a, chance, now);
	else
		track_remove(tr, rec->addr);
	if (a)
		account_settle(tr, a);
}

void track_end(struct track *tr, uint64_t addr)
{
	tr->loss.unsized++;
	tr->n_unplaced += !addr;
	clear_block(tr, addr);
	track_remove(tr, addr);
}

/* ---- goroutines ---------------------------------------------------------------------------- */

/* Takes its stack over; false: nobody asked to hold it, or there is no room. */
static bool hold_ended(struct track *tr, const struct tracked_g *g)
{
	struct ended_g *e;
	bool is_new;

	if (!tr->hold_ended)
		return false;
	e = table_put(&tr->ended, g->goid, &is_new);
	if (!e)
		tr->loss.goroutines_full++;
	if (!e || !is_new)
		return false;
	e->start_ns = tracked_start_ns(g);
	e->stack = g->stack;
	return true;
}

/* Of one that is older than the attach nothing is known. */
static void end_goroutine(struct track *tr, uint64_t addr)
{
	struct tracked_g *g = table_find(&tr->goroutines, addr);

	if (!g)
		return;
	tr->stacks[g->stack].ended++;
	if (!hold_ended(tr, g))
		stack_release(tr, g->stack);
	table_delete(&tr->goroutines, addr);
}

void track_hold_ended(struct track *tr)
{
	tr->hold_ended = true;
}

void track_gostart(struct track *tr, const struct gl_gostart *rec, uint64_t now_ns)
{
	uint32_t stack = stack_get(tr, rec->stack);
	struct tracked_g *g;
	bool is_new;

	tr->stacks[stack].started++;
	if (!rec->g || !rec->goid)
		return;
	end_goroutine(tr, rec->g);	/* that was not seen */
	g = table_put(&tr->goroutines, rec->g, &is_new);
	if (!g) {
		tr->loss.goroutines_full++;
		return;
	}
	g->goid = rec->goid;
	g->start_ms = (now_ns + MS_NS - 1) / MS_NS;
	g->stack = stack;
	stack_hold(tr, stack);
}

void track_goend(struct track *tr, const struct gl_goend *rec)
{
	end_goroutine(tr, rec->g);
}

struct running {
	struct track *tr;
	const uint64_t *goids;
	size_t n;
	uint64_t before_ns;
};

static int by_goid(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool still_runs(void *ctx, void *entry)
{
	const struct running *r = ctx;
	struct tracked_g *g = entry;

	if (tracked_start_ns(g) >= r->before_ns ||
	    (r->n && bsearch(&g->goid, r->goids, r->n, sizeof(*r->goids), by_goid)))
		return true;
	r->tr->stacks[g->stack].ended++;
	stack_release(r->tr, g->stack);
	return false;
}

void track_running(struct track *tr, const uint64_t *goids, size_t n, uint64_t before_ns)
{
	struct running r = { .tr = tr, .goids = goids, .n = n, .before_ns = before_ns };

	table_filter(&tr->goroutines, still_runs, &r);
}
