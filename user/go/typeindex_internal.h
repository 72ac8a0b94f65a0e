/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * typeindex_internal.h - the index of types, for who fills it.
 */
#ifndef TYPEINDEX_INTERNAL_H
#define TYPEINDEX_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/table.h"
#include "user/go/typeindex.h"

struct typeindex {
	const struct gobin *gb;
	struct table rtypes;		/* struct indexed_type */
	struct table names;		/* struct by_name */
	struct table groups;		/* struct by_group */
	struct table closures;		/* struct by_entry */
	struct table variables;		/* struct by_variable */
	struct alloc_type *allocs;
	size_t n_allocs, cap_allocs;
	struct shown_variable *shown;
	size_t n_shown;
};

struct indexed_type {
	uint64_t key;			/* rtype */
	uint64_t pointer;		/* the type of pointers to it; 0: none was seen */
	uint64_t channels[3];		/* with it as element, 0: none */
	uint32_t alloc;			/* number in allocs, plus 1; 0: not allocated */
};

struct by_name {
	uint64_t key;			/* hash of package and name */
	uint64_t rtype;
	bool several;			/* of that name: local to functions */
};

struct by_group {
	uint64_t key;			/* rtype of a map's groups or buckets */
	uint64_t map;
};

struct by_entry {
	uint64_t key;			/* of a function literal */
	uint64_t rtype;			/* of its closures; 0: of several types */
};

struct by_variable {
	uint64_t key;			/* vaddr */
	uint64_t rtype;			/* 0: places in the code contradict each other */
	uint8_t how;			/* enum shown_how */
};

/* Adds the type and all that it is made of. */
void typeindex_add(struct typeindex *ti, uint64_t rtype);
void typeindex_add_alloc(struct typeindex *ti, uint64_t rtype, bool array);
void typeindex_add_closure(struct typeindex *ti, uint64_t entry, uint64_t rtype);
void typeindex_add_variable(struct typeindex *ti, uint64_t vaddr, uint64_t rtype,
			    enum shown_how how);
bool typeindex_is_type(const struct typeindex *ti, uint64_t vaddr);

/* Fills the index by reading the code. */
void typecode_read(struct typeindex *ti);
void typecode_sites(struct typeindex *ti, const uint64_t *rtypes, size_t n, site_fn visit,
		    void *ctx);

#endif
