// SPDX-License-Identifier: BSD-2-Clause
/*
 * series.c - counts over time at a few remembered moments.
 *
 * Growth is told over the second half of a trace, whenever somebody asks.  So the counts of a few
 * moments are kept, each at 1.4 times the age of the one before: one of the last three always lies
 * between 0.35 and 0.71 of the time.  The very first one is kept as well.
 */
#include "user/judge/series.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/table.h"
#include "user/base/util.h"

enum { N_MOMENTS = 4 };		/* [0]: the very first, the others in turn */

struct value {
	uint64_t key;
	uint64_t value;
};

struct moment {
	uint64_t time_ns;	/* 0: none, or its values did not fit */
	struct table values;
};

struct series {
	uint64_t start_ns;
	uint64_t last_ns;	/* of the last moment that was begun */
	unsigned n_begun;
	struct moment moments[N_MOMENTS];
	struct moment *now;	/* the one that values are added to */
};

/* 0 is a key like any other, but not in a table.  Keys are hashes, none meets this one. */
static uint64_t table_key(uint64_t key)
{
	return key ? key : UINT64_MAX;
}

int series_new(struct series **out, uint64_t start_ns, size_t max_bytes)
{
	struct series *s = xcalloc(1, sizeof(*s));

	s->start_ns = start_ns;
	for (int i = 0; i < N_MOMENTS; i++)
		table_init(&s->moments[i].values, sizeof(struct value), max_bytes / N_MOMENTS);
	*out = s;
	return 0;
}

void series_free(struct series *s)
{
	if (!s)
		return;
	for (int i = 0; i < N_MOMENTS; i++)
		table_fini(&s->moments[i].values);
	free(s);
}

bool series_due(const struct series *s, uint64_t now)
{
	if (now <= s->start_ns)
		return false;
	return !s->n_begun || (double)(now - s->start_ns) >=
				      1.4 * (double)(s->last_ns - s->start_ns);
}

void series_begin(struct series *s, uint64_t now)
{
	unsigned i = s->n_begun ? 1 + (s->n_begun - 1) % (N_MOMENTS - 1) : 0;

	s->now = &s->moments[i];
	table_clear(&s->now->values);
	s->now->time_ns = s->last_ns = now;
	s->n_begun++;
}

void series_add(struct series *s, uint64_t key, uint64_t value)
{
	struct value *v;
	bool is_new;

	if (!s->now || !s->now->time_ns || !value)
		return;
	v = table_put(&s->now->values, table_key(key), &is_new);
	if (v)
		v->value = value;
	else
		s->now->time_ns = 0;
}

bool series_middle(const struct series *s, uint64_t until, struct series_moment *out)
{
	double half = ((double)until - (double)s->start_ns) / 2, best = INFINITY;

	for (unsigned i = 0; i < N_MOMENTS; i++) {
		uint64_t t = s->moments[i].time_ns;
		double d = fabs((double)(t - s->start_ns) - half);

		if (!t || t >= until || d >= best)
			continue;
		best = d;
		*out = (struct series_moment){ .index = i, .time_ns = t };
	}
	return best < INFINITY;
}

bool series_before(const struct series *s, struct series_moment m, struct series_moment *out)
{
	struct series_moment best = { 0 };

	for (unsigned i = 0; i < N_MOMENTS; i++) {
		uint64_t t = s->moments[i].time_ns;

		if (t > best.time_ns && t < m.time_ns)
			best = (struct series_moment){ .index = i, .time_ns = t };
	}
	if (best.time_ns)
		*out = best;
	return best.time_ns;
}

bool series_first(const struct series *s, struct series_moment *out)
{
	if (!s->moments[0].time_ns)
		return false;
	*out = (struct series_moment){ .index = 0, .time_ns = s->moments[0].time_ns };
	return true;
}

uint64_t series_at(const struct series *s, struct series_moment m, uint64_t key)
{
	const struct value *v = table_find(&s->moments[m.index].values, table_key(key));

	return v ? v->value : 0;
}
