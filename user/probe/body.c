// SPDX-License-Identifier: BSD-2-Clause
/*
 * body.c - the code of one Go function, ready for the planner.
 */
#include "user/probe/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/image.h"

enum {
	TABLE_FIRST = 16,		/* sizes of which the malloc tables are checked */
	TABLE_LAST = 80,
	TABLE_STEP = 8,
};

/* runtime.morestack and its variants start the function again. */
static bool is_morestack(const char *name)
{
	static const char begin[] = "runtime.morestack";

	return !strncmp(name, begin, sizeof(begin) - 1);
}

static uint8_t role_of_name(const char *name)
{
	/* Debugging aid of the runtime (debug.sbrk): memory outside of the heap. */
	if (!strcmp(name, "runtime.preMallocgcDebug"))
		return CALL_NIL;
	if (!strcmp(name, "runtime.persistentalloc"))
		return CALL_NO_OBJECT;
	return goname_never_returns(name) || is_morestack(name) ? CALL_NO_RETURN : CALL_PLAIN;
}

const struct go_func *counted_find(const struct counted *c, uint64_t entry)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->v[i].entry == entry)
			return &c->v[i];
	return NULL;
}

/* Whether runtime.mallocScanTable or its like lies at vaddr: pointers to closures of counted
 * functions, one per size in bytes (runtime/malloc_tables_generated.go, 1.26 and later). */
static bool is_malloc_table(const struct gobin *gb, const struct counted *counted, uint64_t vaddr)
{
	const struct image *img = gobin_image(gb);

	for (uint64_t size = TABLE_FIRST; size <= TABLE_LAST; size += TABLE_STEP) {
		uint64_t closure, entry;

		if (!image_read(img, vaddr + 8 * size, &closure, sizeof(closure)) ||
		    !image_read(img, closure, &entry, sizeof(entry)) ||
		    !counted_find(counted, entry))
			return false;
	}
	return true;
}

/* The instruction that gave reg the value it has at *node, which always comes before it; *node
 * becomes that instruction.  NULL: not to be told. */
static const struct insn *origin(const struct cfg *c, int32_t *node, uint8_t reg)
{
	if (reg == INSN_NO_REG)
		return NULL;
	while (c->pred_at[*node + 1] - c->pred_at[*node] == 1) {
		const struct insn *in;

		*node = c->preds[c->pred_at[*node]];
		in = &c->in->v[*node];
		if (in->flow == INSN_CALL || in->flow == INSN_CALL_INDIRECT)
			return NULL;
		if (in->writes & 1u << reg)
			return in;
	}
	return NULL;
}

/* Whether the call's target comes from a malloc table: lea table, t; mov (t)(size*8), closure; mov
 * (closure), code; call code. */
static bool calls_malloc_table(const struct body *b, int32_t call, const struct gobin *gb,
			       const struct counted *counted)
{
	int32_t node = call;
	const struct insn *in = origin(&b->cfg, &node, b->in.v[call].src);

	if (!in || in->op != INSN_LOAD || in->disp)
		return false;
	in = origin(&b->cfg, &node, in->base);
	if (!in || !in->has_mem || in->scale != 8 || in->op_size != 8 || in->disp)
		return false;
	in = origin(&b->cfg, &node, in->base);
	return in && in->op == INSN_LEA && in->rip_relative &&
	       is_malloc_table(gb, counted, in->addr_ref);
}

static uint8_t role_of(const struct insn *in, const struct gobin *gb, const struct counted *counted)
{
	struct go_func callee;

	if (in->flow != INSN_CALL || !gobin_func_at(gb, in->target, &callee) ||
	    callee.entry != in->target)
		return CALL_PLAIN;
	return counted_find(counted, callee.entry) ? CALL_COUNTED : role_of_name(callee.name);
}

static int build(struct body *b, const struct gobin *gb, const struct counted *counted)
{
	const struct image *img = gobin_image(gb);
	uint64_t avail, len = b->fn.end - b->fn.entry;
	const void *code = image_at(img, b->fn.entry, &avail);
	int err;

	if (b->fn.end <= b->fn.entry || len > MAX_PROBED_FUNC_BYTES || !code || avail < len)
		return -EBADMSG;
	err = insns_decode(&b->in, image_machine(img), code, len, b->fn.entry);
	if (err)
		return err;
	b->roles = xcalloc(b->in.n, sizeof(*b->roles));
	for (size_t i = 0; i < b->in.n; i++)
		b->roles[i] = role_of(&b->in.v[i], gb, counted);
	err = cfg_build(&b->cfg, &b->in, b->roles);
	if (err)
		return err;
	/* What is counted returns like any other call, so the graph stays as it is. */
	for (int32_t i = 0; i < (int32_t)b->in.n; i++)
		if (b->in.v[i].flow == INSN_CALL_INDIRECT && b->cfg.reachable[i] &&
		    calls_malloc_table(b, i, gb, counted))
			b->roles[i] = CALL_COUNTED;
	return flow_build(&b->flow, &b->cfg);
}

int body_load(struct body **out, const struct gobin *gb, const struct go_func *fn,
	      const struct counted *counted)
{
	struct body *b = xcalloc(1, sizeof(*b));
	int err;

	b->fn = *fn;
	err = build(b, gb, counted);
	if (err)
		body_free(b);
	else
		*out = b;
	return err;
}

void body_free(struct body *b)
{
	if (!b)
		return;
	flow_fini(&b->flow);
	cfg_fini(&b->cfg);
	free(b->roles);
	insns_free(&b->in);
	free(b);
}

/* Whether the code at node leads straight to a call of runtime.morestack or one of its variants. */
static bool leads_to_morestack(const struct body *b, const struct gobin *gb, int32_t node)
{
	for (; node >= 0 && b->in.v[node].flow != INSN_JCC; node = b->cfg.succ[node][CFG_NEXT]) {
		struct go_func callee;

		if (b->in.v[node].flow == INSN_CALL)
			return gobin_func_at(gb, b->in.v[node].target, &callee) &&
			       is_morestack(callee.name);
	}
	return false;
}

int32_t body_entry_branch(const struct body *b, const struct gobin *gb)
{
	int32_t found = -1;

	/* A frame of 4 KiB and more has two such branches: SP may be too small to subtract from. */
	for (int32_t i = 0; i < (int32_t)b->in.n && b->flow.depth[i] == 0; i++) {
		const struct insn *in = &b->in.v[i];

		if (in->flow == INSN_JCC && leads_to_morestack(b, gb, b->cfg.succ[i][CFG_TAKEN]))
			found = i;
		else if (in->flow != INSN_PLAIN)
			break;
	}
	if (found >= 0 && b->flow.args[found][0].regs & 1u << INSN_AX)
		return found;
	return -1;
}

int32_t body_next_call(const struct body *b, const struct gobin *gb, const char *callee,
		       int32_t after)
{
	struct go_func fn;

	if (!gobin_find_func(gb, callee, &fn))
		return -1;
	for (int32_t i = after + 1; i < (int32_t)b->in.n; i++)
		if (b->cfg.reachable[i] && b->in.v[i].flow == INSN_CALL &&
		    b->in.v[i].target == fn.entry)
			return i;
	return -1;
}

int32_t body_find_call(const struct body *b, const struct gobin *gb, const char *callee)
{
	return body_next_call(b, gb, callee, -1);
}
