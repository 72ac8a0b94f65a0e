// SPDX-License-Identifier: BSD-2-Clause
/*
 * plan_heap.c - the functions that return heap objects, and their probes.
 *
 * Up to Go 1.26 everything passes through runtime.mallocgc.  Go 1.27 (1.26 with
 * GOEXPERIMENT=sizespecializedmalloc) has a function per size class, called by compiled code as
 * well as by mallocgc, and slow paths that they call; each of them returns what it allocated, so
 * each has probes, and a call of one of them from another is counted in the callee.
 *
 * A profile can make the compiler inline these into each other; the bodies are found where they
 * are, since each function is followed as a whole.  It can also inline mallocgc into other
 * functions (Go 1.27 with -race and -pgo).  Then the parts of mallocgc that stay functions get the
 * probes.
 */
#include "user/probe/plan_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/probe/inlined.h"

/* ---- functions that return heap objects ---------------------------------------------------- */

enum {
	NO_CLASS = 0,
	CLASS_IN_NAME = -1,
	TINY_CLASS = 2,		/* of the 16-byte blocks that tiny objects share */
};

/* In the order of the search; class: of the objects, from the digits behind the name. */
static const struct {
	const char *name;
	bool digits;		/* digits follow */
	int size_class;
	bool tiny;
	bool part;		/* only called by mallocgc, whose probe sees the result */
} allocators[] = {
	{ "runtime.mallocgc", false, NO_CLASS, false, false },
	{ "runtime.mallocgcTinySC", true, CLASS_IN_NAME, true, false },
	{ "runtime.mallocgcTinySize", true, TINY_CLASS, true, false },	/* 1.26: digits are bytes */
	{ "runtime.mallocgcSmallNoScanSC", true, CLASS_IN_NAME, false, false },
	{ "runtime.mallocgcSmallScanNoHeaderSC", true, CLASS_IN_NAME, false, false },
	{ "runtime.mallocgcTinySlowPath", false, TINY_CLASS, true, false },
	{ "runtime.mallocgcSmallNoScanSlowPath", false, NO_CLASS, false, false },
	{ "runtime.mallocgcSmallScanSlowPath", false, NO_CLASS, false, false },
	{ "runtime.mallocgcTiny", false, TINY_CLASS, true, true },
	{ "runtime.mallocgcSmallNoscan", false, NO_CLASS, false, true },
	{ "runtime.mallocgcSmallScanNoHeader", false, NO_CLASS, false, true },
	{ "runtime.mallocgcSmallScanHeader", false, NO_CLASS, false, true },
	{ "runtime.mallocgcLarge", false, NO_CLASS, false, true },
};

/* Row of the function in allocators, its number in *number; -1: not an allocator. */
static int allocator(const char *name, int *number)
{
	for (size_t i = 0; i < ARRAY_SIZE(allocators); i++) {
		size_t n = strlen(allocators[i].name);
		char *end;
		long digits;

		if (strncmp(name, allocators[i].name, n))
			continue;
		*number = 0;
		if (!allocators[i].digits && !name[n])
			return (int)i;
		if (!allocators[i].digits || name[n] < '0' || name[n] > '9')
			continue;
		digits = strtol(name + n, &end, 10);
		if (*end || digits > UINT8_MAX)
			continue;
		*number = (int)digits;
		return (int)i;
	}
	return -1;
}

/* How the names of all of them begin. */
static const char family[] = "runtime.mallocgc";

/* Whether this is a function of mallocgc's family of which nothing is known.  Its closures, and
 * what returns objects that were freed by hand (runtimefreegc) to one of the others, are not
 * counted. */
static bool is_stranger(const char *name, int row)
{
	return row < 0 && !strchr(name + sizeof(family) - 1, '.') &&
	       strcmp(name, "runtime.mallocgcSmallNoscanReuse") != 0;
}

int plan_allocators(struct counted *out, const struct builder *bl, bool parts)
{
	size_t next = 0, cap = 0;
	struct go_func fn;

	*out = (struct counted) { 0 };
	while (gobin_next_func(bl->gb, &next, family, &fn)) {
		int number, row = allocator(fn.name, &number);

		if (is_stranger(fn.name, row)) {
			free(out->v);
			return plan_refuse(bl, fn.name, "cannot tell the purpose");
		}
		if (row < 0 || (allocators[row].part && !parts))
			continue;
		out->v = grow(out->v, out->n, &cap, sizeof(*out->v));
		out->v[out->n++] = fn;
	}
	return 0;
}

/*
 * On which ways out of the branch the object is surely of 32 KiB at most, as enum gl_probe_flags: on
 * the one that does not lead to the question whether it is time to collect, if the other does.  Up
 * to Go 1.23 mallocgc ends with that question, for every large object and for small ones of a new
 * span: "if shouldhelpgc" in runtime/malloc.go.
 */
static uint16_t small_ways(const struct builder *bl, const struct body *b, int32_t node)
{
	int32_t question = body_find_call(b, bl->gb, "runtime.gcTrigger.test");
	const int32_t *succ = b->cfg.succ[node];
	bool asks[2];

	if (question < 0)	/* inlined, up to Go 1.17: what it is asked for */
		question = body_find_call(b, bl->gb, "runtime.gcStart");
	if (question < 0 || b->in.v[node].flow != INSN_JCC)
		return 0;
	for (int way = 0; way < 2; way++)
		asks[way] = succ[way] >= 0 && cfg_reaches(&b->cfg, succ[way], question);
	if (asks[CFG_NEXT] == asks[CFG_TAKEN])
		return 0;
	return asks[CFG_NEXT] ? GL_SMALL_WHEN_TAKEN : GL_SMALL_WHEN_NOT_TAKEN;
}

static int plan_allocator(struct builder *bl, const struct go_func *fn,
			  const struct counted *counted)
{
	size_t first = bl->plan->n;
	struct body *b;
	int row, number, err;

	if (plan_load(bl, fn, counted, &b))
		return -ENOTSUP;
	err = plan_results(bl, b, GL_PROBE_ALLOC);
	row = allocator(fn->name, &number);
	for (size_t i = first; i < bl->plan->n; i++) {
		struct plan_probe *p = &bl->plan->probes[i];
		int32_t node = (int32_t)insns_at(&b->in, p->vaddr);

		p->wire.flags |= small_ways(bl, b, node);
		p->wire.size = flow_arg(&b->flow, node, 0);
		p->wire.typ = flow_arg(&b->flow, node, 1);
		p->size_class = (uint8_t)(allocators[row].size_class == CLASS_IN_NAME ? number :
					  allocators[row].size_class);
		p->tiny = allocators[row].tiny;
	}
	body_free(b);
	return err;
}

/* Calls that are part of mallocgc, and of those which are in turn such parts of it:
 * runtime/malloc.go. */
static const struct inlined_rule outer_copy = {
	.callees = { "runtime.mallocgcTiny", "runtime.mallocgcSmallNoscan",
		     "runtime.mallocgcSmallScanNoHeader", "runtime.mallocgcSmallScanHeader",
		     "runtime.mallocgcLarge" },
	.callers = { "runtime.mallocgc" },
};

static const struct inlined_rule inner_copy = {
	.callees = { "runtime.profilealloc", "runtime.(*mcache).nextFree",
		     "runtime.(*mcache).refill" },
	.callers = { "runtime.mallocgc", "runtime.(*mcache).nextFree",
		     "runtime.newUserArenaChunk" },
};

/* Whether some object would be made outside of the functions that get probes; bl->parts: the parts
 * of mallocgc must be among these. */
static int check_copies(struct builder *bl)
{
	struct go_func where;
	int found = inlined_find(bl->gb, &inner_copy, &where);

	if (found > 0)
		return plan_refuse(bl, where.name, "cannot probe the copy of runtime.mallocgc "
				   "(build without -pgo) in the code");
	if (!found)
		found = inlined_find(bl->gb, &outer_copy, &where);
	if (found < 0)
		return plan_refuse(bl, "the program", "cannot read the code");
	bl->parts = found;
	return 0;
}

int plan_heap(struct builder *bl)
{
	struct counted counted;
	struct go_func fn;
	int err;

	if (!gobin_find_func(bl->gb, "runtime.mallocgc", &fn))
		return plan_refuse(bl, "runtime.mallocgc", "cannot find the code");
	err = check_copies(bl);
	if (!err)
		err = plan_allocators(&counted, bl, bl->parts);
	if (err)
		return err;
	for (size_t i = 0; i < counted.n && !err; i++)
		err = plan_allocator(bl, &counted.v[i], &counted);
	free(counted.v);
	return err;
}
