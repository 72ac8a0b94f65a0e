/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * code.h - what the code of a program says of its types: which it mentions, which it allocates,
 * which variables hold them, which functions are closures.
 *
 * Found by patterns of a few instructions, without decoding the program; knows no process.
 */
#ifndef CODE_H
#define CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code;
struct gobin;
struct types;

/* Reads the code once: 0.2 s for 100 MB.  Types that it mentions get their names in ts. */
struct code *code_new(const struct gobin *gb, struct types *ts);
void code_free(struct code *c);

/* The types that the code allocates, one of its own or arrays of it. */
struct code_alloc {
	uint64_t rtype;
	bool single, array;
};
const struct code_alloc *code_allocs(const struct code *c, size_t *n);

/* The type of the object that is made for the function literal with that entry; 0: not known. */
uint64_t code_closure(const struct code *c, uint64_t entry);

/* A package variable whose type the code shows. */
struct code_variable {
	uint64_t vaddr;
	uint64_t rtype;
	bool pointer;		/* it is not of that type but points to it */
	bool map;		/* the type is a map */
};
const struct code_variable *code_variables(const struct code *c, size_t *n);

/* The rtype of *T; 0: the code has none. */
uint64_t code_pointer_to(const struct code *c, uint64_t rtype);

/* The rtype of T if the function is (*T).M; 0: not so, or not known. */
uint64_t code_receiver(const struct code *c, uint64_t entry);

#endif
