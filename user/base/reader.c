// SPDX-License-Identifier: BSD-2-Clause
/*
 * reader.c - reads foreign bytes from the front, never behind their end.
 */
#include "user/base/reader.h"

static void *fail(struct reader *r)
{
	r->bad = true;
	r->p = r->end;
	return NULL;
}

const void *reader_bytes(struct reader *r, uint64_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > (uint64_t)(r->end - p))
		return fail(r);
	r->p += n;
	return p;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_bytes(r, sizeof(*p));

	return p ? *p : 0;
}

uint64_t reader_u64(struct reader *r)
{
	const void *p = reader_bytes(r, sizeof(uint64_t));

	return p ? load_u64(p) : 0;
}
