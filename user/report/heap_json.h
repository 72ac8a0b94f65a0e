/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_json.h - the fields of the JSON report that tell the heap by type.
 */
#ifndef HEAP_JSON_H
#define HEAP_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct heap_amount;
struct heap_row;
struct heap_view;
struct heapmap;
struct json;

/* Fields of the object at hand: heap_look, typed, types_left_out, types. */
void report_heap_json(struct json *j, const struct heap_view *v);
/* Fields of the object at hand, span_s and span_range_s: of two looks, else null; v may be NULL. */
void report_heap_json_span(struct json *j, const struct heap_view *v);
/* Likewise finalizers_queued, cleanups_queued and finalizing: what is to run, and who runs such
 * things; m NULL: not known. */
void report_heap_json_queues(struct json *j, const struct heapmap *m);
/* Likewise objects, bytes, and the ranges of both. */
void report_heap_json_amount(struct json *j, const struct heap_amount *a);
/* One element of types; two: of two looks. */
void report_heap_json_row(struct json *j, const struct heap_row *row, bool two);
/* An array of rows of two looks compared. */
void report_heap_rows_json(struct json *j, const char *key, const struct heap_row *const *rows,
			   size_t n);

#endif
