// SPDX-License-Identifier: BSD-2-Clause
/*
 * spill.c - whether a function has put its first argument into memory.
 *
 * Arguments come in registers, and each of them has a place in the frame of the caller where the
 * callee may keep it (cmd/compile/abi-internal.md, "spill space"): the first one's lies behind the
 * return address.  What the register allocator spills, it stores there.  Only a store in the first
 * straight line of code counts, as every path has come through it; that the stack check may jump
 * away does not matter, since it comes back to the begin.
 */
#include "user/go/spill.h"

#include "user/base/limits.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/image.h"

enum { WORD = 8 };

/* The stack check: a branch to behind all that is looked at, before the frame is made. */
static bool is_stack_check(const struct insn *in, int64_t frame)
{
	return in->flow == INSN_JCC && !frame && in->target > in->addr;
}

/* Where the store is; 0: there is none. */
static uint64_t find_store(const struct insns *code)
{
	int64_t frame = 0;	/* bytes that SP is below the return address */

	for (size_t i = 0; i < code->n; i++) {
		const struct insn *in = &code->v[i];

		if (in->op == INSN_STORE && in->base == INSN_SP && in->src == INSN_AX &&
		    in->disp == frame + WORD)
			return in->addr + in->len;
		if (in->flow != INSN_PLAIN && !is_stack_check(in, frame))
			return 0;
		if (in->op == INSN_PUSH)
			frame += WORD;
		else if (in->op == INSN_ADD_SP)
			frame -= in->disp;
		else if (in->dst == INSN_AX || in->writes >> INSN_AX & 1)
			return 0;
	}
	return 0;
}

bool spill_first_argument(const struct gobin *gb, uint64_t pc)
{
	const struct image *img = gobin_image(gb);
	struct go_func f;
	struct insns code;
	uint64_t avail, len, store;
	const void *p;

	if (!gobin_func_at(gb, pc, &f))
		return false;
	p = image_at(img, f.entry, &avail);
	len = f.end - f.entry;
	if (!p || f.end <= f.entry || len > avail || len > MAX_FUNC_BYTES ||
	    insns_decode(&code, image_machine(img), p, len, f.entry))
		return false;
	store = find_store(&code);
	insns_free(&code);
	return store && pc >= store;
}
