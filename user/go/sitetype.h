/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sitetype.h - what an allocation site allocates, in Go's own words.
 *
 * The *_type argument seen by the probe names the element; the runtime functions at the leaf end of
 * the stack say what was made of it (a slice, a map, a channel, a string); where the argument was
 * not at hand, the call instruction before a return address tells it: the compiler loads the
 * constant address of the type into the argument's register just before the call.
 */
#ifndef SITETYPE_H
#define SITETYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gobin;
struct sitetype;

int sitetype_new(struct sitetype **out, const struct gobin *gb);
void sitetype_free(struct sitetype *st);

/* Bytes that remembered answers may take, names not included; beyond that they are found anew. */
void sitetype_limit(struct sitetype *st, size_t max_bytes);

struct site_type {
	const char *name;	/* "main.Session", "[]uint8", "map[string]int", "string"; "?"
				 * unknown, also in part: "[]?", "chan ?" */
	const char *how;	/* "new", "make", "append", "map", "chan", "closure", "interface",
				 * "string", "conversion"; NULL: unknown */
	bool pointers;		/* the object has pointers (is scanned); true if unknown */
	bool known;		/* pointers is known */
};

/*
 * typ: vaddr of the *_type passed to the allocator, 0 raw memory, GL_UNKNOWN not at hand.
 * pcs: vaddrs, leaf first, pcs[0] the probed instruction, then return addresses.
 * The answer is cached and lives as long as the sitetype.
 */
void sitetype_get(struct sitetype *st, uint64_t typ, const uint64_t *pcs, size_t n,
		  struct site_type *out);

/* What this function of the runtime makes, which is given no type: "string", "[]uint8", "[]int32";
 * NULL: anything else. */
const char *sitetype_of_function(const char *name);

/* Entry of the function that the call before this return address calls: a stack that begins with
 * the caller can be given it in front.  0: not known, or an indirect call. */
uint64_t sitetype_callee(struct sitetype *st, uint64_t return_addr);

#endif
