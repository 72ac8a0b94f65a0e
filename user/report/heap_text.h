/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_text.h - the parts of the text report that tell the heap by type.
 */
#ifndef HEAP_TEXT_H
#define HEAP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_row;
struct heap_type;
struct heap_view;
struct heapmap;
struct line;
struct page;

void report_heap_totals(const struct page *out, const struct heap_view *v);
/* What is to be run of finalizers and cleanups, and by whom: QUEUED, if there is any. */
void report_heap_queues(const struct page *out, const struct heapmap *m);
/* top as in struct report_options; room: lines that there are, where top is REPORT_FIT. */
void report_heap_rows(const struct page *out, const struct heap_view *v, size_t top, size_t room);
/* Below a finding: how a type grew between two looks, and what holds it; with_places: also where it
 * is allocated. */
void report_heap_grown(const struct page *out, const struct heap_view *v, const struct heap_row *row,
		       bool with_places);
/* Of two looks beside a trace, where no finding tells of them: growth of all, and the first rows of
 * those whose growth matters; all rows where most is SIZE_MAX. */
void report_heap_evidence(const struct page *out, const struct heap_view *v,
			  const struct heap_row *const *rows, size_t n, size_t most);
/* Which lines allocate a type that has places, the first ones of them: "allocated by ...".  Of more
 * than three those, if they are no more, that something tells from the others; else "allocated in
 * many places (17 or more)".  most: SIZE_MAX: all. */
void report_heap_places(struct line *l, const struct heap_type *type, size_t most);
void report_heap_untyped(const struct page *out, const struct heap_view *v);
void report_heap_cost(const struct page *out, const struct heap_view *v, uint64_t own_rss);

#endif
