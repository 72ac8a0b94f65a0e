/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * focus.h - which probes see the objects that grow, where the allocator has a function for each size
 * class (Go 1.27).
 */
#ifndef FOCUS_H
#define FOCUS_H

#include <stdbool.h>

#include "user/gomem/census.h"

struct heap_census;
struct plan;
struct tracer_subset;

/*
 * Adds the classes of which the census is sure that they grow to classes, and sets in *out the
 * probes that are needed for all of these; those of goroutine starts stay as they are.  false: there
 * are none, or it would be of little use.
 */
bool focus_find(const struct plan *plan, const struct heap_census *census,
		bool classes[CENSUS_CLASSES], struct tracer_subset *out);

#endif
