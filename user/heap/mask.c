// SPDX-License-Identifier: BSD-2-Clause
/*
 * mask.c - which words of an object are pointers, as the collector knows it.
 *
 * Until Go 1.21 in a bitmap of the arena.  From 1.22 on, for objects of up to 512 bytes, at the end
 * of their span (spanHeapBitsRange in runtime/mbitmap.go: in front of the inline marks, where there
 * are any); larger ones have a type instead, by which they are known anyway.
 */
#include "user/heap/look.h"

#include <string.h>

#include "user/base/reader.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"

enum { WORD = 8, WORD_BITS = 64, LAST_SCAN_BITS = 19 };

/* n bits from bit number first of p on. */
static void copy_bits(uint64_t *mask, const uint8_t *p, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[(first + i) / 8] >> (first + i) % 8 & 1)
			mask[i / WORD_BITS] |= 1ull << i % WORD_BITS;
}

/* A byte for four words: which are pointers, and up to where there are any. */
static void copy_nibbles(uint64_t *mask, const uint8_t *p, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t b = (uint8_t)(p[(first + i) / 4] >> (first + i) % 4);

		if (!(b & 0x10))
			return;
		if (b & 1)
			mask[i / WORD_BITS] |= 1ull << i % WORD_BITS;
	}
}

static bool arena_mask(struct look *l, uint64_t addr, uint64_t words, uint64_t *mask)
{
	bool nibbles = gobin_version(l->gb)->minor <= LAST_SCAN_BITS;
	uint64_t per_byte = nibbles ? 4 : 8, at = gomem_pointer_bits(l->gm, addr);
	uint64_t first = addr / WORD % per_byte;
	const uint8_t *bits = at ? window_get(&l->bits, at, (first + words + per_byte - 1) /
					      per_byte) : NULL;

	if (!bits)
		return false;
	if (nibbles)
		copy_nibbles(mask, bits, first, words);
	else
		copy_bits(mask, bits, first, words);
	return true;
}

static bool span_mask(struct look *l, const struct place *p, uint64_t words, uint64_t *mask)
{
	const struct span *s = p->span;
	uint64_t n = span_bytes(s) / WORD / 8, at = s->start + span_bytes(s) - n;
	struct window *w;
	const uint8_t *bits;

	if (!s->elemsize || s->elemsize > GO_BITS_IN_SPAN_MAX)
		return false;
	if (l->lo->inline_marks && s->elemsize >= GO_INLINE_MARKS_MIN)
		at -= GO_INLINE_MARKS_BYTES;
	w = window_has(&l->win, at, n) ? &l->win : &l->bits;	/* only the object may be read */
	bits = window_has(w, at, n) ? window_get(w, at, n) : window_read(w, at, n);
	if (bits)
		copy_bits(mask, bits, (p->base - s->start) / WORD, words);
	return bits;
}

bool pointer_mask(struct look *l, const struct place *p, uint64_t off, uint64_t mask[MASK_WORDS])
{
	uint64_t words = (p->size - off < MASK_BYTES ? p->size - off : MASK_BYTES) / WORD;

	memset(mask, 0, MASK_WORDS * sizeof(*mask));
	return l->lo->malloc_header ? !off && span_mask(l, p, words, mask)
				    : arena_mask(l, p->base + off, words, mask);
}
