// SPDX-License-Identifier: BSD-2-Clause
/*
 * news.c - what of a watched process is worth telling.
 */
#include "user/report/news.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/table.h"
#include "user/base/util.h"
#include "user/heapview.h"
#include "user/watched.h"

/* What a goroutine costs in the heap: a g, a sudog or some where it selects, a timer, a channel, a
 * closure; of no class more than some objects, none of them large, and all together so many bytes. */
#define OBJECTS_EACH 4.0
#define LARGEST_OBJECT 512
#define BYTES_EACH 1024.0
#define MOST 0.5
/* Of what grows, a row that has less is none that matters. */
#define ROW_SHARE 0.01

enum verdict news_heap_verdict(const struct watched *w)
{
	enum verdict worst = w->heap.verdict;

	for (size_t i = 0; i < w->n_classes; i++)
		if (w->classes[i].is.verdict >= VERDICT_GROWING &&
		    w->classes[i].is.verdict > worst)
			worst = w->classes[i].is.verdict;
	return worst;
}

static int by_rate(const void *a, const void *b)
{
	const struct watched_class *x = *(const struct watched_class *const *)a;
	const struct watched_class *y = *(const struct watched_class *const *)b;

	return x->is.rate.value > y->is.rate.value ? -1 : x->is.rate.value < y->is.rate.value;
}

size_t news_classes(const struct watched *w, const struct watched_class ***out)
{
	enum verdict worst = VERDICT_GROWING;
	size_t n = 0;

	for (size_t i = 0; i < w->n_classes; i++)
		if (w->classes[i].is.verdict > worst)
			worst = w->classes[i].is.verdict;
	*out = xcalloc(w->n_classes, sizeof(**out));
	for (size_t i = 0; i < w->n_classes; i++)
		if (w->classes[i].is.verdict == worst)
			(*out)[n++] = &w->classes[i];
	if (n)
		qsort(*out, n, sizeof(**out), by_rate);
	return n;
}

bool news_leaks(const struct watched *w, const struct watched_class *c)
{
	double most = 0;

	for (size_t i = 0; i < w->n_classes; i++)
		if (w->classes[i].is.verdict == VERDICT_LEAK)
			most = fmax(most, w->classes[i].is.rate.value);
	return c->is.verdict == VERDICT_LEAK && c->is.rate.value >= most / 10;
}

uint64_t news_leaking(const struct watched *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n_classes; i++)	/* by size */
		if (news_leaks(w, &w->classes[i]))
			sum = table_mix(sum, w->classes[i].size + 1);
	return sum;
}

static bool may_grow(const struct judgement *is)
{
	if (is->verdict == VERDICT_TOO_FEW)
		return is->rate.low > 0;
	return is->verdict >= VERDICT_GROWING && is->rate.high > 0;
}

/* What is suppressed is told nowhere, and nothing with it. */
static bool counts(const struct watched_go *go)
{
	return !go->suppressed && may_grow(&go->is);
}

size_t news_growing_gos(const struct watched *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_gos; i++)
		n += counts(&w->gos[i]);
	return n;
}

/* Of all that grow, or may, a second, at most. */
static double goroutines_per_s(const struct watched *w, enum verdict *worst)
{
	double sum = 0;

	*worst = VERDICT_STEADY;
	for (size_t i = 0; i < w->n_gos; i++) {
		const struct judgement *is = &w->gos[i].is;

		if (!counts(&w->gos[i]))
			continue;
		sum += is->rate.high;
		*worst = is->verdict > *worst ? is->verdict : *worst;
	}
	return sum;
}

static bool is_of_so_many(const struct watched_class *c, double per_s)
{
	return c->size && c->size <= LARGEST_OBJECT &&
	       c->is.rate.low <= per_s * OBJECTS_EACH * (double)c->size;
}

bool news_heap_of_goroutines(const struct watched *w, enum verdict *worst)
{
	double per_s = goroutines_per_s(w, worst), explained = 0, least = 0;
	enum verdict heap = news_heap_verdict(w);

	if (heap < VERDICT_GROWING || !(per_s > 0) || (*worst >= VERDICT_GROWING && *worst < heap))
		return false;
	for (size_t i = 0; i < w->n_classes; i++) {
		const struct watched_class *c = &w->classes[i];

		if (c->is.verdict < VERDICT_GROWING)
			continue;
		if (is_of_so_many(c, per_s)) {
			explained += c->is.rate.high;
			least += c->is.rate.low;
		} else if (c->is.verdict == heap) {
			return false;
		}
	}
	return explained > 0 && explained >= MOST * w->heap.rate.value &&
	       least <= per_s * BYTES_EACH;
}

static struct estimate sum_of(const struct estimate *a, const struct estimate *b)
{
	return (struct estimate){ a->value + b->value, a->low + b->low, a->high + b->high,
				  a->samples < b->samples ? a->samples : b->samples };
}

struct estimate news_heap_rate(const struct watched *w)
{
	const struct watched_class **classes;
	size_t n = news_classes(w, &classes);
	struct estimate rate = w->heap.rate;

	/* off to the same side, all of them: it is the same collections that count them */
	for (size_t i = 0; i < n && !(w->heap.rate.low > 0); i++) {
		const struct estimate *e = &classes[i]->is.rate;

		rate = i ? sum_of(&rate, e) : *e;
	}
	free(classes);
	return rate;
}

bool news_heap_unseen(const struct watched *w)
{
	return !w->census_known ||
	       (w->heap.verdict == VERDICT_TOO_FEW && w->n_missed > w->n_cycles);
}

bool news_memory_grows(const struct watched *w)
{
	const struct diagnosis *d = &w->does;
	bool heap = d->cause == MEMORY_LIVE || d->cause == MEMORY_HEAP;

	return d->rss_grows && w->verdict < VERDICT_GROWING &&
	       (!heap || (news_heap_unseen(w) && !d->no_collection));
}

static bool is_of_growing(const struct watched *w, const struct heap_type *t)
{
	for (size_t i = 0; i < w->n_classes; i++) {
		const struct watched_class *c = &w->classes[i];

		if (c->is.verdict < VERDICT_GROWING)
			continue;
		for (size_t k = 0; k < t->n_sizes; k++)
			if (t->sizes[k].size == c->size || (!c->size && t->sizes[k].size > 32768))
				return true;
	}
	return false;
}

/* Where two looks are not sure of all its objects ways to hold them may have grown for certain, by more
 * than others have lost to these. */
static double grown_by(const struct heap_row *row)
{
	double sure = 0;

	if (row->amount.bytes_per_s.value > 0)
		return row->amount.bytes_per_s.value;
	for (size_t i = 0; i < row->n_held; i++) {
		const struct estimate *e = &row->held[i].amount.bytes_per_s;

		sure += fmax(e->low, 0) + fmin(e->high, 0);
	}
	return sure;
}

void news_growth_split(const struct watched *w, const struct watched_growth *g, double *told,
		       double *suppressed)
{
	*told = *suppressed = 0;
	for (size_t i = 0; g->types && i < g->types->n_rows + g->types->n_suppressed; i++) {
		const struct heap_row *row = &g->types->rows[i];
		double rate = grown_by(row);

		if (rate > 0 && is_of_growing(w, row->type))
			*(i < g->types->n_rows ? told : suppressed) += rate;
	}
}

size_t news_suppressed(const struct watched_growth *g, struct estimate *rate)
{
	const struct heap_row *rows = g->types->rows + g->types->n_rows;
	size_t n = 0;

	*rate = (struct estimate){ 0 };
	for (size_t i = 0; i < g->types->n_suppressed; i++) {
		const struct estimate *e = &rows[i].amount.bytes_per_s;

		if (!(e->value > 0))
			continue;
		rate->value += e->value;
		rate->low += e->low;
		rate->high += e->high;
		n++;
	}
	return n;
}

/* Of a row: a share of what all of its kind grow by. */
static double least_rate(const struct watched *w, const struct watched_growth *g, bool of_growing)
{
	double sum = 0;

	for (size_t i = 0; i < g->types->n_rows; i++) {
		const struct heap_row *row = &g->types->rows[i];

		if (is_of_growing(w, row->type) == of_growing)
			sum += fmax(grown_by(row), 0);
	}
	return ROW_SHARE * sum;
}

bool news_unexplained(const struct watched *w, const struct watched_growth *g, double *explained)
{
	const struct heap_row *rows[NEWS_TYPES];
	size_t n = news_types(w, g, rows);
	struct estimate suppressed;

	news_suppressed(g, &suppressed);
	*explained = suppressed.high;
	for (size_t i = 0; i < n; i++)
		*explained += rows[i]->amount.bytes_per_s.high;
	return n && news_heap_verdict(w) >= VERDICT_GROWING &&
	       *explained < MOST * news_heap_rate(w).low;
}

size_t news_types(const struct watched *w, const struct watched_growth *g,
		  const struct heap_row *out[NEWS_TYPES])
{
	enum verdict worst;
	bool goroutines = goroutines_per_s(w, &worst) > 0;
	double told, suppressed;
	size_t n = 0;

	news_growth_split(w, g, &told, &suppressed);
	for (int of_growing = 1; of_growing >= 0 && g->types; of_growing--) {
		const double least = least_rate(w, g, of_growing);

		for (size_t i = 0; i < g->types->n_rows && n < NEWS_TYPES; i++) {
			const struct heap_row *row = &g->types->rows[i];

			if (goroutines && heapview_of_runtime(row->type))
				continue;
			if (row->type->name && grown_by(row) > 0 && grown_by(row) >= least &&
			    is_of_growing(w, row->type) == of_growing)
				out[n++] = row;
		}
		if (n || suppressed > 0)	/* others are by-catch */
			break;
	}
	return n;
}
