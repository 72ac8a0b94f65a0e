/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * govars.h - the package variables of a program: their names, from the symbol table, and their
 * types, from DWARF; as far as the program has either.
 */
#ifndef GOVARS_H
#define GOVARS_H

#include <stddef.h>
#include <stdint.h>

struct gobin;
struct govars;

struct go_variable {
	uint64_t vaddr, size;
	const char *name;	/* "net/http.DefaultClient" */
	uint64_t rtype;		/* vaddr of its type's descriptor; 0: not known */
};

/* Those that have pointers, by address; none where there are no symbols. */
struct govars *govars_new(const struct gobin *gb);
void govars_free(struct govars *vs);

const struct go_variable *govars_all(const struct govars *vs, size_t *n);
/* The variable that the address lies in; NULL: in none that is known. */
const struct go_variable *govars_at(const struct govars *vs, uint64_t vaddr);

#endif
