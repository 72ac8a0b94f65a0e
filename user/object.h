/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h - one heap object in a batch whose liveness is asked for: track asks, gomem answers.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdint.h>

enum liveness {
	LIVENESS_UNKNOWN = 0,	/* not read consistently; ask again after the next collection */
	LIVENESS_LIVE,
	LIVENESS_DEAD,
	LIVENESS_TOO_YOUNG,	/* born after the last mark phase: no collection has seen it */
};

struct object {
	uint64_t addr;		/* as the allocator returned it */
	uint64_t size;		/* heap bytes of its slot (span's elemsize); 16 for tiny objects */
	uint32_t gen;		/* mheap_.sweepgen at its birth */
	uint32_t liveness;	/* set: enum liveness */
	uint64_t index;		/* the asker's own */
};

#endif
