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
#define HEADER_SHARE 0.25	/* of more buckets so many may be of maps that have come */
#define TINY 16			/* of a block of several; runtime/mheap.go, _TinySize */

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

static bool is_part(const struct heap_type *t, const char *part)
{
	return t->name && t->part && !strcmp(t->part, part);
}

/* As many, or many, as there are more buckets. */
static bool has_more_maps(const struct heap_view *growth, const char *map, double buckets_per_s)
{
	for (size_t i = 0; i < growth->n_rows; i++) {
		const struct heap_row *row = &growth->rows[i];

		if (is_part(row->type, "header") && !strcmp(row->type->name, map) &&
		    row->amount.objects_per_s.high > HEADER_SHARE * buckets_per_s)
			return true;
	}
	return false;
}

void typegrowth_worn(const struct heap_view *growth, uint64_t size, struct estimate *worn)
{
	const struct heap_sizes sizes = { size ? size : LARGE + 1, size ? size : UINT64_MAX };

	*worn = (struct estimate){ 0 };
	for (size_t i = 0; i < growth->n_rows; i++) {
		const struct heap_row *row = &growth->rows[i];
		struct heap_held *held;
		struct heap_type type;
		struct heap_row some;

		if (!is_part(row->type, "buckets"))
			continue;
		held = xcalloc(row->n_held + 1, sizeof(*held));
		heapview_of_sizes(growth, row, &sizes, &type, held, &some);
		free(held);
		if (!heapview_grew(&some.amount) ||
		    has_more_maps(growth, row->type->name, some.amount.objects_per_s.value))
			continue;
		worn->value += some.amount.bytes_per_s.value;
		worn->low += some.amount.bytes_per_s.low;
		worn->high += some.amount.bytes_per_s.high;
	}
}

/* Of a part, its objects' slots.  Containers move on to others as they get larger. */
static void add_sizes(const struct site_part *p, struct heap_sizes *sizes)
{
	const bool moves = p->how && (!strcmp(p->how, "append") || !strcmp(p->how, "map"));
	const uint64_t size = p->size ? p->size : TINY;
	const uint64_t least = moves ? 0 : size > LARGE ? LARGE + 1 : size;
	const uint64_t most = moves || size > LARGE ? UINT64_MAX : size;

	sizes->least = least < sizes->least ? least : sizes->least;
	sizes->most = most > sizes->most ? most : sizes->most;
}

/* What is allocated as "[2]T", as a literal []T{a, b} is, is a "[]T" to a look that finds it by a
 * slice of it. */
static bool is_array_of_slice(const char *allocated, const char *type)
{
	const char *elem = allocated + 1 + strspn(allocated + 1, "0123456789");

	return *allocated == '[' && elem > allocated + 1 && !strncmp(type, "[]", 2) &&
	       !strcmp(elem, type + 1);
}

/* Code that several types share is given the shape of theirs: "main.node[go.shape.string]", which is a
 * "main.node[string]" to who points to it. */
static bool is_shape_of(const char *allocated, const char *type)
{
	const char *shape = strstr(allocated, "[go.shape.");

	return shape && !strncmp(type, allocated, (size_t)(shape - allocated) + 1);
}

static bool is_same(const char *allocated, const char *type)
{
	return !strcmp(allocated, type) || is_array_of_slice(allocated, type) ||
	       is_shape_of(allocated, type);
}

static void add_site(const struct heap_site *s, const char *type, struct heap_sizes *sizes)
{
	for (size_t i = 0; i < s->n_parts; i++) {
		const char *allocated = s->parts[i].type;

		if (allocated && is_same(allocated, type))
			add_sizes(&s->parts[i], sizes);
	}
}

/* Of which sizes a finding allocates objects of the type; false: of none. */
static bool sizes_of_finding(const struct findings *f, size_t finding, const struct heap_type *t,
			     struct heap_sizes *sizes)
{
	const struct finding *found = &f->verdicts.findings[finding];

	*sizes = (struct heap_sizes){ UINT64_MAX, 0 };
	if (found->class_alone) {
		sizes->least = found->class_size ? found->class_size : LARGE + 1;
		sizes->most = found->class_size ? found->class_size : UINT64_MAX;
		return is_the_programs(t) && is_in_class(t, found->class_size);
	}
	for (size_t i = 0; i < f->n_sites && t->name; i++)
		if (f->sites[i].finding == finding)
			add_site(&f->sites[i], t->name, sizes);
	return sizes->least <= sizes->most;
}

/* Rows of a finding, in one piece of memory: pointers to them come first. */
struct kept {
	const struct heap_row **pointers;
	struct heap_row *rows;
	struct heap_type *types;
	struct heap_held *held;
};

static struct kept make_room(const struct findings *f, size_t finding)
{
	size_t n = 0, n_held = 0;
	struct heap_sizes sizes;
	struct kept k;

	for (size_t i = 0; i < f->growth->n_rows; i++) {
		if (!sizes_of_finding(f, finding, f->growth->rows[i].type, &sizes))
			continue;
		n_held += f->growth->rows[i].n_held;
		n++;
	}
	k.pointers = xcalloc(1, n * (sizeof(*k.pointers) + sizeof(*k.rows) + sizeof(*k.types)) +
				n_held * sizeof(*k.held) + 1);
	k.rows = (struct heap_row *)(k.pointers + n);
	k.types = (struct heap_type *)(k.rows + n);
	k.held = (struct heap_held *)(k.types + n);
	return k;
}

void typegrowth_of_finding(struct findings *f, size_t finding)
{
	struct finding *found = &f->verdicts.findings[finding];
	struct kept k = make_room(f, finding);
	size_t n = 0;

	for (size_t i = 0; i < f->growth->n_rows; i++) {
		const struct heap_row *row = &f->growth->rows[i];
		struct heap_sizes sizes;

		if (!sizes_of_finding(f, finding, row->type, &sizes))
			continue;
		heapview_of_sizes(f->growth, row, &sizes, &k.types[n], k.held, &k.rows[n]);
		if (!(k.rows[n].amount.bytes_per_s.value > 0))
			continue;
		k.held += row->n_held;
		n++;
	}
	qsort(k.rows, n, sizeof(*k.rows), heapview_by_growth);
	for (size_t i = 0; i < n; i++)
		k.pointers[i] = &k.rows[i];
	found->types = k.pointers;
	found->n_types = n;
}
