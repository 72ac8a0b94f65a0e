/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * govars.h - the package variables of a program: their names, from the symbol table, and their
 * types, from DWARF; as far as the program has either.
 *
 * Only those that have pointers.
 */
#ifndef GOVARS_H
#define GOVARS_H

#include <stddef.h>
#include <stdint.h>

#include "user/go/typeindex.h"

struct gobin;
struct govars;

struct go_variable {
	uint64_t vaddr, size;
	const char *name;	/* "net/http.DefaultClient" */
};

/* A variable, or a field of one, or of the memory that one was made to point to by the linker,
 * whose type has a descriptor. */
struct go_typed {
	uint64_t vaddr;
	uint64_t rtype;
	enum shown_how how;
	uint32_t count;		/* elements of an array, one behind the other; else 1 */
	const char *name;	/* of the variable */
	const char *field;	/* ".a.b[]"; "": the whole */
	const char *within;	/* the type of what the variable points to: then it is a field of
				 * that; NULL: it lies in the variable itself */
};

/* Takes 2 s for 50 MB of DWARF. */
struct govars *govars_new(const struct gobin *gb);
void govars_free(struct govars *vs);
size_t govars_bytes(const struct govars *vs);	/* of memory */

/* The variable that the address lies in; NULL: in none that is known. */
const struct go_variable *govars_at(const struct govars *vs, uint64_t vaddr);

/* By address. */
const struct go_typed *govars_typed(const struct govars *vs, size_t *n);
/* The first at just that address; NULL: none. */
const struct go_typed *govars_typed_at(const struct govars *vs, uint64_t vaddr);

#endif
