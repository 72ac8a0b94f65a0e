/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * typegrowth.h - which types of objects grow in a size class, and in a finding.  Pure functions.
 */
#ifndef TYPEGROWTH_H
#define TYPEGROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

struct heap_view;

/* Of the program's types whose objects are of this size (as of struct heap_class), that which grew
 * most between two looks: bytes a second; 0: none did.  And whether one that the runtime keeps for
 * itself grew more. */
void typegrowth_most(const struct heap_view *growth, uint64_t size, struct estimate *most,
		     bool *of_runtime);

/* Of buckets of maps in such slots, bytes a second, where no more maps have come with them: those
 * that maps of Go before 1.24 chain to full ones.  0: there are no more of them for certain. */
void typegrowth_worn(const struct heap_view *growth, uint64_t size, struct estimate *worn);

/* Fills in the types of a finding: what grew, or rather grew than not, of that which its sites
 * allocate, or, without sites, of its class.  Of a type that others allocate in other sizes there
 * are only objects of its own sizes, and what holds such.  One piece of memory, to be freed. */
void typegrowth_of_finding(struct findings *f, size_t finding);

#endif
