/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * left_out.h - what the sites that are suppressed hold, and how a report says so.
 */
#ifndef LEFT_OUT_H
#define LEFT_OUT_H

#include "user/model.h"

struct page;

struct left_out {
	struct heap_sum heap;
	struct estimate rate;	/* of these, as of a heap site; NAN: too early to tell, or none */
	struct goroutine_sum goroutines;
	double goroutine_rate;	/* a second; NAN: likewise */
};

void report_suppressed(const struct findings *f, struct left_out *out);

/* A line of the text report; nothing where nothing is suppressed. */
void report_suppressed_line(const struct page *out, const struct findings *f);

#endif
