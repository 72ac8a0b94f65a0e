/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * series.h - counts over time, per 64-bit key, at a few remembered moments: what growth is told
 * from.  Pure arithmetic; what the keys and counts stand for is the owner's business.
 */
#ifndef SERIES_H
#define SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series;

struct series_moment {
	unsigned index;		/* the series' own; good until the next series_begin() */
	uint64_t time_ns;
};

/* start_ns: when the trace began, the clock of all other times.  A moment whose values do not fit
 * into max_bytes (16 bytes a value, and four moments, each half full) is not remembered. */
int series_new(struct series **out, uint64_t start_ns, size_t max_bytes);
void series_free(struct series *s);

/* Whether this moment is to be remembered: the first one is, and each at 1.4 times the age of the
 * one before. */
bool series_due(const struct series *s, uint64_t now_ns);
/* Begins a moment; its values follow.  A key that is not added, or added with 0, counts 0. */
void series_begin(struct series *s, uint64_t now_ns);
void series_add(struct series *s, uint64_t key, uint64_t value);

/* The remembered moment nearest to the middle between start and until_ns, and before until_ns;
 * false: none yet. */
bool series_middle(const struct series *s, uint64_t until_ns, struct series_moment *out);
/* The latest remembered moment before m; false: none. */
bool series_before(const struct series *s, struct series_moment m, struct series_moment *out);
/* The very first moment; false: none yet. */
bool series_first(const struct series *s, struct series_moment *out);
uint64_t series_at(const struct series *s, struct series_moment m, uint64_t key);

#endif
