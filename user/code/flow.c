// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow.c - where values are.
 *
 * Three data-flow problems over the graph of one function:
 *
 *  - the depth of the stack, forward.  Compiled Go code changes SP by constants only.
 *  - the result, backward: a return gives what is in RAX, so before "mov rax, [rsp+8]" the result
 *    is in that slot, and so on up to the instruction that makes it.  Where two ways meet
 *    (backward: at a branch) both must ask for the same place.
 *  - the arguments, forward: the places that hold them on every way from the entry.
 *
 * Stores through other registers than SP are taken not to hit the slots that are followed: the
 * compiler keeps values in slots whose address is never taken (a slot of which "lea" takes the
 * address is not followed).  A callee may write to the slots above its return address that hold
 * its register arguments; they are at the caller's bottom of the frame, where the compiler keeps
 * nothing over a call, but leaves old values, so for arguments only the slots in our own caller's
 * frame survive a call.
 */
#include "user/code/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/cfg.h"
#include "user/code/insn.h"

enum { NOT_SEEN = INT32_MIN };

static const struct place unknown = { .kind = PLACE_UNKNOWN };
static const struct place settled = { .kind = PLACE_SETTLED };

static const struct insn *insn_at(const struct flow *f, int32_t node)
{
	return &f->cfg->in->v[node];
}

static bool is_call(const struct insn *in)
{
	return in->flow == INSN_CALL || in->flow == INSN_CALL_INDIRECT;
}

bool place_known(struct place p)
{
	return p.kind == PLACE_REG || p.kind == PLACE_SLOT || p.kind == PLACE_SUM;
}

bool place_same(struct place a, struct place b)
{
	return a.kind == b.kind && a.reg == b.reg && a.reg2 == b.reg2 && a.off == b.off;
}

static struct place in_reg(uint8_t reg)
{
	return reg == INSN_NO_REG || reg == INSN_SP ? unknown :
		(struct place) { .kind = PLACE_REG, .reg = reg };
}

static struct place in_sum(uint8_t reg, uint8_t reg2, int64_t off)
{
	if (reg == INSN_NO_REG || reg2 == INSN_NO_REG || reg == INSN_SP || reg2 == INSN_SP ||
	    off != (int32_t)off)
		return unknown;
	return (struct place) { .kind = PLACE_SUM, .reg = reg, .reg2 = reg2, .off = (int32_t)off };
}

/* The bytes of our own frame that an instruction reads or writes: [*from, *from + op_size). */
static bool frame_operand(const struct flow *f, int32_t node, int32_t *from)
{
	const struct insn *in = insn_at(f, node);

	if (in->op == INSN_PUSH || in->op == INSN_POP) {
		*from = -f->depth[node] - (in->op == INSN_PUSH ? 8 : 0);
		return true;
	}
	if (!in->has_mem || in->base != INSN_SP || in->index != INSN_NO_REG ||
	    in->disp > MAX_FRAME_BYTES || in->disp < -MAX_FRAME_BYTES)
		return false;
	*from = (int32_t)in->disp - f->depth[node];
	return true;
}

/* Whether the instruction may change the 8 bytes at off. */
static bool writes_slot(const struct flow *f, int32_t node, int32_t off)
{
	const struct insn *in = insn_at(f, node);
	int32_t from;

	if (!in->writes_mem && in->op != INSN_PUSH)
		return false;
	if (frame_operand(f, node, &from))
		return from < off + 8 && off < from + (in->op == INSN_PUSH ? 8 : in->op_size);
	return in->has_mem && in->base == INSN_SP;
}

/* ---- the depth of the stack ---------------------------------------------------------------- */

/* Depth after the instruction; NOT_SEEN: cannot be followed. */
static int32_t depth_after(const struct insn *in, int32_t depth)
{
	int64_t after = depth;

	switch (in->op) {
	case INSN_PUSH:
		after += 8;
		break;
	case INSN_POP:
		after -= 8;
		break;
	case INSN_ADD_SP:
		after -= in->disp;
		break;
	default:
		if (in->writes & 1u << INSN_SP && in->flow != INSN_RET)
			return NOT_SEEN;
	}
	return after < -MAX_FRAME_BYTES || after > MAX_FRAME_BYTES ? NOT_SEEN : (int32_t)after;
}

static int find_depths(struct flow *f)
{
	const struct cfg *c = f->cfg;

	for (size_t i = 0; i < c->n; i++)
		f->depth[i] = NOT_SEEN;
	f->depth[0] = 0;
	for (size_t i = 0; i < c->n_order; i++) {
		int32_t node = c->order[i], after;

		if (insn_at(f, node)->flow == INSN_RET && f->depth[node])
			return -ENOTSUP;
		after = depth_after(insn_at(f, node), f->depth[node]);
		if (after == NOT_SEEN)
			return -ENOTSUP;
		for (int way = 0; way < 2; way++) {
			int32_t to = c->succ[node][way];

			if (to >= 0 && f->depth[to] == NOT_SEEN)
				f->depth[to] = after;
			else if (to >= 0 && f->depth[to] != after)
				return -ENOTSUP;
		}
	}
	return 0;
}

/* ---- the result, backward ------------------------------------------------------------------ */

/* Collects the slots whose address is taken, so that others may write to them.  An address
 * below SP is none of a slot: the stack check of a big frame computes one. */
static void find_escaped(struct flow *f)
{
	size_t cap = 0;

	for (size_t i = 0; i < f->cfg->n_order; i++) {
		int32_t node = f->cfg->order[i], off;

		if (insn_at(f, node)->op != INSN_LEA || insn_at(f, node)->disp < 0 ||
		    !frame_operand(f, node, &off))
			continue;
		f->escaped = grow(f->escaped, f->n_escaped, &cap, sizeof(*f->escaped));
		f->escaped[f->n_escaped++] = off;
	}
}

static bool escapes(const struct flow *f, int32_t off)
{
	for (size_t i = 0; i < f->n_escaped; i++)
		if (f->escaped[i] == off)
			return true;
	return false;
}

static struct place in_slot(const struct flow *f, int32_t node)
{
	int32_t off;

	if (!frame_operand(f, node, &off) || escapes(f, off))
		return unknown;
	return (struct place) { .kind = PLACE_SLOT, .off = off };
}

static struct place before_call(const struct flow *f, int32_t node, struct place p)
{
	uint8_t role = f->cfg->roles ? f->cfg->roles[node] : CALL_PLAIN;

	if (p.kind == PLACE_SLOT)
		return p;
	return p.kind == PLACE_REG && p.reg == INSN_AX && role != CALL_PLAIN ? settled : unknown;
}

/* The result is in reg, and the instruction writes reg: where was it before? */
static struct place before_write(const struct flow *f, int32_t node)
{
	const struct insn *in = insn_at(f, node);

	switch (in->op) {
	case INSN_MOV_RR:
		return in_reg(in->src);
	case INSN_LOAD:
	case INSN_POP:
		return in_slot(f, node);
	case INSN_LEA:
		if (in->rip_relative)
			return settled;		/* a variable: &runtime.zerobase */
		return in->scale == 1 ? in_sum(in->base, in->index, in->disp) : unknown;
	case INSN_ADD_RR:
		return in_sum(in->dst, in->src, 0);
	case INSN_ZERO:
	case INSN_MOV_RI:
		return settled;
	default:
		return unknown;
	}
}

static struct place sum_before_write(const struct insn *in, struct place p)
{
	if (in->op != INSN_MOV_RR)
		return unknown;
	return in_sum(p.reg == in->dst ? in->src : p.reg, p.reg2 == in->dst ? in->src : p.reg2,
		      p.off);
}

static struct place slot_before_write(const struct flow *f, int32_t node, struct place p)
{
	const struct insn *in = insn_at(f, node);
	int32_t off;

	if ((in->op != INSN_STORE && in->op != INSN_PUSH) || !frame_operand(f, node, &off) ||
	    off != p.off)
		return unknown;
	return in_reg(in->src);
}

/* The result is at p after the instruction: where is it before? */
static struct place before(const struct flow *f, int32_t node, struct place p)
{
	const struct insn *in = insn_at(f, node);

	if (!place_known(p))
		return p;
	if (is_call(in))
		return before_call(f, node, p);
	if (p.kind == PLACE_REG && in->writes & 1u << p.reg)
		return before_write(f, node);
	if (p.kind == PLACE_SUM && in->writes & (1u << p.reg | 1u << p.reg2))
		return sum_before_write(in, p);
	if (p.kind == PLACE_SLOT && writes_slot(f, node, p.off))
		return slot_before_write(f, node, p);
	return p;
}

static struct place meet(struct place a, struct place b)
{
	if (a.kind == PLACE_UNSET)
		return b;
	return b.kind == PLACE_UNSET || place_same(a, b) ? a : unknown;
}

static void find_results(struct flow *f)
{
	const struct cfg *c = f->cfg;
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = c->n_order; i-- > 0;) {
			int32_t node = c->order[i];
			struct place p = { 0 };

			if (insn_at(f, node)->flow == INSN_RET)
				p = in_reg(INSN_AX);
			for (int way = 0; way < 2; way++)
				if (c->succ[node][way] >= 0)
					p = meet(p, f->result[c->succ[node][way]]);
			p = before(f, node, p);
			/* Only ever towards unknown, so that loops come to rest. */
			p = meet(f->result[node], p);
			changed |= !place_same(p, f->result[node]);
			f->result[node] = p;
		}
	}
}

/* ---- the arguments, forward ---------------------------------------------------------------- */

static int find_slot(const struct flow *f, int32_t off)
{
	for (size_t i = 0; i < f->n_slots; i++)
		if (f->slots[i] == off)
			return (int)i;
	return -1;
}

/* The slots that can hold an argument: those that some instruction stores a register to. */
static void collect_slots(struct flow *f)
{
	for (size_t i = 0; i < f->cfg->n_order; i++) {
		int32_t node = f->cfg->order[i], off;

		if (f->n_slots < FLOW_MAX_SLOTS && insn_at(f, node)->op == INSN_STORE &&
		    frame_operand(f, node, &off) && find_slot(f, off) < 0 && !escapes(f, off))
			f->slots[f->n_slots++] = off;
	}
}

/* Whether what the instruction writes to dst (a register, or with INSN_STORE a slot) is the
 * value. */
static bool copies(const struct flow *f, int32_t node, const struct holders *h)
{
	const struct insn *in = insn_at(f, node);
	int32_t off;
	int slot;

	if (in->op == INSN_MOV_RR || in->op == INSN_STORE)
		return h->regs & 1u << in->src;
	if (in->op != INSN_LOAD || !frame_operand(f, node, &off))
		return false;
	slot = find_slot(f, off);
	return slot >= 0 && h->slots & 1ull << slot;
}

static struct holders holders_after(const struct flow *f, int32_t node, struct holders h)
{
	const struct insn *in = insn_at(f, node);
	bool copy = copies(f, node, &h);
	int32_t off;

	if (is_call(in))
		h.regs = 0;
	for (size_t i = 0; i < f->n_slots; i++)
		if (writes_slot(f, node, f->slots[i]) || (is_call(in) && f->slots[i] < 0))
			h.slots &= ~(1ull << i);
	h.regs &= (uint16_t)~in->writes;
	if (!copy)
		return h;
	if (in->op != INSN_STORE)
		h.regs |= (uint16_t)(1u << in->dst);
	else if (frame_operand(f, node, &off) && find_slot(f, off) >= 0)
		h.slots |= 1ull << find_slot(f, off);
	return h;
}

static void find_args_before(struct flow *f, int32_t node, struct holders out[FLOW_N_ARGS])
{
	const struct cfg *c = f->cfg;

	for (int arg = 0; arg < FLOW_N_ARGS; arg++) {
		struct holders h = { .regs = UINT16_MAX, .slots = UINT64_MAX };

		for (int32_t k = c->pred_at[node]; k < c->pred_at[node + 1]; k++) {
			struct holders p = holders_after(f, c->preds[k], f->args[c->preds[k]][arg]);

			h.regs &= p.regs;
			h.slots &= p.slots;
		}
		if (node == 0) {
			h.regs &= arg == 0 ? 1u << INSN_AX : 1u << INSN_BX;
			h.slots = 0;
		}
		out[arg] = h;
	}
}

static void find_args(struct flow *f)
{
	const struct cfg *c = f->cfg;
	bool changed = true;

	memset(f->args, 0xff, c->n * sizeof(*f->args));
	while (changed) {
		changed = false;
		for (size_t i = 0; i < c->n_order; i++) {
			struct holders h[FLOW_N_ARGS];
			int32_t node = c->order[i];

			find_args_before(f, node, h);
			for (int arg = 0; arg < FLOW_N_ARGS; arg++) {
				changed |= h[arg].regs != f->args[node][arg].regs ||
					   h[arg].slots != f->args[node][arg].slots;
				f->args[node][arg] = h[arg];
			}
		}
	}
}

/* -------------------------------------------------------------------------------------------- */

int flow_build(struct flow *out, const struct cfg *cfg)
{
	struct flow f = { .cfg = cfg };

	f.depth = xcalloc(cfg->n, sizeof(*f.depth));
	f.result = xcalloc(cfg->n, sizeof(*f.result));
	f.args = xcalloc(cfg->n, sizeof(*f.args));
	if (find_depths(&f)) {
		flow_fini(&f);
		return -ENOTSUP;
	}
	find_escaped(&f);
	find_results(&f);
	collect_slots(&f);
	find_args(&f);
	*out = f;
	return 0;
}

void flow_fini(struct flow *f)
{
	free(f->depth);
	free(f->result);
	free(f->args);
	free(f->escaped);
	*f = (struct flow) { 0 };
}

struct gl_loc flow_loc(const struct flow *f, int32_t node, struct place p)
{
	switch (p.kind) {
	case PLACE_REG:
		return (struct gl_loc) { .kind = GL_LOC_REG, .reg = p.reg };
	case PLACE_SLOT:
		return (struct gl_loc) { .kind = GL_LOC_SLOT, .off = p.off + f->depth[node] };
	case PLACE_SUM:
		return (struct gl_loc) {
			.kind = GL_LOC_SUM, .reg = p.reg, .reg2 = p.reg2, .off = p.off
		};
	default:
		return (struct gl_loc) { .kind = GL_LOC_NONE };
	}
}

struct gl_loc flow_arg(const struct flow *f, int32_t node, int arg)
{
	const struct holders *h = &f->args[node][arg];

	for (uint8_t reg = 0; reg < 16; reg++)
		if (h->regs & 1u << reg)
			return flow_loc(f, node, in_reg(reg));
	for (size_t i = 0; i < f->n_slots; i++)
		if (h->slots & 1ull << i)
			return flow_loc(f, node, (struct place) { PLACE_SLOT, .off = f->slots[i] });
	return (struct gl_loc) { .kind = GL_LOC_NONE };
}
