// SPDX-License-Identifier: BSD-2-Clause
/*
 * listen.c - plants and removes probes as the budget decides.
 *
 * Each kind of probe is planted by a call of its own, so that it can go by itself: what is only
 * told not to listen still costs the trap.  The collector's come first, since what is allocated
 * while it marks has to be told from what was allocated before, and they stay.
 *
 * What is listened to all the time the watch removes, allocations and goroutines alike, if more is
 * spent between two turns than the account can bear; the turn after that finds it gone and has the
 * budget choose again.  While there is a window, it is the window that is watched.
 *
 * When the source changes, what is not needed any more goes first, then the time that it has been
 * listened to is closed (listen_ops.stretch), then comes what is new: so no record counts in the
 * wrong one.  Allocations whose probes were gone, and come back to be listened to in full, close the
 * time when they are back: so all that was missed is in it.
 */
#include "user/listen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/budget.h"
#include "user/tracer/watch.h"

/* Counts that only grow, of what costs something. */
struct expense {
	struct tracer_hits hits;
	uint64_t goroutine_hits, plantings;
};

struct listen {
	struct listen_setup setup;
	struct watch *watch;
	struct budget_choice now;
	unsigned int planted;		/* groups, for all the time */
	unsigned int window;		/* groups of the open window */
	bool steady;			/* what is planted for all the time is being watched */
	uint64_t stretch_ns;		/* when the present one began, */
	uint64_t open_ns;		/* how long windows have been open in it, */
	uint64_t gone_ns;		/* and when the watch removed what listens in full; 0: not */
	uint64_t costs_ns;		/* when what hits cost was last asked for */
	uint64_t n_plantings;
	struct expense paid;		/* what has gone to the account, */
	double paid_ns;			/* at the prices of then */
	bool missed_heap, missed_goroutines;
	bool focused;			/* windows listen to some size classes only */
	struct obs_source *sources;
	size_t n_sources;
	uint64_t n_left_out;
};

enum {
	COSTS_NS = 500000000,		/* between two questions what a hit costs, */
	STRETCH_NS = 1000000000,	/* and between two counts of what was allocated, if not in
					 * bursts */
};

/* ---- the account ----------------------------------------------------------------------------- */

static struct expense expense_so_far(const struct listen *l)
{
	struct expense e = { .goroutine_hits = tracer_goroutine_hits(l->setup.tracer),
			     .plantings = l->n_plantings };

	tracer_hits_made(l->setup.tracer, &e.hits);
	return e;
}

static double price_of(const struct listen *l, const struct expense *from, const struct expense *to)
{
	const struct budget_costs *c = budget_costs(l->setup.budget);
	const uint64_t others = to->hits.dropped - from->hits.dropped + to->hits.unheard -
				from->hits.unheard;

	return ((double)(to->hits.recorded - from->hits.recorded) +
		(double)(to->goroutine_hits - from->goroutine_hits) * c->wakes) * c->hit +
	       (double)others * c->dropped +
	       (double)(to->plantings - from->plantings) * c->planting;
}

double listen_spent(const struct listen *l)
{
	const struct expense none = { .plantings = 0 }, now = expense_so_far(l);

	return price_of(l, &none, &now);
}

/* The same for the account: what was paid for stays paid for, though it turns out later that hits
 * cost more or less. */
static double paid(struct listen *l)
{
	const struct expense now = expense_so_far(l);

	l->paid_ns += price_of(l, &l->paid, &now);
	l->paid = now;
	return l->paid_ns;
}

/* What a hit costs becomes known once there have been some. */
static void ask_costs(struct listen *l, uint64_t now)
{
	struct tracer_cost c;

	if (l->costs_ns && now - l->costs_ns < COSTS_NS)
		return;
	l->costs_ns = now;
	tracer_cost(l->setup.tracer, &c);
	budget_set_costs(l->setup.budget, &(struct budget_costs){
		.hit = c.ns_recorded, .dropped = c.ns_dropped, .planting = NAN,
		.wakes = l->setup.ops.wakes(l->setup.ops.ctx) });
}

static void count_plantings(struct listen *l, unsigned int groups, unsigned int times)
{
	for (unsigned int g = 0; g < TRACER_N_GROUPS; g++)
		if (groups & 1u << g)
			l->n_plantings += times * l->setup.n_probes[g];
}

/* ---- rows: which source when ----------------------------------------------------------------- */

static struct obs_source *row_of(struct listen *l, bool goroutines)
{
	for (size_t i = l->n_sources; i-- > 0;)
		if (l->sources[i].goroutines == goroutines)
			return &l->sources[i];
	return NULL;
}

/* The oldest that is over. */
static void forget_row(struct listen *l)
{
	size_t i = 0;

	while (i + 1 < l->n_sources && !l->sources[i].to_ns)
		i++;
	memmove(l->sources + i, l->sources + i + 1, (--l->n_sources - i) * sizeof(*l->sources));
	l->n_left_out++;
}

static void add_row(struct listen *l, bool goroutines, uint64_t now)
{
	struct obs_source *last = row_of(l, goroutines);

	if (last)
		last->to_ns = now;
	if (l->n_sources == MAX_SOURCES)
		forget_row(l);
	l->sources[l->n_sources++] = (struct obs_source){
		.goroutines = goroutines, .from_ns = now, .focused = !goroutines && l->focused &&
							  l->now.heap == SOURCE_BURST,
		.source = goroutines ? l->now.goroutines : l->now.heap,
		.distance = goroutines ? 0 : l->now.distance,
	};
}

static void add_window(struct listen *l, bool goroutines, uint64_t open_ns)
{
	struct obs_source *row = row_of(l, goroutines);

	if (!row || row->source != SOURCE_BURST)
		return;
	row->n_windows++;
	row->open_ns += open_ns;
}

struct obs_source *listen_sources(const struct listen *l, size_t *n, uint64_t *n_left_out)
{
	struct obs_source *copy = xcalloc(l->n_sources, sizeof(*copy));

	memcpy(copy, l->sources, l->n_sources * sizeof(*copy));
	*n = l->n_sources;
	*n_left_out = l->n_left_out;
	return copy;
}

bool listen_saw_all(const struct listen *l, bool goroutines)
{
	return !(goroutines ? l->missed_goroutines : l->missed_heap);
}

/* ---- new ------------------------------------------------------------------------------------- */

void listen_new(struct listen **out, const struct listen_setup *setup)
{
	struct listen *l = xcalloc(1, sizeof(*l));

	l->setup = *setup;
	l->sources = xcalloc(MAX_SOURCES, sizeof(*l->sources));
	*out = l;
}

void listen_free(struct listen *l)
{
	if (!l)
		return;
	watch_free(l->watch);
	free(l->sources);
	free(l);
}

/* ---- probes that stay ------------------------------------------------------------------------ */

static unsigned int steady_groups(const struct budget_choice *c)
{
	unsigned int groups = TRACER_COLLECTOR;

	if (c->heap == SOURCE_EVERY || c->heap == SOURCE_SAMPLE)
		groups |= TRACER_HEAP;
	if (c->heap == SOURCE_PROFILE)
		groups |= TRACER_PROFILE;
	if (c->goroutines == SOURCE_EVERY)
		groups |= TRACER_GOROUTINES;
	return groups;
}

static int plant_groups(struct listen *l, unsigned int groups)
{
	static const unsigned int order[] = { TRACER_COLLECTOR, TRACER_GOROUTINES, TRACER_PROFILE,
					      TRACER_HEAP };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order) && !err; i++) {
		if (!(order[i] & groups & l->setup.wanted & ~l->planted))
			continue;
		err = tracer_attach(l->setup.tracer, order[i], l->setup.path, l->setup.pid);
		if (err)
			break;
		l->planted |= order[i];
		count_plantings(l, order[i], 2);	/* they will have to be removed */
	}
	return err;
}

static void remove_groups(struct listen *l, unsigned int groups)
{
	groups &= l->planted;
	if (groups)
		tracer_detach(l->setup.tracer, groups);
	l->planted &= ~groups;
}

/* The watch must be held. */
static void watch_steady(struct listen *l)
{
	const struct budget_costs *c = budget_costs(l->setup.budget);
	double allowance = budget_allowance(l->setup.budget);
	struct watch_order order = {
		.groups = l->planted & ~TRACER_COLLECTOR, .limit_ns = allowance,
		.ns_recorded = c->hit, .ns_dropped = c->dropped,
	};

	if (allowance == INFINITY)
		order.groups = 0;
	if (watch_set(l->watch, &order))
		l->steady = order.groups != 0;
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* What is not done in full, or was not for a moment, since these groups were gone. */
struct missed {
	bool heap, goroutines;
};

static struct missed missed_with(const struct budget_choice *c, unsigned int gone)
{
	return (struct missed){
		.heap = c->heap != SOURCE_EVERY || gone & TRACER_HEAP,
		.goroutines = c->goroutines != SOURCE_EVERY || gone & TRACER_GOROUTINES };
}

/* What is being done less than in full from now on; call before it is. */
static void tell_unseen(struct listen *l, const struct missed *m)
{
	const struct listen_ops *ops = &l->setup.ops;

	if (m->heap && l->now.heap == SOURCE_EVERY) {
		l->missed_heap = true;
		ops->unseen(ops->ctx, false);
	}
	if (m->goroutines && l->now.goroutines == SOURCE_EVERY) {
		l->missed_goroutines = true;
		ops->unseen(ops->ctx, true);
	}
}

static void tell_seen(struct listen *l, const struct missed *m)
{
	const struct listen_ops *ops = &l->setup.ops;

	if (l->now.heap == SOURCE_EVERY && m->heap)
		ops->seen(ops->ctx, false);
	if (l->now.goroutines == SOURCE_EVERY && m->goroutines)
		ops->seen(ops->ctx, true);
}

/* The share of the stretch in which one listened; above 0 but in bursts. */
static double share_open(const struct listen *l, uint64_t now)
{
	double ns = now > l->stretch_ns ? (double)(now - l->stretch_ns) : 1;

	if (l->now.heap == SOURCE_BURST && now > l->stretch_ns)
		return (double)l->open_ns / ns;
	if (l->now.heap != SOURCE_EVERY || !l->gone_ns)
		return 1;
	return l->gone_ns > l->stretch_ns ? (double)(l->gone_ns - l->stretch_ns) / ns : 1 / ns;
}

static void end_stretch(struct listen *l, uint64_t now, bool bursts)
{
	const struct listen_ops *ops = &l->setup.ops;
	double open = share_open(l, now);

	/* Nothing was heard in bursts: the next window speaks for this time, too. */
	if (!(open > 0) && bursts)
		return;
	ops->stretch(ops->ctx, open > 0 ? open : 1, bursts);
	l->stretch_ns = now;
	l->open_ns = l->gone_ns = 0;
}

/* gone: groups that the watch has removed. */
static int take_choice(struct listen *l, unsigned int gone)
{
	const struct budget_choice next = *budget_choice(l->setup.budget), before = l->now;
	const struct missed less = missed_with(&next, gone), more = missed_with(&before, gone);
	bool heap = next.heap != before.heap || next.distance != before.distance;
	uint64_t now = now_ns();
	int err;

	tell_unseen(l, &less);
	remove_groups(l, ~steady_groups(&next));
	if (next.heap != before.heap)
		end_stretch(l, now, next.heap == SOURCE_BURST);
	l->now = next;
	tracer_sample(l->setup.tracer, next.distance);
	err = plant_groups(l, steady_groups(&next));
	if (l->gone_ns && next.heap == SOURCE_EVERY)
		end_stretch(l, now_ns(), false);
	tell_seen(l, &more);
	if (heap)
		add_row(l, false, now);
	if (next.goroutines != before.goroutines)
		add_row(l, true, now);
	return err;
}

int listen_start(struct listen *l)
{
	const bool heap = l->setup.wanted & TRACER_HEAP;
	const bool go = l->setup.wanted & TRACER_GOROUTINES;
	uint64_t now = now_ns();
	int err = watch_new(&l->watch, l->setup.tracer);

	if (err)
		return err;
	ask_costs(l, now);
	budget_start(l->setup.budget, now);
	l->stretch_ns = now;
	/* as if everything had been listened to until now, since nothing has been missed */
	l->now = (struct budget_choice){ .heap = heap ? SOURCE_EVERY : SOURCE_NONE,
					 .goroutines = go ? SOURCE_EVERY : SOURCE_NONE };
	watch_hold(l->watch);
	err = take_choice(l, 0);
	watch_release(l->watch);
	if (heap && !row_of(l, false))
		add_row(l, false, now);
	if (go && !row_of(l, true))
		add_row(l, true, now);
	return err;
}

void listen_focus(struct listen *l, const struct tracer_subset *probes)
{
	bool before = l->focused;

	watch_hold(l->watch);	/* which may be opening a window for those of before */
	l->setup.burst = *probes;
	watch_release(l->watch);
	l->focused = true;
	if (!before && l->now.heap == SOURCE_BURST)
		add_row(l, false, now_ns());
}

/* ---- windows --------------------------------------------------------------------------------- */

static void open_window(struct listen *l)
{
	const struct budget_costs *c = budget_costs(l->setup.budget);
	unsigned int groups = (l->now.heap == SOURCE_BURST ? TRACER_HEAP : 0) |
			      (l->now.goroutines == SOURCE_BURST ? TRACER_GOROUTINES : 0);
	struct watch_order order = {
		.groups = groups, .window = &l->setup.burst, .path = l->setup.path,
		.pid = l->setup.pid, .ns_recorded = c->hit, .ns_dropped = c->dropped,
	};
	struct budget_window w;
	bool ordered;

	budget_window(l->setup.budget, &w);
	order.length_ns = w.length_ns;
	order.limit_ns = w.max_ns;
	watch_hold(l->watch);
	ordered = groups && watch_set(l->watch, &order);
	watch_release(l->watch);
	if (!ordered) {	/* the choice has just become another one, or has to */
		budget_window_end(l->setup.budget, now_ns(), paid(l), 0);
		return;
	}
	l->window = groups;
	l->steady = false;
	count_plantings(l, groups, 2);
}

static void end_window(struct listen *l, uint64_t open_ns)
{
	if (l->window & TRACER_HEAP) {
		l->open_ns += open_ns;
		l->setup.ops.window(l->setup.ops.ctx, open_ns);
		add_window(l, false, open_ns);
	}
	if (l->window & TRACER_GOROUTINES)
		add_window(l, true, open_ns);
}

/* Returns whether no window is open. */
static bool close_window(struct listen *l)
{
	struct watch_outcome o;
	uint64_t open_ns;

	if (!l->window)
		return true;
	watch_ask(l->watch, &o);
	if (!o.gone_ns && !o.err)
		return false;
	open_ns = o.gone_ns > o.opened_ns ? o.gone_ns - o.opened_ns : 0;
	budget_window_end(l->setup.budget, now_ns(), paid(l), open_ns);
	if (open_ns)
		end_window(l, open_ns);
	l->window = 0;
	return true;
}

static uint64_t window_ns(const struct watch_outcome *o)
{
	uint64_t end = o->gone_ns ? o->gone_ns : now_ns();

	return o->opened_ns && end > o->opened_ns ? end - o->opened_ns : 0;
}

uint64_t listen_window_ns(const struct listen *l)
{
	struct watch_outcome o = { 0 };

	if (l->window & TRACER_HEAP)
		watch_ask(l->watch, &o);
	return window_ns(&o);
}

/* ---- every turn ------------------------------------------------------------------------------ */

/* Returns what of it the watch has removed that is listened to all the time. */
static unsigned int note_gone(struct listen *l, const struct watch_outcome *o)
{
	unsigned int gone = o->gone & l->planted;

	if (!l->steady || !o->gone_ns)
		return 0;
	l->steady = false;
	l->planted &= ~gone;
	if (gone & TRACER_HEAP && l->now.heap == SOURCE_EVERY)
		l->gone_ns = o->gone_ns;
	return gone;
}

/* What has gone is told to the budget, and what is to be listened to all the same comes back.  If
 * it is just going, the next turn finds it. */
static unsigned int find_gone(struct listen *l)
{
	struct watch_outcome o = { 0 };
	unsigned int gone;

	if (l->steady)
		watch_ask(l->watch, &o);
	gone = note_gone(l, &o);
	if (gone)
		budget_overrun(l->setup.budget);
	return gone;
}

/* Whoever closes a stretch has to know; the watch must be held. */
static unsigned int find_gone_held(struct listen *l)
{
	struct watch_outcome o = { 0 };

	if (l->steady)
		watch_ask_held(l->watch, &o);
	return note_gone(l, &o);
}

static bool count(struct listen *l)
{
	struct budget_counts counts;
	bool known = l->setup.ops.count(l->setup.ops.ctx, &counts);

	return budget_count(l->setup.budget, known ? &counts : NULL);
}

/* What is seen in full needs no count of what there was. */
static bool is_sampled(const struct listen *l)
{
	return l->now.heap != SOURCE_EVERY && l->now.heap != SOURCE_NONE;
}

static bool stretch_is_over(const struct listen *l, unsigned int wants, uint64_t now)
{
	if (l->now.heap == SOURCE_BURST)
		return wants & BUDGET_PERIOD;
	return is_sampled(l) && now - l->stretch_ns > STRETCH_NS;
}

int listen_turn(struct listen *l)
{
	bool idle = close_window(l);
	unsigned int gone = find_gone(l), wants;
	uint64_t now = now_ns();
	int err = 0;

	ask_costs(l, now);
	wants = budget_tick(l->setup.budget, now, paid(l));
	if ((wants & BUDGET_COUNT && count(l)) || gone) {
		watch_hold(l->watch);
		err = take_choice(l, gone | find_gone_held(l));
		watch_release(l->watch);
	}
	if (stretch_is_over(l, wants, now))
		end_stretch(l, now, l->now.heap == SOURCE_BURST);
	if (idle) {
		watch_hold(l->watch);
		watch_steady(l);
		watch_release(l->watch);
	}
	if (wants & BUDGET_WINDOW && !err)
		open_window(l);
	return err;
}

void listen_stop(struct listen *l)
{
	struct watch_outcome o = { 0 };
	struct missed m;
	uint64_t open_ns;

	if (!l->watch) {
		tracer_detach(l->setup.tracer, TRACER_ALL);
		return;
	}
	watch_hold(l->watch);
	m = missed_with(&l->now, find_gone_held(l));
	if (l->window & TRACER_HEAP)
		watch_ask_held(l->watch, &o);
	open_ns = window_ns(&o);
	tracer_detach(l->setup.tracer, TRACER_ALL);
	watch_set(l->watch, &(struct watch_order){ 0 });
	watch_release(l->watch);
	tell_unseen(l, &m);
	if (open_ns)
		end_window(l, open_ns);
	if (is_sampled(l) || l->gone_ns)
		end_stretch(l, now_ns(), l->now.heap == SOURCE_BURST);
}
