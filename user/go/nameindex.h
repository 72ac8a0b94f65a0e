/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nameindex.h - finds numbers by name, for tables of some hundred thousand names that stay where
 * they are, also those that somebody chose to make this slow.
 *
 * Keeps numbers only; the owner of the names compares them.  Of equal names the first added is
 * found.
 */
#ifndef NAMEINDEX_H
#define NAMEINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nameindex;

/*
 * The parts of a program's names, each with an index of its own, to be filled when it is asked for:
 * nearly all questions are for names of package runtime, some thousand out of a hundred thousand or
 * more, and it is the filling that costs.
 */
enum nameindex_part { NAMEINDEX_RUNTIME, NAMEINDEX_OTHERS, NAMEINDEX_PARTS };

enum nameindex_part nameindex_part_of(const char *name);

/* Whether that number really has this name. */
typedef bool nameindex_same(const void *ctx, uint32_t number, const char *name);

/* Room for n names, at most UINT32_MAX / 4. */
struct nameindex *nameindex_new(size_t n, nameindex_same *same, const void *ctx);
void nameindex_free(struct nameindex *ix);

/* len: of name, which ends with a NUL. */
void nameindex_add(struct nameindex *ix, const char *name, size_t len, uint32_t number);

bool nameindex_find(const struct nameindex *ix, const char *name, uint32_t *number);

#endif
