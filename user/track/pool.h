/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - indices into an array of fixed length: which are free, which are in use, and of those in
 * use which hold nothing and may be given up for others, in the order in which they came to that.
 */
#ifndef POOL_H
#define POOL_H

#include <stdint.h>

#define POOL_NONE UINT32_MAX

struct pool_link {
	uint32_t prev, next;
};

struct pool {
	struct pool_link *links;
	uint32_t cap;
	uint32_t n;		/* indices from here on were never used */
	uint32_t free;		/* first of those that were given back */
	uint32_t oldest, newest; /* of the idle ones */
};

/* Takes sizeof(struct pool_link) * cap bytes, pages that were never used excluded. */
void pool_init(struct pool *p, uint32_t cap);
void pool_fini(struct pool *p);

/* An index that was free, busy now; POOL_NONE: all are in use. */
uint32_t pool_take(struct pool *p);
/* i was busy. */
void pool_give(struct pool *p, uint32_t i);

/* Says that i holds nothing, or that it holds something (again). */
void pool_set_idle(struct pool *p, uint32_t i);
void pool_set_busy(struct pool *p, uint32_t i);

#endif
