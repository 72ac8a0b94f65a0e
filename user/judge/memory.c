// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory.c - the memory of a process over time.
 *
 * Whether the heap leaks is the census's to say (judge.h).  What operators see is resident memory,
 * and it grows for other reasons as well: garbage between collections, spans that are not returned,
 * stacks, what is not Go's at all.  So its growth is told part by part, over the last two thirds of
 * the time, and the part that has most of it is named.  A leak makes live heap and garbage grow by
 * as much each (GOGC=100), and garbage goes up and down meanwhile: then it is all of the heap.  A
 * slope through what goes up and down is one of some ups: a part must have grown by most as of now,
 * too, and garbage, which each collection takes away, without one.
 */
#include "user/judge/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/judge/thresholds.h"
#include "user/judge/trend.h"

enum {
	KEY_RSS = N_MEMORY_PARTS,	/* in the trend, besides the parts */
	KEY_HEAP,
	KEY_COLLECTIONS,
	KEY_LOAD,
	KEY_OUTSIDE,
	N_KEYS = KEY_OUTSIDE + N_OUTSIDE,
};

struct memory_series {
	uint64_t start_ns;
	struct trend *trend;
	struct memory_reading last;
};

void memory_series_new(struct memory_series **out, uint64_t start_ns)
{
	struct memory_series *s = xcalloc(1, sizeof(*s));

	s->start_ns = start_ns;
	trend_new(&s->trend, N_KEYS);
	*out = s;
}

void memory_series_free(struct memory_series *s)
{
	if (!s)
		return;
	trend_free(s->trend);
	free(s);
}

static uint64_t heap_bytes(const uint64_t parts[N_MEMORY_PARTS])
{
	return parts[MEMORY_LIVE] + parts[MEMORY_GARBAGE] + parts[MEMORY_FREE] + parts[MEMORY_IDLE];
}

void memory_series_add(struct memory_series *s, const struct memory_reading *r)
{
	uint64_t values[N_KEYS];

	for (unsigned i = 0; i < N_MEMORY_PARTS; i++)
		values[i] = r->parts[i];
	values[KEY_RSS] = r->rss;
	values[KEY_HEAP] = heap_bytes(r->parts);
	values[KEY_COLLECTIONS] = r->n_collections;
	for (unsigned i = 0; i < N_OUTSIDE; i++)
		values[KEY_OUTSIDE + i] = r->outside[i];
	values[KEY_LOAD] = (uint64_t)fmax(r->allocated_per_s, 0);
	trend_add(s->trend, r->time_ns, values, NULL, NULL);
	s->last = *r;
}

/* ---- as plain data ---------------------------------------------------------------------------- */

void memory_series_history(const struct memory_series *s, struct memory_history *out)
{
	uint64_t late_ns;

	out->last = s->last;
	trend_growth(s->trend, KEY_RSS, s->start_ns, &out->rss);
	trend_growth(s->trend, KEY_HEAP, s->start_ns, &out->heap);
	trend_growth(s->trend, KEY_COLLECTIONS, s->start_ns, &out->collections);
	for (unsigned i = 0; i < N_MEMORY_PARTS; i++)
		trend_growth(s->trend, i, s->start_ns, &out->parts[i]);
	for (unsigned i = 0; i < N_OUTSIDE; i++)
		trend_growth(s->trend, KEY_OUTSIDE + i, s->start_ns, &out->outside[i]);
	late_ns = (uint64_t)fmax(out->rss.late_s * 1e9, 0);	/* fmax() knows no NAN */
	out->load_correlation = trend_correlation(s->trend, MEMORY_LIVE, KEY_LOAD,
						  s->last.time_ns - late_ns);
}

/* ---- collections ------------------------------------------------------------------------------ */

double memory_until_collection(const struct memory_history *h, const struct gc_pacing *p, uint64_t n)
{
	double live = (double)h->last.parts[MEMORY_LIVE], grows = h->parts[MEMORY_LIVE].change;
	double share = live > 0 && grows > 0 ? grows / live : 0;	/* a second */
	double longest = p->gc_percent < 0 ? INFINITY : FORCED_S, s = p->next_s;

	if (isnan(p->every_s))
		return n > 1 ? NAN : s;
	for (uint64_t i = 1; i < n; i++)
		s += fmin(p->every_s * (1 + share * s), longest);
	return s;
}

/* ---- what it is made of ---------------------------------------------------------------------- */

/* It grows for sure, and no more than the whole may; or most of the whole for sure: then it may be
 * more, and something else became less. */
static bool has_most(const struct estimate *rate, const struct estimate *whole)
{
	double most = CAUSE_SHARE * whole->value;

	if (!(rate->value >= most))
		return false;
	return rate->low >= most || (rate->low > 0 && rate->high <= whole->high);
}

/* No kind has half of it, or one does. */
static enum outside outside(const struct memory_history *h)
{
	for (unsigned i = OUTSIDE_UNKNOWN + 1; i < N_OUTSIDE; i++)
		if (has_most(&h->outside[i].late, &h->parts[MEMORY_NOT_GO].late))
			return i;
	return OUTSIDE_UNKNOWN;
}

/* And what it has now is more than it had by most of what the whole came to since. */
static bool is_most(const struct growth *part, double now, const struct growth *whole)
{
	return has_most(&part->late, &whole->late) &&
	       now - part->first >= CAUSE_SHARE * whole->late.value * whole->first_s;
}

static void tell_growth(const struct memory_history *h, struct diagnosis *out)
{
	const struct estimate *most = NULL;

	for (unsigned i = 0; i < N_MEMORY_PARTS; i++) {
		const struct estimate *rate = &h->parts[i].late;

		if (!is_most(&h->parts[i], (double)h->last.parts[i], &h->rss) ||
		    (i == MEMORY_GARBAGE && !out->no_collection) ||
		    (most && rate->value <= most->value))
			continue;
		most = rate;
		out->cause = i;
	}
	if (!most && is_most(&h->heap, (double)heap_bytes(h->last.parts), &h->rss)) {
		most = &h->heap.late;
		out->cause = MEMORY_HEAP;
	}
	if (most)
		out->cause_rate = *most;
	if (most && out->cause == MEMORY_NOT_GO)
		out->outside = outside(h);
}

/* The largest part that is not live, if all of them are worth a word. */
static void tell_size(const struct memory_history *h, struct diagnosis *out)
{
	const uint64_t *parts = h->last.parts;
	enum memory_part largest = MEMORY_GARBAGE;
	uint64_t sum = 0;

	for (unsigned i = MEMORY_GARBAGE; i < N_MEMORY_PARTS; i++) {
		sum += parts[i];
		if (parts[i] > parts[largest])
			largest = i;
	}
	if ((double)sum >= WORTH_SHARE * (double)h->last.rss)
		out->cause = largest;
}

/* ---- what it does ---------------------------------------------------------------------------- */

static bool follows_load(const struct memory_history *h)
{
	const struct growth *live = &h->parts[MEMORY_LIVE];

	return live->sway > SWAY_SHARE * live->level[2] &&
	       h->load_correlation >= LOAD_CORRELATION;
}

static enum behaviour growing(const struct judgement *heap)
{
	if (heap->verdict == VERDICT_GROWING && heap->missing & MISSING_LOAD)
		return BEHAVIOUR_FOLLOWS_LOAD;
	if (heap->verdict == VERDICT_GROWING && heap->missing & MISSING_GOES_ON)
		return BEHAVIOUR_WARM_UP;
	return BEHAVIOUR_GROWS;
}

static enum behaviour behaviour(const struct memory_history *h, const struct judgement *heap,
				enum verdict worst)
{
	if (worst == VERDICT_LEAK)
		return BEHAVIOUR_LEAKS;
	if (heap->verdict == VERDICT_TOO_FEW)
		return BEHAVIOUR_UNKNOWN;
	if (follows_load(h))
		return BEHAVIOUR_FOLLOWS_LOAD;
	if (heap->verdict >= VERDICT_GROWING || worst == VERDICT_GROWING)
		return growing(heap);
	return heap->verdict == VERDICT_PLATEAU ? BEHAVIOUR_PLATEAU : BEHAVIOUR_STEADY;
}

/* ---- how long -------------------------------------------------------------------------------- */

/*
 * What rss grows by: by itself, where that is to be seen; else what the live heap does, times what
 * the collector lets it come to before it collects.
 */
static struct estimate towards_limit(const struct memory_history *h, const struct judgement *heap,
				     const struct diagnosis *d)
{
	uint64_t live = h->last.parts[MEMORY_LIVE];
	double room = live && h->last.goal > live ? (double)h->last.goal / (double)live : 1;

	if (d->rss_grows)
		return d->rss_rate;
	return (struct estimate){ heap->rate.value * room, heap->rate.low * room,
				  heap->rate.high * room, heap->rate.samples };
}

static struct estimate time_left(const struct memory_history *h, const struct judgement *heap,
				 uint64_t limit_bytes, const struct diagnosis *d)
{
	struct estimate rate = towards_limit(h, heap, d);
	double room = (double)limit_bytes - (double)h->last.rss;

	if (!limit_bytes || !(rate.low > 0) || !(h->rss.seconds >= LEFT_SECONDS))
		return (struct estimate){ NAN, NAN, NAN, 0 };
	room = fmax(room, 0);
	return (struct estimate){ room / rate.value, room / rate.high, room / rate.low,
				  rate.samples };
}

static bool grows(const struct growth *rss)
{
	return rss->late.low > 0 && rss->late.value * rss->late_s >= RSS_SHARE * rss->level[2];
}

static uint64_t cause_bytes(const struct memory_history *h, const struct diagnosis *d)
{
	if (d->cause == MEMORY_HEAP)
		return heap_bytes(h->last.parts);
	return d->outside ? h->last.outside[d->outside] : h->last.parts[d->cause];
}

void memory_tell(const struct memory_history *h, const struct judgement *heap, enum verdict worst,
		 uint64_t limit_bytes, struct diagnosis *out)
{
	*out = (struct diagnosis){
		.known = true,
		.rss_rate = h->rss.late, .cause_rate = { NAN, NAN, NAN, 0 },
		.rss_grows = grows(&h->rss),
		.no_collection = h->rss.n > 1 && h->collections.change == 0,
	};
	if (out->rss_grows)
		tell_growth(h, out);
	else
		tell_size(h, out);
	memcpy(out->parts, h->last.parts, sizeof(out->parts));
	out->cause_bytes = cause_bytes(h, out);
	out->does = behaviour(h, heap, worst);
	out->left_s = time_left(h, heap, limit_bytes, out);
}
