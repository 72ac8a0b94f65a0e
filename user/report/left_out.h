/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * left_out.h - what is suppressed or does not pass the filter, and how a report says so.
 */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

#include "user/model.h"

struct heap_amount;
struct heap_view;
struct page;

struct left_out {
	struct heap_sum heap;
	struct estimate rate;	/* of these, as of a heap site; NAN: too early to tell, or none */
	struct goroutine_sum goroutines;
	double goroutine_rate;	/* a second; NAN: likewise */
};

void report_suppressed(const struct findings *f, struct left_out *out);
/* The types of a look at the heap that are, in one row. */
void report_suppressed_types(const struct heap_view *v, struct heap_amount *out);
void report_slow(const struct findings *f, struct left_out *out);	/* below the rate */

/* Lines of the text report; nothing where nothing is suppressed, and where there is no filter. */
void report_suppressed_line(const struct page *out, const struct findings *f);
void report_filter_line(const struct page *out, const struct findings *f);

/* "objects of 1KiB or more, older than 5m00s", to be freed; NULL: all of them are shown. */
char *report_filter_words(const struct filter *f);

#endif
