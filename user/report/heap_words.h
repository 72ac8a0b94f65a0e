/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_words.h - types of the heap and what holds them, in words.  All strings are to be freed.
 */
#ifndef HEAP_WORDS_H
#define HEAP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

struct heap_holder;
struct heap_level;
struct heap_range;
struct heap_row;
struct heap_runner;
struct heapmap;
struct heap_span;
struct heap_type;

/* "mw.Bucket", "groups of map[string]int", "[untyped 48B with pointers]" */
char *heap_type_words(const struct heap_type *t);
/* "mw.limiter.buckets", "map[mw.Key]*mw.Bucket", "main.node.next ..." for any number of them */
char *heap_level_words(const struct heap_level *level);
/* "var mw.limiter", "stack of main.serve", "a finalizer", "finalizer queue: main.(*file).close" */
char *heap_root_words(const struct heap_holder *h);
/* What leads to these in text: " in ", " on ", " held by ". */
const char *heap_root_before(const struct heap_holder *h);
/* Seconds that it has waited at least; negative: not known, or it does not. */
double heap_runner_wait_s(const struct heapmap *m, const struct heap_runner *r);
/* "7,892", "7,880 to 7,892" */
char *heap_range_words(struct heap_range r);
/* Whether the row's objects are all of one size: how many there are tells how large they are. */
bool heap_has_one_size(const struct heap_row *row);
/* How many there are: "244 x 16B", of several sizes "3,105 to 3,135". */
char *heap_count_words(const struct heap_row *row);
/* "1.2MiB", "1.13MiB to 1.2MiB" */
char *heap_bytes_words(struct heap_range r);
/* "1m00s", "4.9s to 5.2s" */
char *heap_span_words(const struct heap_span *span);

/* What to call objects that hang on holders that are left out, */
extern const char heap_held_otherwise[];
/* what may have become more, or less, between two looks, and what may live or not. */
extern const char heap_not_certain[], heap_may_live[];

#endif
