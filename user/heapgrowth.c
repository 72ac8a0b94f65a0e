// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapgrowth.c - when to look at the heap.
 *
 * A heap that is small is looked at soon after the begin: that takes less than a second at the rate
 * that looks are held to, and the more time lies between two looks the better.  A large one is left
 * alone until the census sees it grow.  After that a look is taken now and then as long as it
 * grows, so that there is a recent one whenever the end comes; one more just before the end where
 * that is known, and at the end where nobody notices.
 */
#include "user/heapgrowth.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/heap/heap.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/looker.h"
#include "user/process.h"

/* A quarter of what one core reads; a program that runs beside it is not slowed down by so much. */
#define RATE (512ull << 20)
#define SMALL_HEAP (256ull << 20)
#define FIRST_NS 1000000000ull		/* after the begin */
#define QUICK_NS 100000000ull		/* nobody notices */
#define PATIENCE_NS (2 * QUICK_NS)	/* with one that should have been quick; */
#define END_PATIENCE_NS (5 * QUICK_NS)	/* where the end is not somebody's Ctrl-C */
#define AGAIN_NS 10000000000ull		/* between two looks, at least */

enum {
	SHARE = 50,		/* looks take one in so many of the time, */
	REPORT_SHARE = 20,	/* with those for reports; */
	PUMP_MS = 5,
};

struct heapgrowth {
	struct looker *looker;		/* NULL: there are no looks */
	bool ended;			/* nor will there be more; results stay */
	struct heapgrowth_options opt;
	uint64_t start_ns;
	uint64_t begun_ns;		/* the look that is under way; 0: none is */
	uint64_t took_ns, over_ns;	/* the last one: how long, and when it was over */
	const struct heapmap *first, *last;
	struct heap_view view;		/* of both */
	struct looks_cost cost;
};

void heapgrowth_new(struct heapgrowth **out, const struct heapgrowth_options *options,
		    uint64_t start_ns)
{
	struct heapgrowth *g = xcalloc(1, sizeof(*g));

	g->opt = *options;
	g->start_ns = start_ns;
	if (looker_new(&g->looker, options->process))
		g->looker = NULL;
	*out = g;
}

void heapgrowth_free(struct heapgrowth *g)
{
	if (!g)
		return;
	heapview_fini(&g->view);
	looker_free(g->looker);
	free(g);
}

/* The first result stays, the others take turns. */
static unsigned free_slot(const struct heapgrowth *g)
{
	return !g->first ? 0 : 1 + g->cost.n_looks % (LOOKER_SLOTS - 1);
}

static void begin(struct heapgrowth *g, uint64_t now)
{
	const struct looker_order order = { RATE, g->opt.max_bytes, free_slot(g) };
	size_t n = g->opt.seeds ? g->opt.seeds(g->opt.ctx, looker_seeds(g->looker), LOOKER_SEEDS) :
				  0;

	if (!looker_start(g->looker, &order, n))
		g->begun_ns = now;
}

static void take(struct heapgrowth *g, const struct heapmap *m, uint64_t now)
{
	const struct looker_cost *cost = looker_cost(g->looker);

	g->took_ns = now - g->begun_ns;
	say_verbose("looked at the heap in %.2fs", m->cost.seconds);
	g->cost.n_looks++;
	g->cost.seconds += m->cost.seconds;
	g->cost.bytes_read += m->cost.bytes_read;
	g->cost.cpu_s = cost->cpu_s;
	g->cost.rss = cost->rss;
	if (!g->first) {
		g->first = m;
		return;
	}
	g->last = m;
	heapview_fini(&g->view);
	heapview_make(m, g->first, &g->view);
}

/* False: a look is under way. */
static bool is_idle(struct heapgrowth *g, uint64_t now)
{
	const struct heapmap *m;
	int err;

	if (!g->begun_ns)
		return true;
	err = looker_result(g->looker, &m);
	if (err == -EAGAIN)
		return false;
	if (!err)
		take(g, m, now);
	else
		g->cost.n_failed++;
	g->begun_ns = 0;
	g->over_ns = now;
	g->ended = err == -EPIPE;
	return true;
}

/* How long before the end the last look has to begin. */
static uint64_t lead_ns(const struct heapgrowth *g)
{
	return g->took_ns > QUICK_NS ? g->took_ns + g->took_ns / 2 + QUICK_NS : 0;
}

static bool is_due(const struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	uint64_t pause = SHARE * g->took_ns > AGAIN_NS ? SHARE * g->took_ns : AGAIN_NS;

	if (!g->first && m->now_ns < g->over_ns + QUICK_NS)
		return false;		/* it has failed just now */
	if (!g->first)
		return m->now_ns >= g->start_ns + FIRST_NS &&
		       (m->grows || m->live_bytes <= SMALL_HEAP);
	if (m->end_ns && lead_ns(g) && g->over_ns + lead_ns(g) < m->end_ns)
		return m->now_ns + lead_ns(g) >= m->end_ns;
	return m->grows && m->now_ns >= g->over_ns + pause;
}

static bool can_look(const struct heapgrowth *g)
{
	return g && g->looker && !g->ended;
}

void heapgrowth_turn(struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	if (can_look(g) && is_idle(g, m->now_ns) && can_look(g) && is_due(g, m))
		begin(g, m->now_ns);
}

/* Whether one for a report is worth its while. */
static bool is_wanted(const struct heapgrowth *g, uint64_t now)
{
	return can_look(g) && g->first && g->took_ns <= QUICK_NS &&
	       now >= g->over_ns + REPORT_SHARE * g->took_ns;
}

void heapgrowth_finish(struct heapgrowth *g, const struct heapgrowth_moment *m,
		       void (*pump)(void *ctx), void *ctx)
{
	uint64_t now = m->now_ns, end = now + (m->end_ns ? END_PATIENCE_NS : PATIENCE_NS);
	struct pollfd p = { .events = POLLIN };

	if (!can_look(g))
		return;
	if (is_idle(g, now) && is_wanted(g, now))
		begin(g, now);
	if (!g->first || (!m->end_ns && g->took_ns > QUICK_NS))
		return;
	p.fd = looker_fd(g->looker);
	while (g->begun_ns && now < end && !is_idle(g, now)) {
		poll(&p, 1, PUMP_MS);
		pump(ctx);
		now = now_ns();
	}
}

const struct heap_view *heapgrowth_view(const struct heapgrowth *g)
{
	return g && g->last ? &g->view : NULL;
}

void heapgrowth_cost(const struct heapgrowth *g, struct looks_cost *out)
{
	*out = g ? g->cost : (struct looks_cost){ 0 };
}
