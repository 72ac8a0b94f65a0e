/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - numbers for fuzzers: the same ones for the same seed and round, so that a round can be
 * run again alone.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static inline uint64_t random_u64(uint64_t *state)	/* xorshift64* */
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

/* 0 for n 0. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return n ? random_u64(state) % n : 0;
}

/* The state at the beginning of a round. */
static inline uint64_t random_start(uint64_t seed, uint64_t round)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u + round + 1;

	for (int i = 0; i < 4; i++)	/* neighbouring states begin alike */
		random_u64(&state);
	return state;
}

#endif
