/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h - one heap object in a batch that is to be judged: track asks, gomem answers.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdint.h>

enum verdict {
	VERDICT_UNKNOWN = 0,	/* not read consistently; ask again after the next collection */
	VERDICT_LIVE,
	VERDICT_DEAD,
	VERDICT_NOT_JUDGED,	/* born after the last mark phase: no collection has judged it */
};

struct object {
	uint64_t addr;		/* as the allocator returned it */
	uint64_t size;		/* heap bytes of its slot (span's elemsize); 16 for tiny objects */
	uint32_t gen;		/* mheap_.sweepgen at its birth */
	uint32_t verdict;	/* set: enum verdict */
	uint64_t index;		/* the asker's own */
};

#endif
