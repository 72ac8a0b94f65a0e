// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_folded.c - chains of holders as stacks: the root is what is held by nothing else (a
 * variable, a goroutine's stack), the leaf the type.
 */
#include "user/report/heap_folded.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/heapview.h"
#include "user/report/heap_words.h"
#include "user/report/profile.h"

/* ---- folded stacks --------------------------------------------------------------------------- */

struct line {
	char *stack;
	uint64_t value;
};

struct lines {
	struct line *v;
	size_t n, cap;
};

/* Frees the name; what would split the line in other places is replaced. */
static void put_name(FILE *out, char *name, const char *behind)
{
	char *clean = text_clean(name);

	for (char *c = clean; (c = strchr(c, ';')); )
		*c = ':';
	fprintf(out, "%s%s", clean, behind);
	free(clean);
	free(name);
}

/* held: NULL for what hangs on others than those that are listed. */
static char *stack_of(const struct heap_row *row, const struct heap_held *held)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("?");
	if (held) {
		const struct heap_holder *h = held->holder;

		put_name(out, heap_root_words(h), ";");
		for (size_t i = h->n_levels; i-- > 0;)
			put_name(out, heap_level_words(&h->levels[i]), ";");
	} else {
		put_name(out, xstrdup(heap_held_otherwise), ";");
	}
	put_name(out, heap_type_words(row->type), "");
	fclose(out);
	return text;
}

static uint64_t value_of(const struct heap_amount *a, enum heap_folded what, double span_s)
{
	double grown = a->bytes_per_s.value * span_s;

	switch (what) {
	case HEAP_FOLDED_BYTES:
		return a->bytes.high;
	case HEAP_FOLDED_OBJECTS:
		return a->objects.high;
	case HEAP_FOLDED_GROWTH:
		return grown >= 0.5 ? (uint64_t)(grown + 0.5) : 0;
	}
	return 0;
}

static void add(struct lines *l, const struct heap_row *row, const struct heap_held *held,
		uint64_t value)
{
	if (!value)
		return;
	l->v = grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct line){ stack_of(row, held), value };
}

static int by_stack(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->stack, ((const struct line *)b)->stack);
}

void report_heap_folded(FILE *out, const struct heap_view *v, enum heap_folded what)
{
	struct lines l = { 0 };

	for (size_t i = 0; i < v->n_rows; i++) {
		const struct heap_row *row = &v->rows[i];
		uint64_t left = value_of(&row->amount, what, v->span.s);

		for (size_t k = 0; k < row->n_held; k++) {
			uint64_t value = value_of(&row->held[k].amount, what, v->span.s);

			add(&l, row, &row->held[k], value);
			left -= value < left ? value : left;
		}
		add(&l, row, NULL, left);
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_stack);
	for (size_t i = 0; i < l.n; i++) {
		uint64_t value = l.v[i].value;

		while (i + 1 < l.n && !by_stack(&l.v[i], &l.v[i + 1])) {
			value += l.v[i + 1].value;
			free(l.v[i++].stack);
		}
		fprintf(out, "%s %" PRIu64 "\n", l.v[i].stack, value);
		free(l.v[i].stack);
	}
	free(l.v);
}

/* ---- a profile ------------------------------------------------------------------------------- */

/* Frees the name. */
static void add_frame(struct profile *p, char *name)
{
	profile_frame(p, profile_note(p, name));
	free(name);
}

/* The type, at the place that allocates it where there is but one. */
static void add_leaf(struct profile *p, const struct heap_type *t)
{
	const bool one = t->n_places == 1 && !t->places_cut;
	char *name = heap_type_words(t);

	profile_line(p, name, one ? t->places[0].file : NULL, one ? t->places[0].line : 0);
	profile_frame(p, profile_location(p));
	free(name);
}

static void add_sample(struct profile *p, const struct heap_type *t, const struct heap_holder *h,
		       uint64_t objects, uint64_t bytes)
{
	const uint64_t values[] = { profile_times(objects, 1), profile_times(bytes, 1) };

	add_leaf(p, t);
	for (size_t i = 0; h && i < h->n_levels; i++)
		add_frame(p, heap_level_words(&h->levels[i]));
	add_frame(p, h ? heap_root_words(h) : xstrdup(heap_held_otherwise));
	profile_values(p, values, ARRAY_SIZE(values));
	if (t->n_sizes == 1)
		profile_number(p, "bytes", t->sizes[0].size);
	if (t->name)
		profile_label(p, "type", t->name);
	if (t->package)
		profile_label(p, "package", t->package);
	if (t->guessed_objects)
		profile_label(p, "typed", "guess");
	profile_sample(p);
}

void report_heap_profile(struct profile *p, const struct heap_view *v)
{
	profile_period(p, "space", "bytes", 1);
	profile_sample_type(p, "inuse_objects", "count");
	profile_sample_type(p, "inuse_space", "bytes");
	profile_default_type(p, "inuse_space");
	for (size_t i = 0; i < v->n_rows; i++) {
		const struct heap_row *row = &v->rows[i];
		uint64_t objects = row->amount.objects.high, bytes = row->amount.bytes.high;

		for (size_t k = 0; k < row->n_held; k++) {
			const struct heap_amount *a = &row->held[k].amount;

			if (a->objects.high)
				add_sample(p, row->type, row->held[k].holder, a->objects.high,
					   a->bytes.high);
			objects -= a->objects.high < objects ? a->objects.high : objects;
			bytes -= a->bytes.high < bytes ? a->bytes.high : bytes;
		}
		if (objects)
			add_sample(p, row->type, NULL, objects, bytes);
	}
}
