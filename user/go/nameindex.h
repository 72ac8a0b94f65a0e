/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nameindex.h - finds numbers by name, for tables of some hundred thousand names that stay where
 * they are.
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

/* Room for n names, at most UINT32_MAX / 4. */
struct nameindex *nameindex_new(size_t n);
void nameindex_free(struct nameindex *ix);

void nameindex_add(struct nameindex *ix, const char *name, size_t len, uint32_t number);

/* same(ctx, number, name): whether that number really has this name. */
bool nameindex_find(const struct nameindex *ix, const char *name,
		    bool (*same)(const void *ctx, uint32_t number, const char *name),
		    const void *ctx, uint32_t *number);

#endif
