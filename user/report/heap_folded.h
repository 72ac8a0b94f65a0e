/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_folded.h - who holds what as folded stacks, and as a profile.
 */
#ifndef HEAP_FOLDED_H
#define HEAP_FOLDED_H

#include <stdio.h>

struct heap_view;
struct profile;

enum heap_folded { HEAP_FOLDED_BYTES, HEAP_FOLDED_OBJECTS, HEAP_FOLDED_GROWTH };

/* root;...;type VALUE, in order of the lines; growth in bytes, of what grew. */
void report_heap_folded(FILE *out, const struct heap_view *v, enum heap_folded what);

/* Sample types and samples: a type is the leaf, its holders call it. */
void report_heap_profile(struct profile *p, const struct heap_view *v);

#endif
