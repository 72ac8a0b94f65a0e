// SPDX-License-Identifier: BSD-2-Clause
/*
 * readings.c - accounts of memory to numbers of the judge.
 */
#include "user/readings.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/judge/memory.h"
#include "user/model.h"

#define RATE_NS 10000000000ull	/* that a rate of allocation is taken over, or up to twice that */

struct allocated {
	uint64_t time_ns, bytes;
};

struct readings {
	struct memory_series *series;
	int64_t not_resident;		/* of Go's memory, when mappings were read last */
	struct allocated before, old, older;	/* the last one; some 10 and 20 s before */
};

void readings_new(struct readings **out, uint64_t start_ns)
{
	struct readings *r = xcalloc(1, sizeof(*r));

	memory_series_new(&r->series, start_ns);
	*out = r;
}

void readings_free(struct readings *r)
{
	if (!r)
		return;
	memory_series_free(r->series);
	free(r);
}

static double rate(const struct allocated *from, const struct allocated *to)
{
	if (!from->time_ns || to->time_ns <= from->time_ns || to->bytes < from->bytes)
		return NAN;
	return (double)(to->bytes - from->bytes) * 1e9 / (double)(to->time_ns - from->time_ns);
}

static uint64_t rest(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static void add_allocated(struct readings *r, const struct allocated *now)
{
	if (!r->old.time_ns)
		r->older = r->old = *now;
	if (now->time_ns - r->old.time_ns >= RATE_NS) {
		r->older = r->old;
		r->old = *now;
	}
	r->before = *now;
}

/* What of Go's memory is touched for the first time makes rss grow, and is Go's all the same. */
static uint64_t not_go(struct readings *r, const struct memory_account *m)
{
	int64_t bytes;

	if (m->mapped_known)
		r->not_resident = m->not_resident;
	bytes = m->not_go + r->not_resident;
	return bytes > 0 ? (uint64_t)bytes : 0;
}

void readings_add(struct readings *r, const struct memory_account *m, uint64_t time_ns)
{
	const struct allocated now = { time_ns, m->total_alloc };
	uint64_t outside;
	double speed;

	if (!m->known || m->rss == UNKNOWN_U64)
		return;
	speed = rate(&r->before, &now);
	outside = not_go(r, m);
	memory_series_add(r->series, &(struct memory_reading){
		.time_ns = time_ns, .rss = m->rss, .goal = m->next_gc, .n_collections = m->num_gc,
		.allocated_per_s = isfinite(speed) ? speed : 0,
		.parts = {
			[MEMORY_LIVE] = m->live_heap,
			[MEMORY_GARBAGE] = rest(m->heap_alloc, m->live_heap),
			[MEMORY_FREE] = rest(m->heap_inuse, m->heap_alloc > m->live_heap ?
							    m->heap_alloc : m->live_heap),
			[MEMORY_IDLE] = rest(m->heap_idle, m->heap_released),
			[MEMORY_STACKS] = m->stacks, [MEMORY_RUNTIME] = m->runtime,
			[MEMORY_NOT_GO] = outside,
		},
		.outside = {
			[OUTSIDE_ANONYMOUS] = rest(outside, m->rss_files),
			[OUTSIDE_FILES] = m->rss_files,
		},
	});
	add_allocated(r, &now);
}

void readings_history(const struct readings *r, const struct memory_account *now,
		      struct memory_history *out)
{
	memory_series_history(r->series, out);
	if (!now->mapped_known)
		return;
	out->last.parts[MEMORY_NOT_GO] = now->files + now->anonymous;
	out->last.outside[OUTSIDE_FILES] = now->files;
	out->last.outside[OUTSIDE_ANONYMOUS] = now->anonymous;
}

/* A collection comes when enough has been allocated, or when there was none for two minutes; the
 * latter never with GOGC=off (runtime/mgc.go, gcTrigger.test). */
static double sooner(const struct gc_pacing *p, double by_size_s, double forced_s)
{
	double s = p->gc_percent < 0 ? INFINITY : forced_s;

	return fmax(isfinite(by_size_s) ? fmin(by_size_s, s) : s, 0);
}

void readings_pace(const struct readings *r, uint64_t live_bytes, struct gc_pacing *p)
{
	double speed = rate(&r->older, &r->before);
	bool sized = p->trigger != UNKNOWN_U64;

	if (!p->known)
		return;
	p->next_s = sooner(p, sized ? (double)rest(p->trigger, p->heap_live) / speed : INFINITY,
			   isfinite(p->since_s) ? FORCED_S - p->since_s : INFINITY);
	p->every_s = sooner(p, sized ? (double)rest(p->trigger, live_bytes) / speed : INFINITY,
			    FORCED_S);
	if (!isfinite(p->next_s))
		p->next_s = NAN;
	if (!isfinite(p->every_s))
		p->every_s = NAN;
}
