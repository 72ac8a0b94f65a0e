/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * regs.bpf.h - registers and flags of the interrupted Go code; all that depends on the
 * architecture.
 */
#ifndef REGS_BPF_H
#define REGS_BPF_H

#include "vmlinux.h"
#include "include/gobpfleak.h"

#ifndef __TARGET_ARCH_x86
#error "regs.bpf.h: this architecture is not supported yet"
#endif

/* clang merges branches that load different context fields into one load from "ctx + variable",
 * which the verifier refuses; hence the load in assembly. */
#define REG(ctx, field) ({							\
	__u64 v__;								\
	asm volatile("%0 = *(u64 *)(%1 + %2)"					\
		     : "=r"(v__) : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field))); \
	v__; })

#define REG_PC(ctx) REG(ctx, ip)
#define REG_SP(ctx) REG(ctx, sp)
#define REG_FP(ctx) REG(ctx, bp)
#define REG_G(ctx) REG(ctx, r14)	/* Go's internal ABI: the current g */

#define BREAKPOINT_BYTES 1

/* Whether these registers are the kernel's. */
static __always_inline bool is_kernel(struct pt_regs *regs)
{
	return !(REG(regs, cs) & 3);
}

/* A general register by its hardware number, the likely ones first. */
static __always_inline __u64 reg_by_number(struct pt_regs *ctx, __u32 r)
{
	if (r == 0)
		return REG(ctx, ax);
	if (r == 3)
		return REG(ctx, bx);
	if (r == 1)
		return REG(ctx, cx);
	if (r == 2)
		return REG(ctx, dx);
	if (r == 7)
		return REG(ctx, di);
	if (r == 6)
		return REG(ctx, si);
	if (r == 8)
		return REG(ctx, r8);
	if (r == 9)
		return REG(ctx, r9);
	if (r == 10)
		return REG(ctx, r10);
	if (r == 11)
		return REG(ctx, r11);
	if (r == 12)
		return REG(ctx, r12);
	if (r == 13)
		return REG(ctx, r13);
	if (r == 15)
		return REG(ctx, r15);
	if (r == 5)
		return REG(ctx, bp);
	if (r == 4)
		return REG(ctx, sp);
	return REG(ctx, r14);
}

/* Whether the conditional branch with condition code cc will be taken: Intel SDM volume 1,
 * appendix B. */
static __always_inline bool branch_taken(struct pt_regs *ctx, __u32 cc)
{
	__u64 f = REG(ctx, flags);
	__u32 cf = f & 1, pf = (f >> 2) & 1, zf = (f >> 6) & 1, sf = (f >> 7) & 1;
	__u32 of = (f >> 11) & 1;
	__u32 kind = (cc >> 1) & 7, yes;

	if (kind == 2)		/* e, ne */
		yes = zf;
	else if (kind == 3)	/* be, a */
		yes = cf | zf;
	else if (kind == 1)	/* b, ae */
		yes = cf;
	else if (kind == 0)	/* o, no */
		yes = of;
	else if (kind == 4)	/* s, ns */
		yes = sf;
	else if (kind == 5)	/* p, np */
		yes = pf;
	else if (kind == 6)	/* l, ge */
		yes = sf ^ of;
	else			/* le, g */
		yes = zf | (sf ^ of);
	return yes != (cc & 1);
}

#endif
