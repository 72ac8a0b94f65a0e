// SPDX-License-Identifier: BSD-2-Clause
/*
 * folded.c - root;...;leaf VALUE, one line per stack, for flamegraph.pl, inferno and speedscope.
 *
 * Goroutines are counted on the stack that created them (root first, the function with the go
 * statement last): that answers who leaks them; where they wait stands in the other formats.
 * Stacks whose value is 0 are left out, equal ones are summed, lines are in order of their names
 * from the root on.  No line is built in memory: all of them together may be gigabytes.
 */
#include "user/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/heap_folded.h"

struct line {
	const struct frames *stack;
	uint64_t value;
};

struct lines {
	struct line *v;
	size_t n, cap;
};

/* Of frame i from the root on; NULL behind the leaf. */
static const char *name_at(const struct frames *stack, size_t i)
{
	const char *function;

	if (stack->cut && i == 0)
		return "[truncated]";
	i -= stack->cut;
	if (!stack->n && i == 0)
		return "[unknown]";
	if (i >= stack->n)
		return NULL;
	function = stack->v[stack->n - 1 - i]->function;
	return function ? function : "[unknown]";
}

/* A name without what would split the line in other places; blanks are fine before the last one. */
static void put_name(FILE *out, const char *name)
{
	char *clean = text_clean(name);

	for (char *c = clean; (c = strchr(c, ';')); )
		*c = ':';
	fputs(clean, out);
	free(clean);
}

static void put_stack(FILE *out, const struct frames *stack)
{
	const char *name;

	for (size_t i = 0; (name = name_at(stack, i)); i++) {
		if (i)
			fputc(';', out);
		put_name(out, name);
	}
}

static void add(struct lines *l, const struct frames *stack, uint64_t value)
{
	if (!value || value == UNKNOWN_U64)
		return;
	l->v = grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct line){ stack, value };
}

static uint64_t live_bytes(const struct heap_site *s)
{
	return report_whole(s->live_bytes.value);
}

static uint64_t live_objects(const struct heap_site *s)
{
	return report_whole(s->live.value);
}

static uint64_t alloc_bytes(const struct heap_site *s)
{
	return report_whole(s->alloc_bytes);
}

static uint64_t growth_bytes(const struct heap_site *s)
{
	return report_whole(s->growth_bytes);
}

/* By names from the root on.  Frames are shared, so most are told equal by their address. */
static int by_stack(const void *a, const void *b)
{
	const struct frames *x = ((const struct line *)a)->stack;
	const struct frames *y = ((const struct line *)b)->stack;

	for (size_t i = 0;; i++) {
		const char *p = name_at(x, i), *q = name_at(y, i);
		int c;

		if (!p || !q)
			return !q - !p;
		c = p == q ? 0 : strcmp(p, q);
		if (c)
			return c;
	}
}

static void write_lines(FILE *out, struct lines *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_stack);
	for (size_t i = 0; i < l->n; i++) {
		uint64_t value = l->v[i].value;

		while (i + 1 < l->n && by_stack(&l->v[i], &l->v[i + 1]) == 0)
			value += l->v[++i].value;
		put_stack(out, l->v[i].stack);
		fprintf(out, " %" PRIu64 "\n", value);
	}
}

int report_folded(FILE *out, const struct findings *f, const struct report_options *opt)
{
	/* In the order of the format's values; behind them are one of goroutines, then those of
	 * the heap by type. */
	static uint64_t (*const of_site[])(const struct heap_site *) = {
		live_bytes, live_objects, alloc_bytes, growth_bytes,
	};
	const size_t goroutines = ARRAY_SIZE(of_site);
	int value = report_value(report_find("folded"), opt->value);
	struct lines l = { 0 };

	if (value < 0)
		return value;
	if ((size_t)value > goroutines) {
		report_heap_folded(out, f->types, (enum heap_folded)(value - (int)goroutines - 1));
		return report_finish(out);
	}
	if ((size_t)value < goroutines) {
		for (size_t i = 0; i < f->n_sites; i++)
			add(&l, &f->sites[i].stack, of_site[value](&f->sites[i]));
	} else {
		for (size_t i = 0; i < f->n_gsites; i++)
			add(&l, &f->gsites[i].stack, f->gsites[i].live);
	}
	write_lines(out, &l);
	free(l.v);
	return report_finish(out);
}
