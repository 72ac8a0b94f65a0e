/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sections.h - the sections of the report for reading, and what they share.
 */
#ifndef SECTIONS_H
#define SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/report/report.h"

struct estimate;
struct findings;
struct frames;
struct heap_site;
struct heap_sum;
struct judgement;
struct line;
struct page;

/* How much of what there is gets rows; SIZE_MAX: all. */
struct show {
	bool empty;		/* also what holds nothing now */
	bool memstats;
	size_t findings, finding_frames, finding_types;	/* the last: so many have types */
	size_t sites, gsites, older;
	size_t rows, frames;	/* of each: types or places; frames of its stack */
	size_t more_stacks, more_types;	/* of a finding, beside the first ones */
};

#define REPORT_MORE " (-T 0 shows all)"

/* ---- sections -------------------------------------------------------------------------------- */

void report_verdict_line(const struct page *out, const struct findings *f);	/* VERDICT */
void report_findings(const struct page *out, const struct findings *f, const struct show *show);
/* What grew by type, where it is too early for a verdict and no finding tells of it: GROWTH. */
void report_evidence(const struct page *out, const struct findings *f, const struct show *show);
/* The queues of finalizers and cleanups, where something grows that waits in them: QUEUED. */
void report_queued(const struct page *out, const struct findings *f);
/* Whether it is told what grew there by type. */
bool report_has_types(const struct finding *found);
void report_heap(const struct page *out, const struct findings *f, const struct show *show);
void report_no_profile(const struct page *out);		/* instead of it, HEAP as well */
void report_older(const struct page *out, const struct findings *f, const struct show *show);
void report_goroutines(const struct page *out, const struct findings *f, const struct show *show);
void report_coverage(const struct page *out, const struct findings *f);
void report_cost(const struct page *out, const struct findings *f);

/* ---- frames ---------------------------------------------------------------------------------- */

/* Leaf first from frame `from`, the first behind `first` and the others behind `rest`. */
void report_frames(const struct page *out, const struct findings *f, const struct frames *stack,
		   size_t from, const char *first, const char *rest);
/* The leaf's side of it: `most`, and how many more there are. */
void report_some_frames(const struct page *out, const struct findings *f,
			const struct frames *stack, size_t from, size_t most, const char *first,
			const char *rest);

/* ---- rows of sites --------------------------------------------------------------------------- */

/* Of some there is one at least, however little of it an estimate says there is. */
uint64_t report_whole_objects(double n);
struct report_words report_count_of(double objects);
struct report_words report_size_of(double bytes);

/* A rate, by what puts such into words, and over what time it was; NAN: too early. */
void report_rate(struct line *l, const struct estimate *per_s,
		 char *(*words)(const struct estimate *per_s), double span_s);

/* What keeps a site from being judged. */
enum lack {
	LACKS_NOTHING,
	LACKS_COLLECTIONS,
	LACKS_LOOKS,		/* at the runtime's table of goroutines */
	LACKS_OBJECTS,
	LACKS_SAMPLES,
	LACKS_GOROUTINES,
	N_LACKS
};

enum lack report_lack_of(const struct findings *f, const struct judgement *is, bool goroutines);
const char *report_lack_words(enum lack lack);
/* The word of a row. */
void report_word(struct line *l, const struct findings *f, const struct judgement *is,
		 bool goroutines);

/* The source of allocations now; NULL: none is known. */
const char *report_source_now(const struct findings *f);

/* Whether it has a row, unless all is asked for. */
bool report_site_holds(const struct heap_site *s);
/* Into a sum whose sites are those that hold something: the others have no row to look for. */
void report_add_held(struct heap_sum *sum, const struct heap_site *s);
struct heap_sum report_heap_sum(const struct findings *f);

#endif
