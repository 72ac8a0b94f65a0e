// SPDX-License-Identifier: BSD-2-Clause
/*
 * accounts.c - stacks, and accounts: all objects of one stack, type and slot size.
 *
 * Both have room for a fixed number.  What holds nothing (an account without objects, a stack
 * without accounts and goroutines) stays as long as there is room, for its totals; then the one
 * that has held nothing for the longest time makes room.  If all hold something, fewer objects are
 * followed, so that some no longer do: so those that come late are treated as those that came
 * early.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/track/track_internal.h"

enum {
	INDEX_BYTES = 36,	/* per entry of a table of struct index_entry, 3/4 full, while it
				 * doubles: 16 * 4/3 * 3/2, and a little for rounding */
	STACK_BYTES = 320,	/* per stack, addresses of 24 frames included; if they have more,
				 * there are fewer */
	MALLOC_BYTES = 16,	/* overhead of one allocation */
	MIN_SLOTS = 8,
};

static uint32_t slots(size_t bytes, size_t each)
{
	size_t n = bytes / each;

	return n < MIN_SLOTS ? MIN_SLOTS : n > 1u << 28 ? 1u << 28 : (uint32_t)n;
}

void accounts_init(struct track *tr, size_t stack_bytes, size_t account_bytes)
{
	size_t each = sizeof(struct account) + sizeof(struct pool_link) + INDEX_BYTES;
	uint32_t n_accounts = slots(account_bytes, each);
	uint32_t n_stacks = slots(stack_bytes, STACK_BYTES);

	if (n_stacks > 1u << STACK_BITS)
		n_stacks = 1u << STACK_BITS;
	table_init(&tr->account_index, sizeof(struct index_entry),
		   (size_t)n_accounts * INDEX_BYTES);
	table_init(&tr->stack_index, sizeof(struct index_entry), (size_t)n_stacks * INDEX_BYTES);
	pool_init(&tr->account_pool, n_accounts);
	pool_init(&tr->stack_pool, n_stacks);
	/* whole at once: pages that were never used take no memory, and nothing ever moves */
	tr->accounts = xcalloc(n_accounts, sizeof(*tr->accounts));
	tr->stacks = xcalloc(n_stacks, sizeof(*tr->stacks));
	each = sizeof(struct stack) + sizeof(struct pool_link) + INDEX_BYTES;
	tr->max_pcs_bytes = (STACK_BYTES - each) * n_stacks;
	pool_take(&tr->stack_pool);
}

void accounts_fini(struct track *tr)
{
	for (uint32_t i = 0; i < tr->stack_pool.n; i++)
		free(tr->stacks[i].pcs);
	free(tr->stacks);
	free(tr->accounts);
	pool_fini(&tr->stack_pool);
	pool_fini(&tr->account_pool);
	table_fini(&tr->stack_index);
	table_fini(&tr->account_index);
}

/* ---- giving up what holds nothing ---------------------------------------------------------- */

static void stack_settle(struct track *tr, uint32_t index)
{
	if (!index || tr->stacks[index].n_users)
		pool_set_busy(&tr->stack_pool, index);
	else
		pool_set_idle(&tr->stack_pool, index);
}

void stack_hold(struct track *tr, uint32_t index)
{
	tr->stacks[index].n_users++;
	stack_settle(tr, index);
}

void stack_release(struct track *tr, uint32_t index)
{
	tr->stacks[index].n_users--;
	stack_settle(tr, index);
}

void account_settle(struct track *tr, const struct account *a)
{
	if (a->live + a->young)
		pool_set_busy(&tr->account_pool, (uint32_t)(a - tr->accounts));
	else
		pool_set_idle(&tr->account_pool, (uint32_t)(a - tr->accounts));
}

static bool give_up_account(struct track *tr)
{
	uint32_t i = tr->account_pool.oldest;
	struct account *a = &tr->accounts[i];

	if (i == POOL_NONE)
		return false;
	tr->stacks[a->stack].other_allocs += weigh_allocs(tr, a);
	tr->stacks[a->stack].other_bytes += weigh_allocs(tr, a) * (double)a->size;
	stack_release(tr, a->stack);
	table_delete(&tr->account_index, a->key);
	*a = (struct account){ 0 };
	pool_set_busy(&tr->account_pool, i);
	pool_give(&tr->account_pool, i);
	tr->n_accounts--;
	return true;
}

static void drop_pcs(struct track *tr, struct stack *s)
{
	if (s->pcs)
		tr->pcs_bytes -= s->n * sizeof(*s->pcs) + MALLOC_BYTES;
	free(s->pcs);
	s->pcs = NULL;
	s->n = 0;
}

static void ask_again(const struct track *tr, uint64_t id)
{
	if (tr->ops.forget_stack)
		tr->ops.forget_stack(tr->ops.ctx, id);
}

/* Fewer objects help while it is them that hold the stacks, and not goroutines. */
static bool give_up_stack(struct track *tr)
{
	uint32_t i;
	struct stack *s;

	while (tr->stack_pool.oldest == POOL_NONE) {
		if (give_up_account(tr))
			continue;
		if (2 * tr->n_accounts < tr->stack_pool.cap)
			return false;
		track_follow_fewer(tr);
	}
	i = tr->stack_pool.oldest;
	s = &tr->stacks[i];
	tr->loss.forgotten_allocs += (uint64_t)llround(s->other_allocs);
	tr->loss.forgotten_started += s->started;
	drop_pcs(tr, s);
	table_delete(&tr->stack_index, s->id);
	ask_again(tr, s->id);
	*s = (struct stack){ 0 };
	pool_set_busy(&tr->stack_pool, i);
	pool_give(&tr->stack_pool, i);
	return true;
}

/* ---- stacks -------------------------------------------------------------------------------- */

static uint32_t find_index(const struct table *t, uint64_t key)
{
	const struct index_entry *e = table_find(t, key);

	return e ? (uint32_t)e->index : POOL_NONE;
}

static uint32_t take_stack(struct track *tr)
{
	uint32_t i;

	for (;;) {
		i = table_full(&tr->stack_index) ? POOL_NONE : pool_take(&tr->stack_pool);
		if (i != POOL_NONE || !give_up_stack(tr))
			return i;
	}
}

static uint32_t new_stack(struct track *tr, uint64_t id)
{
	struct index_entry *e;
	uint32_t i = take_stack(tr);
	bool is_new;

	if (i == POOL_NONE) {
		tr->loss.stacks_full++;
		return 0;
	}
	e = table_put(&tr->stack_index, id, &is_new);
	e->index = i;
	tr->stacks[i] = (struct stack){ .id = id };
	stack_settle(tr, i);
	return i;
}

/* A stack comes before the first record that names it.  If it has not, it was lost or refused, or
 * given up since. */
uint32_t stack_get(struct track *tr, uint64_t id)
{
	uint32_t i = id ? find_index(&tr->stack_index, id) : 0;

	if (i != POOL_NONE)
		return i;
	i = new_stack(tr, id);
	if (i)
		ask_again(tr, id);
	return i;
}

static bool room_for_pcs(struct track *tr, size_t bytes)
{
	while (tr->pcs_bytes + bytes > tr->max_pcs_bytes)
		if (!give_up_stack(tr))
			return false;
	return true;
}

void track_stack(struct track *tr, const struct gl_stack *rec)
{
	size_t bytes = rec->n * sizeof(*rec->pcs) + MALLOC_BYTES;
	uint32_t i = rec->id ? find_index(&tr->stack_index, rec->id) : 0;
	struct stack *s;

	if (i == POOL_NONE)
		i = new_stack(tr, rec->id);
	s = &tr->stacks[i];
	if (!i || s->pcs || !rec->n)
		return;
	stack_hold(tr, i);	/* not to be given up for itself */
	if (room_for_pcs(tr, bytes)) {
		s->pcs = xcalloc(rec->n, sizeof(*s->pcs));
		memcpy(s->pcs, rec->pcs, rec->n * sizeof(*s->pcs));
		s->n = rec->n;
		s->flags = rec->flags;
		tr->pcs_bytes += bytes;
	} else {
		tr->loss.stacks_full++;
	}
	stack_release(tr, i);
}

bool track_find_stack(const struct track *tr, uint64_t id, const uint64_t **pcs, uint32_t *n,
		      uint32_t *flags)
{
	uint32_t i = find_index(&tr->stack_index, id);

	if (i == POOL_NONE || !tr->stacks[i].pcs)
		return false;
	*pcs = tr->stacks[i].pcs;
	*n = tr->stacks[i].n;
	*flags = tr->stacks[i].flags;
	return true;
}

/* ---- accounts ------------------------------------------------------------------------------ */

/* An account that is not idle holds an object, so following fewer makes some idle in the end. */
static uint32_t take_account(struct track *tr)
{
	uint32_t i;

	for (;;) {
		i = table_full(&tr->account_index) ? POOL_NONE : pool_take(&tr->account_pool);
		if (i != POOL_NONE)
			return i;
		if (give_up_account(tr))
			continue;
		if (!tr->objects.n)
			return POOL_NONE;
		track_follow_fewer(tr);
	}
}

/* The key begins with a secret: stacks and types are the target's, it must not choose two that
 * meet. */
static uint64_t account_key(const struct track *tr, uint64_t stack, uint64_t typ, uint64_t size,
			    bool tiny)
{
	uint64_t key = table_mix(table_mix(tr->key_seed, stack), typ);

	key = table_mix(table_mix(key, size), tiny);
	return key ? key : 1;
}

static struct account *new_account(struct track *tr, uint64_t key, uint32_t stack)
{
	struct index_entry *e;
	uint32_t i;
	bool is_new;

	stack_hold(tr, stack);
	i = take_account(tr);
	if (i == POOL_NONE) {
		stack_release(tr, stack);
		tr->loss.accounts_full++;
		return NULL;
	}
	e = table_put(&tr->account_index, key, &is_new);
	e->index = i;
	tr->accounts[i] = (struct account){ .key = key, .stack = stack };
	tr->n_accounts++;
	return &tr->accounts[i];
}

/* A tiny object inside of a block that another opened has an account apart: it counts no bytes. */
struct account *account_get(struct track *tr, const struct gl_alloc *rec, uint64_t slot_bytes,
			    bool tiny)
{
	uint32_t stack = stack_get(tr, rec->stack), i;
	struct account *a;
	uint64_t key;

	if (tiny && !tr->ops.tiny_alone && rec->addr % TINY_BLOCK)
		slot_bytes = 0;
	key = account_key(tr, tr->stacks[stack].id, rec->typ, slot_bytes, tiny);
	i = find_index(&tr->account_index, key);
	if (i != POOL_NONE)
		return &tr->accounts[i];
	a = new_account(tr, key, stack);
	if (!a)
		return NULL;
	a->typ = rec->typ;
	a->size = slot_bytes;
	a->tiny = tiny;
	if (tr->ops.class_of)
		a->class = (uint8_t)tr->ops.class_of(tiny ? TINY_BLOCK : slot_bytes);
	return a;
}
