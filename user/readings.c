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

#define RATE_NS 10000000000ull	/* that a rate of allocation is taken over, or up to twice that; */
#define N_WINDOWS 11		/* over twice that by the next window, and so on: up to hours */
#define AHEAD 60		/* times what it was taken over a rate tells what is to come */

struct allocated {
	uint64_t time_ns, bytes;
};

/* What had been allocated some time, and twice that, ago. */
struct window {
	struct allocated old, older;
};

struct readings {
	struct memory_series *series;
	int64_t not_resident;		/* of Go's memory, when mappings were read last */
	struct allocated before;		/* the last one */
	struct window windows[N_WINDOWS];
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
	for (size_t i = 0; i < N_WINDOWS; i++) {
		struct window *w = &r->windows[i];

		if (!w->old.time_ns)
			w->older = w->old = *now;
		if (now->time_ns - w->old.time_ns >= RATE_NS << i) {
			w->older = w->old;
			w->old = *now;
		}
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

/* Until so many bytes more are allocated, by a rate of as long a time as that takes, if there has been
 * so long: of what allocates now and then a short one says anything.  *over_s: that time. */
static double until_allocated(const struct readings *r, uint64_t bytes, double *over_s)
{
	double s = NAN;

	for (size_t i = 0; i < N_WINDOWS; i++) {
		const struct allocated *from = &r->windows[i].older;

		*over_s = (double)(r->before.time_ns - from->time_ns) / 1e9;
		s = bytes ? (double)bytes / rate(from, &r->before) : 0;
		if (s <= *over_s)
			break;
	}
	return s;
}

/* A collection comes when the heap has got to its size, or when there was none for two minutes; the
 * latter never with GOGC=off (runtime/mgc.go, gcTrigger.test). */
static double until_collection(const struct readings *r, const struct gc_pacing *p, uint64_t heap,
			       double forced_s)
{
	const double forced = p->gc_percent < 0 ? INFINITY : fmax(forced_s, 0);
	double s = INFINITY, over_s = INFINITY;

	if (p->trigger != UNKNOWN_U64)
		s = until_allocated(r, rest(p->trigger, heap), &over_s);
	if (s <= AHEAD * over_s)
		s = fmin(s, forced);
	else		/* not sooner than that, is all that is known */
		s = forced <= AHEAD * over_s ? forced : NAN;
	return isfinite(s) ? s : NAN;
}

void readings_pace(const struct readings *r, uint64_t live_bytes, struct gc_pacing *p)
{
	if (!p->known)
		return;
	p->next_s = until_collection(r, p, p->heap_live,
				     isfinite(p->since_s) ? FORCED_S - p->since_s : INFINITY);
	p->every_s = until_collection(r, p, live_bytes, FORCED_S);
}
