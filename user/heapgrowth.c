// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapgrowth.c - when to look at the heap.
 *
 * A heap that is small is looked at soon after the begin: that takes less than a second at the rate
 * that looks are held to, and the more time lies between two looks the better.  A large one is left
 * alone until the census sees it grow.  After that a look is taken now and then as long as it
 * grows, so that there is a recent one whenever the end comes; one more just before the end where
 * that is known, and at the end where nobody notices.  While there were too few collections for
 * the census to tell, each is taken after twice the time of that before: what two of them tell
 * is all that is known then.
 *
 * Of a large heap looks are for the size classes that grow.  Only looks at the same classes can be
 * compared: when others begin to grow, the next look is for these as well, and takes the place of
 * the first; but not where it may be the last.
 */
#include "user/heapgrowth.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/looker.h"
#include "user/process.h"

#define FIRST_NS 1000000000ull		/* after the begin */
#define QUICK_NS 100000000ull		/* nobody notices */
#define PATIENCE_NS (2 * QUICK_NS)	/* with one that should have been quick; */
#define END_PATIENCE_NS (5 * QUICK_NS)	/* where the end is not somebody's Ctrl-C; */
#define LATE_PATIENCE_NS 5000000000ull	/* with the last one, where the machine is busy */
#define FIRST_PATIENCE_NS 60000000000ull	/* with the first one, and the second after it */
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
	unsigned slot;			/* where its result will lie */
	uint64_t took_ns, over_ns;	/* the last one: how long, and when it was over; */
	uint64_t live_bytes;		/* of the heap, when it began */
	uint64_t added;			/* to it since then */
	uint64_t for_end_ns;		/* the end before which the last one has begun */
	bool of_all;			/* looks are for the whole heap, */
	bool classes[HEAP_CLASSES];	/* or for these classes of it, */
	bool others;			/* which are more than the first look was for */
	const struct heapmap *slots[LOOKER_SLOTS];	/* what lies there */
	const struct heapmap *first;	/* what the next look is to be compared with */
	struct heap_view view;		/* of the last two that were compared */
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

/* In which nothing lies that is still needed: there are four. */
static unsigned free_slot(const struct heapgrowth *g)
{
	unsigned i = 0;

	while (i < LOOKER_SLOTS - 1 && g->slots[i] &&
	       (g->slots[i] == g->first || g->slots[i] == g->view.now ||
		g->slots[i] == g->view.before))
		i++;
	return i;
}

/* What the next look is for.  narrow: for what that before it was for, whatever else has begun to
 * grow. */
static void choose_classes(struct heapgrowth *g, const struct heapgrowth_moment *m, bool narrow)
{
	bool any = false;

	if (narrow && g->first)
		return;
	for (size_t i = 0; i < HEAP_CLASSES; i++)
		any |= m->classes[i];
	if (!g->first)
		g->of_all = m->live_bytes <= LARGE_HEAP || !any;
	for (size_t i = 0; i < HEAP_CLASSES && !g->of_all; i++) {
		g->others |= m->classes[i] && !g->classes[i];
		g->classes[i] |= m->classes[i];
	}
}

/* How long before the end the last look has to begin: one may take twice as long as another, by what
 * else runs and what the program does, and the longer the more there is to be read. */
static uint64_t lead_ns(const struct heapgrowth *g)
{
	const uint64_t ns = g->took_ns + g->added / (HEAP_RATE / 1000) * 1000000;

	return ns > QUICK_NS ? 2 * ns + QUICK_NS : 0;
}

static bool is_near_end(const struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	return m->ending || (m->end_ns && m->now_ns + lead_ns(g) >= m->end_ns);
}

static void begin(struct heapgrowth *g, const struct heapgrowth_moment *m, bool narrow)
{
	struct looker_order order = { .rate = HEAP_RATE, .max_bytes = g->opt.max_bytes,
				      .slot = free_slot(g) };
	size_t n = g->opt.seeds ? g->opt.seeds(g->opt.ctx, looker_seeds(g->looker), LOOKER_SEEDS) :
				  0;

	choose_classes(g, m, narrow);
	order.of_all = g->of_all;
	memcpy(order.classes, g->classes, sizeof(order.classes));
	g->slot = order.slot;
	if (looker_start(g->looker, &order, n))
		return;
	g->begun_ns = m->now_ns;
	g->live_bytes = m->live_bytes;
	if (is_near_end(g, m))
		g->for_end_ns = m->end_ns;
}

static void take(struct heapgrowth *g, const struct heapmap *m, uint64_t now)
{
	const struct looker_cost *cost = looker_cost(g->looker);

	g->took_ns = now - g->begun_ns;
	say_verbose("looked at the heap in %.3gs", m->cost.seconds);
	g->cost.n_looks++;
	g->cost.seconds += m->cost.seconds;
	g->cost.bytes_read += m->cost.bytes_read;
	g->cost.cpu_s = cost->cpu_s;
	g->cost.rss = cost->rss;
	g->cost.n_classes = 0;
	for (size_t i = 0; i < HEAP_CLASSES && !g->of_all; i++)
		g->cost.n_classes += g->classes[i];
	g->slots[g->slot] = m;
	if (!g->first || g->others) {
		g->first = m;
		g->others = false;
		return;
	}
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

static bool is_due(const struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	uint64_t pause = SHARE * g->took_ns > AGAIN_NS ? SHARE * g->took_ns : AGAIN_NS;

	if (!g->first && m->now_ns < g->over_ns + QUICK_NS)
		return false;		/* it has failed just now */
	if (!g->first)
		return m->now_ns >= g->start_ns + FIRST_NS &&
		       (m->grows || m->live_bytes <= LARGE_HEAP);
	/* one, however short it was */
	if (m->end_ns && lead_ns(g) && g->for_end_ns != m->end_ns &&
	    g->over_ns + lead_ns(g) < m->end_ns)
		return is_near_end(g, m);
	if (m->now_ns < g->over_ns + pause)
		return false;
	return m->grows || (m->early && m->now_ns - g->start_ns >= 2 * (g->over_ns - g->start_ns));
}

static bool can_look(const struct heapgrowth *g)
{
	return g && g->looker && !g->ended;
}

/* The one that is under way can be compared with no other. */
static bool is_first(const struct heapgrowth *g)
{
	return g->begun_ns && (!g->first || g->others);
}

static void note_moment(struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	const bool known = m->live_bytes != UINT64_MAX && g->live_bytes != UINT64_MAX;

	g->added = g->first && known && m->live_bytes > g->live_bytes ?
		   m->live_bytes - g->live_bytes : 0;
	if (m->ending && g->begun_ns && !is_first(g))	/* it is for the end as well */
		g->for_end_ns = m->end_ns;
}

void heapgrowth_turn(struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	if (!can_look(g))
		return;
	note_moment(g, m);
	/* none follows the last one that it could be compared with */
	if (is_idle(g, m->now_ns) && can_look(g) && is_due(g, m))
		begin(g, m, is_near_end(g, m));
}

uint64_t heapgrowth_last_ns(const struct heapgrowth *g)
{
	if (!can_look(g))
		return 0;
	if (is_first(g))
		return FIRST_PATIENCE_NS;
	return g->first ? lead_ns(g) : 0;
}

bool heapgrowth_has_ended(const struct heapgrowth *g, uint64_t end_ns)
{
	return !can_look(g) ||
	       (!g->begun_ns && (!g->first || !lead_ns(g) || g->for_end_ns == end_ns));
}

/* With a look for a report. */
static uint64_t patience_ns(const struct heapgrowth_moment *m)
{
	if (!m->end_ns)
		return PATIENCE_NS;
	return m->now_ns < m->end_ns ? END_PATIENCE_NS : LATE_PATIENCE_NS;
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
	uint64_t now = m->now_ns, end = now + patience_ns(m);
	struct pollfd p = { .events = POLLIN };

	if (!can_look(g))
		return;
	/* nor, perhaps, this one, if it is the second */
	if (is_idle(g, now) && is_wanted(g, now))
		begin(g, m, is_near_end(g, m) || !g->view.now);
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
	return g && g->view.now ? &g->view : NULL;
}

void heapgrowth_cost(const struct heapgrowth *g, struct looks_cost *out)
{
	*out = g ? g->cost : (struct looks_cost){ 0 };
	out->under_way = g && g->begun_ns;
}
