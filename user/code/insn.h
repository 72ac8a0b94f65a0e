/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn.h - machine instructions of one function, decoded to the few facts the planner needs.
 *
 * Hides Capstone.  x86-64 only, which others rely on: cfg, flow, callsite, sitetype and the planner
 * know which registers Go's ABI gives to results and arguments, that a call pushes a return
 * address, and that variables are addressed by distance.  Another architecture needs names for
 * these roles here first.
 */
#ifndef INSN_H
#define INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_flow {
	INSN_PLAIN,		/* goes on with the next instruction */
	INSN_CALL,		/* direct call: target.  What a callee changes is not in .writes */
	INSN_CALL_INDIRECT,	/* src: the register, if the target is in one */
	INSN_JMP,		/* direct jump: target */
	INSN_JMP_INDIRECT,	/* likewise */
	INSN_JCC,		/* conditional branch: target, cond (INSN_NO_COND: jrcxz, loop) */
	INSN_RET,
	INSN_TRAP,		/* ud2, int3, hlt: does not go on */
};

/* What an instruction does to the places the planner follows. */
enum insn_op {
	INSN_OTHER,		/* overwrites the registers in .writes, with whatever */
	INSN_MOV_RR,		/* dst = src */
	INSN_MOV_RR32,		/* dst = lower half of src */
	INSN_LOAD,		/* dst = 8 bytes at [base + disp] (no index) */
	INSN_STORE,		/* 8 bytes at [base + disp] = src (no index) */
	INSN_LEA,		/* dst = base + index * scale + disp; if rip_relative, addr_ref */
	INSN_ADD_RR,		/* dst += src */
	INSN_ZERO,		/* dst = 0 (xor dst, dst) */
	INSN_MOV_RI,		/* dst = disp */
	INSN_ADD_SP,		/* sp += disp (add, sub, lea) */
	INSN_PUSH,		/* sp -= 8, [sp] = src (INSN_NO_REG: not a register) */
	INSN_POP,		/* dst = [sp], sp += 8 (INSN_NO_REG: not a register) */
	INSN_TEST_RR,		/* flags of dst & src, 64 bits; writes no register */
	INSN_NOP,
};

enum {
	INSN_NO_REG = 0xff,
	INSN_NO_COND = 0xff,
	INSN_COND_E = 4,	/* equal, zero */
	INSN_COND_NE = 5,
};

/* Registers, by hardware encoding, see gl_loc. */
enum {
	INSN_AX = 0, INSN_CX = 1, INSN_DX = 2, INSN_BX = 3, INSN_SP = 4, INSN_BP = 5, INSN_SI = 6,
	INSN_R11 = 11,
};

struct insn {
	uint64_t addr;		/* vaddr */
	uint8_t len;
	uint8_t flow;		/* enum insn_flow */
	uint8_t op;		/* enum insn_op */
	uint8_t cond;		/* condition code of INSN_JCC */
	uint8_t dst, src;	/* registers or INSN_NO_REG */
	uint8_t base, index, scale; /* of the memory operand or LEA, where it has one */
	uint8_t op_size;	/* bytes of the operand moved: 8, 4, 2, 1 or 16, 32 */
	bool has_mem;		/* has a memory operand (LEA too), with base ... disp */
	bool writes_mem;	/* any store, to [base + index * scale + disp] if has_mem (string
				 * instructions write more than op_size).  Push and call: false */
	bool rip_relative;	/* memory operand or LEA at RIP + disp: .addr_ref is its vaddr */
	uint32_t writes;	/* bit per general register written, 64-bit names */
	int64_t disp;		/* INSN_OTHER without memory operand: the immediate, or 0 */
	uint64_t target;	/* direct branch or call: vaddr */
	uint64_t addr_ref;	/* vaddr a RIP-relative operand refers to; 0: none */
	char text[64];		/* "jne 0x40c1a7", for people */
};

struct insns {
	struct insn *v;
	size_t n;
};

/* Decodes [addr, addr + len) linearly.  Stops early without error where bytes that do not decode
 * stand behind an instruction that does not go on (padding, data).  -EBADMSG: such bytes elsewhere;
 * -ENOTSUP: not an x86-64 image.  Says nothing to the user. */
int insns_decode(struct insns *out, uint16_t machine, const uint8_t *code, size_t len,
		 uint64_t addr);
void insns_free(struct insns *in);

/* Index of the instruction at vaddr; -1: none starts there. */
long insns_at(const struct insns *in, uint64_t addr);

#endif
