/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * news.h - what is told of a watched process when something has changed: some lines for reading, or
 * one line of JSON.
 */
#ifndef NEWS_H
#define NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/model.h"

struct heap_row;
struct watched;
struct watched_class;
struct watched_go;
struct watched_growth;
struct watched_places;

enum news_kind {
	NEWS_BEGIN,		/* it is watched from now on */
	NEWS_REFUSED,		/* it is not: why says the reason */
	NEWS_END,		/* it is not any more; the last that was known */
	NEWS_HEAP,		/* its live heap: verdict, classes */
	NEWS_GOROUTINES,	/* those of one go statement */
	NEWS_MEMORY,		/* what its resident memory grows by */
	NEWS_GROWTH,		/* what it is that grows: types, holders, lines, stacks */
	NEWS_REPORT,		/* all of it, because it was asked for */
};

/* Of what the kind does not need, nothing is looked at. */
struct news {
	enum news_kind kind;
	int64_t time_unix_ns;
	int pid;
	const char *comm;
	const char *why;			/* REFUSED; END: "exited" ... */
	const struct watched *w;		/* all but REFUSED */
	const struct watched_go *go;		/* GOROUTINES */
	const struct watched_places *places;	/* GOROUTINES; NULL: not known */
	const struct watched_growth *growth;	/* GROWTH; REPORT: NULL if nothing was named */
	bool waits;				/* HEAP, REPORT: a look at what grows in its heap
						 * waits for those at others */
	bool taken_back;			/* HEAP: the line before told a leak; if this one
						 * does not, it says so */
	bool brief;				/* END, REPORT: one of many, so that text needs no
						 * more than a line where nothing grows */
	size_t n_watched;			/* REPORT: processes, in the last one; else 0 */
	double own_cpu_percent;			/* of one core, for all of them */
	uint64_t own_rss;
};

/* 0, or negative errno if anything was lost. */
int news_text(FILE *out, const struct news *n);
int news_json(FILE *out, const struct news *n);		/* one line */

/* What both of them tell. */

enum { NEWS_TYPES = 3 };	/* of what grows are shown */

/* The classes that are as bad as the worst one, if that grows; fastest first, to be freed. */
size_t news_classes(const struct watched *w, const struct watched_class ***out);
/* The verdict of the heap and all its classes. */
enum verdict news_heap_verdict(const struct watched *w);
/* The classes that leak and have a tenth of what the fastest of them has: 0 if there are none, the
 * same for the same ones. */
uint64_t news_leaking(const struct watched *w);
bool news_leaks(const struct watched *w, const struct watched_class *c);	/* is one of these */
/* Whether the heap grows as goroutines do, by what these cost in it: each class that is as bad as the
 * worst by no more than a few small objects for each goroutine, all of them by some 1 KiB, and most
 * of what the heap grows by is in such classes.  It is told with them then, unless it leaks and they
 * only grow.  *worst: of these goroutines, of which too little may be known yet. */
bool news_heap_of_goroutines(const struct watched *w, enum verdict *worst);
/* The go statements whose goroutines the heap grows with then: of several each has a line, and the
 * growth is of all of them. */
size_t news_growing_gos(const struct watched *w);
/* How fast the heap grows, or, if all of it does not show it, all of news_classes() together. */
struct estimate news_heap_rate(const struct watched *w);
/* Nothing is known of the heap by size: collections come faster than they can be seen, or cannot be
 * seen at all. */
bool news_heap_unseen(const struct watched *w);
/* Whether resident memory grows by what nothing else tells of: what is not the heap, and, where that
 * is unseen, the heap as well. */
bool news_memory_grows(const struct watched *w);
/* The first rows of what has a type and rather grew than not, or is held in ways that grew for
 * certain, of a size that grows; if there are none, of any; none of less than a hundredth of what all
 * such grow by.  What the runtime keeps for goroutines is not told beside these. */
size_t news_types(const struct watched *w, const struct watched_growth *g,
		  const struct heap_row *out[NEWS_TYPES]);
/* These and what is suppressed come to so many bytes a second at most, which is less than half of
 * what the heap grows by for sure. */
bool news_unexplained(const struct watched *w, const struct watched_growth *g, double *explained);
/* Bytes a second, of sizes that grow, of the types that do: of those that are not suppressed, and
 * of those that are. */
void news_growth_split(const struct watched *w, const struct watched_growth *g, double *told,
		       double *suppressed);
/* The types that are suppressed and grow; returns how many, *rate in bytes a second. */
size_t news_suppressed(const struct watched_growth *g, struct estimate *rate);

#endif
