/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relocs.h - the relative relocations of a position-independent file by address, so that they can
 * be applied to what is read instead of to the whole file.
 */
#ifndef RELOCS_H
#define RELOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relocs;

/* table: a DT_RELA table, in any order, which must outlive the relocs; those outside of the vaddrs
 * from low to high are left out.  Takes 4 bytes for each relocation and for each KiB between the
 * two.  NULL: nothing to apply, or more in one place than there is room for pointers. */
struct relocs *relocs_new(const void *table, size_t bytes, uint64_t low, uint64_t high);
void relocs_free(struct relocs *r);

/* Applies to a copy of the len bytes at vaddr, at load bias 0. */
void relocs_apply(const struct relocs *r, uint64_t vaddr, void *copy, size_t len);

/* The next place that is made point to value; *i begins at 0. */
bool relocs_next_to(const struct relocs *r, uint64_t value, size_t *i, uint64_t *vaddr);

#endif
