// SPDX-License-Identifier: BSD-2-Clause
/*
 * filter.c - accounts without the objects that are of the wrong size, or too young.
 */
#include "user/filter.h"

#include "user/base/util.h"
#include "user/model.h"
#include "user/observation.h"

static bool is_aged(const struct filter *f)
{
	return f->older_ns || f->older_cycles;
}

bool filter_of_objects(const struct filter *f)
{
	return f->min_object || f->max_object || is_aged(f);
}

/* Without those that are too young.  What was born and what has died since some moment is the same:
 * the account grows as fast as it did.  How many live by the census is said of all of them only. */
static struct obs_account aged(const struct obs_account *a)
{
	const double share = a->live > 0 ? a->aged / a->live : 0, less = a->live - a->aged;
	struct obs_account out = *a;

	out.live = a->aged;
	out.samples = a->n_aged;
	out.young = 0;
	out.shared *= share;
	out.doubtful *= share;
	out.replaced *= share;
	out.old -= less;
	out.live_half -= less;
	out.live_first -= less;
	out.least = out.most = 0;
	return out;
}

struct obs_account *filter_accounts(const struct filter *f, const struct observation *o, size_t *n)
{
	struct obs_account *v = o->n_accounts ? xcalloc(o->n_accounts, sizeof(*v)) : NULL;

	*n = 0;
	for (size_t i = 0; i < o->n_accounts; i++) {
		const struct obs_account *a = &o->accounts[i];

		if (a->size < f->min_object || (f->max_object && a->size > f->max_object))
			continue;
		if (is_aged(f) && !a->n_aged)
			continue;
		v[(*n)++] = is_aged(f) ? aged(a) : *a;
	}
	return v;
}
