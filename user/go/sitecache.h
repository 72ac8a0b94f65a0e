/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sitecache.h - answers of sitetype by what they depend on, and the one copy of each name in them.
 *
 * An answer depends on the type seen by the probe and on the leaf end of the stack, as far as it
 * had to be looked at.  How far that is follows from these frames alone, so the answers form a
 * tree: a stack finds the one of its own leaf end, however long it is.
 */
#ifndef SITECACHE_H
#define SITECACHE_H

#include <stddef.h>
#include <stdint.h>

struct site_type;
struct sitecache;

struct sitecache *sitecache_new(void);
void sitecache_free(struct sitecache *sc);

/* Bytes that answers may take, names not included; what was kept before stays.  At first their
 * share of DEFAULT_MEMORY. */
void sitecache_limit(struct sitecache *sc, size_t max_bytes);

/* The one copy of prefix and name together; lives as long as the cache. */
const char *sitecache_name(struct sitecache *sc, const char *prefix, const char *name);

/* NULL: not known.  Valid until the next sitecache_keep(). */
const struct site_type *sitecache_find(const struct sitecache *sc, uint64_t typ,
				       const uint64_t *pcs, size_t n);

/* The answer depends on the first used of the n pcs; used is n + 1 if it mattered that the stack
 * ends there.  Nothing more is kept once the memory is used up. */
void sitecache_keep(struct sitecache *sc, uint64_t typ, const uint64_t *pcs, size_t n, size_t used,
		    const struct site_type *answer);

#endif
