/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_text.h - sections of the report for reading, on the memory of the whole process.
 */
#ifndef MEMORY_TEXT_H
#define MEMORY_TEXT_H

#include <stddef.h>
#include <stdio.h>

struct findings;

void report_memory(FILE *out, const struct findings *f);		/* MEMORY */
void report_process(FILE *out, const struct findings *f);		/* PROCESS */
void report_memstats(FILE *out, const struct findings *f);	/* MEMSTATS */
void report_trend(FILE *out, const struct findings *f);			/* TREND */
/* GC: of a look the last top collections, 0: all; of a trace all. */
void report_collections(FILE *out, const struct findings *f, size_t top);

#endif
