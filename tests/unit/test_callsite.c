// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_callsite.c - arguments of calls, found in code written here.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/x86.h"
#include "user/go/callsite.h"

enum {
	ENTRY = 0x401000,
	TYPE_A = 0x500000, TYPE_B = 0x500040,
	TABLE = 0x600000,
	ALLOC = 0x402000, OTHER = 0x402100, BARRIER = 0x402200, PANIC = 0x402300,
};

struct fixture {
	struct code code;
	uint64_t table[4];	/* jump table at TABLE */
	size_t n_table;
};

static enum callee classify(void *ctx, uint64_t target)
{
	return target == BARRIER ? CALLEE_KEEPS : target == PANIC ? CALLEE_ENDS : CALLEE_CLOBBERS;
}

static int read_word(void *ctx, uint64_t vaddr, uint64_t *value)
{
	const struct fixture *fx = ctx;
	uint64_t i = (vaddr - TABLE) / 8;

	if (vaddr < TABLE || i >= fx->n_table)
		return -ENOENT;
	*value = fx->table[i];
	return 0;
}

/* The frame of a compiled function: stack check, saved frame pointer. */
static size_t prologue(struct code *c)
{
	size_t check;

	load(c, R12, SP, -0x40);	/* stands for the comparison */
	check = jcc(c, JBE);
	push(c, BP);
	mov(c, BP, SP);
	sub_sp(c, 0x40);
	return check;
}

static void epilogue(struct code *c, size_t check, unsigned int arg)
{
	ret(c);
	land(c, check);
	store(c, SP, 8, arg);
	call(c, OTHER);
	load(c, arg, SP, 8);
	land_at(c, jmp(c), c->addr);
}

static int ask(const struct fixture *fx, uint64_t return_addr, uint8_t reg,
	       struct callsite_value *v, uint64_t *target)
{
	const struct callsite_ops ops = { (void *)fx, classify, read_word };
	struct callsite_func *cf;
	int err;

	assert_int_equal(callsite_open(&cf, EM_X86_64, fx->code.bytes, fx->code.n, fx->code.addr,
				       &ops), 0);
	err = callsite_get(cf, return_addr, reg, v, target);
	callsite_close(cf);
	return err;
}

static void expect_const(const struct fixture *fx, uint64_t return_addr, uint8_t reg,
			 uint64_t value)
{
	struct callsite_value v;
	uint64_t target;

	assert_int_equal(ask(fx, return_addr, reg, &v, &target), 0);
	assert_int_equal(v.kind, CALLSITE_CONST);
	assert_int_equal(v.value, value);
	assert_int_equal(v.n_loads, 0);
	assert_int_equal(target, ALLOC);
}

static void expect_unknown(const struct fixture *fx, uint64_t return_addr, uint8_t reg)
{
	struct callsite_value v;
	uint64_t target;

	assert_int_equal(ask(fx, return_addr, reg, &v, &target), -ENODATA);
}

static void test_constants(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t ra;

	mov_imm(c, AX, 24);
	lea(c, DX, TYPE_A);
	mov(c, R8, DX);
	mov(c, BX, R8);
	zero(c, CX);
	nop(c);
	ra = call(c, ALLOC);
	ret(c);
	expect_const(&fx, ra, AX, 24);
	expect_const(&fx, ra, BX, TYPE_A);
	expect_const(&fx, ra, CX, 0);
	expect_const(&fx, ra, R8, TYPE_A);
}

static void test_last_write_counts(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t ra;

	lea(c, BX, TYPE_A);
	lea(c, BX, TYPE_B);
	lea(c, CX, TYPE_A);
	mov_imm8(c, CX, 1);		/* one byte of it */
	ra = call(c, ALLOC);
	ret(c);
	expect_const(&fx, ra, BX, TYPE_B);
	expect_unknown(&fx, ra, CX);
}

static void test_no_call_there(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	struct callsite_value v;
	uint64_t ra, target;

	lea(c, BX, TYPE_A);
	ra = call(c, ALLOC);
	ret(c);
	assert_int_equal(ask(&fx, ra - 5, BX, &v, &target), -ENOENT);	/* behind the LEA */
	assert_int_equal(ask(&fx, ra - 1, BX, &v, &target), -ENOENT);	/* inside the call */
	assert_int_equal(ask(&fx, ENTRY, BX, &v, &target), -ENOENT);
	assert_int_equal(ask(&fx, ENTRY + 0x1000, BX, &v, &target), -ENOENT);
}

static void test_call_ends_function(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;

	lea(c, BX, TYPE_A);
	expect_const(&fx, call(c, ALLOC), BX, TYPE_A);
}

static void test_indirect_call(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	struct callsite_value v;
	uint64_t ra, target = 1;

	lea(c, BX, TYPE_A);
	ra = call_reg(c, DX);
	ret(c);
	assert_int_equal(ask(&fx, ra, BX, &v, &target), 0);
	assert_int_equal(v.value, TYPE_A);
	assert_int_equal(target, 0);
}

static void test_calls_between(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t ra;

	lea(c, BX, TYPE_A);
	lea(c, R11, TYPE_A);
	call(c, BARRIER);
	ra = call(c, ALLOC);
	expect_const(&fx, ra, BX, TYPE_A);
	expect_unknown(&fx, ra, R11);
	ra = call(c, ALLOC);		/* the call before may have changed it */
	expect_unknown(&fx, ra, BX);
	lea(c, BX, TYPE_A);
	call_reg(c, DX);
	ra = call(c, ALLOC);
	ret(c);
	expect_unknown(&fx, ra, BX);
}

/* Two ways to the call; bring says which type the second one brings. */
static void two_ways(struct fixture *fx, uint64_t bring, uint64_t *ra)
{
	struct code *c = &fx->code;
	size_t other, join;

	lea(c, BX, TYPE_A);
	other = jcc(c, JE);
	nop(c);
	join = jmp(c);
	land(c, other);
	lea(c, BX, bring);
	land(c, join);
	mov_imm(c, AX, 16);
	*ra = call(c, ALLOC);
	ret(c);
}

static void test_ways_agree(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	two_ways(&fx, TYPE_A, &ra);
	expect_const(&fx, ra, BX, TYPE_A);
}

static void test_ways_differ(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	two_ways(&fx, TYPE_B, &ra);
	expect_unknown(&fx, ra, BX);
}

static void test_loop(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t top, ra;

	lea(c, BX, TYPE_A);
	lea(c, SI, TYPE_A);
	top = here(c);
	ra = call(c, ALLOC);
	lea(c, BX, TYPE_A);		/* loaded again, as the call changed it */
	land_at(c, jcc(c, JNE), top);
	ret(c);
	expect_const(&fx, ra, BX, TYPE_A);
	expect_unknown(&fx, ra, SI);	/* not loaded again */
}

/* p = p.next: each load is behind another one. */
static void test_endless_loads(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t top = here(c), ra;

	nop(c);
	top = here(c);
	load(c, AX, AX, 8);
	land_at(c, jcc(c, JNE), top);
	ra = call(c, ALLOC);
	ret(c);
	expect_unknown(&fx, ra, AX);
}

static void test_padding(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	size_t over;
	uint64_t ra;

	lea(c, BX, TYPE_A);
	over = jmp(c);
	nop(c);				/* aligns what follows; nothing goes through it */
	nop(c);
	land(c, over);
	ra = call(c, ALLOC);
	ret(c);
	expect_const(&fx, ra, BX, TYPE_A);
}

static void test_panic_before(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	size_t over;
	uint64_t ra;

	lea(c, BX, TYPE_A);
	over = jcc(c, JB);
	call(c, PANIC);
	land(c, over);
	ra = call(c, ALLOC);
	ret(c);
	expect_const(&fx, ra, BX, TYPE_A);
}

/* The type is loaded before a switch, the call is in one case. */
static uint64_t switch_code(struct fixture *fx, uint64_t *ra)
{
	struct code *c = &fx->code;
	uint64_t first_case;

	lea(c, BX, TYPE_A);
	lea(c, DX, TABLE);
	jmp_table(c, DX, CX);
	first_case = here(c);
	mov_imm(c, AX, 1);
	ret(c);
	fx->table[0] = first_case;
	fx->table[1] = here(c);
	mov_imm(c, AX, 2);
	*ra = call(c, ALLOC);
	ret(c);
	return first_case;
}

static void test_jump_table(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	switch_code(&fx, &ra);
	fx.n_table = 2;
	expect_const(&fx, ra, BX, TYPE_A);
}

static void test_jump_table_not_found(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	switch_code(&fx, &ra);
	fx.n_table = 0;
	expect_unknown(&fx, ra, BX);
	expect_const(&fx, ra, AX, 2);	/* in the same block */
}

static void expect_arg(const struct fixture *fx, uint64_t return_addr, uint8_t reg, uint8_t arg,
		       size_t n_loads, const int64_t *disp)
{
	struct callsite_value v;
	uint64_t target;

	assert_int_equal(ask(fx, return_addr, reg, &v, &target), 0);
	assert_int_equal(v.kind, CALLSITE_ARG);
	assert_int_equal(v.reg, arg);
	assert_int_equal(v.n_loads, n_loads);
	for (size_t i = 0; i < n_loads; i++)
		assert_int_equal(v.disp[i], disp[i]);
}

/* runtime.newobject */
static void test_passed_on(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	size_t check = prologue(c);
	uint64_t ra;

	load(c, DX, AX, 0);
	mov(c, BX, AX);
	mov_imm(c, CX, 1);
	mov(c, AX, DX);
	ra = call(c, ALLOC);
	epilogue(c, check, AX);
	expect_arg(&fx, ra, BX, AX, 0, NULL);
	expect_arg(&fx, ra, AX, AX, 1, (int64_t[]) { 0 });
	expect_const(&fx, ra, CX, 1);
}

enum { ARG_SLOT = 0x50, LOCAL_SLOT = 8 };	/* above the frame and in it */

/* Generic code: the dictionary comes in AX, is spilled and loaded again behind other calls. */
static void dictionary(struct fixture *fx, int32_t slot, void (*between)(struct code *),
		       uint64_t *ra)
{
	struct code *c = &fx->code;
	size_t check = prologue(c);

	store(c, SP, slot, AX);
	call(c, OTHER);
	between(c);
	load(c, DX, SP, slot);
	load(c, DX, DX, 0x18);
	load(c, BX, DX, 0x10);
	*ra = call(c, ALLOC);
	epilogue(c, check, AX);
}

static void nothing(struct code *c)
{
}

static void spill_elsewhere(struct code *c)
{
	store(c, SP, 0x58, CX);
	store(c, SP, 0x38, CX);
}

static void take_address_of_local(struct code *c)
{
	lea_base(c, DI, SP, 0x10);
	call(c, OTHER);
}

static void test_dictionary(void **state)
{
	void (*const harmless[])(struct code *) = { nothing, spill_elsewhere,
						    take_address_of_local };

	for (size_t i = 0; i < 3; i++) {
		struct fixture fx = { .code.addr = ENTRY };
		uint64_t ra;

		dictionary(&fx, ARG_SLOT, harmless[i], &ra);
		expect_arg(&fx, ra, BX, AX, 2, (int64_t[]) { 0x18, 0x10 });
	}
}

/* The code around morestack stores to the same offset from another SP. */
static void test_dictionary_in_frame(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	dictionary(&fx, LOCAL_SLOT, nothing, &ra);
	expect_arg(&fx, ra, BX, AX, 2, (int64_t[]) { 0x18, 0x10 });
}

/* A variable whose address is taken may reach up to the slot. */
static void test_variable_below_slot(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	uint64_t ra;

	dictionary(&fx, 0x20, take_address_of_local, &ra);
	expect_unknown(&fx, ra, BX);
}

static void store_again(struct code *c)
{
	store(c, SP, ARG_SLOT, CX);
}

static void store_across(struct code *c)
{
	store(c, SP, ARG_SLOT - 4, CX);
}

static void take_its_address(struct code *c)
{
	lea_base(c, DI, SP, ARG_SLOT);
	call(c, OTHER);
}

static void take_stack_pointer(struct code *c)
{
	mov(c, DI, SP);
	call(c, OTHER);
}

static void test_spoilt_slot(void **state)
{
	void (*const spoil[])(struct code *) = { store_again, store_across, take_its_address,
						 take_stack_pointer };

	for (size_t i = 0; i < 4; i++) {
		struct fixture fx = { .code.addr = ENTRY };
		uint64_t ra;

		dictionary(&fx, ARG_SLOT, spoil[i], &ra);
		expect_unknown(&fx, ra, BX);
	}
}

/* The result of one call is an argument of another, in spite of calls and branches between. */
static uint64_t result_code(struct code *c, uint64_t *made)
{
	size_t check = prologue(c), skip;
	uint64_t ra;

	*made = call(c, OTHER);
	store(c, SP, 0x20, AX);
	lea_base(c, DI, SP, 0x10);	/* a variable below, which may reach up to it */
	call(c, OTHER);
	skip = jcc(c, JE);
	nop(c);
	land(c, skip);
	load(c, BX, SP, 0x20);
	ra = call(c, ALLOC);
	epilogue(c, check, AX);
	return ra;
}

static void test_result(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	const struct callsite_ops ops = { &fx, classify, read_word };
	uint64_t made, ra = result_code(&fx.code, &made);
	struct callsite_func *cf;
	struct callsite_value v;

	expect_unknown(&fx, ra, BX);
	assert_int_equal(callsite_open(&cf, EM_X86_64, fx.code.bytes, fx.code.n, ENTRY, &ops), 0);
	assert_int_equal(callsite_get_typed(cf, ra, BX, &v), 0);
	assert_int_equal(v.kind, CALLSITE_RESULT);
	assert_int_equal(v.value, made);
	assert_int_equal(v.n_loads, 0);
	assert_int_equal(callsite_get_typed(cf, ra, CX, &v), -ENODATA);
	assert_int_equal(callsite_get_typed(cf, ra + 1, BX, &v), -ENOENT);
	callsite_close(cf);
}

static void test_all_calls(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	const struct callsite_ops ops = { &fx, classify, read_word };
	struct code *c = &fx.code;
	uint64_t first, last, target;
	struct callsite_func *cf;
	size_t pos = 0;

	first = call(c, OTHER);
	call_reg(c, DX);
	last = call(c, ALLOC);
	ret(c);
	assert_int_equal(callsite_open(&cf, EM_X86_64, c->bytes, c->n, ENTRY, &ops), 0);
	assert_int_equal(callsite_next(cf, &pos, &target), first);
	assert_int_equal(target, OTHER);
	assert_int_equal(callsite_next(cf, &pos, &target), last);
	assert_int_equal(target, ALLOC);
	assert_int_equal(callsite_next(cf, &pos, &target), 0);
	assert_int_equal(callsite_next(cf, &pos, &target), 0);
	callsite_close(cf);
}

static void test_bytes_that_do_not_decode(void **state)
{
	const uint8_t junk[] = { 0x48, 0x06, 0x06, 0x06 };
	const struct callsite_ops ops = { NULL, classify, read_word };
	struct callsite_func *cf = NULL;

	assert_int_equal(callsite_open(&cf, EM_X86_64, junk, sizeof(junk), ENTRY, &ops), -EBADMSG);
	assert_null(cf);
	assert_int_equal(callsite_open(&cf, EM_AARCH64, junk, sizeof(junk), ENTRY, &ops), -ENOTSUP);
	callsite_close(NULL);
}

/* Nothing but padding leads to the call. */
static void test_unreachable(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct code *c = &fx.code;
	uint64_t ra;

	ret(c);
	nop(c);
	ra = call(c, ALLOC);
	ret(c);
	expect_unknown(&fx, ra, AX);
}

static void test_no_code(void **state)
{
	struct fixture fx = { .code.addr = ENTRY };
	struct callsite_value v;
	uint64_t target;

	assert_int_equal(ask(&fx, ENTRY, AX, &v, &target), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_last_write_counts),
		cmocka_unit_test(test_no_call_there),
		cmocka_unit_test(test_call_ends_function),
		cmocka_unit_test(test_indirect_call),
		cmocka_unit_test(test_calls_between),
		cmocka_unit_test(test_ways_agree),
		cmocka_unit_test(test_ways_differ),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_endless_loads),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_panic_before),
		cmocka_unit_test(test_jump_table),
		cmocka_unit_test(test_jump_table_not_found),
		cmocka_unit_test(test_passed_on),
		cmocka_unit_test(test_dictionary),
		cmocka_unit_test(test_dictionary_in_frame),
		cmocka_unit_test(test_variable_below_slot),
		cmocka_unit_test(test_spoilt_slot),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_all_calls),
		cmocka_unit_test(test_bytes_that_do_not_decode),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
