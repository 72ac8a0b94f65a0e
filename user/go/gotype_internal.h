/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotype_internal.h - what the files that read type descriptors share.
 */
#ifndef GOTYPE_INTERNAL_H
#define GOTYPE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

struct gobin;

enum {
	GOTYPE_KIND_MASK = 31,		/* above: flags, which changed between versions */
	GOTYPE_UNCOMMON = 1,		/* tflag: an UncommonType follows */
	GOTYPE_EXTRA_STAR = 2,		/* the name is that of *T: its first byte is not T's */
};

/* abi.Type, and two words behind it; their meaning depends on the kind. */
struct gotype_descriptor {
	uint64_t size, ptr_bytes;
	uint32_t hash;
	uint8_t tflag, align, field_align, kind;
	uint64_t equal, gcdata;
	int32_t str, ptr_to_this;
	uint64_t word[2];
};
_Static_assert(sizeof(struct gotype_descriptor) == 64, "abi.Type is 48 bytes, two words follow");

bool gotype_inside(const struct gobin *gb, uint64_t vaddr);	/* [types, etypes) */

/* As gotype_read(). */
int gotype_descriptor(const struct gobin *gb, uint64_t typ, struct gotype_descriptor *out);

/* malloc'ed; NULL: no sane name there.  Names beyond MAX_NAME bytes are cut.  The first by its
 * offset in the types, the second by its vaddr. */
char *gotype_name(const struct gobin *gb, int32_t off, bool extra_star);
char *gotype_name_at(const struct gobin *gb, uint64_t vaddr, uint8_t *flags);

#endif
