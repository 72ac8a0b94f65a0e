/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types_internal.h - the registry of types, for the files that make and name them.
 */
#ifndef TYPES_INTERNAL_H
#define TYPES_INTERNAL_H

#include "user/heap/heap_internal.h"

struct by_key {
	uint64_t key;
	uint32_t type;
};

struct by_word {
	uint64_t key;
	struct dynamic what;
};

struct types {
	const struct gobin *gb;
	const struct go_layout *lo;
	const struct typeindex *index;
	bool swiss;
	struct type *v;		/* [1, n) */
	size_t n, cap;
	struct slot *slots;
	size_t n_slots, cap_slots;
	struct table by_key, by_word;
	size_t n_probes;
};

#endif
