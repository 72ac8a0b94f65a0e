// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_insn.c - instructions as Go's compiler and assembler write them.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "user/code/insn.h"

enum { AT = 0x401000, NO = INSN_NO_REG };
enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, R10, R11, R12, R13, R14, R15 };

static struct insns in;

static void decode(const char *bytes, size_t len)
{
	insns_free(&in);
	assert_int_equal(insns_decode(&in, EM_X86_64, (const uint8_t *)bytes, len, AT), 0);
}

static const struct insn *one(const char *bytes, size_t len)
{
	decode(bytes, len);
	assert_int_equal(in.n, 1);
	assert_int_equal(in.v[0].addr, AT);
	assert_int_equal(in.v[0].len, len);
	return &in.v[0];
}

#define ONE(bytes) one(bytes, sizeof(bytes) - 1)

static int done(void **state)
{
	insns_free(&in);
	return 0;
}

static void assert_regs(const struct insn *i, int op, int dst, int src)
{
	assert_int_equal(i->op, op);
	assert_int_equal(i->flow, INSN_PLAIN);
	assert_int_equal(i->dst, dst);
	assert_int_equal(i->src, src);
}

static void assert_mem(const struct insn *i, int base, int index, int scale, int64_t disp)
{
	assert_true(i->has_mem);
	assert_int_equal(i->base, base);
	assert_int_equal(i->index, index);
	assert_int_equal(i->scale, scale);
	assert_int_equal(i->disp, disp);
}

static void test_moves(void **state)
{
	const struct insn *i = ONE("\x4d\x89\xc1");	/* mov r9, r8 */

	assert_regs(i, INSN_MOV_RR, R9, R8);
	assert_int_equal(i->writes, 1 << R9);
	assert_int_equal(i->op_size, 8);
	assert_string_equal(i->text, "mov r9, r8");

	i = ONE("\x89\xd8");				/* mov eax, ebx: half a register */
	assert_regs(i, INSN_MOV_RR32, AX, BX);
	assert_int_equal(i->writes, 1 << AX);

	i = ONE("\x48\x8b\x44\x24\x18");		/* mov rax, [rsp + 0x18] */
	assert_regs(i, INSN_LOAD, AX, NO);
	assert_mem(i, SP, NO, 1, 0x18);
	assert_false(i->writes_mem);

	i = ONE("\x48\x8b\x14\xc6");			/* mov rdx, [rsi + rax * 8] */
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_mem(i, SI, AX, 8, 0);

	i = ONE("\x48\x89\x84\x24\x88\x00\x00\x00");	/* mov [rsp + 0x88], rax */
	assert_regs(i, INSN_STORE, NO, AX);
	assert_mem(i, SP, NO, 1, 0x88);
	assert_true(i->writes_mem);
	assert_int_equal(i->writes, 0);

	i = ONE("\x88\x4c\x24\x40");			/* mov [rsp + 0x40], cl */
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_true(i->writes_mem);
	assert_int_equal(i->op_size, 1);

	i = ONE("\x48\xc7\x44\x24\x08\x00\x00\x00\x00"); /* mov qword [rsp + 8], 0 */
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_true(i->writes_mem);

	/* mov rax, fs:[-8]: not a plain address */
	i = ONE("\x64\x48\x8b\x04\x25\xf8\xff\xff\xff");
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_int_equal(i->writes, 1 << AX);
}

static void test_constants(void **state)
{
	const struct insn *i = ONE("\xbb\xff\xff\xff\xff");	/* mov ebx, 0xffffffff */

	assert_regs(i, INSN_MOV_RI, BX, NO);
	assert_int_equal(i->disp, 0xffffffff);
	i = ONE("\x48\xc7\xc0\xff\xff\xff\xff");		/* mov rax, -1 */
	assert_regs(i, INSN_MOV_RI, AX, NO);
	assert_int_equal(i->disp, -1);
	i = ONE("\xb3\x01");					/* mov bl, 1 */
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_int_equal(i->writes, 1 << BX);

	assert_regs(ONE("\x31\xc0"), INSN_ZERO, AX, NO);	/* xor eax, eax */
	assert_regs(ONE("\x45\x31\xc9"), INSN_ZERO, R9, NO);	/* xor r9d, r9d */
	assert_regs(ONE("\x31\xc8"), INSN_OTHER, NO, NO);	/* xor eax, ecx */

	/* imul rax, rcx, 0x4a0: the immediate is in disp */
	i = ONE("\x48\x69\xc1\xa0\x04\x00\x00");
	assert_regs(i, INSN_OTHER, NO, NO);
	assert_int_equal(i->disp, 0x4a0);
	assert_false(i->has_mem);
}

static void test_addresses(void **state)
{
	const struct insn *i = ONE("\x4a\x8d\x44\x01\x08");	/* lea rax, [rcx + r8 + 8] */

	assert_regs(i, INSN_LEA, AX, NO);
	assert_mem(i, CX, R8, 1, 8);
	assert_false(i->writes_mem);

	i = ONE("\x48\x8d\x35\x00\x01\x00\x00");		/* lea rsi, [rip + 0x100] */
	assert_regs(i, INSN_LEA, SI, NO);
	assert_true(i->rip_relative);
	assert_int_equal(i->addr_ref, AT + 7 + 0x100);

	/* cmp dword [rip - 0x10], 0: counted from the end, behind the immediate */
	i = ONE("\x83\x3d\xf0\xff\xff\xff\x00");
	assert_true(i->rip_relative);
	assert_int_equal(i->addr_ref, AT + 7 - 0x10);
	assert_false(i->writes_mem);
	assert_int_equal(i->op_size, 4);

	assert_regs(ONE("\x48\x01\xc8"), INSN_ADD_RR, AX, CX);	/* add rax, rcx */
	assert_regs(ONE("\x01\xc8"), INSN_OTHER, NO, NO);	/* add eax, ecx */
	assert_regs(ONE("\x48\x29\xc8"), INSN_OTHER, NO, NO);	/* sub rax, rcx */
}

static void test_stack(void **state)
{
	const struct insn *i = ONE("\x48\x83\xec\x20");		/* sub rsp, 0x20 */

	assert_int_equal(i->op, INSN_ADD_SP);
	assert_int_equal(i->disp, -0x20);
	i = ONE("\x48\x83\xc4\x20");				/* add rsp, 0x20 */
	assert_int_equal(i->op, INSN_ADD_SP);
	assert_int_equal(i->disp, 0x20);
	i = ONE("\x48\x83\xc4\x80");				/* add rsp, -0x80 */
	assert_int_equal(i->op, INSN_ADD_SP);
	assert_int_equal(i->disp, -0x80);
	i = ONE("\x48\x8d\x64\x24\x10");			/* lea rsp, [rsp + 0x10] */
	assert_int_equal(i->op, INSN_ADD_SP);
	assert_int_equal(i->disp, 0x10);
	assert_regs(ONE("\x55"), INSN_PUSH, NO, BP);
	assert_regs(ONE("\x41\x5c"), INSN_POP, R12, NO);
	assert_regs(ONE("\x6a\x01"), INSN_PUSH, NO, NO);	/* push 1 */
	i = ONE("\x48\x89\xec");				/* mov rsp, rbp */
	assert_int_equal(i->writes, 1 << SP);
}

/* Where Capstone does not tell what an instruction writes. */
static void test_writes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint32_t writes;
		bool mem;
		int op_size;
	} rows[] = {
		{ "\xf0\x48\x0f\xb1\x0b", 5, 1 << AX, true, 8 }, /* lock cmpxchg [rbx], rcx */
		{ "\xf0\x48\x0f\xc1\x03", 5, 1 << AX, true, 8 },	/* lock xadd [rbx], rax */
		{ "\x48\x87\x03", 3, 1 << AX, true, 8 },		/* xchg [rbx], rax */
		{ "\x48\x87\xc3", 3, 1 << AX | 1 << BX, false, 8 },	/* xchg rbx, rax */
		{ "\x48\xf7\xe1", 3, 1 << AX | 1 << DX, false, 8 },	/* mul rcx */
		{ "\x48\x99", 2, 1 << AX | 1 << DX, false, 0 },		/* cqo: RAX to be safe */
		{ "\xc4\xe2\xf3\xf6\xc2", 5, 1 << AX | 1 << CX, false, 8 }, /* mulx rax, rcx, rdx */
		{ "\x0f\xa2", 2, 1 << AX | 1 << BX | 1 << CX | 1 << DX, false, 0 }, /* cpuid */
		{ "\x0f\x05", 2, 1 << AX | 1 << CX | 1 << R11, false, 0 }, /* syscall */
		{ "\xf3\x48\xab", 3, 1 << CX | 1 << DI, true, 8 },	/* rep stosq */
		{ "\x0f\x11\x44\x24\x10", 5, 0, true, 16 },	/* movups [rsp + 16], xmm0 */
		{ "\xc5\xfe\x7f\x04\x24", 5, 0, true, 32 },		/* vmovdqu [rsp], ymm0 */
		{ "\x0f\x92\x44\x24\x10", 5, 0, true, 1 },		/* setb [rsp + 16] */
		{ "\x0f\x92\xc0", 3, 1 << AX, false, 1 },		/* setb al */
		{ "\x88\xe7", 2, 1 << BX, false, 1 },			/* mov bh, ah */
		{ "\x48\x0f\x44\xc1", 4, 1 << AX, false, 8 },		/* cmove rax, rcx */
		{ "\x48\x39\xc8", 3, 0, false, 8 },			/* cmp rax, rcx */
		{ "\x0f\xa3\xc8", 3, 0, false, 4 },			/* bt eax, ecx */
		{ "\x48\xff\x00", 3, 0, true, 8 },			/* inc [rax] */
		{ "\x66\x48\x0f\x7e\xc0", 5, 1 << AX, false, 8 },	/* movq rax, xmm0 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct insn *insn = one(rows[i].bytes, rows[i].len);

		assert_int_equal(insn->op, INSN_OTHER);
		assert_int_equal(insn->writes, rows[i].writes);
		assert_int_equal(insn->writes_mem, rows[i].mem);
		assert_int_equal(insn->op_size, rows[i].op_size);
	}
}

static void test_reads_only(void **state)
{
	const struct insn *i = ONE("\x48\x85\xc0");		/* test rax, rax */

	assert_regs(i, INSN_TEST_RR, AX, AX);
	assert_int_equal(i->writes, 0);
	assert_regs(ONE("\x84\xc9"), INSN_OTHER, NO, NO);	/* test cl, cl */
	i = ONE("\x0f\x1f\x44\x00\x00");			/* nop [rax + rax] */
	assert_int_equal(i->op, INSN_NOP);
	assert_int_equal(i->writes, 0);
	assert_false(i->writes_mem);
}

static void assert_flow(const struct insn *i, int flow, uint64_t target, int cond)
{
	assert_int_equal(i->flow, flow);
	assert_int_equal(i->target, target);
	assert_int_equal(i->cond, cond);
}

static void test_flow(void **state)
{
	const struct insn *i = ONE("\x76\x02");			/* jbe, short */

	assert_flow(i, INSN_JCC, AT + 4, 6);
	assert_string_equal(i->text, "jbe 0x401004");
	assert_flow(ONE("\x0f\x85\xfa\xff\xff\xff"), INSN_JCC, AT, 5);	/* jne, near, back */
	assert_flow(ONE("\x2e\x74\x00"), INSN_JCC, AT + 3, 4);		/* with a hint prefix */
	assert_flow(ONE("\xe3\x00"), INSN_JCC, AT + 2, INSN_NO_COND);	/* jrcxz */
	assert_flow(ONE("\xe2\x00"), INSN_JCC, AT + 2, INSN_NO_COND);	/* loop */
	assert_int_equal(in.v[0].writes, 1 << CX);
	assert_flow(ONE("\xeb\xfe"), INSN_JMP, AT, INSN_NO_COND);
	assert_flow(ONE("\xff\xe0"), INSN_JMP_INDIRECT, 0, INSN_NO_COND);
	assert_flow(ONE("\xff\x24\xc1"), INSN_JMP_INDIRECT, 0, INSN_NO_COND);
	assert_flow(ONE("\xe8\x00\x01\x00\x00"), INSN_CALL, AT + 0x105, INSN_NO_COND);
	assert_flow(ONE("\xff\xd6"), INSN_CALL_INDIRECT, 0, INSN_NO_COND);
	assert_int_equal(in.v[0].src, SI);
	assert_flow(ONE("\xc3"), INSN_RET, 0, INSN_NO_COND);
	assert_flow(ONE("\xc2\x08\x00"), INSN_RET, 0, INSN_NO_COND);
	assert_flow(ONE("\x0f\x0b"), INSN_TRAP, 0, INSN_NO_COND);
	assert_flow(ONE("\xcc"), INSN_TRAP, 0, INSN_NO_COND);

	i = ONE("\xff\x15\x10\x00\x00\x00");			/* call [rip + 0x10] */
	assert_int_equal(i->flow, INSN_CALL_INDIRECT);
	assert_int_equal(i->addr_ref, AT + 0x16);
}

static void test_sequence(void **state)
{
	decode("\x48\x89\xc3\x90\xc3", 5);		/* mov rbx, rax; nop; ret */
	assert_int_equal(in.n, 3);
	assert_int_equal(insns_at(&in, AT), 0);
	assert_int_equal(insns_at(&in, AT + 3), 1);
	assert_int_equal(insns_at(&in, AT + 4), 2);
	assert_int_equal(insns_at(&in, AT + 1), -1);
	assert_int_equal(insns_at(&in, AT + 5), -1);
	assert_int_equal(insns_at(&in, 0), -1);
}

static void test_rubbish(void **state)
{
	struct insns untouched = { 0 };

	/* 06 is no instruction in 64-bit code: behind a ret it is padding, elsewhere an error. */
	decode("\xc3\x06\x06", 3);
	assert_int_equal(in.n, 1);
	assert_int_equal(insns_decode(&untouched, EM_X86_64, (const uint8_t *)"\x90\x06", 2, AT),
			 -EBADMSG);
	assert_int_equal(insns_decode(&untouched, EM_X86_64, (const uint8_t *)"\x06", 1, AT),
			 -EBADMSG);
	/* cut off within an instruction */
	assert_int_equal(insns_decode(&untouched, EM_X86_64, (const uint8_t *)"\x48\x8b", 2, AT),
			 -EBADMSG);
	assert_int_equal(insns_decode(&untouched, EM_AARCH64, (const uint8_t *)"\xc3", 1, AT),
			 -ENOTSUP);
	assert_null(untouched.v);
	decode("", 0);
	assert_int_equal(in.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_reads_only),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
