/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.h - lines for reading, as wide as what they are read on.
 *
 * Only a name that is too long leaves them: names are never cut, they are what one greps for.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum verdict;

/* What lines are written to. */
struct page {
	FILE *file;
	size_t columns;
	bool colour;
};

/* A line that goes on below, indented, where it would leave the columns. */
struct line {
	struct page page;
	size_t column, indent;
};

struct line begin_line(const struct page *out, const char *label, size_t indent);

/*
 * One item that is not broken unless it is wider than a line, behind the separator.  At the end of a
 * line the separator's part before its blank stays and the part behind begins the next line: "; "
 * leaves a semicolon, " + " takes a plus along.
 */
void item(struct line *l, const char *separator, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same of a word that says a verdict, in its colour where there are colours. */
void verdict_item(struct line *l, const char *separator, enum verdict verdict, const char *word);

void end_line(struct line *l);

size_t lines_in(const char *text);
const char *plural(uint64_t n);		/* "s" unless it is 1 */

#endif
