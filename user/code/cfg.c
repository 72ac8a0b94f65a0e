// SPDX-License-Identifier: BSD-2-Clause
/*
 * cfg.c - control-flow graph of one function.
 *
 * Dominators by Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm".
 */
#include "user/code/cfg.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/code/insn.h"

enum {
	NOWHERE = -1,
	UNKNOWN = -2,		/* while building: not a place in this function */
	MAX_TEST_DISTANCE = 8,	/* instructions from a call to the branch on its result */
};

static uint8_t role_at(const struct cfg *c, int32_t node)
{
	return c->roles ? c->roles[node] : CALL_PLAIN;
}

/* Whether the flags are as they were before the instruction. */
static bool keeps_flags(const struct insn *in)
{
	return in->op == INSN_NOP || in->op == INSN_MOV_RR || in->op == INSN_LOAD ||
	       in->op == INSN_STORE || in->op == INSN_LEA;
}

/*
 * After a call that returns nil: "test r, r" on its result and the branch on it.  Returns which way
 * of that branch is dead, its node in *branch; -1: none.
 */
static int dead_way(const struct cfg *c, int32_t call, int32_t *branch)
{
	uint32_t nil = 1u << INSN_AX;	/* the registers that hold the result */
	bool tested = false;

	for (int32_t i = call + 1; i < (int32_t)c->n && i <= call + MAX_TEST_DISTANCE; i++) {
		const struct insn *in = &c->in->v[i];

		if (in->flow == INSN_JCC) {
			*branch = i;
			if (!tested || (in->cond != INSN_COND_E && in->cond != INSN_COND_NE))
				return -1;
			return in->cond == INSN_COND_E ? CFG_NEXT : CFG_TAKEN;
		}
		if (in->flow != INSN_PLAIN)
			return -1;
		if (in->op == INSN_TEST_RR)
			tested = in->dst == in->src && nil & 1u << in->dst;
		else if (!keeps_flags(in))
			tested = false;
		if (in->op == INSN_MOV_RR && nil & 1u << in->src)
			nil |= 1u << in->dst;
		else
			nil &= ~in->writes;
	}
	return -1;
}

static void cut_dead_ways(struct cfg *c)
{
	for (int32_t i = 0; i < (int32_t)c->n; i++) {
		int32_t branch;
		int way;

		if (role_at(c, i) != CALL_NIL)
			continue;
		way = dead_way(c, i, &branch);
		if (way >= 0)
			c->succ[branch][way] = NOWHERE;
	}
}

/* The successors of one instruction; what runs off the end of the code has none. */
static void link_one(struct cfg *c, int32_t i)
{
	const struct insn *in = &c->in->v[i];
	int32_t next = i + 1 < (int32_t)c->n ? i + 1 : NOWHERE;

	switch (in->flow) {
	case INSN_PLAIN:
		c->succ[i][CFG_NEXT] = next;
		break;
	case INSN_CALL:
	case INSN_CALL_INDIRECT:
		if (role_at(c, i) != CALL_NO_RETURN)
			c->succ[i][CFG_NEXT] = next;
		break;
	case INSN_JCC:
		c->succ[i][CFG_NEXT] = next;
		/* fall through */
	case INSN_JMP:
		c->succ[i][CFG_TAKEN] = (int32_t)insns_at(c->in, in->target);
		if (c->succ[i][CFG_TAKEN] < 0)
			c->succ[i][CFG_TAKEN] = UNKNOWN;
		break;
	case INSN_JMP_INDIRECT:
		c->succ[i][CFG_TAKEN] = UNKNOWN;
		break;
	}
}

/* Depth first from the entry; fills reachable and, backwards, order. */
static void walk(struct cfg *c)
{
	struct { int32_t node; uint8_t way; } *stack = xcalloc(c->n, sizeof(*stack));
	size_t depth = 1, at = c->n;

	c->reachable[0] = true;
	stack[0].node = 0;
	while (depth) {
		int32_t node = stack[depth - 1].node;

		if (stack[depth - 1].way == 2) {
			c->order[--at] = node;
			depth--;
			continue;
		}
		int32_t to = c->succ[node][stack[depth - 1].way++];

		if (to < 0 || c->reachable[to])
			continue;
		c->reachable[to] = true;
		stack[depth].node = to;
		stack[depth++].way = 0;
	}
	free(stack);
	c->n_order = c->n - at;
	for (size_t i = 0; i < c->n_order; i++)
		c->order[i] = c->order[at + i];
}

static void link_back(struct cfg *c)
{
	int32_t *fill = xcalloc(c->n, sizeof(*fill));

	for (size_t i = 0; i < 2 * c->n_order; i++) {
		int32_t to = c->succ[c->order[i / 2]][i % 2];

		if (to >= 0)
			c->pred_at[to + 1]++;
	}
	for (size_t i = 0; i < c->n; i++) {
		c->pred_at[i + 1] += c->pred_at[i];
		fill[i] = c->pred_at[i];
	}
	c->preds = xcalloc((size_t)c->pred_at[c->n], sizeof(*c->preds));
	for (size_t i = 0; i < 2 * c->n_order; i++) {
		int32_t from = c->order[i / 2], to = c->succ[from][i % 2];

		if (to >= 0)
			c->preds[fill[to]++] = from;
	}
	free(fill);
}

static bool all_ways_known(const struct cfg *c)
{
	for (size_t i = 0; i < c->n_order; i++)
		if (c->succ[c->order[i]][CFG_TAKEN] == UNKNOWN)
			return false;
	return true;
}

static int32_t common_dominator(const struct cfg *c, const int32_t *rank, int32_t a, int32_t b)
{
	while (a != b) {
		while (rank[a] > rank[b])
			a = c->idom[a];
		while (rank[b] > rank[a])
			b = c->idom[b];
	}
	return a;
}

static void find_dominators(struct cfg *c)
{
	int32_t *rank = xcalloc(c->n, sizeof(*rank));
	bool changed = true;

	for (size_t i = 0; i < c->n; i++)
		c->idom[i] = -1;
	for (size_t i = 0; i < c->n_order; i++)
		rank[c->order[i]] = (int32_t)i;
	c->idom[0] = 0;
	while (changed) {
		changed = false;
		for (size_t i = 1; i < c->n_order; i++) {
			int32_t node = c->order[i], dom = -1;

			for (int32_t k = c->pred_at[node]; k < c->pred_at[node + 1]; k++) {
				int32_t p = c->preds[k];

				if (c->idom[p] >= 0)
					dom = dom < 0 ? p : common_dominator(c, rank, p, dom);
			}
			changed |= c->idom[node] != dom;
			c->idom[node] = dom;
		}
	}
	c->idom[0] = -1;
	free(rank);
}

int cfg_build(struct cfg *out, const struct insns *in, const uint8_t *roles)
{
	struct cfg c = { .in = in, .roles = roles, .n = in->n };

	if (!in->n || in->n >= INT32_MAX / 2)
		return -ENOTSUP;
	c.succ = xcalloc(c.n, sizeof(*c.succ));
	c.reachable = xcalloc(c.n, sizeof(*c.reachable));
	c.order = xcalloc(c.n, sizeof(*c.order));
	c.pred_at = xcalloc(c.n + 1, sizeof(*c.pred_at));
	c.idom = xcalloc(c.n, sizeof(*c.idom));
	for (size_t i = 0; i < c.n; i++) {
		c.succ[i][CFG_NEXT] = c.succ[i][CFG_TAKEN] = NOWHERE;
		link_one(&c, (int32_t)i);
	}
	cut_dead_ways(&c);
	walk(&c);
	if (!all_ways_known(&c)) {
		cfg_fini(&c);
		return -ENOTSUP;
	}
	link_back(&c);
	find_dominators(&c);
	*out = c;
	return 0;
}

void cfg_fini(struct cfg *c)
{
	free(c->succ);
	free(c->reachable);
	free(c->order);
	free(c->preds);
	free(c->pred_at);
	free(c->idom);
	*c = (struct cfg) { 0 };
}

/* Whether to can be reached from one of the successors of from. */
static bool reaches_onward(const struct cfg *c, int32_t from, int32_t to)
{
	int32_t *todo = xcalloc(2 * c->n + 2, sizeof(*todo));
	bool *seen = xcalloc(c->n, sizeof(*seen)), found = false;
	size_t n = 0;

	todo[n++] = from;
	while (n && !found) {
		int32_t node = todo[--n];

		for (int way = 0; way < 2; way++) {
			int32_t next = c->succ[node][way];

			found |= next >= 0 && next == to;
			if (next >= 0 && !seen[next]) {
				seen[next] = true;
				todo[n++] = next;
			}
		}
	}
	free(seen);
	free(todo);
	return found;
}

bool cfg_reaches(const struct cfg *c, int32_t from, int32_t to)
{
	return from == to || reaches_onward(c, from, to);
}

bool cfg_on_cycle(const struct cfg *c, int32_t node)
{
	return reaches_onward(c, node, node);
}
