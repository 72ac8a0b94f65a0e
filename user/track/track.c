// SPDX-License-Identifier: BSD-2-Clause
/*
 * track.c - the live set.
 *
 * Every allocation enters the object table by its address.  An address that is seen again is a new
 * object: the old one has died, whatever else is known.  After each collection all objects go,
 * sorted, to alive(); the dead leave.  So a collection that goes by unlooked-at does no harm as
 * long as every allocation is seen: reuse of a slot shows as a new allocation.  If records were
 * lost as well, the objects that were there before are doubtful and counted.
 *
 * "live" is what a collection has found alive; what was born since is "young".  A tiny object
 * (without pointers, below 16 bytes) shares a 16-byte block with others and lives as long as any of
 * them: the one at the block's start counts the 16 bytes, the others none, as in Go's own heap
 * profile.
 */
#include "user/track/track.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/object.h"

enum { N_MARKS = 3 };		/* remembered moments, see remember() */
enum { TINY_BLOCK = 16 };

/* Entries of tables begin with their key. */
struct tracked {		/* by address */
	uint64_t addr;
	uint64_t birth_ns;
	uint32_t gen;
	uint32_t account : 30;	/* index */
	uint32_t found : 1;	/* found alive by a collection */
	uint32_t shared : 1;	/* tiny, with another live one in its block at that collection */
};

struct index_entry {		/* by stack id, or by the hash of what makes an account */
	uint64_t key;
	uint64_t index;
};

struct inner {			/* tiny objects that do not begin a 16-byte block, by that block */
	uint64_t block;
	uint64_t offsets;	/* bit i: there is one at block + i */
};

struct tracked_g {		/* by goid */
	uint64_t goid;
	uint64_t start_ns;
	uint64_t stack;
};

struct account {
	struct track_account a;
	uint64_t live_at[N_MARKS];
};

struct stack {
	struct track_stack s;
	uint64_t live_at[N_MARKS];
};

struct track {
	struct track_ops ops;
	uint64_t start_ns;
	struct table objects, inner, stack_index, account_index, goroutines;
	struct stack *stacks;	/* [0]: the unknown one */
	size_t n_stacks, cap_stacks;
	struct account *accounts;
	size_t n_accounts, cap_accounts;
	uint64_t heap_marks[N_MARKS], go_marks[N_MARKS];	/* newest first, 0: none */
	uint64_t looked_ns;		/* the last collection */
	uint64_t gc_cycles, n_records;
	uint32_t last_gen;
	uint32_t doubt_gen;	/* live objects born before it are doubtful */
	uint64_t last_lost;
	struct track_loss loss;
};

int track_new(struct track **out, const struct track_ops *ops, uint64_t start_ns)
{
	struct track *tr = xcalloc(1, sizeof(*tr));

	tr->ops = *ops;
	tr->start_ns = start_ns;
	table_init(&tr->objects, sizeof(struct tracked), MAX_OBJECTS);
	table_init(&tr->inner, sizeof(struct inner), MAX_OBJECTS);
	table_init(&tr->stack_index, sizeof(struct index_entry), MAX_TRACKED_STACKS);
	table_init(&tr->account_index, sizeof(struct index_entry), MAX_ACCOUNTS);
	table_init(&tr->goroutines, sizeof(struct tracked_g), MAX_GOROUTINES);
	tr->stacks = grow(NULL, 0, &tr->cap_stacks, sizeof(*tr->stacks));
	tr->stacks[0] = (struct stack){ 0 };
	tr->n_stacks = 1;
	*out = tr;
	return 0;
}

void track_free(struct track *tr)
{
	if (!tr)
		return;
	for (size_t i = 0; i < tr->n_stacks; i++)
		free((void *)tr->stacks[i].s.pcs);
	free(tr->stacks);
	free(tr->accounts);
	table_fini(&tr->objects);
	table_fini(&tr->inner);
	table_fini(&tr->stack_index);
	table_fini(&tr->account_index);
	table_fini(&tr->goroutines);
	free(tr);
}

/* ---- records ------------------------------------------------------------------------------- */

/* Index of a stack by its id, made if new; 0, the unknown one, if there is no room. */
static uint32_t stack_of(struct track *tr, uint64_t id)
{
	struct index_entry *e;
	bool is_new;

	if (!id)
		return 0;
	e = table_put(&tr->stack_index, id, &is_new);
	if (!e) {
		tr->loss.stacks_full++;
		return 0;
	}
	if (is_new) {
		tr->stacks = grow(tr->stacks, tr->n_stacks, &tr->cap_stacks, sizeof(*tr->stacks));
		tr->stacks[tr->n_stacks] = (struct stack){ .s.id = id };
		e->index = tr->n_stacks++;
	}
	return e->index;
}

static void on_stack(struct track *tr, const struct gl_stack *rec)
{
	uint32_t index = stack_of(tr, rec->id);		/* may move tr->stacks */
	struct track_stack *s = &tr->stacks[index].s;
	uint64_t *pcs;

	if (!s->id || s->n || !rec->n || rec->n > GL_MAX_FRAMES)
		return;
	pcs = xcalloc(rec->n, sizeof(*pcs));
	memcpy(pcs, rec->pcs, rec->n * sizeof(*pcs));
	s->pcs = pcs;
	s->n = rec->n;
	s->flags = rec->flags;
}

static struct account *new_account(struct track *tr, uint32_t stack, const struct gl_alloc *rec,
				   bool tiny, uint64_t size)
{
	struct account *a;

	tr->accounts = grow(tr->accounts, tr->n_accounts, &tr->cap_accounts, sizeof(*tr->accounts));
	a = &tr->accounts[tr->n_accounts++];
	*a = (struct account){ .a = { .stack = stack, .probe = rec->h.probe, .typ = rec->typ,
				      .size = size, .tiny = tiny } };
	return a;
}

/* The account with this key, made if new; NULL: no room. */
static struct account *get_account(struct track *tr, uint64_t key, uint32_t stack,
				   const struct gl_alloc *rec)
{
	bool is_new, tiny = false;
	struct index_entry *e = table_put(&tr->account_index, key ? key : 1, &is_new);
	uint64_t size;

	if (!e || !is_new)
		return e ? &tr->accounts[e->index] : NULL;
	size = tr->ops.object_size(tr->ops.ctx, rec, &tr->stacks[stack].s, &tiny);
	e->index = tr->n_accounts;
	return new_account(tr, stack, rec, tiny, size);
}

/* A tiny object inside of a block that another opened has an account apart: it counts no bytes. */
static struct account *account_of(struct track *tr, const struct gl_alloc *rec)
{
	uint32_t stack = stack_of(tr, rec->stack);
	uint64_t key = table_mix(table_mix(0, stack), rec->typ);
	struct account *a;

	key = table_mix(table_mix(key, rec->size), rec->h.probe);
	a = get_account(tr, key, stack, rec);
	if (!a || !a->a.tiny || tr->ops.tiny_alone || rec->addr % TINY_BLOCK == 0)
		return a;
	a = get_account(tr, table_mix(key, 1), stack, rec);
	if (a)
		a->a.size = 0;
	return a;
}

static void forget(struct track *tr, const struct tracked *o)
{
	struct track_account *a = &tr->accounts[o->account].a;

	if (o->found)
		a->live--;
	else
		a->young--;
	a->shared -= o->shared;
}

static uint64_t block_of(uint64_t addr)
{
	return addr - addr % TINY_BLOCK;
}

static void remove_object(struct track *tr, uint64_t addr)
{
	struct tracked *o = table_find(&tr->objects, addr);
	struct inner *in;

	if (!o)
		return;
	forget(tr, o);
	table_delete(&tr->objects, addr);
	in = addr % TINY_BLOCK ? table_find(&tr->inner, block_of(addr)) : NULL;
	if (!in)
		return;
	in->offsets &= ~(1ull << addr % TINY_BLOCK);
	if (!in->offsets)
		table_delete(&tr->inner, block_of(addr));
}

/* Whether nothing older in the object's 16-byte block can be alive: it opens the block or covers
 * it. */
static bool takes_block(const struct track *tr, const struct track_account *a, uint64_t addr)
{
	if (a->tiny && tr->ops.tiny_alone)
		return true;
	return addr % TINY_BLOCK == 0 && a->size >= TINY_BLOCK;
}

/* What lay in the block at other addresses is not replaced by its key: it goes here. */
static void clear_block(struct track *tr, uint64_t addr)
{
	uint64_t block = block_of(addr);
	struct inner *in = table_find(&tr->inner, block);
	uint64_t offsets = in ? in->offsets : 0;

	for (unsigned i = 1; offsets >> i; i++)
		if (offsets >> i & 1)
			remove_object(tr, block + i);
	if (addr != block)
		remove_object(tr, block);
}

static void note_inner(struct track *tr, uint64_t addr)
{
	bool is_new;
	struct inner *in = table_put(&tr->inner, block_of(addr), &is_new);

	if (in)
		in->offsets |= 1ull << addr % TINY_BLOCK;
}

static void on_alloc(struct track *tr, const struct gl_alloc *rec, uint64_t now)
{
	struct account *a = account_of(tr, rec);
	struct tracked *o;
	bool is_new;

	if (!a) {
		tr->loss.accounts_full++;
		return;
	}
	a->a.allocs++;
	if (!rec->addr)
		return;
	if (takes_block(tr, &a->a, rec->addr))
		clear_block(tr, rec->addr);
	o = table_put(&tr->objects, rec->addr, &is_new);
	if (!o) {
		tr->loss.objects_full++;
		return;
	}
	if (!is_new)
		forget(tr, o);
	else if (a->a.tiny && rec->addr % TINY_BLOCK)
		note_inner(tr, rec->addr);
	o->birth_ns = now;
	o->gen = rec->gen;
	o->account = a - tr->accounts;
	o->found = o->shared = 0;
	a->a.young++;
}

static void on_gostart(struct track *tr, const struct gl_gostart *rec)
{
	uint32_t stack = stack_of(tr, rec->stack);
	struct tracked_g *g;
	bool is_new;

	tr->stacks[stack].s.started++;
	if (!rec->goid)
		return;
	g = table_put(&tr->goroutines, rec->goid, &is_new);
	if (!g) {
		tr->loss.goroutines_full++;
		return;
	}
	g->start_ns = rec->time_ns;
	g->stack = stack;
}

static void on_goend(struct track *tr, const struct gl_goend *rec)
{
	struct tracked_g *g = table_find(&tr->goroutines, rec->goid);

	if (!g)
		return;		/* older than the attach */
	tr->stacks[g->stack].s.ended++;
	table_delete(&tr->goroutines, rec->goid);
}

void track_feed(struct track *tr, const struct gl_header *rec, uint64_t now)
{
	tr->n_records++;
	switch (rec->kind) {
	case GL_REC_ALLOC:
		on_alloc(tr, (const struct gl_alloc *)rec, now);
		break;
	case GL_REC_STACK:
		on_stack(tr, (const struct gl_stack *)rec);
		break;
	case GL_REC_GOSTART:
		on_gostart(tr, (const struct gl_gostart *)rec);
		break;
	case GL_REC_GOEND:
		on_goend(tr, (const struct gl_goend *)rec);
		break;
	}
}

/* ---- collections --------------------------------------------------------------------------- */

static struct object *all_objects(const struct track *tr, size_t *n)
{
	struct object *v = xcalloc(tr->objects.n, sizeof(*v));
	size_t i = 0;

	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o)) {
		const struct track_account *a = &tr->accounts[o->account].a;

		v[i++] = (struct object){ .addr = o->addr, .gen = o->gen, .index = o->account,
					  .size = a->tiny ? TINY_BLOCK : a->size };
	}
	*n = i;
	return v;
}

/* Radix sort by address, 16 bits a pass; addresses are below 2^48.  A million objects take 30 ms,
 * where qsort() takes 200. */
static void sort_objects(struct object **v, size_t n)
{
	struct object *from = *v, *to = xcalloc(n, sizeof(*to)), *swap;
	size_t *start = xcalloc(65536, sizeof(*start));

	for (int shift = 0; shift < 48; shift += 16) {
		size_t sum = 0, count;

		memset(start, 0, 65536 * sizeof(*start));
		for (size_t i = 0; i < n; i++)
			start[from[i].addr >> shift & 0xffff]++;
		for (size_t d = 0; d < 65536; d++) {
			count = start[d];
			start[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[from[i].addr >> shift & 0xffff]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	free(start);
	free(to);
	*v = from;
}

static void apply_liveness(struct track *tr, const struct object *v, bool shared)
{
	struct track_account *a = &tr->accounts[v->index].a;
	struct tracked *o = table_find(&tr->objects, v->addr);

	switch (v->liveness) {
	case LIVENESS_LIVE:
		a->young -= !o->found;
		a->live += !o->found;
		o->found = 1;
		a->shared += shared;
		a->shared -= o->shared;
		o->shared = shared;
		break;
	case LIVENESS_DEAD:
		remove_object(tr, v->addr);
		break;
	case LIVENESS_UNKNOWN:
		tr->loss.liveness_unknown++;
		break;
	}
}

/* Block by block, since a live tiny object with a live neighbour in its block is shown as
 * shared. */
static void apply_all(struct track *tr, const struct object *v, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		size_t n_live = 0;

		for (end = i; end < n && block_of(v[end].addr) == block_of(v[i].addr); end++)
			n_live += v[end].liveness == LIVENESS_LIVE;
		for (size_t k = i; k < end; k++)
			apply_liveness(tr, &v[k], n_live > 1 && tr->accounts[v[k].index].a.tiny);
	}
}

/*
 * Growth is told over the second half of the trace, whenever a report is asked for.  So the live
 * counts of a few moments are kept, each at 1.4 times the age of the one before: one of the last
 * three always lies between 0.35 and 0.71 of the time.  true: now is the next of them.
 */
static bool mark_due(const struct track *tr, uint64_t marks[N_MARKS], uint64_t now)
{
	if (marks[0] && (double)(now - tr->start_ns) < 1.4 * (double)(marks[0] - tr->start_ns))
		return false;
	memmove(marks + 1, marks, (N_MARKS - 1) * sizeof(*marks));
	marks[0] = now;
	return true;
}

static void push(uint64_t live_at[N_MARKS], uint64_t live)
{
	memmove(live_at + 1, live_at, (N_MARKS - 1) * sizeof(*live_at));
	live_at[0] = live;
}

void track_tick(struct track *tr, uint64_t now)
{
	if (now == tr->start_ns || !mark_due(tr, tr->go_marks, now))
		return;
	for (size_t i = 0; i < tr->n_stacks; i++)
		push(tr->stacks[i].live_at, tr->stacks[i].s.started - tr->stacks[i].s.ended);
}

static void note_first(struct track *tr)
{
	for (size_t i = 0; i < tr->n_accounts; i++)
		if (tr->gc_cycles == 1)
			tr->accounts[i].a.live_first = tr->accounts[i].a.live;
}

void track_collection(struct track *tr, uint64_t now, uint64_t lost)
{
	struct object *v;
	uint32_t gen = 0;
	size_t n;

	tr->loss.liveness_unknown = 0;
	v = all_objects(tr, &n);
	sort_objects(&v, n);
	if (!tr->ops.alive(tr->ops.ctx, v, n, &gen) && gen != tr->last_gen) {
		/* sweepgen moves by 2 with each collection */
		tr->gc_cycles += tr->last_gen ? (uint32_t)(gen - tr->last_gen) / 2 : 1;
		if (tr->last_gen && gen - tr->last_gen > 2 && lost != tr->last_lost)
			tr->doubt_gen = tr->last_gen;
		tr->last_gen = gen;
		tr->last_lost = lost;
		tr->looked_ns = now;
		apply_all(tr, v, n);
		note_first(tr);
	}
	free(v);
	if (mark_due(tr, tr->heap_marks, now))
		for (size_t i = 0; i < tr->n_accounts; i++)
			push(tr->accounts[i].live_at, tr->accounts[i].a.live);
}

/* ---- snapshot ------------------------------------------------------------------------------ */

/* The remembered moment nearest to the middle of the trace; -1: none before the given time, and
 * then nothing can be said of growth. */
static int middle(const struct track *tr, const uint64_t marks[N_MARKS], uint64_t before)
{
	double half = (double)(before - tr->start_ns) / 2, best = INFINITY;
	int k = -1;

	for (int i = 0; i < N_MARKS && marks[i]; i++) {
		double d = fabs((double)(marks[i] - tr->start_ns) - half);

		if (marks[i] < before && d < best) {
			best = d;
			k = i;
		}
	}
	return k;
}

static void copy_accounts(const struct track *tr, struct track_snapshot *out, int mid)
{
	out->accounts = xcalloc(tr->n_accounts, sizeof(*out->accounts));
	out->n_accounts = tr->n_accounts;
	for (size_t i = 0; i < tr->n_accounts; i++) {
		out->accounts[i] = tr->accounts[i].a;
		if (mid >= 0)
			out->accounts[i].live_half = tr->accounts[i].live_at[mid];
	}
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o)) {
		struct track_account *a = &out->accounts[o->account];

		if (!o->found)
			continue;
		if (!a->oldest_ns || o->birth_ns < a->oldest_ns)
			a->oldest_ns = o->birth_ns;
		out->loss.doubtful += o->gen < tr->doubt_gen;
	}
}

static void copy_stacks(const struct track *tr, struct track_snapshot *out, int mid)
{
	out->stacks = xcalloc(tr->n_stacks, sizeof(*out->stacks));
	out->n_stacks = tr->n_stacks;
	for (size_t i = 0; i < tr->n_stacks; i++) {
		struct track_stack *s = &out->stacks[i];
		uint64_t *pcs = xcalloc(tr->stacks[i].s.n, sizeof(*pcs));

		*s = tr->stacks[i].s;
		if (s->n)
			memcpy(pcs, s->pcs, s->n * sizeof(*pcs));
		s->pcs = pcs;
		if (mid >= 0)
			s->half_live = tr->stacks[i].live_at[mid];
	}
}

static int by_goid(const void *a, const void *b)
{
	const struct track_goroutine *x = a, *y = b;

	return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static void copy_goroutines(const struct track *tr, struct track_snapshot *out)
{
	out->goroutines = xcalloc(tr->goroutines.n, sizeof(*out->goroutines));
	for (struct tracked_g *g = table_next(&tr->goroutines, NULL); g;
	     g = table_next(&tr->goroutines, g))
		out->goroutines[out->n_goroutines++] = (struct track_goroutine){
			.goid = g->goid, .stack = g->stack, .start_ns = g->start_ns };
	qsort(out->goroutines, out->n_goroutines, sizeof(*out->goroutines), by_goid);
}

void track_snapshot(struct track *tr, uint64_t now, struct track_snapshot *out)
{
	int heap_mid = tr->looked_ns ? middle(tr, tr->heap_marks, tr->looked_ns) : -1;
	int go_mid = middle(tr, tr->go_marks, now);

	*out = (struct track_snapshot){
		.time_ns = now, .looked_ns = tr->looked_ns,
		.heap_half_ns = heap_mid < 0 ? 0 : tr->heap_marks[heap_mid],
		.go_half_ns = go_mid < 0 ? 0 : tr->go_marks[go_mid],
		.gc_cycles = tr->gc_cycles, .n_records = tr->n_records, .loss = tr->loss,
	};
	copy_accounts(tr, out, heap_mid);
	copy_stacks(tr, out, go_mid);
	copy_goroutines(tr, out);
}

void track_snapshot_fini(struct track_snapshot *s)
{
	for (size_t i = 0; i < s->n_stacks; i++)
		free((void *)s->stacks[i].pcs);
	free(s->stacks);
	free(s->accounts);
	free(s->goroutines);
	*s = (struct track_snapshot){ 0 };
}
