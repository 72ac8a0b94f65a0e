// SPDX-License-Identifier: BSD-2-Clause
/*
 * typegrowth.c - types, as looks at the heap tell them, joined with what a trace finds.
 *
 * A site's types and those of the heap are the same words, since both come from the binary.
 */
#include "user/typegrowth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/heapview.h"

#define LARGE 32768		/* bytes of an object; runtime/sizeclasses.go, _MaxSmallSize */

static bool is_of_class(const struct heap_size *s, uint64_t size)
{
	return size ? s->size == size : s->size > LARGE;
}

/* Whether all its objects are of the class. */
static bool is_in_class(const struct heap_type *t, uint64_t size)
{
	for (size_t i = 0; i < t->n_sizes; i++)
		if (!is_of_class(&t->sizes[i], size))
			return false;
	return t->n_sizes;
}

/* Neither parts of maps, which get worn, nor what the runtime keeps for itself. */
static bool is_the_programs(const struct heap_type *t)
{
	return t->name && !t->part && !heapview_of_runtime(t);
}

void typegrowth_most(const struct heap_view *growth, uint64_t size, struct estimate *most,
		     bool *of_runtime)
{
	double runtimes = 0;

	*most = (struct estimate){ 0 };
	for (size_t i = 0; i < growth->n_rows; i++) {
		const struct heap_row *row = &growth->rows[i];
		const struct estimate *rate = &row->amount.bytes_per_s;

		if (!heapview_grew(&row->amount) || !is_in_class(row->type, size))
			continue;
		if (heapview_of_runtime(row->type))
			runtimes = fmax(runtimes, rate->low);
		else if (rate->low > most->low && is_the_programs(row->type))
			*most = *rate;
	}
	*of_runtime = runtimes > most->low;
}

static bool allocates(const struct heap_site *s, const char *type)
{
	for (size_t i = 0; i < s->n_parts; i++)
		if (s->parts[i].type && !strcmp(s->parts[i].type, type))
			return true;
	return false;
}

static bool is_of_finding(const struct findings *f, size_t finding, const struct heap_type *t)
{
	const struct finding *found = &f->verdicts.findings[finding];

	if (found->class_alone)
		return is_the_programs(t) && is_in_class(t, found->class_size);
	for (size_t i = 0; i < f->n_sites && t->name; i++)
		if (f->sites[i].finding == finding && allocates(&f->sites[i], t->name))
			return true;
	return false;
}

/* The rows are in order. */
void typegrowth_of_finding(struct findings *f, size_t finding)
{
	struct finding *found = &f->verdicts.findings[finding];
	size_t cap = 0;

	for (size_t i = 0; i < f->growth->n_rows; i++) {
		const struct heap_row *row = &f->growth->rows[i];

		if (!(row->amount.bytes_per_s.value > 0) ||
		    !is_of_finding(f, finding, row->type))
			continue;
		found->types = grow(found->types, found->n_types, &cap, sizeof(*found->types));
		found->types[found->n_types++] = row;
	}
}
