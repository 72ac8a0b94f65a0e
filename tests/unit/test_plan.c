// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_plan.c - where objects are seen once: tail branches of functions written here.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/x86.h"
#include "user/code/cfg.h"
#include "user/code/flow.h"
#include "user/code/insn.h"
#include "user/probe/tail.h"

enum {
	ENTRY = 0x401000,
	MAKE = 0x500000,	/* returns a new object that nobody counts */
	WORK = 0x500100,	/* returns something else */
	COUNTED = 0x500200,
	THROW = 0x500300,
	PERSISTENT = 0x500400,
	HOOK = 0x500500,
	ZEROBASE = 0x600000,
};

struct function {
	struct code code;
	struct insns in;
	uint8_t roles[256];
	struct cfg cfg;
	struct flow flow;
	struct tails tails;
};

static uint8_t role(uint64_t target)
{
	switch (target) {
	case COUNTED:
		return CALL_COUNTED;
	case THROW:
		return CALL_NO_RETURN;
	case PERSISTENT:
		return CALL_NO_OBJECT;
	case HOOK:
		return CALL_NIL;
	default:
		return CALL_PLAIN;
	}
}

static int setup(void **state)
{
	struct function *f = calloc(1, sizeof(*f));

	f->code.addr = ENTRY;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct function *f = *state;

	tails_fini(&f->tails);
	flow_fini(&f->flow);
	cfg_fini(&f->cfg);
	insns_free(&f->in);
	free(f);
	return 0;
}

/* ---- what x86.h does not write -------------------------------------------------------------- */

static void test_reg(struct code *c, unsigned int reg)
{
	emit_rm(c, 0x85, 3, reg, reg);
}

static void add(struct code *c, unsigned int dst, unsigned int src)
{
	emit_rm(c, 0x01, 3, src, dst);
}

static void add_sp(struct code *c, int32_t bytes)
{
	emit_rm(c, 0x81, 3, 0, SP);
	emit32(c, bytes);
}

static void pop(struct code *c, unsigned int reg)
{
	emit8(c, 0x58 | reg);
}

/* lea (base,index), dst */
static void lea_sum(struct code *c, unsigned int dst, unsigned int base, unsigned int index)
{
	emit8(c, 0x48);
	emit8(c, 0x8d);
	emit8(c, 1 << 6 | dst << 3 | SP);
	emit8(c, index << 3 | base);
	emit8(c, 0);
}

/* movb reg, disp(sp) */
static void store_byte(struct code *c, int32_t disp, unsigned int reg)
{
	emit8(c, 0x88);
	emit8(c, 2 << 6 | reg << 3 | SP);
	emit8(c, 0x24);
	emit32(c, disp);
}

/* ---- frames of compiled functions: 0x20 bytes and the saved frame pointer ------------------- */

enum { FRAME = 0x20, SPILL_SIZE = FRAME + 8 + 8, SPILL_TYP = SPILL_SIZE + 8 };

static void enter(struct code *c)
{
	push(c, BP);
	mov(c, BP, SP);
	sub_sp(c, FRAME);
}

static void leave(struct code *c)
{
	add_sp(c, FRAME);
	pop(c, BP);
	ret(c);
}

/* Spills the arguments where the caller left room for them. */
static void enter_spilling(struct code *c)
{
	enter(c);
	store(c, SP, SPILL_SIZE, AX);
	store(c, SP, SPILL_TYP, BX);
}

/* A branch that looks at something; its node is counted from the end by the tests. */
static size_t branch(struct code *c, unsigned int cond)
{
	test_reg(c, DX);
	return jcc(c, cond);
}

static int analyse(struct function *f)
{
	int err = insns_decode(&f->in, EM_X86_64, f->code.bytes, f->code.n, ENTRY);

	assert_int_equal(err, 0);
	assert_in_range(f->in.n, 1, sizeof(f->roles));
	for (size_t i = 0; i < f->in.n; i++)
		f->roles[i] = role(f->in.v[i].target);
	err = cfg_build(&f->cfg, &f->in, f->roles);
	return err ? err : flow_build(&f->flow, &f->cfg);
}

static int find(struct function *f)
{
	assert_int_equal(analyse(f), 0);
	return tails_find(&f->tails, &f->flow);
}

/* The node of the branch that x86.h's jcc() gave the label. */
static int32_t node_of(const struct function *f, size_t label)
{
	return (int32_t)insns_at(&f->in, ENTRY + label - 6);
}

static void assert_loc(struct gl_loc l, int kind, int reg, int off)
{
	assert_int_equal(l.kind, kind);
	assert_int_equal(l.reg, reg);
	assert_int_equal(l.off, off);
}

static struct gl_loc loc(const struct function *f, size_t i, int way)
{
	return flow_loc(&f->flow, f->tails.v[i].node, f->tails.v[i].at[way]);
}

static void assert_tail(const struct function *f, size_t i, size_t label, bool next, bool taken)
{
	assert_in_range(i, 0, f->tails.n - 1);
	assert_false(f->tails.v[i].at_ret);
	assert_int_equal(f->tails.v[i].node, node_of(f, label));
	assert_int_equal(f->tails.v[i].counts[CFG_NEXT], next);
	assert_int_equal(f->tails.v[i].counts[CFG_TAKEN], taken);
}

/* ---- the finder ----------------------------------------------------------------------------- */

/* x = make(); if early { work() }; if late { work() }; return x */
static void test_latest_branch(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t early, late;

	enter_spilling(c);
	call(c, MAKE);
	store(c, SP, 0x18, AX);
	early = branch(c, JE);
	call(c, WORK);
	land(c, early);
	late = branch(c, JNE);
	call(c, WORK);
	land(c, late);
	load(c, AX, SP, 0x18);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, late, true, true);
	assert_loc(loc(f, 0, CFG_NEXT), GL_LOC_SLOT, 0, 0x18);
	assert_loc(loc(f, 0, CFG_TAKEN), GL_LOC_SLOT, 0, 0x18);
	assert_loc(flow_arg(&f->flow, f->tails.v[0].node, 0), GL_LOC_SLOT, 0, SPILL_SIZE);
	assert_loc(flow_arg(&f->flow, f->tails.v[0].node, 1), GL_LOC_SLOT, 0, SPILL_TYP);
}

/* The result is in RAX when the branch is taken, in a slot when not. */
static void test_two_sided(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t je;

	enter(c);
	call(c, MAKE);
	store(c, SP, 0x10, AX);
	je = branch(c, JE);
	call(c, WORK);
	load(c, AX, SP, 0x10);
	land(c, je);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, je, true, true);
	assert_loc(loc(f, 0, CFG_NEXT), GL_LOC_SLOT, 0, 0x10);
	assert_loc(loc(f, 0, CFG_TAKEN), GL_LOC_REG, AX, 0);
}

/* if fits { return tiny + off }; x = make(); if late { work() }; return x */
static void test_edge_and_sum(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t full, late;

	enter(c);
	load(c, CX, DI, 0);
	load(c, SI, DI, 8);
	full = branch(c, JE);
	lea_sum(c, AX, CX, SI);
	store(c, DI, 8, DX);
	leave(c);
	land(c, full);
	call(c, MAKE);
	store(c, SP, 8, AX);
	late = branch(c, JE);
	call(c, WORK);
	land(c, late);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 2);
	assert_tail(f, 0, full, true, false);
	assert_int_equal(loc(f, 0, CFG_NEXT).kind, GL_LOC_SUM);
	assert_int_equal(loc(f, 0, CFG_NEXT).reg, CX);
	assert_int_equal(loc(f, 0, CFG_NEXT).reg2, SI);
	assert_tail(f, 1, late, true, true);
}

/* The same with an addition in place. */
static void test_sum_by_add(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t jb;

	enter(c);
	load(c, CX, DI, 0);
	load(c, SI, DI, 8);
	jb = branch(c, JB);
	add(c, CX, SI);
	mov(c, AX, CX);
	leave(c);
	land(c, jb);
	call(c, THROW);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, jb, true, false);
	assert_int_equal(loc(f, 0, CFG_NEXT).kind, GL_LOC_SUM);
}

static void assert_only_ret(const struct function *f)
{
	assert_int_equal(f->tails.n, 1);
	assert_true(f->tails.v[0].at_ret);
	assert_int_equal(f->in.v[f->tails.v[0].node].flow, INSN_RET);
	assert_loc(loc(f, 0, CFG_NEXT), GL_LOC_REG, AX, 0);
	assert_loc(loc(f, 0, CFG_TAKEN), GL_LOC_REG, AX, 0);
}

static void test_no_branch(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;

	enter_spilling(c);
	call(c, MAKE);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_only_ret(f);
	assert_loc(flow_arg(&f->flow, f->tails.v[0].node, 0), GL_LOC_SLOT, 0, 8);
	assert_loc(flow_arg(&f->flow, f->tails.v[0].node, 1), GL_LOC_SLOT, 0, 16);
}

/* The result is made behind the last branch. */
static void test_made_too_late(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t je;

	enter(c);
	je = branch(c, JE);
	call(c, WORK);
	land(c, je);
	call(c, MAKE);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_only_ret(f);
}

/* x = make(); do { work() } while (more); return x: the branch is met many times. */
static void test_cycle(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	uint64_t top;

	enter(c);
	call(c, MAKE);
	store(c, SP, 8, AX);
	top = here(c);
	call(c, WORK);
	land_at(c, branch(c, JNE), top);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_only_ret(f);
}

/* A branch inside of a loop does not hide the one behind it. */
static void test_behind_a_cycle(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	uint64_t top;
	size_t late;

	enter(c);
	call(c, MAKE);
	store(c, SP, 8, AX);
	top = here(c);
	call(c, WORK);
	land_at(c, branch(c, JNE), top);
	late = branch(c, JE);
	call(c, WORK);
	land(c, late);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, late, true, true);
}

/* ... nor the one before it. */
static void test_before_a_cycle(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	uint64_t top;
	size_t early;

	enter(c);
	call(c, MAKE);
	store(c, SP, 8, AX);
	early = branch(c, JE);
	call(c, WORK);
	land(c, early);
	top = here(c);
	call(c, WORK);
	land_at(c, branch(c, JNE), top);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, early, true, true);
}

/* do { x = make() } while (again); return x: counted once, but hit in every round. */
static void test_made_in_a_cycle(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	uint64_t top;

	enter(c);
	top = here(c);
	call(c, MAKE);
	land_at(c, branch(c, JNE), top);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_only_ret(f);
}

/* Three ways to the return, each with the object in a place of its own: no branch serves all. */
static void test_three_places(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t a, b, end[2];

	enter(c);
	call(c, MAKE);
	for (int i = 0; i < 3; i++)
		store(c, SP, 8 + 8 * i, AX);
	a = branch(c, JE);
	b = branch(c, JB);
	load(c, AX, SP, 8);
	end[0] = jmp(c);
	land(c, b);
	load(c, AX, SP, 16);
	end[1] = jmp(c);
	land(c, a);
	load(c, AX, SP, 24);
	land(c, end[0]);
	land(c, end[1]);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 2);
	assert_tail(f, 0, a, false, true);
	assert_loc(loc(f, 0, CFG_TAKEN), GL_LOC_SLOT, 0, 24);
	assert_tail(f, 1, b, true, true);
	assert_loc(loc(f, 1, CFG_NEXT), GL_LOC_SLOT, 0, 8);
	assert_loc(loc(f, 1, CFG_TAKEN), GL_LOC_SLOT, 0, 16);
}

/* Returns that give nothing of their own: an allocator with probes of its own, &zerobase, nil,
 * memory that is not in the heap. */
static void test_skipped_returns(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t a, b, d, late;

	enter(c);
	a = branch(c, JE);
	call(c, COUNTED);
	leave(c);
	land(c, a);
	b = branch(c, JE);
	lea(c, AX, ZEROBASE);
	leave(c);
	land(c, b);
	d = branch(c, JE);
	call(c, PERSISTENT);
	leave(c);
	land(c, d);
	call(c, MAKE);
	store(c, SP, 8, AX);
	late = branch(c, JE);
	zero(c, DX);
	land(c, late);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, late, true, true);
}

/* One return for an object of its own, with a branch, and for one that a callee counts. */
static void test_mixed_return(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t inlined, late, end;

	enter(c);
	inlined = branch(c, JE);
	call(c, COUNTED);
	end = jmp(c);
	land(c, inlined);
	call(c, MAKE);
	store(c, SP, 8, AX);
	late = branch(c, JE);
	call(c, WORK);
	land(c, late);
	load(c, AX, SP, 8);
	land(c, end);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, late, true, true);
}

/* The same without a branch behind the object: at the ret the callee's would count twice. */
static void test_mixed_return_refused(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t inlined, end;

	enter(c);
	inlined = branch(c, JE);
	call(c, COUNTED);
	end = jmp(c);
	land(c, inlined);
	call(c, MAKE);
	land(c, end);
	leave(c);

	assert_int_equal(find(f), -ENOENT);
	assert_int_equal(f->tails.n, 0);
}

/* if x = hook(); x != nil { return x }, joined with the normal exit. */
static void test_debug_hook(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t off, hooked, late;

	enter(c);
	off = branch(c, JE);
	call(c, HOOK);
	nop(c);
	test_reg(c, AX);
	nop(c);
	hooked = jcc(c, JNE);
	land(c, off);
	call(c, MAKE);
	late = branch(c, JE);
	store(c, SP, 8, AX);
	call(c, WORK);
	load(c, AX, SP, 8);
	land(c, late);
	land(c, hooked);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, late, true, true);
}

/* A way that ends in a throw does not lead to the return. */
static void test_throw(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t bad;

	enter(c);
	call(c, MAKE);
	bad = branch(c, JNE);
	leave(c);
	land(c, bad);
	call(c, THROW);

	assert_int_equal(find(f), 0);
	assert_int_equal(f->tails.n, 1);
	assert_tail(f, 0, bad, true, false);
	assert_loc(loc(f, 0, CFG_NEXT), GL_LOC_REG, AX, 0);
}

/* Somebody else may write to a slot whose address was taken. */
static void test_escaped_slot(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t je;

	enter(c);
	lea_base(c, DI, SP, 8);
	call(c, WORK);
	je = branch(c, JE);
	call(c, WORK);
	land(c, je);
	load(c, AX, SP, 8);
	leave(c);

	assert_int_equal(find(f), 0);
	assert_only_ret(f);
}

/* ---- the proof ------------------------------------------------------------------------------ */

/* Two branches in a row behind the object; the tests choose which of them count. */
static void build_two_branches(struct function *f, int32_t nodes[2])
{
	struct code *c = &f->code;
	size_t first, second;

	enter(c);
	call(c, MAKE);
	store(c, SP, 8, AX);
	first = branch(c, JE);
	call(c, WORK);
	land(c, first);
	second = branch(c, JE);
	call(c, WORK);
	land(c, second);
	load(c, AX, SP, 8);
	leave(c);
	assert_int_equal(analyse(f), 0);
	nodes[0] = node_of(f, first);
	nodes[1] = node_of(f, second);
}

static void test_verify(void **state)
{
	struct function *f = *state;
	struct tail v[2] = { 0 };
	struct tails t = { .v = v, .n = 2 };
	int32_t nodes[2];

	build_two_branches(f, nodes);
	for (int i = 0; i < 2; i++)
		v[i] = (struct tail) { .node = nodes[i], .counts = { true, true } };
	assert_false(tails_verify(&t, &f->flow));	/* both: every object twice */

	t.n = 1;
	assert_true(tails_verify(&t, &f->flow));
	v[0].counts[CFG_TAKEN] = false;			/* one way out is missed */
	assert_false(tails_verify(&t, &f->flow));

	t.n = 0;
	assert_false(tails_verify(&t, &f->flow));
	t.n = 2;					/* one way of the first, the other never */
	v[1].counts[CFG_NEXT] = false;
	assert_false(tails_verify(&t, &f->flow));
}

/* ---- arguments ------------------------------------------------------------------------------ */

static void assert_args_at_end(struct function *f, int size_kind, int typ_kind)
{
	int32_t last;

	assert_int_equal(analyse(f), 0);
	last = (int32_t)f->in.n - 1;
	assert_int_equal(flow_arg(&f->flow, last, 0).kind, size_kind);
	assert_int_equal(flow_arg(&f->flow, last, 1).kind, typ_kind);
}

static void test_args_in_registers(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;

	mov(c, CX, AX);
	zero(c, AX);
	mov(c, BX, AX);
	ret(c);
	assert_args_at_end(f, GL_LOC_REG, GL_LOC_NONE);
	assert_loc(flow_arg(&f->flow, (int32_t)f->in.n - 1, 0), GL_LOC_REG, CX, 0);
}

static void test_args_slot_reused(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;

	enter_spilling(c);
	call(c, WORK);
	store(c, SP, SPILL_SIZE, AX);		/* another value in the same slot */
	store_byte(c, SPILL_TYP + 7, CX);	/* part of it */
	leave(c);
	assert_args_at_end(f, GL_LOC_NONE, GL_LOC_NONE);
}

static void test_args_local_slot_dies_in_call(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;

	enter(c);
	store(c, SP, 0x10, AX);
	store(c, SP, SPILL_TYP, BX);
	call(c, WORK);
	leave(c);
	assert_args_at_end(f, GL_LOC_NONE, GL_LOC_SLOT);
}

static void test_args_on_one_way_only(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t je;

	enter(c);
	store(c, SP, SPILL_SIZE, AX);
	je = branch(c, JE);
	store(c, SP, SPILL_TYP, BX);
	land(c, je);
	call(c, WORK);
	leave(c);
	assert_args_at_end(f, GL_LOC_SLOT, GL_LOC_NONE);
}

/* ---- what cannot be followed ---------------------------------------------------------------- */

static void test_depth_differs(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;
	size_t je = branch(c, JE);

	push(c, BP);
	land(c, je);
	ret(c);
	assert_int_equal(analyse(f), -ENOTSUP);
}

static void test_indirect_jump(void **state)
{
	struct function *f = *state;

	jmp_table(&f->code, CX, AX);
	ret(&f->code);
	assert_int_equal(analyse(f), -ENOTSUP);
}

static void test_jump_out(void **state)
{
	struct function *f = *state;

	land_at(&f->code, jmp(&f->code), WORK);
	assert_int_equal(analyse(f), -ENOTSUP);
}

static void test_jump_into_instruction(void **state)
{
	struct function *f = *state;
	struct code *c = &f->code;

	land_at(c, branch(c, JE), ENTRY + 1);
	ret(c);
	assert_int_equal(analyse(f), -ENOTSUP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_latest_branch),
		TEST(test_two_sided),
		TEST(test_edge_and_sum),
		TEST(test_sum_by_add),
		TEST(test_no_branch),
		TEST(test_made_too_late),
		TEST(test_cycle),
		TEST(test_behind_a_cycle),
		TEST(test_before_a_cycle),
		TEST(test_made_in_a_cycle),
		TEST(test_three_places),
		TEST(test_skipped_returns),
		TEST(test_mixed_return),
		TEST(test_mixed_return_refused),
		TEST(test_debug_hook),
		TEST(test_throw),
		TEST(test_escaped_slot),
		TEST(test_verify),
		TEST(test_args_in_registers),
		TEST(test_args_slot_reused),
		TEST(test_args_local_slot_dies_in_call),
		TEST(test_args_on_one_way_only),
		TEST(test_depth_differs),
		TEST(test_indirect_jump),
		TEST(test_jump_out),
		TEST(test_jump_into_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
