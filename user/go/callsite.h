/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callsite.h - what an argument register holds at a call, found by following the caller's code
 * back.
 *
 * The answer is a constant (the address that a LEA loads), or an argument of the calling function
 * itself, or the first result of another call, or what lies in memory behind one of these: code of
 * a generic function loads its types from the dictionary that it got in its first register.
 * Everything else is unknown.  Knows one function at a time, neither images nor Go types.
 */
#ifndef CALLSITE_H
#define CALLSITE_H

#include <stddef.h>
#include <stdint.h>

struct callsite_func;

enum callee {
	CALLEE_CLOBBERS,	/* an ordinary function: every register may have changed */
	CALLEE_KEEPS,		/* keeps all registers but R11: gcWriteBarrier (asm_amd64.s) */
	CALLEE_ENDS,		/* does not return: panics */
};

/* What the function's code refers to and only the caller can look up. */
struct callsite_ops {
	void *ctx;
	enum callee (*callee)(void *ctx, uint64_t target);
	/* The 8 bytes at vaddr; -ENOENT: not there.  For jump tables. */
	int (*word)(void *ctx, uint64_t vaddr, uint64_t *value);
};

enum { CALLSITE_MAX_LOADS = 3 };

struct callsite_value {
	enum { CALLSITE_CONST, CALLSITE_ARG, CALLSITE_RESULT } kind;
	uint64_t value;		/* the constant; result: return address of the call that gave it */
	uint8_t reg;		/* the register at the entry of the calling function */
	/* n_loads times: value = 8 bytes at (value + disp) */
	uint8_t n_loads;
	int64_t disp[CALLSITE_MAX_LOADS];
};

/* Decodes one function.  Negative errno as insns_decode(); says nothing to the user. */
int callsite_open(struct callsite_func **out, uint16_t machine, const uint8_t *code, size_t len,
		  uint64_t addr, const struct callsite_ops *ops);
void callsite_close(struct callsite_func *cf);

/*
 * The value of reg when the call that returns to return_addr was made; *target is the function
 * called, 0 for an indirect call.  -ENOENT: no call there, -ENODATA: not known.
 */
int callsite_get(const struct callsite_func *cf, uint64_t return_addr, uint8_t reg,
		 struct callsite_value *out, uint64_t *target);

/* The same for who wants to know no more than the static type of what is in reg: the value may have
 * been replaced by another one of its type, in a variable whose address is taken. */
int callsite_get_typed(const struct callsite_func *cf, uint64_t return_addr, uint8_t reg,
		       struct callsite_value *out);

/* The function called by the direct call that returns to return_addr; 0: there is none. */
uint64_t callsite_target(const struct callsite_func *cf, uint64_t return_addr);

/* Walks over the direct calls: the return address of the next one behind *pos, which starts at
 * 0, and the function called; 0: no more. */
uint64_t callsite_next(const struct callsite_func *cf, size_t *pos, uint64_t *target);

#endif
