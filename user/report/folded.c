// SPDX-License-Identifier: BSD-2-Clause
/*
 * folded.c - root;...;leaf VALUE, one line per stack, for flamegraph.pl, inferno and speedscope.
 *
 * Goroutines are counted on the stack that created them (root first, the function with the go
 * statement last): that answers who leaks them; where they wait stands in the other formats.
 * Stacks whose value is 0 are left out, equal ones are summed, lines are sorted.
 */
#include "user/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"

struct line {
	char *stack;
	uint64_t value;
};

struct lines {
	struct line *v;
	size_t n, cap;
};

/* A name without what would split the line in other places; blanks are fine before the last one. */
static void put_function(FILE *out, const char *function)
{
	char *clean = report_clean(function);

	for (char *c = clean; (c = strchr(c, ';')); )
		*c = ':';
	fputs(clean, out);
	free(clean);
}

static char *fold(const struct frames *stack)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("[unknown]");
	if (stack->cut)
		fputs("[truncated]", out);
	for (size_t i = stack->n; i-- > 0; ) {
		if (i + 1 < stack->n || stack->cut)
			fputc(';', out);
		put_function(out, stack->v[i]->function ? stack->v[i]->function : "[unknown]");
	}
	if (!stack->n)
		fputs(stack->cut ? ";[unknown]" : "[unknown]", out);
	if (fclose(out) != 0) {
		free(text);
		return xstrdup("[unknown]");
	}
	return text;
}

static void add(struct lines *l, const struct frames *stack, uint64_t value)
{
	if (!value || value == UNKNOWN_U64)
		return;
	l->v = grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct line){ fold(stack), value };
}

static uint64_t live_bytes(const struct heap_site *s)
{
	return s->live_bytes;
}

static uint64_t live_objects(const struct heap_site *s)
{
	return s->live_objects;
}

static uint64_t alloc_bytes(const struct heap_site *s)
{
	return s->alloc_bytes;
}

static uint64_t growth_bytes(const struct heap_site *s)
{
	return s->growth_bytes > 0 ? (uint64_t)s->growth_bytes : 0;
}

static int by_stack(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->stack, ((const struct line *)b)->stack);
}

static void write_lines(FILE *out, struct lines *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_stack);
	for (size_t i = 0; i < l->n; i++) {
		uint64_t value = l->v[i].value;

		while (i + 1 < l->n && strcmp(l->v[i].stack, l->v[i + 1].stack) == 0)
			value += l->v[++i].value;
		fprintf(out, "%s %" PRIu64 "\n", l->v[i].stack, value);
	}
}

int report_folded(FILE *out, const struct findings *f, const struct report_options *opt)
{
	/* In the order of the format's values; those behind are of goroutines. */
	static uint64_t (*const of_site[])(const struct heap_site *) = {
		live_bytes, live_objects, alloc_bytes, growth_bytes,
	};
	int value = report_value(report_find("folded"), opt->value);
	struct lines l = { 0 };

	if (value < 0)
		return value;
	if ((size_t)value < ARRAY_SIZE(of_site)) {
		for (size_t i = 0; i < f->n_sites; i++)
			add(&l, &f->sites[i].stack, of_site[value](&f->sites[i]));
		if (!l.n && f->heap && !f->gc_cycles)
			say("no collection has ended since the attach, so what is live is not "
			    "known and the folded report is empty: trace for longer, or count "
			    "what was allocated (alloc)");
	} else {
		for (size_t i = 0; i < f->n_gsites; i++)
			add(&l, &f->gsites[i].stack, f->gsites[i].live);
	}
	write_lines(out, &l);
	for (size_t i = 0; i < l.n; i++)
		free(l.v[i].stack);
	free(l.v);
	return report_finish(out);
}
