// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_words.c - names for types, levels and roots.
 *
 * None ends with a bracket that go tool pprof takes for the arguments of a C++ function.
 */
#include "user/report/heap_words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/report/report.h"

const char heap_held_otherwise[] = "[held in other ways]";
const char heap_not_certain[] = "not certain to have grown";
const char heap_may_live[] = "not certain to live";

char *heap_type_words(const struct heap_type *t)
{
	if (!t->name)
		return xasprintf("[%s %s with%s pointers]", t->part ? t->part : "untyped",
				 t->n_sizes ? report_bytes(t->sizes[0].size).s : "?",
				 t->pointers ? "" : "out");
	return xasprintf("%s%s%s", t->part ? t->part : "", t->part ? " of " : "", t->name);
}

/* Behind the type: elements and values go without saying. */
static char *place(const struct heap_level *level)
{
	if (!level->field)
		return xasprintf("+%" PRIu64, level->offset);
	if (!strcmp(level->field, "[]") || !strcmp(level->field, "[value]"))
		return xstrdup("");
	return xasprintf("%s%s", *level->field == '[' && level->field[1] != ']' ? " " : "",
			 level->field);
}

char *heap_level_words(const struct heap_level *level)
{
	char *type = level->type ? xstrdup(level->type) :
		     level->size ? xasprintf("[untyped %s]", report_bytes(level->size).s) :
				   xstrdup("[untyped]");
	char *behind = place(level);
	char *words = xasprintf("%s%s%s%s", level->guess ? "guessed " : "", type, behind,
				level->again ? " ..." : "");

	free(type);
	free(behind);
	return words;
}

char *heap_root_words(const struct heap_holder *h)
{
	static const struct { const char *before, *unnamed; } words[] = {
		[HEAP_ROOT_UNKNOWN] = { "", "[holder not seen]" },
		[HEAP_ROOT_VARIABLE] = { "var ", "a package variable" },
		[HEAP_ROOT_STACK] = { "stack of ", "a goroutine's stack" },
		[HEAP_ROOT_FINALIZER] = { "finalizer ", "a finalizer" },
		[HEAP_ROOT_OWN_FINALIZER] = { "nothing but a finalizer: ",
					      "nothing but a finalizer" },
		[HEAP_ROOT_CLEANUP] = { "cleanup ", "a cleanup" },
		[HEAP_ROOT_FINALIZER_QUEUE] = { "finalizer queue: ", "the finalizer queue" },
		[HEAP_ROOT_CLEANUP_QUEUE] = { "cleanup queue: ", "the cleanup queue" },
		[HEAP_ROOT_RUNTIME] = { "runtime: ", "the runtime" },
		[HEAP_ROOT_CUT] = { "", "..." },
	};

	if (!h->name)
		return xstrdup(words[h->root].unnamed);
	return xasprintf("%s%s%s", words[h->root].before, h->name, h->field ? h->field : "");
}

const char *heap_root_before(const struct heap_holder *h)
{
	if (h->root == HEAP_ROOT_OWN_FINALIZER)
		return " held by ";
	return h->root == HEAP_ROOT_STACK ? " on " : " in ";
}

double heap_runner_wait_s(const struct heapmap *m, const struct heap_runner *r)
{
	if (!r->waitsince_ns)
		return -1;
	return fmax(0, (double)(m->to_ns - (int64_t)r->waitsince_ns) / 1e9);
}

char *heap_range_words(struct heap_range r)
{
	if (r.low == r.high)
		return xstrdup(report_count(r.high).s);
	return xasprintf("%s to %s", report_count(r.low).s, report_count(r.high).s);
}

char *heap_bytes_words(struct heap_range r)
{
	const struct report_words low = report_bytes(r.low), high = report_bytes(r.high);

	if (!strcmp(low.s, high.s))
		return xstrdup(high.s);
	return xasprintf("%s to %s", low.s, high.s);
}

bool heap_has_one_size(const struct heap_row *row)
{
	return row->type->n_sizes == 1;
}

char *heap_count_words(const struct heap_row *row)
{
	char *count = heap_range_words(row->amount.objects), *words;

	if (!heap_has_one_size(row))
		return count;
	words = xasprintf("%s x %s", count, report_bytes(row->type->sizes[0].size).s);
	free(count);
	return words;
}

char *heap_span_words(const struct heap_span *span)
{
	const struct report_words least = report_duration(span->least_s);
	const struct report_words most = report_duration(span->most_s);

	if (!strcmp(least.s, most.s))
		return xstrdup(report_duration(span->s).s);
	return xasprintf("%s to %s", least.s, most.s);
}
