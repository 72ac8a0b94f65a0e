// SPDX-License-Identifier: BSD-2-Clause
/*
 * insn.c - x86-64 instructions by Capstone, decoded to the few facts the planner needs.
 *
 * Errs to the safe side: an instruction not listed here counts as one that overwrites its first
 * operand and everything that Capstone says it writes.  Capstone 4.0.2 calls the memory operand of
 * many stores (movups, setcc, cmpxchg) read-only, so its access bits are only ever added to.
 */
#include "user/code/insn.h"

#include <capstone/capstone.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

enum { N_REGS = 16 };

/* Names of each general register by hardware encoding: 64, 32, 16, 8 bits, and the old high
 * byte. */
static const uint16_t reg_names[N_REGS][5] = {
	{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH },
	{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH },
	{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH },
	{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH },
	{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0 },
	{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0 },
	{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0 },
	{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0 },
	{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0 },
	{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0 },
	{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0 },
	{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0 },
	{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0 },
	{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0 },
	{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0 },
	{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0 },
};

/* Anything that is not a general register, RIP and flags included, is INSN_NO_REG. */
static uint8_t reg_number(unsigned int reg)
{
	if (reg == X86_REG_INVALID)
		return INSN_NO_REG;
	for (uint8_t r = 0; r < N_REGS; r++)
		for (size_t i = 0; i < ARRAY_SIZE(reg_names[r]); i++)
			if (reg_names[r][i] == reg)
				return r;
	return INSN_NO_REG;
}

static uint32_t reg_bit(unsigned int reg)
{
	uint8_t r = reg_number(reg);

	return r == INSN_NO_REG ? 0 : 1u << r;
}

/* Whether the instruction leaves its first operand alone. */
static bool only_reads_first(const cs_insn *ci, const cs_x86 *x)
{
	switch (ci->id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_BT:
	case X86_INS_PUSH:
	case X86_INS_JMP:
	case X86_INS_CALL:
	case X86_INS_NOP:
	case X86_INS_MUL:
	case X86_INS_DIV:
	case X86_INS_IDIV:
	case X86_INS_PREFETCH:
	case X86_INS_PREFETCHNTA:
	case X86_INS_PREFETCHT0:
	case X86_INS_PREFETCHT1:
	case X86_INS_PREFETCHT2:
	case X86_INS_PREFETCHW:
		return true;
	case X86_INS_IMUL:
		return x->op_count == 1;
	default:
		return false;
	}
}

/* Registers written besides operands, where Capstone 4.0.2 does not say so. */
static uint32_t hidden_writes(const cs_insn *ci)
{
	switch (ci->id) {
	case X86_INS_CMPXCHG:
	case X86_INS_XLATB:
		return 1u << INSN_AX;
	case X86_INS_SYSCALL:
		return 1u << INSN_AX | 1u << INSN_CX | 1u << INSN_R11;
	case X86_INS_LOOP:
	case X86_INS_LOOPE:
	case X86_INS_LOOPNE:
		return 1u << INSN_CX;
	case X86_INS_CMPXCHG16B:
	case X86_INS_CMPXCHG8B:
		return 1u << INSN_AX | 1u << INSN_DX;
	default:
		return 0;
	}
}

static uint32_t written_regs(csh cs, const cs_insn *ci, const cs_x86 *x)
{
	cs_regs reads, writes;
	uint8_t n_reads = 0, n_writes = 0;
	uint32_t bits = hidden_writes(ci);

	if (!cs_regs_access(cs, ci, reads, &n_reads, writes, &n_writes))
		for (int i = 0; i < n_writes; i++)
			bits |= reg_bit(writes[i]);
	if (x->op_count && x->operands[0].type == X86_OP_REG && !only_reads_first(ci, x))
		bits |= reg_bit(x->operands[0].reg);
	for (int i = 1; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_REG && x->operands[i].access & CS_AC_WRITE)
			bits |= reg_bit(x->operands[i].reg);
	return bits;
}

/* The condition code stands in the low nibble of 70..7f and 0f 80..8f. */
static uint8_t condition(const cs_x86 *x)
{
	if ((x->opcode[0] & 0xf0) == 0x70)
		return x->opcode[0] & 0xf;
	if (x->opcode[0] == 0x0f && (x->opcode[1] & 0xf0) == 0x80)
		return x->opcode[1] & 0xf;
	return INSN_NO_COND;
}

/* Instructions that do not simply go on, but for the conditional branches by condition code. */
static const struct {
	unsigned int id;
	uint8_t flow;		/* of the direct form */
} flows[] = {
	{ X86_INS_CALL, INSN_CALL }, { X86_INS_LCALL, INSN_CALL },
	{ X86_INS_JMP, INSN_JMP }, { X86_INS_LJMP, INSN_JMP },
	{ X86_INS_RET, INSN_RET }, { X86_INS_RETF, INSN_RET }, { X86_INS_RETFQ, INSN_RET },
	{ X86_INS_IRET, INSN_RET }, { X86_INS_IRETD, INSN_RET }, { X86_INS_IRETQ, INSN_RET },
	{ X86_INS_UD0, INSN_TRAP }, { X86_INS_UD2, INSN_TRAP }, { X86_INS_UD2B, INSN_TRAP },
	{ X86_INS_INT1, INSN_TRAP }, { X86_INS_INT3, INSN_TRAP }, { X86_INS_HLT, INSN_TRAP },
	{ X86_INS_LOOP, INSN_JCC }, { X86_INS_LOOPE, INSN_JCC }, { X86_INS_LOOPNE, INSN_JCC },
	{ X86_INS_JCXZ, INSN_JCC }, { X86_INS_JECXZ, INSN_JCC }, { X86_INS_JRCXZ, INSN_JCC },
	{ X86_INS_XBEGIN, INSN_JCC },
};

static void decode_flow(struct insn *in, const cs_insn *ci, const cs_x86 *x)
{
	bool direct = x->op_count == 1 && x->operands[0].type == X86_OP_IMM;

	for (size_t i = 0; i < ARRAY_SIZE(flows); i++)
		if (flows[i].id == ci->id)
			in->flow = flows[i].flow;
	if (direct && condition(x) != INSN_NO_COND) {
		in->flow = INSN_JCC;
		in->cond = condition(x);
	}
	if (!direct && in->flow == INSN_CALL)
		in->flow = INSN_CALL_INDIRECT;
	if (!direct && in->flow == INSN_JMP)
		in->flow = INSN_JMP_INDIRECT;
	if (in->flow == INSN_CALL || in->flow == INSN_JMP || in->flow == INSN_JCC)
		in->target = (uint64_t)x->operands[0].imm;
}

static const cs_x86_op *mem_operand(const cs_x86 *x)
{
	for (int i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM)
			return &x->operands[i];
	return NULL;
}

static void decode_memory(struct insn *in, const cs_insn *ci, const cs_x86 *x)
{
	const cs_x86_op *op = mem_operand(x);

	if (!op)
		return;
	in->has_mem = true;
	in->base = reg_number(op->mem.base);
	in->index = reg_number(op->mem.index);
	in->scale = (uint8_t)op->mem.scale;
	in->disp = op->mem.disp;
	if (op->mem.base == X86_REG_RIP) {
		in->rip_relative = true;
		in->addr_ref = in->addr + in->len + (uint64_t)op->mem.disp;
	}
	in->writes_mem = op->access & CS_AC_WRITE ||
			 (op == &x->operands[0] && !only_reads_first(ci, x));
}

static void decode_mov(struct insn *in, const cs_x86 *x)
{
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	uint8_t dst, src;

	if (x->op_count != 2)
		return;
	dst = to->type == X86_OP_REG ? reg_number(to->reg) : INSN_NO_REG;
	src = from->type == X86_OP_REG ? reg_number(from->reg) : INSN_NO_REG;
	if (dst != INSN_NO_REG && from->type == X86_OP_IMM && to->size >= 4) {
		in->op = INSN_MOV_RI;
		in->disp = to->size == 4 ? (int64_t)(uint32_t)from->imm : from->imm;
		in->dst = dst;
		return;
	}
	if (to->size == 4 && dst != INSN_NO_REG && src != INSN_NO_REG) {
		in->op = INSN_MOV_RR32;
		in->dst = dst;
		in->src = src;
		return;
	}
	if (to->size != 8 || from->size != 8 || in->index != INSN_NO_REG)
		return;
	if (in->has_mem && mem_operand(x)->mem.segment != X86_REG_INVALID)
		return;
	if (dst != INSN_NO_REG && src != INSN_NO_REG)
		in->op = INSN_MOV_RR;
	else if (dst != INSN_NO_REG && from->type == X86_OP_MEM)
		in->op = INSN_LOAD;
	else if (to->type == X86_OP_MEM && src != INSN_NO_REG)
		in->op = INSN_STORE;
	else
		return;
	in->dst = dst;
	in->src = src;
}

static void decode_add(struct insn *in, const cs_insn *ci, const cs_x86 *x)
{
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];

	if (x->op_count != 2 || to->type != X86_OP_REG || to->size != 8)
		return;
	in->dst = reg_number(to->reg);
	if (in->dst == INSN_SP && from->type == X86_OP_IMM) {
		in->op = INSN_ADD_SP;
		in->disp = ci->id == X86_INS_ADD ? from->imm : -from->imm;
	} else if (ci->id == X86_INS_ADD && from->type == X86_OP_REG && in->dst != INSN_NO_REG) {
		in->op = INSN_ADD_RR;
		in->src = reg_number(from->reg);
	}
}

static void decode_lea(struct insn *in, const cs_x86 *x)
{
	if (x->op_count != 2 || x->operands[0].type != X86_OP_REG || x->operands[0].size != 8)
		return;
	in->dst = reg_number(x->operands[0].reg);
	in->writes_mem = false;
	in->op = in->dst == INSN_SP && in->base == INSN_SP && in->index == INSN_NO_REG ?
		INSN_ADD_SP : INSN_LEA;
}

/* Only 64-bit pushes and pops exist beside the 16-bit ones, which stay INSN_OTHER. */
static void decode_push_pop(struct insn *in, const cs_insn *ci, const cs_x86 *x)
{
	const cs_x86_op *op = &x->operands[0];
	uint8_t reg = x->op_count && op->type == X86_OP_REG ? reg_number(op->reg) : INSN_NO_REG;
	bool push = ci->id == X86_INS_PUSH || ci->id == X86_INS_PUSHFQ;

	if (x->op_count && op->size == 2)
		return;
	in->op = push ? INSN_PUSH : INSN_POP;
	*(push ? &in->src : &in->dst) = reg;
}

static bool two_regs(const cs_x86 *x)
{
	return x->op_count == 2 && x->operands[0].type == X86_OP_REG &&
	       x->operands[1].type == X86_OP_REG;
}

static void decode_op(struct insn *in, const cs_insn *ci, const cs_x86 *x)
{
	switch (ci->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		decode_mov(in, x);
		break;
	case X86_INS_LEA:
		decode_lea(in, x);
		break;
	case X86_INS_ADD:
	case X86_INS_SUB:
		decode_add(in, ci, x);
		break;
	case X86_INS_PUSH:
	case X86_INS_POP:
	case X86_INS_PUSHFQ:
	case X86_INS_POPFQ:
		decode_push_pop(in, ci, x);
		break;
	case X86_INS_XOR:
		if (two_regs(x) && x->operands[0].reg == x->operands[1].reg &&
		    x->operands[0].size >= 4) {
			in->op = INSN_ZERO;
			in->dst = reg_number(x->operands[0].reg);
		}
		break;
	case X86_INS_TEST:
		if (two_regs(x) && x->operands[0].size == 8) {
			in->op = INSN_TEST_RR;
			in->dst = reg_number(x->operands[0].reg);
			in->src = reg_number(x->operands[1].reg);
		}
		break;
	case X86_INS_NOP:
		in->op = INSN_NOP;
		break;
	}
	if (in->op != INSN_OTHER)
		return;
	in->dst = in->src = INSN_NO_REG;
	if (in->has_mem)
		return;
	if ((in->flow == INSN_CALL_INDIRECT || in->flow == INSN_JMP_INDIRECT) &&
	    x->operands[0].type == X86_OP_REG)
		in->src = reg_number(x->operands[0].reg);
	for (int i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_IMM && in->flow == INSN_PLAIN)
			in->disp = x->operands[i].imm;
}

static void decode_one(struct insn *in, csh cs, const cs_insn *ci)
{
	const cs_x86 *x = &ci->detail->x86;
	const cs_x86_op *mem = mem_operand(x);

	*in = (struct insn) {
		.addr = ci->address,
		.len = (uint8_t)ci->size,
		.cond = INSN_NO_COND,
		.dst = INSN_NO_REG,
		.src = INSN_NO_REG,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.op_size = mem ? mem->size : x->op_count ? x->operands[0].size : 0,
	};
	decode_flow(in, ci, x);
	decode_memory(in, ci, x);
	decode_op(in, ci, x);
	if (in->flow != INSN_CALL && in->flow != INSN_CALL_INDIRECT)
		in->writes = written_regs(cs, ci, x);
	snprintf(in->text, sizeof(in->text), "%.20s%s%.42s", ci->mnemonic,
		 *ci->op_str ? " " : "", ci->op_str);
}

static bool goes_on(const struct insns *in)
{
	if (!in->n)
		return true;
	switch (in->v[in->n - 1].flow) {
	case INSN_RET:
	case INSN_JMP:
	case INSN_JMP_INDIRECT:
	case INSN_TRAP:
		return false;
	default:
		return true;
	}
}

static int decode_all(struct insns *out, csh cs, cs_insn *ci, const uint8_t *code, size_t len,
		      uint64_t addr)
{
	size_t cap = 0;

	while (len) {
		if (!cs_disasm_iter(cs, &code, &len, &addr, ci))
			return goes_on(out) ? -EBADMSG : 0;
		out->v = grow(out->v, out->n, &cap, sizeof(*out->v));
		decode_one(&out->v[out->n++], cs, ci);
	}
	return 0;
}

int insns_decode(struct insns *out, uint16_t machine, const uint8_t *code, size_t len,
		 uint64_t addr)
{
	struct insns in = { 0 };
	cs_insn *ci;
	csh cs;
	int err;

	if (machine != EM_X86_64)
		return -ENOTSUP;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs))
		return -ENOMEM;
	cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
	ci = cs_malloc(cs);
	err = ci ? decode_all(&in, cs, ci, code, len, addr) : -ENOMEM;
	if (ci)
		cs_free(ci, 1);
	cs_close(&cs);
	if (err)
		insns_free(&in);
	else
		*out = in;
	return err;
}

void insns_free(struct insns *in)
{
	free(in->v);
	*in = (struct insns) { 0 };
}

long insns_at(const struct insns *in, uint64_t addr)
{
	size_t lo = 0, hi = in->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (in->v[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < in->n && in->v[lo].addr == addr ? (long)lo : -1;
}
