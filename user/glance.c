// SPDX-License-Identifier: BSD-2-Clause
/*
 * glance.c - what a process tells of itself at one moment.
 */
#include "user/glance.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#include "user/base/limits.h"
#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/baseline.h"
#include "user/coverage.h"
#include "user/gomem/gctrace.h"
#include "user/gomem/gomem.h"
#include "user/gomem/profile.h"
#include "user/judge/estimate.h"
#include "user/observation.h"
#include "user/observe.h"
#include "user/process.h"
#include "user/readings.h"

static int look_at_goroutines(struct process *p, const struct glance_options *opt,
			      struct observation *o)
{
	const struct goroutines_limits limits = {
		.max_bytes = opt->memory_bytes / 100 * LOOK_TABLE_PERCENT,
		.interrupted = opt->interrupted, .ctx = opt->ctx,
	};
	struct goroutines gs;
	int err = gomem_goroutines(process_gomem(p), true, &limits, &gs);

	if (err)
		return err;
	if (gs.interrupted)
		err = -EINTR;
	o->goroutines = o->table_known = true;
	o->loss[COVERAGE_GOROUTINES_UNREADABLE] = gs.n_unreadable + gs.n_left_out;
	o->loss[COVERAGE_GOROUTINE_STACKS_LEFT_OUT] = gs.n_stacks_left_out;
	observe_table(&gs, o);
	goroutines_free(&gs);
	return err;
}

static void take_profile(struct process *p, const struct profile *profile, struct observation *o)
{
	struct baseline b;

	baseline_make(p, profile, &b);
	o->heap = true;
	o->profile_rate = profile->rate;
	o->stacks = b.stacks;
	o->n_stacks = b.n;
	o->pcs = b.pcs;
	o->accounts = b.accounts;
	o->n_accounts = b.n;
	for (size_t i = 0; i < b.n; i++) {	/* a bucket has a stack of its own */
		variance_add(&o->objects, &b.stacks[i].objects);
		variance_add(&o->bytes, &b.stacks[i].bytes);
	}
	o->loss[COVERAGE_PROFILE_LEFT_OUT] = profile->n_left_out;
	o->loss[COVERAGE_PROFILE_UNSETTLED] = !profile->settled;
}

static int look_at_heap(struct process *p, const struct glance_options *opt, struct observation *o)
{
	const struct profile_limits limits = {
		.max_bytes = opt->memory_bytes / 100 * LOOK_PROFILE_PERCENT,
		.interrupted = opt->interrupted, .ctx = opt->ctx,
	};
	struct profile_reader *r = profile_open(process_gomem(p), &limits);
	const struct profile *profile;
	int err = profile_look(r, &profile);

	if (!err)
		take_profile(p, profile, o);
	profile_close(r);
	o->profile_off = err == -ENOENT;
	return o->profile_off ? 0 : err;
}

/* The collections that the runtime remembers; that they cannot be read is no reason to see nothing
 * else. */
static void look_at_gc(struct process *p, struct observation *o)
{
	struct gctrace *t = gctrace_open(process_gomem(p));
	int n;

	o->gc = xcalloc(GCTRACE_MOST, sizeof(*o->gc));
	n = gctrace_look(t, o->gc, &o->gc_missed);
	o->gc_known = n >= 0;
	o->n_gc = n < 0 ? 0 : (size_t)n;
	gctrace_close(t);
}

/* One reading: what it is made of, and nothing of what it does. */
static int look_at_memory(struct process *p, struct observation *o)
{
	struct readings *r;

	o->memory.rss = UNKNOWN_U64;
	if (!process_memory(p, &o->memory))
		return -ESRCH;
	process_mappings(p, &o->memory);
	readings_new(&r, o->time_ns);
	readings_add(r, &o->memory, now_ns());
	readings_pace(r, o->memory.live_heap, &o->memory.pacing);
	readings_history(r, &o->memory, &o->history);
	readings_free(r);
	observe_room(p, o);
	return 0;
}

static int64_t wall_ns(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return wall.tv_sec * 1000000000ll + wall.tv_nsec;
}

int glance(struct process *p, const struct glance_options *opt, struct observation **out)
{
	struct observation *o = xcalloc(1, sizeof(*o));
	int err = process_check(p);

	o->look = true;
	o->time_ns = now_ns();
	if (!err && opt->goroutines)
		err = look_at_goroutines(p, opt, o);
	if (!err && opt->heap)
		err = look_at_heap(p, opt, o);
	if (!err && opt->gc)
		look_at_gc(p, o);
	if (!err)
		err = look_at_memory(p, o);
	o->wall_ns = wall_ns();		/* no collection that was read is of later */
	if (!err && process_gone(p))	/* what was read may be another program's */
		err = -ESRCH;
	if (err) {
		observation_free(o);
		return err;
	}
	o->census.older_bytes = UNKNOWN_U64;
	o->n_starts = UNKNOWN_U64;
	o->cost = (struct obs_cost){ .ns_per_hit = NAN, .spent_ns = NAN, .budget_percent = NAN,
				     .own_cpu_s = procself_cpu_s(), .own_rss = procself_rss() };
	observe_target(p, o);
	*out = o;
	return 0;
}
