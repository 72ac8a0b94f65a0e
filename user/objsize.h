/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objsize.h - how many heap bytes a new object occupies, decided in one place, before anything else
 * is done with its record.
 */
#ifndef OBJSIZE_H
#define OBJSIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct objsize;
struct plan;
struct process;
struct track;

/* All pointers must outlive the objsize; track knows the stacks that records name. */
void objsize_new(struct objsize **out, const struct process *p, const struct plan *plan,
		 const struct track *track);
void objsize_free(struct objsize *z);	/* NULL is fine */

/* Heap bytes of the object's slot, and whether it is tiny, that is shares a 16-byte block.  false:
 * it cannot be known; the object's span is gone, and so is the object. */
bool objsize_get(struct objsize *z, const struct gl_alloc *rec, uint64_t *bytes, bool *tiny);

#endif
