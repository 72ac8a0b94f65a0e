// SPDX-License-Identifier: BSD-2-Clause
/*
 * tail.c - finds the instructions at which every object that a function returns is seen once.
 *
 * The kernel emulates a conditional branch, but single-steps a ret, which is many times as dear.
 * So for each return the latest conditional branch is taken that lies on every way to it and
 * behind which the object is in one known place per way out (the tail branch).  The ways may
 * differ in the place: then the probe looks at the flags.  A way on which nothing leaves (the
 * result is made later and counted elsewhere, or the way does not lead to a return) is not
 * counted.
 *
 * Where no branch dominates a return because ways of different kinds meet before it, each way into
 * the meeting point is covered on its own.  A branch in a loop is never taken.  Whatever was
 * chosen is proved afterwards, independently of how it was found: the fewest and the most counted
 * places on any way from the entry to a return must both be one.  If there is no such choice of
 * branches, the returns themselves are tried.
 */
#include "user/probe/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/cfg.h"
#include "user/code/insn.h"

struct search {
	const struct flow *f;
	const struct cfg *c;
	bool (*chosen)[2];	/* ways out of branches that are counted */
	bool *visited;		/* nodes whose coverage has been looked for */
	size_t looks;
};

static const struct insn *insn_at(const struct cfg *c, int32_t node)
{
	return &c->in->v[node];
}

static bool is_branch(const struct cfg *c, int32_t node)
{
	const struct insn *in = insn_at(c, node);

	return in->flow == INSN_JCC && in->cond != INSN_NO_COND;
}

static struct place behind(const struct search *s, int32_t node, int way)
{
	return s->f->result[s->c->succ[node][way]];
}

/*
 * Takes a branch that dominates target: every way out that leads there must be settled or have the
 * object in a known place, and at least one must have it.  false: it does not serve.
 */
static bool take_dominator(struct search *s, int32_t branch, int32_t target)
{
	bool counts[2] = { false, false };

	if (s->looks++ > MAX_TAIL_LOOKS)
		return false;
	for (int way = 0; way < 2; way++) {
		int32_t to = s->c->succ[branch][way];

		if (to < 0 || !cfg_reaches(s->c, to, target))
			continue;
		counts[way] = place_known(behind(s, branch, way));
		if (!counts[way] && behind(s, branch, way).kind != PLACE_SETTLED)
			return false;
	}
	if ((!counts[0] && !counts[1]) || cfg_on_cycle(s->c, branch))
		return false;
	s->chosen[branch][0] |= counts[0];
	s->chosen[branch][1] |= counts[1];
	return true;
}

static bool cover(struct search *s, int32_t node);

/* One way into a meeting point: the branch there itself, or else whatever covers what lies
 * before. */
static bool cover_way(struct search *s, int32_t from, int32_t to)
{
	for (int way = 0; way < 2; way++) {
		if (!is_branch(s->c, from) || s->c->succ[from][way] != to)
			continue;
		if (!place_known(s->f->result[to]) || cfg_on_cycle(s->c, from))
			break;
		s->chosen[from][way] = true;
		return true;
	}
	return cover(s, from);
}

/* Chooses branches so that every way from the entry to the node is counted. */
static bool cover(struct search *s, int32_t node)
{
	const struct cfg *c = s->c;

	if (s->visited[node])
		return true;
	s->visited[node] = true;
	if (s->f->result[node].kind == PLACE_SETTLED)
		return true;
	for (int32_t d = c->idom[node]; d >= 0; d = c->idom[d])
		if (is_branch(c, d) && take_dominator(s, d, node))
			return true;
	while (place_known(s->f->result[node]) && c->pred_at[node + 1] - c->pred_at[node] == 1) {
		node = c->preds[c->pred_at[node]];
		if (s->f->result[node].kind == PLACE_SETTLED)
			return true;
	}
	if (!place_known(s->f->result[node]) || c->pred_at[node + 1] == c->pred_at[node])
		return false;
	for (int32_t k = c->pred_at[node]; k < c->pred_at[node + 1]; k++)
		if (!cover_way(s, c->preds[k], node))
			return false;
	return true;
}

/* A return whose result is settled on every way to it needs no place. */
static bool gives_object(const struct flow *f, int32_t ret)
{
	const struct cfg *c = f->cfg;
	bool *seen = xcalloc(c->n, sizeof(*seen)), found = false;
	int32_t *todo = xcalloc(c->n + 1, sizeof(*todo));
	size_t n = 0;

	todo[n++] = ret;
	seen[ret] = true;
	while (n && !found) {
		int32_t node = todo[--n];

		found = f->result[node].kind == PLACE_UNKNOWN ||
			(node == 0 && place_known(f->result[0]));
		if (!place_known(f->result[node]))
			continue;
		for (int32_t k = c->pred_at[node]; k < c->pred_at[node + 1]; k++) {
			if (!seen[c->preds[k]])
				todo[n++] = c->preds[k];
			seen[c->preds[k]] = true;
		}
	}
	free(todo);
	free(seen);
	return found;
}

static void add(struct tails *t, size_t *cap, struct tail tail)
{
	t->v = grow(t->v, t->n, cap, sizeof(*t->v));
	t->v[t->n++] = tail;
}

/* Collects the chosen branches, and the returns in rets, in address order. */
static void collect(struct tails *t, const struct search *s, const bool *rets)
{
	const struct place in_ax = { .kind = PLACE_REG, .reg = INSN_AX };
	size_t cap = 0;

	t->v = NULL;
	t->n = 0;
	for (int32_t i = 0; i < (int32_t)s->c->n; i++) {
		struct tail tail = { .node = i };

		if (rets[i]) {
			tail.at_ret = true;
			tail.counts[0] = tail.counts[1] = true;
			tail.at[0] = tail.at[1] = in_ax;
			add(t, &cap, tail);
		} else if (s->chosen[i][0] || s->chosen[i][1]) {
			for (int way = 0; way < 2; way++) {
				tail.counts[way] = s->chosen[i][way];
				if (tail.counts[way])
					tail.at[way] = behind(s, i, way);
			}
			add(t, &cap, tail);
		}
	}
}

/* Branches for all returns; a return that none covers is itself the place. */
static void choose_branches(struct search *s, bool *rets, const bool *objects)
{
	for (int32_t i = 0; i < (int32_t)s->c->n; i++) {
		bool (*before)[2];

		if (!objects[i])
			continue;
		before = xcalloc(s->c->n, sizeof(*before));
		memcpy(before, s->chosen, s->c->n * sizeof(*before));
		rets[i] = !cover(s, i);
		if (rets[i])
			memcpy(s->chosen, before, s->c->n * sizeof(*before));
		memset(s->visited, 0, s->c->n * sizeof(*s->visited));
		free(before);
	}
}

static int choose(struct tails *t, struct search *s, bool *rets, const bool *objects)
{
	choose_branches(s, rets, objects);
	collect(t, s, rets);
	if (tails_verify(t, s->f))
		return 0;
	free(t->v);
	memset(s->chosen, 0, s->c->n * sizeof(*s->chosen));
	memcpy(rets, objects, s->c->n * sizeof(*rets));
	collect(t, s, rets);
	return tails_verify(t, s->f) ? 0 : -ENOENT;
}

int tails_find(struct tails *out, const struct flow *f)
{
	const struct cfg *c = f->cfg;
	struct search s = {
		.f = f,
		.c = c,
		.chosen = xcalloc(c->n, sizeof(*s.chosen)),
		.visited = xcalloc(c->n, sizeof(*s.visited)),
	};
	bool *objects = xcalloc(c->n, sizeof(*objects)), *rets = xcalloc(c->n, sizeof(*rets));
	struct tails t = { 0 };
	int err;

	for (int32_t i = 0; i < (int32_t)c->n; i++)
		if (c->reachable[i] && insn_at(c, i)->flow == INSN_RET)
			objects[i] = gives_object(f, i);
	err = choose(&t, &s, rets, objects);
	free(objects);
	free(rets);
	free(s.chosen);
	free(s.visited);
	if (err)
		tails_fini(&t);
	else
		*out = t;
	return err;
}

void tails_fini(struct tails *t)
{
	free(t->v);
	*t = (struct tails) { 0 };
}

/* ---- proof --------------------------------------------------------------------------------- */

/* Places counted on one way from the entry: the fewest and the most, from 2 on all the same. */
struct count {
	uint8_t min, max;
	bool seen;
};

enum { MANY = 2 };

static uint8_t weight(const struct tails *t, const struct flow *f, int32_t node, int way)
{
	int32_t to = f->cfg->succ[node][way];
	uint8_t n = 0;

	/* The instruction that makes a settled result: it is known behind it, settled before. */
	if (f->result[node].kind == PLACE_SETTLED && place_known(f->result[to]))
		n++;
	for (size_t i = 0; i < t->n; i++)
		n += t->v[i].node == node && !t->v[i].at_ret && t->v[i].counts[way];
	return n;
}

static bool merge(struct count *into, struct count from, uint8_t n)
{
	struct count old = *into;

	from.min = from.min + n < MANY ? (uint8_t)(from.min + n) : MANY;
	from.max = from.max + n < MANY ? (uint8_t)(from.max + n) : MANY;
	if (!into->seen || from.min < into->min)
		into->min = from.min;
	if (!into->seen || from.max > into->max)
		into->max = from.max;
	into->seen = true;
	return into->min != old.min || into->max != old.max || !old.seen;
}

static bool returns_once(const struct tails *t, const struct cfg *c, const struct count *counts)
{
	for (int32_t i = 0; i < (int32_t)c->n; i++) {
		unsigned int here = 0;

		if (!c->reachable[i] || insn_at(c, i)->flow != INSN_RET)
			continue;
		for (size_t k = 0; k < t->n; k++)
			here += t->v[k].at_ret && t->v[k].node == i;
		if (counts[i].min + here != 1 || counts[i].max + here != 1)
			return false;
	}
	return true;
}

bool tails_verify(const struct tails *t, const struct flow *f)
{
	const struct cfg *c = f->cfg;
	struct count *counts = xcalloc(c->n, sizeof(*counts));
	bool changed = true, ok;

	counts[0].seen = true;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < c->n_order; i++) {
			int32_t node = c->order[i];

			for (int way = 0; way < 2; way++)
				if (c->succ[node][way] >= 0)
					changed |= merge(&counts[c->succ[node][way]], counts[node],
							 weight(t, f, node, way));
		}
	}
	ok = returns_once(t, c, counts);
	free(counts);
	return ok;
}
