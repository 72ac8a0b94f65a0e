// SPDX-License-Identifier: BSD-2-Clause
/*
 * callsite.c - what an argument register holds at a call, found by following the caller's code
 * back.
 *
 * Go's compiler puts `LEAQ type:T(SB), AX` right before most calls that take a type, so going back
 * over a few instructions finds it.  Three things need more: a switch whose cases all use one type
 * may have it loaded before the jump table; a generic function takes the type from its dictionary,
 * which came in AX and was spilled to the stack meanwhile; the runtime's own wrappers only pass on
 * what they got.  So the search goes back along all edges of the control flow graph and believes a
 * value only if every path brings the same one.
 *
 * A value that was spilled is believed if its stack slot is written by one instruction in the whole
 * function and is no part of a variable whose address is taken: then it is the register
 * allocator's, and every path to a load of it goes through that store.
 *
 * Anything that it does not understand makes the answer "not known", never a wrong one.
 */
#include "user/go/callsite.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/insn.h"

enum {
	PROLOGUE_INSNS = 6,	/* the branch of the stack check is one of the first */
	WORD = 8,
};

/* Control may go from one instruction to another that does not follow it. */
struct edge {
	uint32_t to, from;
};

struct callsite_func {
	struct insns in;
	uint8_t *callee;	/* of each instruction that is a call: enum callee */
	struct edge *edges;	/* of direct branches, in order of .to */
	size_t n_edges, cap_edges;
	uint32_t *switches;	/* indirect jumps */
	size_t n_switches, cap_switches;
	bool *in_table;		/* of each instruction: an indirect jump may go there */
	size_t retry, retry_end; /* instructions that call morestack and start again, if any */
	int64_t frame;		/* bytes that the prologue takes off SP */
	bool blind;		/* indirect jumps may go anywhere */
};

/* A register just before an instruction. */
struct place {
	uint32_t at;
	uint8_t reg;
};

struct search {
	const struct callsite_func *cf;
	struct place places[MAX_ARG_PLACES];	/* [0, done) were looked at, [done, n) will be */
	size_t n, done;
	unsigned int loads;	/* that the value is behind already */
	size_t *steps;		/* instructions that the question may still look at */
	bool typed;		/* of the value only the type matters */
	bool found;
	struct callsite_value value;
};

/* ---- the function ------------------------------------------------------------------------- */

static void add_edge(struct callsite_func *cf, size_t from, uint64_t target)
{
	long to = insns_at(&cf->in, target);

	if (to < 0)
		return;
	cf->edges = grow(cf->edges, cf->n_edges, &cf->cap_edges, sizeof(*cf->edges));
	cf->edges[cf->n_edges++] = (struct edge) { (uint32_t)to, (uint32_t)from };
}

static void add_switch(struct callsite_func *cf, size_t at)
{
	cf->switches = grow(cf->switches, cf->n_switches, &cf->cap_switches, sizeof(*cf->switches));
	cf->switches[cf->n_switches++] = (uint32_t)at;
}

/*
 * A jump table (Go 1.19 and later) is an array of code addresses that a LEA refers to.  Taking all
 * of the function's tables, and what follows them, for targets of each indirect jump adds paths
 * only.
 */
static void read_tables(struct callsite_func *cf, const struct callsite_ops *ops)
{
	size_t n = 0;

	for (size_t i = 0; i < cf->in.n; i++) {
		uint64_t table = cf->in.v[i].addr_ref, target;
		long to;

		if (cf->in.v[i].op != INSN_LEA || !cf->in.v[i].rip_relative)
			continue;
		for (; n < MAX_JUMP_TABLE && !ops->word(ops->ctx, table, &target);
		     n++, table += WORD) {
			to = insns_at(&cf->in, target);
			if (to < 0)
				break;
			cf->in_table[to] = true;
		}
	}
	cf->blind = !n || n == MAX_JUMP_TABLE;
}

static int by_target(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

/* The stack check branches to code that calls morestack with SP as it was at the entry. */
static void find_retry(struct callsite_func *cf)
{
	for (size_t i = 0; i < cf->in.n && i < PROLOGUE_INSNS; i++) {
		long at = cf->in.v[i].flow == INSN_JCC ? insns_at(&cf->in, cf->in.v[i].target) : -1;

		if (at <= (long)i)
			continue;
		cf->retry = cf->retry_end = (size_t)at;
		while (cf->retry_end < cf->in.n && cf->in.v[cf->retry_end].flow != INSN_JMP)
			cf->retry_end++;
		if (cf->retry_end == cf->in.n ||
		    cf->in.v[cf->retry_end].target != cf->in.v[0].addr)
			cf->retry = cf->retry_end = 0;
		return;
	}
}

static void find_frame(struct callsite_func *cf)
{
	for (size_t i = 0; i < cf->in.n; i++) {
		const struct insn *in = &cf->in.v[i];

		if (in->op == INSN_PUSH)
			cf->frame += WORD;
		if (in->op == INSN_ADD_SP && in->disp < 0) {
			cf->frame -= in->disp;
			return;
		}
		if (in->flow == INSN_CALL || in->flow == INSN_RET)
			return;
	}
}

static void read_flow(struct callsite_func *cf, const struct callsite_ops *ops)
{
	for (size_t i = 0; i < cf->in.n; i++) {
		const struct insn *in = &cf->in.v[i];

		if (in->flow == INSN_JMP || in->flow == INSN_JCC)
			add_edge(cf, i, in->target);
		else if (in->flow == INSN_JMP_INDIRECT)
			add_switch(cf, i);
		else if (in->flow == INSN_CALL)
			cf->callee[i] = (uint8_t)ops->callee(ops->ctx, in->target);
	}
	if (cf->n_switches)
		read_tables(cf, ops);
	if (cf->n_edges)
		qsort(cf->edges, cf->n_edges, sizeof(*cf->edges), by_target);
}

int callsite_open(struct callsite_func **out, uint16_t machine, const uint8_t *code, size_t len,
		  uint64_t addr, const struct callsite_ops *ops)
{
	struct callsite_func *cf = xcalloc(1, sizeof(*cf));
	int err = insns_decode(&cf->in, machine, code, len, addr);

	if (err) {
		free(cf);
		return err;
	}
	cf->callee = xcalloc(cf->in.n, sizeof(*cf->callee));
	cf->in_table = xcalloc(cf->in.n, sizeof(*cf->in_table));
	read_flow(cf, ops);
	find_retry(cf);
	find_frame(cf);
	*out = cf;
	return 0;
}

void callsite_close(struct callsite_func *cf)
{
	if (!cf)
		return;
	insns_free(&cf->in);
	free(cf->callee);
	free(cf->in_table);
	free(cf->switches);
	free(cf->edges);
	free(cf);
}

/* ---- the search --------------------------------------------------------------------------- */

static int take_steps(struct search *s, size_t n)
{
	if (*s->steps < n)
		return -ENODATA;
	*s->steps -= n;
	return 0;
}

static int look_later(struct search *s, size_t at, uint8_t reg)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->places[i].at == at && s->places[i].reg == reg)
			return 0;
	if (s->n == MAX_ARG_PLACES)
		return -ENODATA;
	s->places[s->n++] = (struct place) { (uint32_t)at, reg };
	return 0;
}

static bool same_value(const struct callsite_value *a, const struct callsite_value *b)
{
	return a->kind == b->kind && a->n_loads == b->n_loads &&
	       (a->kind == CALLSITE_ARG ? a->reg == b->reg : a->value == b->value) &&
	       !memcmp(a->disp, b->disp, a->n_loads * sizeof(a->disp[0]));
}

static int found(struct search *s, const struct callsite_value *value)
{
	if (s->found)
		return same_value(&s->value, value) ? 0 : -ENODATA;
	s->found = true;
	s->value = *value;
	return 0;
}

/* Both offsets from SP in the function's body: whether an object at obj may reach up to slot.  The
 * return address separates the function's own variables from its arguments. */
static bool may_reach(const struct callsite_func *cf, int64_t obj, int64_t slot)
{
	return obj <= slot && (obj >= cf->frame) == (slot >= cf->frame);
}

/* Whether the instruction makes a pointer into the stack, or indexes an object there. */
static bool takes_address(const struct callsite_func *cf, const struct insn *in, int64_t slot)
{
	if (in->op == INSN_MOV_RR)
		return in->src == INSN_SP && in->dst != INSN_BP;
	if (in->op == INSN_LEA)
		return in->base == INSN_SP && in->dst != INSN_BP && may_reach(cf, in->disp, slot);
	return in->writes_mem && in->base == INSN_SP && in->index != INSN_NO_REG &&
	       may_reach(cf, in->disp, slot);
}

/* The one store to the stack slot at SP + disp; -ENODATA: the slot is not the allocator's alone. */
static long only_store(const struct callsite_func *cf, int64_t disp, bool typed)
{
	long store = -ENODATA;

	for (size_t i = 0; i < cf->in.n; i++) {
		const struct insn *in = &cf->in.v[i];

		if (i >= cf->retry && i < cf->retry_end)
			continue;
		if (!typed && takes_address(cf, in, disp))
			return -ENODATA;
		if (!in->writes_mem || in->base != INSN_SP || in->disp >= disp + WORD ||
		    in->disp + in->op_size <= disp)
			continue;
		if (store >= 0 || in->op != INSN_STORE || in->disp != disp)
			return -ENODATA;
		store = (long)i;
	}
	return store;
}

static int find_value(const struct search *asker, size_t at, uint8_t reg,
		      struct callsite_value *out);

/* dst = [base + disp] */
static int read_load(struct search *s, size_t at)
{
	const struct insn *in = &s->cf->in.v[at];
	struct callsite_value value;
	int err;

	if (in->rip_relative || in->base == INSN_NO_REG || s->loads == CALLSITE_MAX_LOADS)
		return -ENODATA;
	if (in->base == INSN_SP) {
		long store = -ENODATA;

		if (!take_steps(s, s->cf->in.n))
			store = only_store(s->cf, in->disp, s->typed);
		return store < 0 ? -ENODATA :
			look_later(s, (size_t)store, s->cf->in.v[store].src);
	}
	err = find_value(s, at, in->base, &value);
	if (err)
		return err;
	value.disp[value.n_loads++] = in->disp;
	return found(s, &value);
}

static bool is_call(const struct insn *in)
{
	return in->flow == INSN_CALL || in->flow == INSN_CALL_INDIRECT;
}

/* The instruction that gives the register its value. */
static int read_definition(struct search *s, size_t at, uint8_t reg)
{
	const struct insn *in = &s->cf->in.v[at];
	struct callsite_value value = { .kind = CALLSITE_CONST };

	if (is_call(in) && reg == INSN_AX) {
		value = (struct callsite_value) { .kind = CALLSITE_RESULT,
						  .value = in->addr + in->len };
		return found(s, &value);
	}
	if (in->dst != reg)
		return -ENODATA;

	switch (in->op) {
	case INSN_LEA:
		if (!in->rip_relative)
			return -ENODATA;
		value.value = in->addr_ref;
		return found(s, &value);
	case INSN_MOV_RI:
		value.value = (uint64_t)in->disp;
		return found(s, &value);
	case INSN_ZERO:
		return found(s, &value);
	case INSN_MOV_RR:
		return look_later(s, at, in->src);
	case INSN_LOAD:
		return read_load(s, at);
	default:
		return -ENODATA;
	}
}

static bool goes_on(const struct callsite_func *cf, size_t i)
{
	switch (cf->in.v[i].flow) {
	case INSN_PLAIN:
	case INSN_JCC:
	case INSN_CALL_INDIRECT:
		return true;
	case INSN_CALL:
		return cf->callee[i] != CALLEE_ENDS;
	default:
		return false;
	}
}

static size_t first_edge(const struct callsite_func *cf, size_t to)
{
	size_t lo = 0, hi = cf->n_edges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cf->edges[mid].to < to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Puts off all places that control may jump from.  Sets *falls: it may come from the instruction
 * before as well.  If it comes from nowhere, this is padding, and its path is none.
 */
static int look_before(struct search *s, size_t at, uint8_t reg, bool *falls)
{
	const struct callsite_func *cf = s->cf;
	size_t e = first_edge(cf, at);
	bool label = e < cf->n_edges && cf->edges[e].to == at;

	*falls = goes_on(cf, at - 1);
	if (cf->blind && (label || !*falls))
		return -ENODATA;
	for (size_t i = 0; cf->in_table[at] && i < cf->n_switches; i++)
		if (look_later(s, cf->switches[i], reg))
			return -ENODATA;
	for (; e < cf->n_edges && cf->edges[e].to == at; e++)
		if (look_later(s, cf->edges[e].from, reg))
			return -ENODATA;
	return 0;
}

static bool changes(const struct callsite_func *cf, size_t i, uint8_t reg)
{
	const struct insn *in = &cf->in.v[i];

	if (in->flow == INSN_CALL)
		return cf->callee[i] != CALLEE_KEEPS || reg == INSN_R11;
	return in->flow == INSN_CALL_INDIRECT || in->writes >> reg & 1 || in->dst == reg;
}

/* Goes back from a place along the straight line to the instruction that sets the register. */
static int look_back(struct search *s, struct place p)
{
	for (size_t at = p.at; ; at--) {
		bool falls;
		int err;

		if (take_steps(s, 1))
			return -ENODATA;

		/* The only jump to the first instruction is the one that starts again after
		 * morestack, with the same arguments. */
		if (!at) {
			struct callsite_value arg = { .kind = CALLSITE_ARG, .reg = p.reg };

			return found(s, &arg);
		}
		err = look_before(s, at, p.reg, &falls);
		if (err || !falls)
			return err;
		if (changes(s->cf, at - 1, p.reg))
			return read_definition(s, at - 1, p.reg);
	}
}

static int run_search(struct search *s, size_t at, uint8_t reg, struct callsite_value *out)
{
	int err = look_later(s, at, reg);

	while (!err && s->done < s->n)
		err = look_back(s, s->places[s->done++]);
	if (err || !s->found)
		return -ENODATA;
	*out = s->value;
	return 0;
}

/* A search of its own for what the asker's value is loaded through.  Calls itself through
 * read_load() only, at most CALLSITE_MAX_LOADS times. */
static int find_value(const struct search *asker, size_t at, uint8_t reg,
		      struct callsite_value *out)
{
	struct search *s = xcalloc(1, sizeof(*s));
	int err;

	s->cf = asker->cf;
	s->typed = asker->typed;
	s->steps = asker->steps;
	s->loads = asker->loads + 1;
	err = run_search(s, at, reg, out);
	free(s);
	return err;
}

/* The index of the call that returns to return_addr, -ENOENT. */
static long find_call(const struct callsite_func *cf, uint64_t return_addr)
{
	long at = insns_at(&cf->in, return_addr);
	const struct insn *last = cf->in.n ? &cf->in.v[cf->in.n - 1] : NULL;

	if (last && last->addr + last->len == return_addr)
		at = (long)cf->in.n;
	return at > 0 && is_call(&cf->in.v[at - 1]) ? at - 1 : -ENOENT;
}

static int get_value(const struct callsite_func *cf, long call, uint8_t reg, bool typed,
		     struct callsite_value *out)
{
	struct search *s = xcalloc(1, sizeof(*s));
	size_t steps = MAX_ARG_STEPS;
	int err;

	s->cf = cf;
	s->typed = typed;
	s->steps = &steps;
	err = run_search(s, (size_t)call, reg, out);
	free(s);
	return err;
}

int callsite_get(const struct callsite_func *cf, uint64_t return_addr, uint8_t reg,
		 struct callsite_value *out, uint64_t *target)
{
	long call = find_call(cf, return_addr);

	if (call < 0)
		return (int)call;
	*target = cf->in.v[call].flow == INSN_CALL ? cf->in.v[call].target : 0;
	return get_value(cf, call, reg, false, out);
}

int callsite_get_typed(const struct callsite_func *cf, uint64_t return_addr, uint8_t reg,
		       struct callsite_value *out)
{
	long call = find_call(cf, return_addr);

	return call < 0 ? (int)call : get_value(cf, call, reg, true, out);
}

uint64_t callsite_target(const struct callsite_func *cf, uint64_t return_addr)
{
	long call = find_call(cf, return_addr);

	return call >= 0 && cf->in.v[call].flow == INSN_CALL ? cf->in.v[call].target : 0;
}

uint64_t callsite_next(const struct callsite_func *cf, size_t *pos, uint64_t *target)
{
	while (*pos < cf->in.n) {
		const struct insn *in = &cf->in.v[(*pos)++];

		if (in->flow != INSN_CALL)
			continue;
		*target = in->target;
		return in->addr + in->len;
	}
	return 0;
}
