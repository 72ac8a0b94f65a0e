/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - reads foreign bytes from the front, never behind their end.
 *
 * Little-endian, any alignment.  The first read that does not fit makes the reader bad, and from
 * then on it gives zeros: so a caller may read several fields and ask once.
 */
#ifndef READER_H
#define READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *p, *end;
	bool bad;
};

/* For bytes that the caller has checked to be there. */
static inline uint32_t load_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline struct reader reader_of(const void *p, size_t n)
{
	return (struct reader) { .p = p, .end = (const uint8_t *)p + n };
}

/* The next n bytes in place; NULL: there are fewer. */
const void *reader_bytes(struct reader *r, uint64_t n);
uint8_t reader_u8(struct reader *r);
uint64_t reader_u64(struct reader *r);

/*
 * Seven bits a byte, low ones first, the top bit says that more follow: LEB128, and what
 * encoding/binary calls uvarint.  More than 64 bits are bad.  Inline, since the tables of the
 * pclntab are walked number by number for every frame that is resolved.
 */
static inline uint64_t reader_uvarint(struct reader *r)
{
	uint64_t v = 0, bits;
	unsigned shift;

	if (r->p < r->end && *r->p < 0x80)	/* hardly one is longer */
		return *r->p++;
	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		bits = *r->p & 0x7f;
		v |= bits << shift;
		if (!(*r->p++ & 0x80) && (shift < 63 || bits < 2))
			return v;
	}
	r->bad = true;
	r->p = r->end;
	return 0;
}

#endif
