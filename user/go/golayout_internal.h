/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayout_internal.h - what the files of golayout share.
 */
#ifndef GOLAYOUT_INTERNAL_H
#define GOLAYOUT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

struct gobin;
struct go_layout;

enum { GL_NOT_READ = -2 };	/* the value of a field that nobody has looked for */

/* sizeof(runtime.heapStatsDelta) as the code steps over it; -ENOENT: not found. */
int golayout_heapstats_size(const struct gobin *gb, int32_t *size);

/* Fills the fields that are not read; false, and untouched: it does not know them. */
typedef bool golayout_rest(const struct gobin *gb, struct go_layout *lo);

/* golayout_fields_from_dwarf(), but where what lies near the begin of the runtime's types is enough
 * for rest to know the others, these are not looked for. */
int golayout_fields_near(const struct gobin *gb, golayout_rest *rest, struct go_layout *out);

#endif
