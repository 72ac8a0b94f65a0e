// SPDX-License-Identifier: BSD-2-Clause
/*
 * records.c - the lengths of records.
 */
#include "user/tracer/records.h"

#include <stddef.h>

#include "user/base/util.h"

static bool stack_sound(const struct gl_stack *st, size_t size)
{
	const size_t head = offsetof(struct gl_stack, pcs);

	return size >= head && st->n <= GL_MAX_FRAMES && size == head + st->n * sizeof(st->pcs[0]);
}

bool record_sound(const void *data, size_t size)
{
	static const size_t sizes[] = {
		[GL_REC_ALLOC] = sizeof(struct gl_alloc),
		[GL_REC_GOSTART] = sizeof(struct gl_gostart),
		[GL_REC_GOEND] = sizeof(struct gl_goend),
		[GL_REC_GCSTART] = sizeof(struct gl_gcstart),
		[GL_REC_GCEND] = sizeof(struct gl_gcend),
	};
	const struct gl_header *rec = data;

	if (size < sizeof(*rec) || rec->len != size)
		return false;
	if (rec->kind == GL_REC_STACK)
		return stack_sound(data, size);
	return rec->kind < ARRAY_SIZE(sizes) && size == sizes[rec->kind];
}
