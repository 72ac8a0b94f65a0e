/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapview.h - what a report says of the heap by type: one look, or two compared.
 *
 * Plain data and a pure function; borrows the maps, which must live as long.
 */
#ifndef HEAPVIEW_H
#define HEAPVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/heapmap.h"
#include "user/model.h"

/* What there is of something, and how it grew since the look before: a second, NAN in all of an
 * estimate if there was none.  The interval is certain, not a 95 % one. */
struct heap_amount {
	struct heap_range objects, bytes;
	struct estimate objects_per_s, bytes_per_s;
};

/* Objects of a row that are held the same way; of two looks also those whose way began alike at
 * either, where some went from one way to another. */
struct heap_held {
	const struct heap_holder *holder;	/* of the later look that has it */
	struct heap_amount amount;
};

struct heap_row {
	const struct heap_type *type;		/* of the later look that has it */
	const struct heap_type *before;		/* of the look before; NULL: it had none */
	struct heap_amount amount;
	uint64_t objects_before;		/* as objects.high, at the look before */
	struct heap_held *held;			/* in the order of the rows */
	size_t n_held;
};

/* The time between the counts of two looks: seconds, and what it is at least and at most. */
struct heap_span {
	double s, least_s, most_s;
};

enum { N_HEAP_LOSSES = 14 };

struct heap_view {
	const struct heapmap *now, *before;	/* before: NULL, of one look */
	struct heap_span span;			/* between the two; all 0 of one */
	struct estimate held_per_s;		/* as of a heap_amount, of the bytes of all that
						 * something was seen to hold */
	struct heap_row *rows;			/* of one look most bytes first, by low; of two
						 * what grew for certain by the low end of its
						 * bytes_per_s, then the others by the value;
						 * what could not be typed among them */
	size_t n_rows;
	size_t n_suppressed;			/* behind these, what heapview_leave_out() moved */
	struct coverage_row losses[N_HEAP_LOSSES];	/* of both looks */
};

void heapview_make(const struct heapmap *now, const struct heapmap *before, struct heap_view *out);
/* Moves the rows of these types behind the others, which n_rows is the number of then. */
void heapview_leave_out(struct heap_view *v,
			bool (*is_out)(void *ctx, const struct heap_type *type),
			void *ctx);
void heapview_fini(struct heap_view *v);

/* Sizes of slots, both ends included. */
struct heap_sizes {
	uint64_t least, most;
};

/* Of a row of two looks the objects of these sizes, and what holds such: as far as they can be told
 * from the others.  Borrows the view's map, but type, whose sizes are right if there is but one, is
 * the caller's to keep, and so is held, with room for n_held of the row. */
void heapview_of_sizes(const struct heap_view *v, const struct heap_row *row,
		       const struct heap_sizes *sizes, struct heap_type *type,
		       struct heap_held *held, struct heap_row *out);

/* For qsort: rows of two looks in their order. */
int heapview_by_growth(const void *a, const void *b);

/* Whether what there was at two looks has become more for certain. */
bool heapview_grew(const struct heap_amount *a);

/* Whether what holds objects of a row is worth a line: of what there was, or of two looks of what the
 * row has gained, it has a two-hundredth; and where others hold, or gained, some for certain, so does
 * this one. */
bool heapview_is_told(const struct heap_row *row, const struct heap_held *held);

/* Whether the runtime keeps such objects for itself; its arrays of them, too: "[]*runtime.g". */
bool heapview_of_runtime(const struct heap_type *t);

/* Of bytes, what has a type; NAN: there are none. */
double heapview_typed(const struct heap_sums *sums);

#endif
