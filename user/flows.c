// SPDX-License-Identifier: BSD-2-Clause
/*
 * flows.c - of what may be many, those that matter for a verdict: the ones that grew most of late.
 */
#include "user/flows.h"

#include <stdlib.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/judge/window.h"
#include "user/observation.h"

struct candidate {
	uint64_t of, key;
	double growth;		/* in parts 2 and 3; bytes, or goroutines */
};

static int by_growth(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->growth != y->growth)
		return x->growth < y->growth ? 1 : -1;
	return x->of < y->of ? -1 : x->of > y->of;
}

static double late_growth(const struct window *w, uint64_t key)
{
	struct window_flow f;

	window_flow(w, key, &f);
	return f.late.born.sum - f.late.died.sum;
}

/* Takes the first of the n; frees them. */
static void take(const struct window *w, struct candidate *v, size_t n, struct obs_flows *out)
{
	window_span(w, &out->span);
	if (n)
		qsort(v, n, sizeof(*v), by_growth);
	out->n = n < MAX_FLOWS ? n : MAX_FLOWS;
	out->v = xcalloc(out->n, sizeof(*out->v));
	for (size_t i = 0; i < out->n; i++) {
		out->v[i].of = v[i].of;
		window_flow(w, v[i].key, &out->v[i].flow);
	}
	free(v);
}

/* Those that hold no bytes grow by none. */
void flows_of_accounts(const struct window *w, struct observation *o)
{
	struct candidate *v = xcalloc(o->n_accounts, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < o->n_accounts; i++) {
		const struct obs_account *a = &o->accounts[i];

		if (a->size)
			v[n++] = (struct candidate){
				i, a->key, late_growth(w, a->key) * (double)a->size };
	}
	take(w, v, n, &o->evidence.accounts);
}

static int by_key(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

void flows_of_goroutines(const struct window *w, struct observation *o)
{
	struct candidate *v = xcalloc(o->n_table + o->evidence.n_waiting, sizeof(*v));
	size_t n = 0, n_keys = 0;

	for (size_t i = 0; i < o->evidence.n_waiting; i++) {
		uint64_t gopc = o->evidence.waiting[i].gopc;

		v[n++] = (struct candidate){ gopc, gopc, 0 };
	}
	for (size_t i = 0; i < o->n_table; i++)
		if (!o->table[i].system)
			v[n++] = (struct candidate){ o->table[i].gopc, o->table[i].gopc, 0 };
	if (n)
		qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].key != v[n_keys - 1].key)
			v[n_keys++] = v[i];
	for (size_t i = 0; i < n_keys; i++)
		v[i].growth = late_growth(w, v[i].key);
	take(w, v, n_keys, &o->evidence.goroutines);
}
