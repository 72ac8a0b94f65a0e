// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool.c - free indices are a list through next; idle ones a list through both; busy ones have BUSY
 * in prev.
 */
#include "user/track/pool.h"

#include <stdlib.h>

#include "user/base/util.h"

#define BUSY (POOL_NONE - 1)

void pool_init(struct pool *p, uint32_t cap)
{
	*p = (struct pool){ .cap = cap, .free = POOL_NONE, .oldest = POOL_NONE,
			    .newest = POOL_NONE };
	p->links = xcalloc(cap, sizeof(*p->links));
}

void pool_fini(struct pool *p)
{
	free(p->links);
	*p = (struct pool){ 0 };
}

uint32_t pool_take(struct pool *p)
{
	uint32_t i = p->free;

	if (i != POOL_NONE)
		p->free = p->links[i].next;
	else if (p->n < p->cap)
		i = p->n++;
	else
		return POOL_NONE;
	p->links[i].prev = BUSY;
	return i;
}

void pool_give(struct pool *p, uint32_t i)
{
	p->links[i].next = p->free;
	p->free = i;
}

void pool_set_idle(struct pool *p, uint32_t i)
{
	struct pool_link *l = &p->links[i];

	if (l->prev != BUSY)
		return;
	*l = (struct pool_link){ .prev = p->newest, .next = POOL_NONE };
	if (p->newest != POOL_NONE)
		p->links[p->newest].next = i;
	else
		p->oldest = i;
	p->newest = i;
}

void pool_set_busy(struct pool *p, uint32_t i)
{
	struct pool_link *l = &p->links[i];

	if (l->prev == BUSY)
		return;
	if (l->prev != POOL_NONE)
		p->links[l->prev].next = l->next;
	else
		p->oldest = l->next;
	if (l->next != POOL_NONE)
		p->links[l->next].prev = l->prev;
	else
		p->newest = l->prev;
	l->prev = BUSY;
}
