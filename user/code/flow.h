/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.h - where values are: the function's result before each instruction that can lead to a
 * return, and its first two arguments.
 *
 * Go's register ABI: the result and the first argument are in RAX, the second argument in RBX.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct cfg;

enum place_kind {
	PLACE_UNSET,		/* no return can be reached from here */
	PLACE_REG,
	PLACE_SLOT,		/* 8 bytes on the stack, off from SP at entry */
	PLACE_SUM,		/* reg + reg2 + off */
	PLACE_SETTLED,		/* accounted for further on: a counted callee makes it, or it is no
				 * heap object */
	PLACE_UNKNOWN,		/* made further on, or in different places on different ways */
};

struct place {
	uint8_t kind;		/* enum place_kind */
	uint8_t reg, reg2;
	int32_t off;
};

/* One argument: the registers and stack slots that certainly hold it. */
struct holders {
	uint16_t regs;
	uint64_t slots;		/* bit i: flow.slots[i] */
};

enum { FLOW_N_ARGS = 2, FLOW_MAX_SLOTS = 64 };

struct flow {
	const struct cfg *cfg;
	int32_t *depth;		/* SP at entry - SP before the instruction */
	struct place *result;	/* before the instruction */
	struct holders (*args)[FLOW_N_ARGS]; /* before the instruction */
	int32_t slots[FLOW_MAX_SLOTS];	/* offsets from SP at entry */
	size_t n_slots;
	int32_t *escaped;	/* slots whose address is taken, offsets from SP at entry */
	size_t n_escaped;
};

/* cfg must outlive the flow.  -ENOTSUP: the stack pointer cannot be followed. */
int flow_build(struct flow *out, const struct cfg *cfg);
void flow_fini(struct flow *f);

bool place_known(struct place p);	/* a register, a slot or a sum */
bool place_same(struct place a, struct place b);

/* What the probe of that instruction must read; GL_LOC_NONE for a place that is not known. */
struct gl_loc flow_loc(const struct flow *f, int32_t node, struct place p);
struct gl_loc flow_arg(const struct flow *f, int32_t node, int arg);

#endif
