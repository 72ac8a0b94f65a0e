/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_text.h - sections of the report for reading, on the memory of the whole process.
 */
#ifndef MEMORY_TEXT_H
#define MEMORY_TEXT_H

#include <stddef.h>

struct estimate;
struct findings;
struct line;
struct memory_account;
struct page;

void report_memory(const struct page *out, const struct findings *f);		/* MEMORY */
void report_account(struct line *l, const struct memory_account *m);	/* what it is made of */
void report_heap_parts(struct line *l, const struct memory_account *m);	/* of rss */
void report_process(const struct page *out, const struct findings *f);		/* PROCESS */
void report_memstats(const struct page *out, const struct findings *f);	/* MEMSTATS */
void report_trend(const struct page *out, const struct findings *f);			/* TREND */
/* A rate of bytes a second, as report_byte_rate() has it. */
void report_growth(struct line *l, const char *separator, const struct estimate *per_s);
/* GC: of a look the last top collections, 0: all; of a trace all. */
void report_collections(const struct page *out, const struct findings *f, size_t top);

#endif
