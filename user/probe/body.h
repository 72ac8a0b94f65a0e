/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body.h - the code of one Go function, ready for the planner: decoded, callees known by their
 * names, control flow and values followed.
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/code/cfg.h"
#include "user/code/flow.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"

struct body {
	struct go_func fn;
	struct insns in;
	uint8_t *roles;		/* enum call_role per instruction */
	struct cfg cfg;
	struct flow flow;
};

/* Functions whose results probes of their own count. */
struct counted {
	struct go_func *v;	/* by entry */
	size_t n;
};

const struct go_func *counted_find(const struct counted *c, uint64_t entry);

/* counted: NULL for none.  -EBADMSG: the code does not decode; -ENOTSUP: its control flow or its
 * stack cannot be followed.  Says nothing to the user. */
int body_load(struct body **out, const struct gobin *gb, const struct go_func *fn,
	      const struct counted *counted);
void body_free(struct body *b);		/* NULL is fine */

/* The branch of the stack check at the entry, behind which the function surely runs if the
 * branch is not taken, with the first argument still in RAX; -1: none. */
int32_t body_entry_branch(const struct body *b, const struct gobin *gb);

/* The first direct call of the function that comes after the node (-1: of all); -1: none. */
int32_t body_next_call(const struct body *b, const struct gobin *gb, const char *callee,
		       int32_t after);
int32_t body_find_call(const struct body *b, const struct gobin *gb, const char *callee);

#endif
