// SPDX-License-Identifier: BSD-2-Clause
/*
 * focus.c - from classes that grow to probes.
 *
 * A function that is specialised to one class is needed for that one only.  All others may make
 * objects of any: mallocgc, and what the specialised ones call while the collector marks.
 */
#include "user/focus.h"

#include <stdint.h>

#include "user/go/golayout.h"
#include "user/model.h"
#include "user/probe/plan.h"
#include "user/tracer/tracer.h"

static const double USEFUL = 0.85;	/* of all objects that are allocated, at most */

static unsigned class_of(uint64_t size)
{
	for (unsigned i = 1; i < CENSUS_CLASSES; i++)
		if (golayout_class_size(i) == size)
			return i;
	return 0;
}

static bool is_needed(const struct plan_probe *p, const bool *classes)
{
	return !p->size_class || p->size_class >= CENSUS_CLASSES || classes[p->size_class];
}

bool focus_find(const struct plan *plan, const struct heap_census *census,
		bool classes[CENSUS_CLASSES], struct tracer_subset *out)
{
	bool specialised[CENSUS_CLASSES] = { false };
	double all = 0, needed = 0;
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		specialised[plan->probes[i].size_class % CENSUS_CLASSES] = true;
	for (size_t i = 0; i < census->n_classes; i++) {
		const struct heap_class *c = &census->classes[i];
		unsigned class = class_of(c->size);

		if (c->rate.low > 0)	/* not so for NAN */
			classes[class] = true;
		n += classes[class];
		all += (double)c->alloc_objects;
		if (classes[class] || !class || !specialised[class])
			needed += (double)c->alloc_objects;
	}
	if (!n || needed > USEFUL * all)
		return false;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->probes[i].wire.kind == GL_PROBE_ALLOC &&
		    !is_needed(&plan->probes[i], classes))
			out->bits[i / 64] &= ~(1ull << i % 64);
	return true;
}
