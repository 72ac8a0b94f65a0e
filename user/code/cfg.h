/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cfg.h - control-flow graph of one function: successors, predecessors, dominators, cycles.
 *
 * A node is one instruction, named by its index in the insns.  Functions are small (a few hundred
 * instructions), so nothing is gained by basic blocks.
 */
#ifndef CFG_H
#define CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insns;

/* What the planner knows of a callee. */
enum call_role {
	CALL_PLAIN,		/* returns, anything may be in the registers */
	CALL_NO_RETURN,		/* throws, panics, or starts the function again (morestack) */
	CALL_COUNTED,		/* returns an object that probes of its own have counted */
	CALL_NO_OBJECT,		/* returns memory that is not in the heap */
	CALL_NIL,		/* returns nil in every program that can be traced */
};

enum { CFG_NEXT, CFG_TAKEN };	/* the two ways out of a conditional branch */

struct cfg {
	const struct insns *in;
	const uint8_t *roles;	/* enum call_role per instruction; NULL: all plain */
	size_t n;
	int32_t (*succ)[2];	/* CFG_NEXT, CFG_TAKEN; -1: none */
	bool *reachable;
	int32_t *order;		/* the reachable nodes, reverse post-order */
	size_t n_order;
	int32_t *preds;		/* of node i: preds[pred_at[i]] .. preds[pred_at[i + 1] - 1] */
	int32_t *pred_at;
	int32_t *idom;		/* immediate dominator; -1: entry or unreachable */
};

/*
 * The entry is instruction 0.  in and roles must outlive the graph.  The edge on which the result
 * of a CALL_NIL is not nil is left out.  -ENOTSUP: an indirect jump, a jump out of the function or
 * into the middle of an instruction can be reached.  Says nothing to the user.
 */
int cfg_build(struct cfg *out, const struct insns *in, const uint8_t *roles);
void cfg_fini(struct cfg *c);

bool cfg_reaches(const struct cfg *c, int32_t from, int32_t to);	/* from == to: true */
bool cfg_on_cycle(const struct cfg *c, int32_t node);

#endif
