/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - renders struct findings.  One file per format; sees the model only: no target, no
 * clock, no Go.
 *
 * The program must stay in the C locale for numbers (LC_NUMERIC): JSON knows no decimal comma.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model.h"

struct diagnosis;
struct estimate;
struct findings;
struct frames;
struct goroutine_site;
struct goroutine_sum;
struct heap_site;
struct heap_sum;

#define REPORT_FIT (SIZE_MAX - 1)	/* as many rows as fit on a screen; in a file more */

struct report_options {
	size_t top;		/* rows of each section of the text report; 0: all, in JSON too,
				 * else 1,000 sites of each kind are there, or top if that is
				 * more */
	bool file;		/* to which it goes: no screen has to hold it */
	size_t columns;		/* of what the text report is read on; 0: not known */
	bool colour;		/* which has colours */
	const char *value;	/* what folded stacks and pprof count: one of the format's values;
				 * NULL: the first */
};

/* What must have been traced, or have happened, for a report to say anything. */
enum report_needs {
	REPORT_NEEDS_HEAP = 1,
	REPORT_NEEDS_GOROUTINES = 2,
	REPORT_NEEDS_COLLECTION = 4,	/* one that ended since the attach */
	REPORT_NEEDS_TYPES = 8,		/* the heap by type */
	REPORT_NEEDS_TWO_LOOKS = 16,	/* at it */
	REPORT_NEEDS_TRACE = 32,	/* one look tells nothing of what changes, */
	REPORT_NEEDS_GROWTH = 64,	/* nor does one collection */
};

enum report_kind {
	REPORT_READING,		/* for people: reports are set apart by an empty line */
	REPORT_LINES,		/* one line is one report: they follow each other */
	REPORT_TABLE,		/* many lines are one report, for programs: an empty line between */
	REPORT_BINARY,		/* not for a terminal; a file holds one report */
};

/* One of the things that a format can count. */
struct report_value {
	const char *name;	/* NULL: there is nothing to choose, and this is the only row */
	unsigned int needs;	/* of enum report_needs */
	const char *option;	/* the option --OPTION FILE also writes this one; NULL: none does */
	const char *help;	/* of that option */
};

/* One row per format; name as the option --format takes it.  Everything that options, outputs and
 * help texts know of formats is here. */
struct report_format {
	const char *name;
	const char *help;
	/* Writes the whole report and flushes; 0 or negative errno: the stream's, or -EINVAL when
	 * opt->value is none of values. */
	int (*write)(FILE *out, const struct findings *f, const struct report_options *opt);
	enum report_kind kind;
	const char *ending;	/* of files that hold one report each: a number goes before it */
	const struct report_value *values;	/* the first is meant where none is named */
	size_t n_values;	/* 1 or more */
};

const struct report_format *report_find(const char *name);	/* NULL: no such format */
const struct report_format *report_formats(size_t *n);
/* "LEAK", "TOO_FEW_SAMPLES" */
const char *report_verdict(enum verdict v);
/* Goroutines that wait for what cannot come, as no more have begun to. */
bool report_stuck(const struct judgement *is);
/* The n-th of what a growing one lacks to be called a leak; NULL: it lacks no more. */
const char *report_missing_text(unsigned missing, size_t n);
/* Of enum report_needs: what these findings lack. */
unsigned int report_missing(const struct findings *f);
/* Where value stands in format->values (0 for NULL), or -EINVAL. */
int report_value(const struct report_format *format, const char *value);

int report_text(FILE *out, const struct findings *f, const struct report_options *opt);
int report_json(FILE *out, const struct findings *f, const struct report_options *opt);
int report_folded(FILE *out, const struct findings *f, const struct report_options *opt);
int report_pprof(FILE *out, const struct findings *f, const struct report_options *opt);

/* What the formats share. */

struct report_words {		/* a number in words, by value: printf("%s", report_bytes(n).s) */
	char s[32];
};

/* What is not known (UNKNOWN_U64, NAN, a negative duration) is "?". */
struct report_words report_bytes(uint64_t bytes);	/* 1.42GiB 612MiB 590KiB 12B */
struct report_words report_change(double bytes);	/* +1.42GiB -12B */
struct report_words report_count(uint64_t n);		/* 1,431 */
struct report_words report_rough(double n);		/* 0.4 12 11k 1.2M */
struct report_words report_duration(double s);		/* 300ms 3.2s 45s 9m40s 2h03m 5d04h */
/* " [27.5, 30.8]", the limits of a number of bytes, in its own unit if that can be; signed:
 * " [-3, +0.5]".  Empty where they are the same in words, or not known. */
struct report_words report_limits(const struct estimate *bytes, bool is_signed);

/* Rates a second as rates a minute, in words: "+24.1MiB/min [+23.3, +24.9]", "+12.5/min [+9, +16]".
 * Where 0 is in the interval that is told alone, "between -2MiB/min and +9MiB/min", or, where it is
 * the low end, "up to +9MiB/min": a number in the middle of it would read as growth.  To be
 * freed. */
char *report_byte_rate(const struct estimate *per_s);
char *report_goroutine_rate(const struct estimate *per_s);
/* The same of value, low and high in words, with the limits that stand behind the value. */
char *report_rate_words(const struct estimate *e, const char *const words[3], const char *limits);
/* Whether 0 is in the interval, and not alone. */
bool report_holds_zero(const struct estimate *e);

/* When a limit is reached, seconds from now: "in ~3h05m [2h40m, 3h36m]"; of an interval that tells next
 * to nothing "in 40m at the earliest".  To be freed; NULL: nothing is told. */
char *report_left(const struct estimate *left_s);

/* Of objects or bytes, which may be an estimate. */
uint64_t report_whole(double n);

/* Characters of a text_clean() string, taken as the columns it fills. */
size_t report_columns(const char *s);

/* Goroutines a second that a site grows by; as many more or fewer as events were lost. */
struct estimate report_goroutine_growth(const struct findings *f, const struct goroutine_site *s);

/* What resident memory is made of, in the words of the line MEMORY: what the cause is. */
const char *report_cause(const struct diagnosis *d);
/* Whether d->cause says anything: where rss grows, there may be no part that has half of it. */
bool report_has_cause(const struct diagnosis *d);
/* Whether rss grows by what no report on Go shows; what does show it, and a name for programs,
 * NULL: it is not known. */
bool report_grows_outside(const struct diagnosis *d);
const char *report_outside_remedy(enum outside kind);
const char *report_outside_name(enum outside kind);

/* How many objects of a size class (as of struct heap_class) a site is seen to hold. */
uint64_t report_seen_of_class(const struct heap_site *s, uint64_t class_size);

/* Index of the first frame that is not of the runtime, as Go's heap profile begins a stack there; 0
 * when all are. */
size_t report_fold_runtime(const struct frames *stack);

void report_add_heap(struct heap_sum *sum, const struct heap_site *s);
void report_add_goroutines(struct goroutine_sum *sum, const struct goroutine_site *s);

struct report_state {
	const char *state;
	uint64_t n;
};

/* Of a place that starts goroutines: what it allocates is a site of the same stack, with another id.
 * 0: not known. */
uint64_t report_goroutine_id(const struct goroutine_site *s);

/* Ids of the sites of a finding, each once though several rows may have it (goroutines of one place
 * from before the attach and since), what grows most first; 0: not known.  In an array to be freed;
 * returns its length. */
size_t report_finding_sites(const struct findings *f, size_t finding, uint64_t **ids);

/* Goroutines by state, most first, in an array to be freed; returns its length. */
size_t report_states(const struct goroutine_site *sites, size_t n, struct report_state **out);

/* Flushes: 0, or negative errno if anything written to out was lost. */
int report_finish(FILE *out);

#endif
