/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotype.h - the runtime's type descriptors (abi.Type), read from the image.
 */
#ifndef GOTYPE_H
#define GOTYPE_H

#include <stdbool.h>
#include <stdint.h>

struct gobin;

/* reflect.Kind, those that make a difference to us. */
enum go_kind {
	GO_BOOL = 1,
	GO_UINT8 = 8,
	GO_ARRAY = 17,
	GO_CHAN = 18,
	GO_FUNC = 19,
	GO_INTERFACE = 20,
	GO_MAP = 21,
	GO_POINTER = 22,
	GO_SLICE = 23,
	GO_STRING = 24,
	GO_STRUCT = 25,
	GO_UNSAFE_POINTER = 26,
	GO_KIND_LAST = GO_UNSAFE_POINTER,
};

struct go_type {
	uint64_t size;		/* of a value, bytes */
	uint64_t ptr_bytes;	/* 0: without pointers ("noscan") */
	uint8_t kind;		/* reflect.Kind */
	uint64_t elem;		/* array, chan, map (value), pointer, slice: vaddr of the element's
				 * type; else 0 */
	char *name;		/* reflect's String(): "map[string]main.Node"; free() it */
};

/* typ: vaddr.  -ENOENT: not inside the types area (made at run time by reflect), -EBADMSG: inside,
 * but not a sane descriptor.  *out untouched on failure. */
int gotype_read(const struct gobin *gb, uint64_t typ, struct go_type *out);

#endif
