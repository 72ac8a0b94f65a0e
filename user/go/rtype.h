/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtype.h - what is inside of a Go type: fields, elements, the parts of a map; read from the image.
 *
 * gotype.h says what a type is, this what its values are made of.
 */
#ifndef RTYPE_H
#define RTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gobin;

struct rtype_field {
	char *name;		/* "_" if blank; of an embedded one that of its type */
	uint64_t typ;		/* vaddr */
	uint64_t offset;
	bool embedded;
};

struct rtype {
	uint64_t size, ptr_bytes;
	uint8_t kind;		/* enum go_kind */
	uint64_t elem;		/* array, chan, map (value), pointer, slice: vaddr, else 0 */
	uint64_t key;		/* map: vaddr */
	uint64_t group;		/* map: of a bucket (runtime.bmap), or of a group (swiss maps) */
	uint64_t len;		/* array */
	struct rtype_field *fields;	/* struct, in order of offset; none overlap */
	size_t n_fields;
};

/* Fills *out, rtype_free().  -ENOENT: not inside the types area, -EBADMSG: inside, but not sane, or
 * larger than MAX_TYPE_FIELDS; *out is untouched then.  Types it refers to are inside the area, but
 * were not looked at. */
int rtype_read(const struct gobin *gb, uint64_t typ, struct rtype *out);
void rtype_free(struct rtype *t);

/* Of the field of a struct; UINT64_MAX: it has none of that name. */
uint64_t rtype_field_offset(const struct rtype *t, const char *name);

/* What can be told of a type without looking into it. */
struct rtype_head {
	uint64_t size, ptr_bytes;
	uint8_t kind;
	bool direct;		/* an interface holds the value itself and not its address */
};

/* Errors as of rtype_read(). */
int rtype_peek(const struct gobin *gb, uint64_t typ, struct rtype_head *out);

/* Import path of a type that has a name of its own or methods; NULL: none.  free() it. */
char *rtype_package(const struct gobin *gb, uint64_t typ);

#endif
