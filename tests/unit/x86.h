/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.h - writes the x86-64 instructions that tests need, in the forms that Go's compiler uses.
 */
#ifndef X86_H
#define X86_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { AX = 0, CX = 1, DX = 2, BX = 3, SP = 4, BP = 5, SI = 6, DI = 7, R8 = 8, R11 = 11, R12 = 12 };
enum { JB = 2, JE = 4, JNE = 5, JBE = 6 };

struct code {
	uint64_t addr;		/* of bytes[0] */
	size_t n;
	uint8_t bytes[512];
};

static inline uint64_t here(const struct code *c)
{
	return c->addr + c->n;
}

static inline void emit(struct code *c, const void *bytes, size_t n)
{
	assert(c->n + n <= sizeof(c->bytes));
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
}

static inline void emit8(struct code *c, unsigned int byte)
{
	uint8_t b = (uint8_t)byte;

	emit(c, &b, 1);
}

static inline void emit32(struct code *c, int64_t value)
{
	int32_t v = (int32_t)value;

	emit(c, &v, sizeof(v));
}

/* REX.W opcode ModRM with reg and rm; base SP or R12 wants a SIB byte. */
static inline void emit_rm(struct code *c, unsigned int opcode, unsigned int mod, unsigned int reg,
			   unsigned int rm)
{
	emit8(c, 0x48 | (reg >> 3) << 2 | rm >> 3);
	emit8(c, opcode);
	emit8(c, mod << 6 | (reg & 7) << 3 | (rm & 7));
	if (mod != 3 && (rm & 7) == SP)
		emit8(c, 0x24);
}

static inline void mov(struct code *c, unsigned int dst, unsigned int src)
{
	emit_rm(c, 0x89, 3, src, dst);
}

static inline void load(struct code *c, unsigned int dst, unsigned int base, int64_t disp)
{
	emit_rm(c, 0x8b, 2, dst, base);
	emit32(c, disp);
}

static inline void store(struct code *c, unsigned int base, int64_t disp, unsigned int src)
{
	emit_rm(c, 0x89, 2, src, base);
	emit32(c, disp);
}

/* lea disp(base), dst */
static inline void lea_base(struct code *c, unsigned int dst, unsigned int base, int64_t disp)
{
	emit_rm(c, 0x8d, 2, dst, base);
	emit32(c, disp);
}

/* lea target(%rip), dst */
static inline void lea(struct code *c, unsigned int dst, uint64_t target)
{
	emit8(c, 0x48 | (dst >> 3) << 2);
	emit8(c, 0x8d);
	emit8(c, (dst & 7) << 3 | 5);
	emit32(c, (int64_t)(target - here(c) - 4));
}

static inline void zero(struct code *c, unsigned int reg)
{
	emit8(c, 0x31);
	emit8(c, 0xc0 | reg << 3 | reg);
}

static inline void mov_imm(struct code *c, unsigned int reg, uint32_t value)
{
	emit8(c, 0xb8 | reg);
	emit32(c, value);
}

static inline void mov_imm8(struct code *c, unsigned int reg, unsigned int value)
{
	emit8(c, 0xb0 | reg);
	emit8(c, value);
}

static inline void sub_sp(struct code *c, int32_t bytes)
{
	emit_rm(c, 0x81, 3, 5, SP);
	emit32(c, bytes);
}

static inline void push(struct code *c, unsigned int reg)
{
	emit8(c, 0x50 | reg);
}

static inline void nop(struct code *c)
{
	emit8(c, 0x90);
}

static inline void ret(struct code *c)
{
	emit8(c, 0xc3);
}

/* Returns the return address. */
static inline uint64_t call(struct code *c, uint64_t target)
{
	emit8(c, 0xe8);
	emit32(c, (int64_t)(target - here(c) - 4));
	return here(c);
}

static inline uint64_t call_reg(struct code *c, unsigned int reg)
{
	emit8(c, 0xff);
	emit8(c, 0xd0 | reg);
	return here(c);
}

/* jmp *(table,index,8) */
static inline void jmp_table(struct code *c, unsigned int table, unsigned int index)
{
	emit8(c, 0xff);
	emit8(c, 4 << 3 | SP);
	emit8(c, 3 << 6 | index << 3 | table);
}

/* Branches go to a label that is set later; both return what land() wants. */
static inline size_t jcc(struct code *c, unsigned int cond)
{
	emit8(c, 0x0f);
	emit8(c, 0x80 | cond);
	emit32(c, 0);
	return c->n;
}

static inline size_t jmp(struct code *c)
{
	emit8(c, 0xe9);
	emit32(c, 0);
	return c->n;
}

static inline void land_at(struct code *c, size_t branch, uint64_t target)
{
	int32_t rel = (int32_t)(target - (c->addr + branch));

	memcpy(c->bytes + branch - 4, &rel, sizeof(rel));
}

static inline void land(struct code *c, size_t branch)
{
	land_at(c, branch, here(c));
}

#endif
