/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapline.h - when the growth of a watched heap has a line of its own.  Arithmetic only.
 */
#ifndef HEAPLINE_H
#define HEAPLINE_H

#include <stdbool.h>
#include <stdint.h>

enum { CALM = 0, GROWS, LEAKS };	/* states, as of changes.h */

struct heap_line {
	bool held;		/* growth is not told before it is known of what */
	bool accepted;		/* it is all suppressed, as of the last look */
	unsigned shown;		/* the state that the last line told, */
	uint64_t leaking;	/* and which classes leaked then: news_leaking() */
};

/* What is known when the heap has been judged anew. */
struct heap_change {
	unsigned told;		/* the state that has held for long enough to be told, */
	bool changed;		/* since just now */
	bool other_classes;	/* than the last line told leak */
	bool of_goroutines;	/* it grows as goroutines do: their lines tell it */
	bool suppresses;	/* some may be accepted */
	uint64_t leaking;	/* as of struct heap_line */
};

/* True: a line is to be written, after which heapline_told() is to be called.  *anew: growth is
 * told of for the first time since there was none, and what looks told before is of another
 * time. */
bool heapline_is_due(struct heap_line *l, const struct heap_change *c, bool *anew);
void heapline_told(struct heap_line *l, unsigned told, uint64_t leaking);

#endif
