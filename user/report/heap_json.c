// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_json.c - the heap by type, and who holds it, as JSON.
 */
#include "user/report/heap_json.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/json.h"
#include "user/heapview.h"
#include "user/report/heap_words.h"
#include "user/report/model_json.h"

enum { MAX_TYPES = 1000, MAX_HOLDERS = 50 };	/* unless all is asked for */

static void put_range(struct json *j, const char *key, struct heap_range r)
{
	open_level(j, key, '[');
	field_u64(j, NULL, r.low);
	field_u64(j, NULL, r.high);
	close_level(j, ']');
}

void report_heap_json_amount(struct json *j, const struct heap_amount *a)
{
	field_u64(j, "objects", a->objects.high);
	put_range(j, "objects_range", a->objects);
	field_u64(j, "bytes", a->bytes.high);
	put_range(j, "bytes_range", a->bytes);
}

static void put_amount(struct json *j, const struct heap_amount *a, bool two)
{
	report_heap_json_amount(j, a);
	if (!two)
		return;
	report_json_estimate(j, "rate_per_s", &a->bytes_per_s);
	report_json_estimate(j, "objects_per_s", &a->objects_per_s);
}

static void put_words(struct json *j, const char *key, char *words)
{
	field_string(j, key, words);
	free(words);
}

/* From the object outwards; the last name is that of the root. */
static void put_path(struct json *j, const struct heap_holder *h)
{
	open_level(j, "path", '[');
	for (size_t i = 0; i < h->n_levels; i++)
		put_words(j, NULL, heap_level_words(&h->levels[i]));
	put_words(j, NULL, heap_root_words(h));
	close_level(j, ']');
}

static void put_holders(struct json *j, const struct heap_row *row, bool two)
{
	static const char *const roots[] = {
		[HEAP_ROOT_UNKNOWN] = NULL, [HEAP_ROOT_VARIABLE] = "variable",
		[HEAP_ROOT_STACK] = "stack", [HEAP_ROOT_FINALIZER] = "finalizer",
		[HEAP_ROOT_OWN_FINALIZER] = "finalizer", [HEAP_ROOT_CLEANUP] = "cleanup",
		[HEAP_ROOT_FINALIZER_QUEUE] = "finalizer queue",
		[HEAP_ROOT_CLEANUP_QUEUE] = "cleanup queue",
		[HEAP_ROOT_RUNTIME] = "runtime", [HEAP_ROOT_CUT] = "cut",
	};
	size_t n = j->all || row->n_held < MAX_HOLDERS ? row->n_held : MAX_HOLDERS;

	open_level(j, "holders", '[');
	for (size_t i = 0; i < n; i++) {
		const struct heap_held *held = &row->held[i];

		open_level(j, NULL, '{');
		put_path(j, held->holder);
		field_string(j, "root", roots[held->holder->root]);
		put_amount(j, &held->amount, two);
		close_level(j, '}');
	}
	close_level(j, ']');
}

/* null: not looked for. */
static void put_lines(struct json *j, const struct heap_type *t)
{
	if (!t->places_known) {
		field_null(j, "lines");
		field_null(j, "lines_cut");
		return;
	}
	open_level(j, "lines", '[');
	for (size_t i = 0; i < t->n_places; i++) {
		const struct frame *fr = &t->places[i];

		open_level(j, NULL, '{');
		field_string(j, "function", fr->function);
		field_string(j, "file", fr->file);
		field_u64(j, "line", fr->line ? fr->line : UNKNOWN_U64);
		close_level(j, '}');
	}
	close_level(j, ']');
	field_bool(j, "lines_cut", t->places_cut);
}

static void put_sizes(struct json *j, const struct heap_type *t)
{
	open_level(j, "sizes", '[');
	for (size_t i = 0; i < t->n_sizes; i++) {
		open_level(j, NULL, '{');
		field_u64(j, "object_bytes", t->sizes[i].size);
		field_u64(j, "objects", t->sizes[i].objects);
		close_level(j, '}');
	}
	close_level(j, ']');
}

void report_heap_json_row(struct json *j, const struct heap_row *row, bool two)
{
	const struct heap_type *t = row->type;

	open_level(j, NULL, '{');
	field_string(j, "type", t->name);
	field_string(j, "package", t->package);
	field_string(j, "part", t->part);
	field_bool(j, "pointers", t->pointers);
	put_amount(j, &row->amount, two);
	if (t->name)
		field_bool(j, "exact", !t->guessed_objects);
	else
		field_null(j, "exact");
	field_u64(j, "guessed_objects", t->guessed_objects);
	put_sizes(j, t);
	field_u64(j, "held_objects", t->held_objects);
	put_holders(j, row, two);
	put_lines(j, t);
	close_level(j, '}');
}

void report_heap_rows_json(struct json *j, const char *key, const struct heap_row *const *rows,
			   size_t n)
{
	open_level(j, key, '[');
	for (size_t i = 0; i < n; i++)
		report_heap_json_row(j, rows[i], true);
	close_level(j, ']');
}

void report_heap_json_span(struct json *j, const struct heap_view *v)
{
	if (!v || !v->before) {
		field_null(j, "span_s");
		field_null(j, "span_range_s");
		return;
	}
	field_double(j, "span_s", v->span.s);
	open_level(j, "span_range_s", '[');
	field_double(j, NULL, v->span.least_s);
	field_double(j, NULL, v->span.most_s);
	close_level(j, ']');
}

void report_heap_json_queues(struct json *j, const struct heapmap *m)
{
	field_u64(j, "finalizers_queued", m ? m->n_finalizers : UNKNOWN_U64);
	field_u64(j, "cleanups_queued", m ? m->n_cleanups : UNKNOWN_U64);
	if (!m) {
		field_null(j, "finalizing");
		return;
	}
	open_level(j, "finalizing", '[');
	for (size_t i = 0; i < m->n_runners; i++) {
		const struct heap_runner *r = &m->runners[i];

		open_level(j, NULL, '{');
		field_u64(j, "id", r->goid);
		field_string(j, "runs", r->cleanup ? "cleanup" : "finalizer");
		field_string(j, "state", r->state);
		field_seconds(j, "wait_s", heap_runner_wait_s(m, r));
		field_string(j, "function", r->function);
		close_level(j, '}');
	}
	close_level(j, ']');
}

static void put_look(struct json *j, const struct heap_view *v)
{
	const struct heapmap *m = v->now;
	const struct heap_range objects = heapmap_objects(m), bytes = heapmap_bytes(m);

	open_level(j, "heap_look", '{');
	field_u64(j, "objects", objects.high);
	put_range(j, "objects_range", objects);
	field_u64(j, "bytes", bytes.high);
	put_range(j, "bytes_range", bytes);
	field_u64(j, "exact_bytes", m->pointers.exact_bytes + m->no_pointers.exact_bytes);
	field_u64(j, "guessed_bytes", m->pointers.guessed_bytes + m->no_pointers.guessed_bytes);
	field_u64(j, "untyped_bytes", m->pointers.untyped_bytes + m->no_pointers.untyped_bytes);
	field_u64(j, "unreached_bytes",
		  m->pointers.unreached_bytes + m->no_pointers.unreached_bytes);
	field_u64(j, "only_size", m->only_size ? m->only_size : UNKNOWN_U64);
	field_u64(j, "min_size", m->min_size ? m->min_size : UNKNOWN_U64);
	field_u64(j, "max_size", m->max_size ? m->max_size : UNKNOWN_U64);
	report_heap_json_span(j, v);
	report_json_estimate(j, "rate_per_s", &v->held_per_s);
	report_heap_json_queues(j, m);
	field_double(j, "took_s", m->cost.seconds);
	field_u64(j, "bytes_read", m->cost.bytes_read);
	field_u64(j, "reads", m->cost.reads);
	field_u64(j, "spans", m->cost.n_spans);
	field_u64(j, "spans_read", m->cost.n_spans_read);
	field_u64(j, "own_bytes", m->cost.own_bytes);
	close_level(j, '}');
	open_level(j, "typed", '{');
	field_double(j, "pointers", heapview_typed(&m->pointers));
	field_double(j, "no_pointers", heapview_typed(&m->no_pointers));
	close_level(j, '}');
}

void report_heap_json(struct json *j, const struct heap_view *v)
{
	size_t n = j->all || v->n_rows < MAX_TYPES ? v->n_rows : MAX_TYPES;

	put_look(j, v);
	field_u64(j, "types_left_out", v->n_rows - n);
	open_level(j, "types", '[');
	for (size_t i = 0; i < n; i++)
		report_heap_json_row(j, &v->rows[i], v->before != NULL);
	close_level(j, ']');
}
