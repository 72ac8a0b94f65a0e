/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * special.h - the runtime's records of what is special about an object: finalizers, cleanups,
 * handles of weak pointers, profiled allocations.  A span has a list of them, in order of offset.
 */
#ifndef SPECIAL_H
#define SPECIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/reader.h"
#include "user/go/golayout.h"

enum special_kind { SPECIAL_OTHER, SPECIAL_FINALIZER, SPECIAL_WEAK, SPECIAL_CLEANUP };

enum { MAX_SPECIAL_BYTES = 24 };

struct go_special {
	uint64_t next;		/* of the list; 0: this is the last */
	uint64_t offset;	/* in the span, of the object or of a place in it */
	enum special_kind kind;
};

/* Bytes of the head of a record (runtime/mheap.go: special); the kind's own follows.  Up to Go 1.23
 * the offset is 16 bits wide, and the kind follows it.  0: the layout does not say. */
static inline uint32_t special_bytes(const struct go_layout *lo)
{
	const int32_t bytes = lo->special_kind > 15 ? MAX_SPECIAL_BYTES : 16;

	if (lo->special_next < 0 || lo->special_next > bytes - 8 || lo->special_offset < 0 ||
	    lo->special_offset > bytes - 8 || lo->special_kind < 0 || lo->special_kind >= bytes)
		return 0;
	return (uint32_t)bytes;
}

/* raw: special_bytes(), not 0.  minor: of the Go version; in 1.25 the kinds moved up by one. */
static inline struct go_special special_parse(const struct go_layout *lo, int minor,
					      const uint8_t *raw)
{
	enum { FINALIZER = 1, WEAK = 2, CLEANUP = 6, FIRST_WEAK = 23, FIRST_MOVED = 25 };
	const int kind = raw[lo->special_kind] - (minor >= FIRST_MOVED);
	const uint64_t offset = load_u64(raw + lo->special_offset);
	struct go_special sp = {
		.next = load_u64(raw + lo->special_next),
		.offset = lo->special_kind > 15 ? offset : offset & 0xffff,
	};

	if (kind == FINALIZER)
		sp.kind = SPECIAL_FINALIZER;
	else if (minor >= FIRST_WEAK && kind == WEAK)
		sp.kind = SPECIAL_WEAK;
	else if (minor >= FIRST_WEAK && kind == CLEANUP)
		sp.kind = SPECIAL_CLEANUP;
	return sp;
}

#endif
