/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * typeindex.h - the types of a program by name and use: which its code mentions, which it
 * allocates, which variables hold them, which functions are closures.
 */
#ifndef TYPEINDEX_H
#define TYPEINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gobin;
struct typeindex;

/* Reads the code: half a second for 100 MB. */
struct typeindex *typeindex_new(const struct gobin *gb);
void typeindex_free(struct typeindex *ti);
size_t typeindex_bytes(const struct typeindex *ti);	/* of memory */

/* The rtype with that name ("T", "T[int]") in the package with that path (NULL: of none); 0: none,
 * or several (local to functions). */
uint64_t typeindex_named(const struct typeindex *ti, const char *package, const char *name);
/* "T" of "pkg.T", "T[a/b.X]" of "pkg.T[a/b.X]"; all of a type without a name of its own. */
const char *typeindex_bare(const char *name);

/* The rtype of *T; 0: the program has none. */
uint64_t typeindex_pointer_to(const struct typeindex *ti, uint64_t rtype);

/* The map type whose groups or buckets are of that rtype; 0: none. */
uint64_t typeindex_map_of(const struct typeindex *ti, uint64_t group);
void typeindex_each_map(const struct typeindex *ti, void (*visit)(void *ctx, uint64_t map),
			void *ctx);

/* The channel types with that element (of each direction), at most max. */
size_t typeindex_channels_of(const struct typeindex *ti, uint64_t elem, uint64_t *types,
			     size_t max);

/* The types that the code allocates, one of its own or arrays of it. */
struct alloc_type {
	uint64_t rtype;
	bool single, array;
};
const struct alloc_type *typeindex_allocs(const struct typeindex *ti, size_t *n);

/* The type of the object that is made for the function literal with that entry; 0: not known. */
uint64_t typeindex_closure(const struct typeindex *ti, uint64_t entry);

/* The rtype of T if the function is (*T).M; 0: not so, or not known. */
uint64_t typeindex_receiver(const struct typeindex *ti, uint64_t entry);

/* A package variable whose type the code shows. */
enum shown_how {
	SHOWN_VALUE,		/* it is, or begins with, a value of the rtype */
	SHOWN_POINTER,		/* points to one */
	SHOWN_SLICE,		/* is a slice of them */
	SHOWN_MAP,		/* is a map of the rtype */
	SHOWN_CHAN,		/* is a channel of the rtype */
};
struct shown_variable {
	uint64_t vaddr;
	uint64_t rtype;
	enum shown_how how;
};
const struct shown_variable *typeindex_variables(const struct typeindex *ti, size_t *n);

/*
 * Calls visit for each place in the code that allocates one of the n types, in sorted order: as
 * such, as elements of arrays, or as maps and channels; and, if 0 is among them, with rtype 0 for
 * each that makes a string, or bytes or runes out of strings.  Not for what only reflection knows,
 * for what is put into an interface by its value alone, nor for make and copy in one of what has no
 * pointers: the code gives no type there.
 */
enum site_makes {
	SITE_VALUE, SITE_ARRAY, SITE_MAP, SITE_CHAN,
	SITE_STRING, SITE_BYTES, SITE_RUNES,	/* "string", "[]uint8", "[]int32" */
};
struct alloc_site {
	uint64_t rtype;
	enum site_makes makes;
	uint64_t return_addr;	/* of the call of the allocator */
	uint64_t bytes;		/* of an array of which the code says how many elements it has, as
				 * make([]T, 64) does; UNKNOWN_U64: it may have any number */
};
typedef void (*site_fn)(void *ctx, const struct alloc_site *site);
void typeindex_sites(const struct typeindex *ti, const uint64_t *rtypes, size_t n, site_fn visit,
		     void *ctx);

#endif
