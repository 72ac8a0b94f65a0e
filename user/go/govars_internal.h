/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * govars_internal.h - what the files of govars share.
 */
#ifndef GOVARS_INTERNAL_H
#define GOVARS_INTERNAL_H

#include <stdbool.h>

#include "user/go/govars.h"

struct typed_list {
	struct go_typed *v;
	size_t n, cap;
	char **texts;		/* what their strings point to */
	size_t n_texts, cap_texts;
};

/* Whether the address is that of a variable with pointers. */
bool govars_inside(const struct gobin *gb, uint64_t vaddr);

/* Adds what DWARF says; where there is none, nothing. */
void govars_read_dwarf(const struct gobin *gb, struct typed_list *out);

#endif
