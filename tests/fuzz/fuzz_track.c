// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz_track.c - random records and looks against a naive model that knows the truth.
 *
 *	fuzz_track - N SEED
 *
 * N rounds, each decided by SEED and its number alone.  A small heap of spans and slots is
 * allocated from, dropped, collected and swept; what it does is told to the live set as the tracer
 * would tell it: late, with losses, with looks that are missed, ended early, or overtaken by the
 * next collection, into tables that are nearly always full.  After each step that leaves no record
 * on its way:
 *
 *	- every account shows just those of its objects that were told of, not ended since by a
 *	  record or a look, and followed at this level;
 *	- each that is dead in truth but was found alive is doubtful, and the numbers shown say so;
 *	- without losses nothing is doubtful; allocations and goroutines are complete;
 *	- where on purpose not every allocation is recorded, at some times or always: what is
 *	  doubtful was not looked at in some collection, and something was unseen before it was
 *	  looked at again;
 *	- each object stands for as many as its chance says;
 *	- a look asks for every object that it can say something of;
 *	- what is counted in more than one place is the same in all;
 *	- the memory stays below what was given (where the sanitizers count it).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/random.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/object.h"
#include "user/track/track_internal.h"

enum {
	MAX_SPANS = 24,
	SPAN_BYTES = 1024,	/* of a span of small slots */
	LARGE_BYTES = 40 << 10,
	LARGE_SLOTS = 24,
	MAX_OBJECTS = 6000,	/* born in one round */
	MAX_RING = 400,
	N_STACKS = 60,
	N_TYPES = 5,
	MAX_GOIDS = 200,
	N_GS = 150,		/* so that some goroutines run on the g of another one before */
	STEPS = 5000,
	NONE = -1,
};

#define HEAP 0xc000000000ull
#define SPAN_DISTANCE 0x100000ull

struct thing {			/* an object */
	uint64_t addr, size;	/* heap bytes; 0: tiny, inside of a block */
	uint64_t slot_bytes, typ, stack;
	uint32_t gen;
	uint32_t lived_gen;	/* the last in which the live set knows it lived */
	unsigned asked;		/* number of the last look that asked for it */
	unsigned alive_in;	/* number of the last look that found it alive, */
	uint32_t lived_before;	/* and lived_gen before that */
	unsigned halvings;	/* 2^-halvings: the chance with which it is recorded */
	int next;		/* in the same slot */
	bool tiny;
	bool reachable, dead;	/* in truth */
	bool held, found, false_alive; /* as the live set must have it */
	bool may_doubt;		/* a collection was missed, and something unseen since */
};

struct slot {
	bool marked;		/* by the last collection */
	bool used;
	int things;
};

struct span {
	uint32_t slot_bytes, n;
	struct slot slots[SPAN_BYTES / 8];
	/* by offset, or large slot: what the live set must think is there */
	int held[SPAN_BYTES + LARGE_SLOTS];
};

struct waiting {		/* a record in the ring */
	enum gl_record_kind kind;
	int thing;
	bool unsized;
	uint64_t id;		/* goid or stack */
	uint64_t stack;
};

struct world {
	uint64_t random;
	struct span spans[MAX_SPANS];
	unsigned n_spans;
	struct thing things[MAX_OBJECTS];
	int n_things;
	struct waiting ring[MAX_RING];
	unsigned n_ring;
	struct track *track;
	uint64_t seed, lost, n_allocs, n_starts, n_unsized;
	uint32_t gen;
	uint64_t tiny_addr;	/* of the block that tiny objects are put into, 0: none */
	unsigned tiny_off;
	bool tiny_alone, sent[N_STACKS];
	unsigned n_looks;
	bool in_look;
	uint64_t goid_stack[MAX_GOIDS];	/* by goid, 0: does not run; as told */
	uint64_t goid_of_g[N_GS];	/* as told, too */
	bool go_runs[MAX_GOIDS];
	unsigned halvings;	/* so many are recorded of those that are allocated now */
	bool always_seen;	/* in this round everything is recorded */
	bool unseen;		/* at the moment not everything is, and the live set knows that, */
	uint32_t unseen_gen;	/* since this, */
	bool was_unseen;	/* or it was not at some time */
	bool was_seen;		/* after that it was again, */
	uint32_t seen_gen;	/* from this on */
	unsigned loss_percent;	/* of records, while lossy */
	bool lossy;
	unsigned tiny_percent, unsized_percent, unknown_percent, interrupt_percent;
	size_t max_bytes, bytes_before;
};

static struct world w;

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static uint64_t below(uint64_t n)
{
	return random_below(&w.random, n);
}

static bool percent(unsigned p)
{
	return below(100) < p;
}

static void fail(const char *what, uint64_t is, uint64_t should)
{
	printf("fuzz_track: %s: %llu, should be %llu\n", what, (unsigned long long)is,
	       (unsigned long long)should);
	abort();
}

/* ---- the heap ------------------------------------------------------------------------------- */

static uint64_t span_addr(unsigned i)
{
	return HEAP + (uint64_t)i * SPAN_DISTANCE;
}

static struct span *span_of(uint64_t addr)
{
	return &w.spans[(addr - HEAP) / SPAN_DISTANCE];
}

static struct slot *slot_of(uint64_t addr)
{
	struct span *s = span_of(addr);

	return &s->slots[(addr - HEAP) % SPAN_DISTANCE / s->slot_bytes];
}

/* What must be thought to be at addr. */
static int *held_at(uint64_t addr)
{
	uint64_t off = (addr - HEAP) % SPAN_DISTANCE;

	return &span_of(addr)->held[off < SPAN_BYTES ? off : SPAN_BYTES + off / LARGE_BYTES];
}

static void format_span(struct span *s, uint32_t slot_bytes)
{
	s->slot_bytes = slot_bytes;
	s->n = slot_bytes == LARGE_BYTES ? LARGE_SLOTS : SPAN_BYTES / slot_bytes;
	for (unsigned i = 0; i < s->n; i++)
		s->slots[i] = (struct slot){ .things = NONE };
}

static void collect(void)
{
	static const uint32_t sizes[] = { 8, 8, 16, 16, 16, 48, LARGE_BYTES };

	w.gen += 2;
	w.tiny_addr = 0;	/* as mcache.prepareForSweep does */
	for (unsigned i = 0; i < w.n_spans; i++) {
		struct span *s = &w.spans[i];
		unsigned n_used = 0;

		for (unsigned k = 0; k < s->n; k++) {
			struct slot *slot = &s->slots[k];

			slot->marked = false;
			for (int t = slot->things; t != NONE; t = w.things[t].next)
				slot->marked |= w.things[t].reachable;
			for (int t = slot->things; t != NONE && !slot->marked; t = w.things[t].next)
				w.things[t].dead = true;
			if (!slot->marked)
				slot->things = NONE;
			slot->used = slot->marked;
			n_used += slot->used;
		}
		if (!n_used && percent(50))
			format_span(s, sizes[below(ARRAY_SIZE(sizes))]);
	}
}

static uint64_t take_slot(uint32_t slot_bytes)
{
	for (int tries = 0; tries < 20; tries++) {
		unsigned i = (unsigned)below(w.n_spans);
		unsigned k = (unsigned)below(w.spans[i].n);

		if (w.spans[i].slot_bytes != slot_bytes || w.spans[i].slots[k].used)
			continue;
		w.spans[i].slots[k].used = true;
		return span_addr(i) + (uint64_t)k * slot_bytes;
	}
	return 0;
}

static uint64_t take_tiny(unsigned size)
{
	uint64_t addr;

	if (w.tiny_alone) {
		addr = take_slot(16);
		return addr ? addr + 16 - size : 0;
	}
	if (!w.tiny_addr || w.tiny_off + size > 16) {
		w.tiny_addr = take_slot(16);
		w.tiny_off = 0;
	}
	if (!w.tiny_addr)
		return 0;
	addr = w.tiny_addr + w.tiny_off;
	w.tiny_off += size;
	return addr;
}

/* ---- records -------------------------------------------------------------------------------- */

static uint64_t allocated_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes ?
		       __sanitizer_get_current_allocated_bytes() : 0;
}

static void check_bytes(void)
{
	uint64_t bytes = allocated_bytes() - w.bytes_before;

	if (w.bytes_before && w.max_bytes >= 128 << 10 && bytes > w.max_bytes)
		fail("bytes", bytes, w.max_bytes);
}

static void send(struct waiting rec)
{
	if (w.n_ring == MAX_RING || (w.lossy && percent(w.loss_percent)))
		w.lost++;
	else
		w.ring[w.n_ring++] = rec;
}

static void send_stack(uint64_t id)
{
	if (id && !w.sent[id]) {
		w.sent[id] = true;
		send((struct waiting){ .kind = GL_REC_STACK, .id = id });
	}
}

static void allocate(void)
{
	static const uint32_t sizes[] = { 8, 16, 48, LARGE_BYTES };
	struct thing *t = &w.things[w.n_things];
	struct slot *slot;

	if (w.n_things == MAX_OBJECTS)
		return;
	*t = (struct thing){ .tiny = percent(w.tiny_percent), .reachable = true, .gen = w.gen,
			     .lived_gen = w.gen,
			     .stack = below(N_STACKS) };
	t->slot_bytes = t->tiny ? 16 : sizes[below(ARRAY_SIZE(sizes))];
	t->typ = t->tiny ? 0 : 1 + below(N_TYPES);
	t->addr = t->tiny ? take_tiny(1 + (unsigned)below(12)) : take_slot((uint32_t)t->slot_bytes);
	if (!t->addr)
		return;
	t->size = t->tiny && t->addr % 16 && !w.tiny_alone ? 0 : t->slot_bytes;
	slot = slot_of(t->addr);
	t->next = slot->things;
	slot->things = w.n_things++;
	t->halvings = w.halvings;
	if (below(1ull << w.halvings))
		return;
	send_stack(t->stack);
	send((struct waiting){ .kind = GL_REC_ALLOC, .thing = w.n_things - 1,
			       .unsized = percent(w.unsized_percent) });
}

/* The program goes on between what is switched and the sweepgen that is told. */
static void switch_source(void)
{
	uint32_t before = w.gen;

	if (w.always_seen)
		return;
	if (percent(20))
		collect();
	if (w.unseen && percent(50)) {
		w.halvings = 0;
		track_seen_from(w.track, w.gen);
		w.unseen = false;
		w.was_seen = true;
		w.seen_gen = w.gen;
	} else {
		w.halvings = 1 + (unsigned)below(4);
		track_unseen_from(w.track, before);
		if (!w.unseen)
			w.unseen_gen = before;
		w.unseen = w.was_unseen = true;
	}
}

static void go(void)
{
	uint64_t goid = 1 + below(MAX_GOIDS - 1);

	/* nobody hears of the end of the one before */
	for (uint64_t other = goid % N_GS; other < MAX_GOIDS; other += N_GS)
		w.go_runs[other] &= other == goid;
	if (w.go_runs[goid]) {
		send((struct waiting){ .kind = GL_REC_GOEND, .id = goid });
	} else {
		uint64_t stack = 1 + below(N_STACKS - 1);

		send_stack(stack);
		send((struct waiting){ .kind = GL_REC_GOSTART, .id = goid, .stack = stack });
	}
	w.go_runs[goid] = !w.go_runs[goid];
}

static void unhold(int *held)
{
	if (*held != NONE)
		w.things[*held].held = false;
	*held = NONE;
}

/* A record says that this slot has a new object: what was there has ended; a tiny one that is not
 * the first of its block says it of its own address alone. */
static void end_held(const struct thing *t)
{
	uint64_t block = t->addr & ~15ull;

	unhold(held_at(t->addr));
	if (t->addr % 16 && !w.tiny_alone)
		return;
	for (unsigned i = 0; i < 16; i++) {
		int *held = held_at(block + i);

		if (*held != NONE && (w.things[*held].tiny || (w.tiny_alone && !i)) &&
		    w.things[*held].slot_bytes >= 16)
			unhold(held);
	}
}

static void tell_alloc(const struct waiting *rec)
{
	struct thing *t = &w.things[rec->thing];
	struct gl_alloc a = { .h = { .kind = GL_REC_ALLOC, .len = sizeof(a) }, .addr = t->addr,
			      .stack = t->stack, .typ = t->typ, .size = t->slot_bytes,
			      .gen = t->gen,
			      .chance = t->halvings ? 1u << (32 - t->halvings) : 0 };

	end_held(t);
	if (rec->unsized) {
		w.n_unsized++;
		track_end(w.track, t->addr);
		return;
	}
	w.n_allocs += 1ull << t->halvings;
	t->held = true;
	*held_at(t->addr) = rec->thing;
	track_alloc(w.track, &a, t->slot_bytes, t->tiny, 1000);
}

static void tell_stack(uint64_t id)
{
	struct gl_stack s = { .h = { .kind = GL_REC_STACK }, .id = id, .n = 1 + id % 40 };

	for (uint32_t i = 0; i < s.n; i++)
		s.pcs[i] = id * 1000 + i;
	track_stack(w.track, &s);
}

static void tell_go(const struct waiting *rec)
{
	uint64_t *runs = &w.goid_of_g[rec->id % N_GS], g = (uint64_t)(runs - w.goid_of_g + 1) << 9;
	struct gl_gostart start = { .g = g, .goid = rec->id, .stack = rec->stack };
	struct gl_goend end = { .g = g };

	w.goid_stack[*runs] = 0;
	*runs = 0;
	if (rec->kind == GL_REC_GOEND) {
		track_goend(w.track, &end);
	} else {
		*runs = rec->id;
		w.n_starts++;
		track_gostart(w.track, &start, 1000);
		w.goid_stack[rec->id] = rec->stack;
	}
}

static void drain(unsigned n)
{
	n = n < w.n_ring ? n : w.n_ring;
	for (unsigned i = 0; i < n; i++) {
		if (w.ring[i].kind == GL_REC_ALLOC)
			tell_alloc(&w.ring[i]);
		else if (w.ring[i].kind == GL_REC_STACK)
			tell_stack(w.ring[i].id);
		else
			tell_go(&w.ring[i]);
	}
	w.n_ring -= n;
	memmove(w.ring, w.ring + n, w.n_ring * sizeof(*w.ring));
}

/* ---- looks ---------------------------------------------------------------------------------- */

static void drop(void)
{
	struct span *s = &w.spans[below(w.n_spans)];
	bool all = percent(80);

	for (int t = s->slots[below(s->n)].things; t != NONE; t = w.things[t].next)
		if (all || percent(50))
			w.things[t].reachable = false;
}

/* A whole span, so that it can get slots of another size. */
static void drop_span(void)
{
	struct span *s = &w.spans[below(w.n_spans)];

	for (unsigned k = 0; k < s->n; k++)
		for (int t = s->slots[k].things; t != NONE; t = w.things[t].next)
			w.things[t].reachable = false;
}

/* The program goes on while it is looked at. */
static void meanwhile(void)
{
	for (int i = 0; i < 6; i++) {
		if (percent(15))
			collect();
		drop();
		allocate();
	}
}

static void judge_one(struct object *o, uint32_t batch_gen)
{
	const struct span *s = span_of(o->addr);
	uint64_t off = (o->addr - HEAP) % SPAN_DISTANCE;
	int held = *held_at(o->addr);

	if (held == NONE)
		fail("asked for an object that ended, at", o->addr, 0);
	if (o->gen != w.things[held].lived_gen)
		fail("gen asked for", o->gen, w.things[held].lived_gen);
	w.things[held].asked = w.n_looks;
	if ((int32_t)(o->gen - w.gen) >= 0) {
		o->liveness = LIVENESS_TOO_YOUNG;
	} else if (percent(w.unknown_percent)) {
		o->liveness = LIVENESS_UNKNOWN;
	} else if (o->size == s->slot_bytes && (w.things[held].tiny || off % o->size == 0) &&
		   slot_of(o->addr)->marked) {
		o->liveness = LIVENESS_LIVE;
		w.things[held].found = true;
		w.things[held].false_alive = w.things[held].dead;
		w.things[held].alive_in = w.n_looks;
		w.things[held].lived_before = w.things[held].lived_gen;
		w.things[held].lived_gen = batch_gen;
	} else {
		o->liveness = LIVENESS_DEAD;
		if (!w.things[held].dead)
			fail("the model's own answer for the living at", o->addr, 0);
		unhold(held_at(o->addr));
	}
}

static int alive(void *ctx, struct object *v, size_t n, uint32_t *gen)
{
	if (percent(3))
		meanwhile();
	check_bytes();
	*gen = w.gen;
	for (size_t i = 0; i < n; i++) {
		if (i && v[i - 1].addr >= v[i].addr)
			fail("addresses out of order", v[i].addr, v[i - 1].addr);
		judge_one(&v[i], *gen);
		if (!below(200))
			meanwhile();
	}
	if (n && percent(3))
		meanwhile();
	return 0;
}

static uint64_t lost(void *ctx)
{
	if (w.in_look && percent(3))
		meanwhile();
	return w.lost;
}

static bool interrupted(void *ctx)
{
	return percent(w.interrupt_percent);
}

static void forget_stack(void *ctx, uint64_t id)
{
	w.sent[id] = false;
}

/* Whether what was found alive may be another object.  If a collection ended while it was looked
 * at, its answer may be of that one. */
static void note_doubt(struct thing *t)
{
	uint32_t next = t->lived_before + 2;

	if ((int32_t)(w.gen - next) <= 0)
		return;
	t->may_doubt |= w.lost > 0 || (w.unseen && (int32_t)(w.unseen_gen - w.gen) < 0) ||
			(w.was_seen && (int32_t)(w.seen_gen - next) >= 0);
}

static void look(void)
{
	uint32_t gen = w.gen;
	int err;

	if (percent(80))
		drain(MAX_RING);
	w.n_looks++;
	w.in_look = true;
	err = track_look(w.track, 2000);
	w.in_look = false;
	for (int i = 0; i < w.n_things; i++)
		if (w.things[i].held && w.things[i].alive_in == w.n_looks)
			note_doubt(&w.things[i]);
	for (int i = 0; i < w.n_things && !err; i++)
		if (w.things[i].held && (int32_t)(w.things[i].lived_gen - gen) < 0 &&
		    w.things[i].asked != w.n_looks &&
		    table_find(&w.track->objects, w.things[i].addr))
			fail("not asked for an object at", w.things[i].addr, 0);
}

/* ---- what must hold ------------------------------------------------------------------------- */

static bool is_followed(const struct track_snapshot *s, const struct thing *t)
{
	return t->size > s->all_above ||
	       table_mix(w.seed, t->addr & ~15ull) <= UINT64_MAX / s->one_in;
}

static void check_object(const struct thing *t)
{
	const struct tracked *o = table_find(&w.track->objects, t->addr);

	if (!o)
		fail("lacks an object at", 0, t->addr);
	if (o->found != t->found)
		fail("found", o->found, t->found);
	if (t->false_alive && !o->doubtful)
		fail("sure of a dead object at", t->addr, 0);
	if (o->doubtful && !t->may_doubt)
		fail("in doubt of an object at", t->addr, 0);
}

/* What is counted in more than one place. */
static void check_inside(void)
{
	const struct track *tr = w.track;
	uint64_t users = 0, n_large = 0, n_inner = 0, pcs_bytes = 0, n_stacks = 0;

	for (uint32_t i = 0; i < tr->stack_pool.n; i++) {
		users += tr->stacks[i].n_users;
		n_stacks += tr->stacks[i].id != 0;
		pcs_bytes += tr->stacks[i].pcs ? 8 * tr->stacks[i].n + 16 : 0;
	}
	if (users != tr->n_accounts + tr->goroutines.n)
		fail("users of stacks", users, tr->n_accounts + tr->goroutines.n);
	if (tr->n_accounts != tr->account_index.n || n_stacks != tr->stack_index.n)
		fail("accounts and stacks", tr->n_accounts + n_stacks,
		     tr->account_index.n + tr->stack_index.n);
	if (pcs_bytes != tr->pcs_bytes || pcs_bytes > tr->max_pcs_bytes)
		fail("bytes of pcs", tr->pcs_bytes, pcs_bytes);
	for (struct tracked *o = table_next(&tr->objects, NULL); o;
	     o = table_next(&tr->objects, o)) {
		n_large += tr->accounts[o->account].size > tr->all_above;
		n_inner += tr->accounts[o->account].tiny && o->addr % 16;
	}
	if (n_large != tr->n_large)
		fail("large objects", tr->n_large, n_large);
	for (struct inner *in = table_next(&tr->inner, NULL); in; in = table_next(&tr->inner, in))
		n_inner -= (unsigned)__builtin_popcountll(in->offsets);
	if (n_inner)
		fail("objects inside of blocks", n_inner, 0);
}

/* Objects without a known stack are in the account of the unknown one, so then all stacks are taken
 * together. */
static bool same_account(const struct track_snapshot *s, const struct obs_account *a,
			 const struct thing *t)
{
	return a->typ == t->typ && a->size == t->size && a->tiny == t->tiny &&
	       (s->loss.stacks_full || s->stacks[a->stack].id == t->stack);
}

static void check_account(const struct track_snapshot *s, const struct obs_account *a)
{
	uint64_t n_live = 0, n_young = 0, n_false = 0, n_samples = 0;
	const uint64_t scale = a->size > s->all_above ? 1 : s->one_in;
	double live = 0, young = 0, doubtful = 0;
	uint64_t samples = 0;

	for (size_t i = 0; i < s->n_accounts; i++) {
		const struct obs_account *b = &s->accounts[i];

		if (b->typ != a->typ || b->size != a->size || b->tiny != a->tiny ||
		    (b != a && !s->loss.stacks_full))
			continue;
		live += b->live;
		young += b->young;
		samples += b->samples;
		doubtful += b->doubtful;
		if (b->shared > b->live || b->doubtful > b->live)
			fail("shared or doubtful", (uint64_t)(b->shared + b->doubtful),
			     (uint64_t)b->live);
	}
	for (int i = 0; i < w.n_things; i++) {
		const struct thing *t = &w.things[i];

		if (!t->held || !same_account(s, a, t) || !is_followed(s, t))
			continue;
		n_samples += t->found;
		n_live += (uint64_t)t->found << t->halvings;
		n_young += (uint64_t)!t->found << t->halvings;
		n_false += (uint64_t)(t->found && t->false_alive) << t->halvings;
	}
	if ((uint64_t)live != n_live * scale)
		fail("live", (uint64_t)live, n_live * scale);
	if ((uint64_t)young != n_young * scale)
		fail("young", (uint64_t)young, n_young * scale);
	if (samples != n_samples)
		fail("samples", samples, n_samples);
	if (n_false > (uint64_t)doubtful)
		fail("doubtful", (uint64_t)doubtful, n_false);
}

static void check_sums(const struct track_snapshot *s)
{
	uint64_t allocs = s->loss.forgotten_allocs, started = s->loss.forgotten_started;
	double followed = 0, held = 0;

	for (size_t i = 0; i < s->n_accounts; i++) {
		const struct obs_account *a = &s->accounts[i];

		allocs += (uint64_t)a->allocs;
		followed += (a->live + a->young) /
			    (a->size > s->all_above ? 1 : (double)s->one_in);
	}
	for (size_t i = 0; i < s->n_stacks; i++) {
		allocs += (uint64_t)s->stacks[i].other_allocs;
		started += s->stacks[i].started;
		for (uint32_t k = 0; k < s->stacks[i].n_pcs; k++)
			if (s->pcs[s->stacks[i].first_pc + k] != s->stacks[i].id * 1000 + k)
				fail("pc", s->pcs[s->stacks[i].first_pc + k], s->stacks[i].id);
	}
	for (int i = 0; i < w.n_things; i++) {
		if (!w.things[i].held || !is_followed(s, &w.things[i]))
			continue;
		held += (double)(1ull << w.things[i].halvings);
		check_object(&w.things[i]);
	}
	if (allocs != w.n_allocs || s->loss.accounts_full)
		fail("allocations", allocs, w.n_allocs);
	if (followed != held)
		fail("objects", (uint64_t)followed, (uint64_t)held);
	if (started != w.n_starts)
		fail("goroutines started", started, w.n_starts);
	if (!w.lost && !w.was_unseen && s->loss.doubtful)
		fail("doubtful without losses", s->loss.doubtful, 0);
	if (s->loss.unsized != w.n_unsized)
		fail("unsized", s->loss.unsized, w.n_unsized);
}

static void check_goroutines(const struct track_snapshot *s)
{
	uint64_t n = 0, running = 0;

	for (size_t i = 0; i < s->n_stacks; i++)
		running += s->stacks[i].started - s->stacks[i].ended;
	for (size_t i = 0; i < s->n_started; i++) {
		uint64_t stack = s->stacks[s->started[i].stack].id;
		uint64_t should = w.goid_stack[s->started[i].goid];

		if (stack != should && (stack || !should))
			fail("stack of a goroutine", stack, should);
	}
	for (unsigned goid = 0; goid < MAX_GOIDS; goid++)
		n += w.goid_stack[goid] != 0;
	if (s->n_started > n || s->n_started + s->loss.goroutines_full < n)
		fail("goroutines", s->n_started, n);
	if (running != n && !s->loss.goroutines_full)
		fail("goroutines running", running, n);
}

static void check(void)
{
	struct track_snapshot s;

	drain(MAX_RING);
	check_bytes();
	track_snapshot(w.track, 3000, 0, &s);
	check_sums(&s);
	check_goroutines(&s);
	check_inside();
	for (size_t i = 0; i < s.n_accounts; i++)
		check_account(&s, &s.accounts[i]);
	track_snapshot_fini(&s);
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void start_round(uint64_t seed, uint64_t round)
{
	static const uint32_t sizes[] = { 8, 16, 16, 16, 48, LARGE_BYTES };
	static const unsigned percents[] = { 0, 0, 1, 20 };

	memset(&w, 0, sizeof(w));
	w.random = random_start(seed, round);
	w.n_spans = 2 + (unsigned)below(MAX_SPANS - 1);
	for (unsigned i = 0; i < w.n_spans; i++) {
		format_span(&w.spans[i], sizes[i % ARRAY_SIZE(sizes)]);
		memset(w.spans[i].held, 0xff, sizeof(w.spans[i].held));		/* NONE */
	}
	w.gen = 4 + 2 * (uint32_t)below(3) - (percent(10) ? 100 : 0);	/* may wrap around */
	w.seed = random_u64(&w.random) | 1;
	w.tiny_alone = percent(20);
	w.always_seen = percent(50);
	w.loss_percent = percent(50) ? 1 : (unsigned)below(60);
	w.tiny_percent = (unsigned)below(100);
	w.unsized_percent = percents[below(4)];
	w.unknown_percent = percents[below(4)];
	w.interrupt_percent = percents[below(4)];
	w.max_bytes = (size_t)16 << (10 + below(6));
}

/* true: not everything could be followed. */
static bool run_round(uint64_t seed, uint64_t round)
{
	struct track_ops ops = { .ctx = &w, .alive = alive, .lost = lost,
				 .interrupted = interrupted, .forget_stack = forget_stack };
	struct track_snapshot s;
	unsigned collect_permille, look_percent, lossy_percent;
	bool sampled, never_lossy;

	start_round(seed, round);
	ops.tiny_alone = w.tiny_alone;
	ops.seed = w.seed;
	never_lossy = percent(30);
	collect_permille = 1 + (unsigned)below(40);
	look_percent = (unsigned)below(101);
	lossy_percent = never_lossy ? 0 : (unsigned)below(60);
	w.bytes_before = allocated_bytes();
	track_new(&w.track, &ops, w.max_bytes);
	for (int i = 0; i < STEPS; i++) {
		if (below(1000) < collect_permille) {
			collect();
			if (percent(look_percent))
				look();
		}
		if (percent(1))
			w.lossy = percent(lossy_percent);
		if (percent(10))
			drain((unsigned)below(MAX_RING));
		if (percent(60))
			allocate();
		if (percent(50))
			drop();
		if (!below(300))
			drop_span();
		if (!below(400)) {
			switch_source();
			if (percent(20))
				look();
		}
		if (percent(5))
			go();
		if (!below(200))
			check();
	}
	check();
	track_snapshot(w.track, 3000, 0, &s);
	sampled = s.one_in > 1;
	track_snapshot_fini(&s);
	track_free(w.track);
	return sampled;
}

int main(int argc, char **argv)
{
	uint64_t n, seed, n_sampled = 0;

	if (argc != 4 || strcmp(argv[1], "-")) {
		fprintf(stderr, "usage: fuzz_track - N SEED\n");
		return 2;
	}
	n = strtoull(argv[2], NULL, 0);
	seed = strtoull(argv[3], NULL, 0);
	for (uint64_t i = 0; i < n; i++)
		n_sampled += run_round(seed, i);
	printf("fuzz_track: %llu rounds, %llu that did not follow everything\n",
	       (unsigned long long)n, (unsigned long long)n_sampled);
	return 0;
}
