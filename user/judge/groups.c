// SPDX-License-Identifier: BSD-2-Clause
/*
 * groups.c - do goroutines leak?  Their counts are exact and have no attach transient; instead of a
 * census, what they wait for is the second witness.
 */
#include <math.h>

#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

/*
 * Those that wait for what cannot come may be daemons that are not meant to end: main often waits
 * so for the others.  The runtime's own finding knows no such doubt.
 */
static bool wait_in_vain(const struct judge_group *g)
{
	return g->waiting[WAIT_LEAKED] || (g->waiting[WAIT_CERTAIN] > 1 && !g->main);
}

/* A few that come one by one are a leak, as none of them will end; that they are there is none. */
static bool more_wait_in_vain(const struct judge_group *g)
{
	const struct window_flow *f = g->goroutines;

	return wait_in_vain(g) && g->is.rate.low > 0 && net_of(&f->part[2]).sum > 0 &&
	       (double)g->waiting[WAIT_CERTAIN] >= net_of(&f->late).sum;
}

static void call_leak(struct judgement *is)
{
	is->verdict = VERDICT_LEAK;
	is->missing = 0;
	is->watch_s = 0;
}

static void judge_waits(const struct judge_group *g, const struct window_span *span,
			struct judgement *is)
{
	const uint64_t *w = g->waiting;
	uint64_t strong = w[WAIT_STRONG] + w[WAIT_CERTAIN], all = strong + w[WAIT_WEAK] +
								 w[WAIT_NONE];

	if (is->verdict != VERDICT_LEAK || (double)strong >= WAITING_SHARE * (double)all ||
	    g->goroutines->late.born.sum - g->goroutines->late.died.sum >= WEAK_GOROUTINES)
		return;
	is->verdict = VERDICT_GROWING;
	is->missing |= MISSING_MANY;
	is->watch_s = fmax((WEAK_GOROUTINES / is->rate.value) - span->late_s, span->seconds / 2);
}

/* They are counted, not sampled: that no more have come in the last third says that it is over, and
 * what came before is no rate of now. */
static void take_end(const struct judge_group *g, const struct window_span *span,
		     struct judgement *is)
{
	is->verdict = VERDICT_PLATEAU;
	is->missing = 0;
	is->watch_s = 0;
	is->over_s = span->part_s[2];
	is->rate = net_rate(&g->goroutines->part[2], is->over_s);
}

void judge_group(struct judge_group *g, const struct judge_limits *limits,
		 const struct window_span *span)
{
	struct judged_flow flow;

	judge_flow(g->goroutines, span, &flow);
	g->is = flow.is;
	if (g->is.verdict == VERDICT_TOO_FEW && span->n_steps >= WINDOW_PARTS)
		g->is.verdict = VERDICT_STEADY;		/* they are few, but all */
	if ((g->is.verdict == VERDICT_STEADY || g->is.verdict == VERDICT_GROWING) && flow.grew_early)
		take_end(g, span, &g->is);
	judge_waits(g, span, &g->is);
	if (more_wait_in_vain(g))
		call_leak(&g->is);
	judge_take_early(limits, span->n_looks, span->seconds, &g->is);
	if (g->waiting[WAIT_LEAKED])
		call_leak(&g->is);
	g->is.certain = wait_in_vain(g);
}
