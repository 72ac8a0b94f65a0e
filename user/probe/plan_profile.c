// SPDX-License-Identifier: BSD-2-Clause
/*
 * plan_profile.c - the places at which the runtime's own memory profiler takes a sample.
 *
 * Where the profiler is live (runtime.MemProfileRate), mallocgc and its like draw after how many
 * bytes the next object is a sample, and call profilealloc(m, object, size) for that one
 * (runtime/malloc.go, every version).  The kernel emulates a direct call, and the frame is complete
 * there, so a probe on the call sees address, size and stack of each sample; the size is that of
 * the slot (class_to_size up to Go 1.21, span.elemsize later), which is also what the draw goes by.
 *
 * A profile can make the compiler inline profilealloc; then its own call of mProf_Malloc stands in
 * mallocgc, and there is nothing here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/probe/plan_internal.h"

enum { RETURN_ADDRESS = 8 };	/* bytes that a call pushes */

struct profile {
	struct builder *bl;
	struct counted all, outer;	/* with and without the parts of mallocgc, which only
					 * mallocgc calls */
	struct body *mallocgc;		/* NULL: the parts may have other callers */
};

/* The type as mallocgc has it while it calls this part of it: in its own frame. */
static struct gl_loc type_in_mallocgc(const struct profile *pr, const struct body *part,
				      int32_t node)
{
	struct gl_loc found = { .kind = GL_LOC_NONE };
	const struct body *m = pr->mallocgc;
	int32_t call = -1;

	while (m && (call = body_next_call(m, pr->bl->gb, part->fn.name, call)) >= 0) {
		/* registers that hold it before the call need not do so any more */
		struct gl_loc l = flow_arg(&m->flow, m->cfg.succ[call][CFG_NEXT], 1);

		if (l.kind != GL_LOC_SLOT || (found.kind && memcmp(&found, &l, sizeof(l))))
			return (struct gl_loc){ .kind = GL_LOC_NONE };
		found = l;
	}
	if (found.kind)
		found.off += part->flow.depth[node] + RETURN_ADDRESS;
	return found;
}

static void describe_sample(const struct profile *pr, const struct body *b, int32_t node,
			    struct plan_probe *p)
{
	p->profiled = true;
	p->wire.kind = GL_PROBE_ALLOC;
	p->wire.flags = GL_WHEN_TAKEN | GL_WHEN_NOT_TAKEN;
	p->wire.ptr = (struct gl_loc){ .kind = GL_LOC_REG, .reg = INSN_BX };
	p->wire.ptr_taken = p->wire.ptr;
	p->wire.size = (struct gl_loc){ .kind = GL_LOC_REG, .reg = INSN_CX };
	p->wire.typ = flow_arg(&b->flow, node, 1);
	if (!p->wire.typ.kind && !counted_find(&pr->outer, b->fn.entry))
		p->wire.typ = type_in_mallocgc(pr, b, node);
	snprintf(p->why, sizeof(p->why), "the profiler takes a sample");
}

static bool plan_samples(const struct profile *pr, const struct body *b)
{
	struct builder *bl = pr->bl;
	int32_t node = -1;

	if (body_find_call(b, bl->gb, "runtime.mProf_Malloc") >= 0)
		return false;
	while ((node = body_next_call(b, bl->gb, "runtime.profilealloc", node)) >= 0) {
		struct plan_probe *p = bl->plan->n < GL_MAX_PROBES ? plan_add(bl, b, node) : NULL;

		if (!p)
			return false;
		describe_sample(pr, b, node, p);
	}
	return true;
}

static bool plan_all(const struct profile *pr)
{
	for (size_t i = 0; i < pr->all.n; i++) {
		struct body *b;
		bool good;

		if (body_load(&b, pr->bl->gb, &pr->all.v[i], &pr->all))
			return false;
		good = plan_samples(pr, b);
		body_free(b);
		if (!good)
			return false;
	}
	return true;
}

void plan_profile(struct builder *bl)
{
	struct profile pr = { .bl = bl };
	size_t before = bl->plan->n;
	struct go_func fn;

	if (plan_allocators(&pr.all, bl, true))
		return;
	if (!plan_allocators(&pr.outer, bl, false)) {
		if (!bl->parts && gobin_find_func(bl->gb, "runtime.mallocgc", &fn))
			body_load(&pr.mallocgc, bl->gb, &fn, &pr.all);
		if (!plan_all(&pr))
			bl->plan->n = before;
		body_free(pr.mallocgc);
		free(pr.outer.v);
	}
	free(pr.all.v);
}
