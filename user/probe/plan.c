// SPDX-License-Identifier: BSD-2-Clause
/*
 * plan.c - which addresses get which probe.
 *
 * The problem: see every object that the runtime allocates once, with its address, cheaply.  A
 * probe on the entry is met twice when the stack grows, and knows no address; a return probe kills
 * Go programs (the runtime finds a foreign return address when it moves the stack); and both entry
 * and ret are instructions that the kernel must single-step.  A conditional branch it emulates.
 * So the probe of an allocating function goes to its tail branch (tail.c): the last branch before
 * the return, where the result is already in a register or a stack slot.
 *
 * Which functions allocate, and why each object is still counted once: plan_heap.c.
 *
 * The other events need no result.  They are taken at the branch of the stack check at the entry:
 * not taken, the function runs; taken, it will be entered again.
 *
 * Nothing is guessed: what cannot be proved (tails_verify) is refused.
 */
#include "user/probe/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/probe/body.h"
#include "user/probe/inlined.h"
#include "user/probe/plan_internal.h"
#include "user/probe/tail.h"

static const struct plan_probe *find_probe(const struct plan *plan, uint64_t vaddr)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->probes[i].vaddr == vaddr)
			return &plan->probes[i];
	return NULL;
}

struct plan_probe *plan_add(struct builder *bl, const struct body *b, int32_t node)
{
	const struct insn *in = &b->in.v[node];
	const struct image *img = gobin_image(bl->gb);
	struct plan *plan = bl->plan;
	const struct plan_probe *other;
	struct plan_probe *p;

	if (plan->n >= GL_MAX_PROBES) {
		say_error("%s: more than %d places to probe; this build of Go is not supported",
			  image_name(img), GL_MAX_PROBES);
		return NULL;
	}
	other = find_probe(plan, in->addr);
	if (other) {
		say_error("%s: the same instruction is wanted for two probes, of %s and of %s; "
			  "this build of Go is not supported", image_name(img), other->func,
			  b->fn.name);
		return NULL;
	}
	plan->probes = grow(plan->probes, plan->n, &bl->cap, sizeof(*plan->probes));
	p = &plan->probes[plan->n];
	*p = (struct plan_probe) {
		.wire = { .id = (uint16_t)plan->n, .cond = GL_COND_ALWAYS },
		.vaddr = in->addr,
		.n_bytes = in->len,
		.func = b->fn.name,
		.func_entry = b->fn.entry,
	};
	snprintf(p->insn, sizeof(p->insn), "%s", in->text);
	if (!image_file_off(img, in->addr, &p->file_off) ||
	    !image_read(img, in->addr, p->bytes, in->len)) {
		say_error("%s: the code of %s is not in the file; rebuild or reinstall the program",
			  image_name(img), b->fn.name);
		return NULL;
	}
	plan->n++;
	return p;
}

int plan_refuse(const struct builder *bl, const char *func, const char *what)
{
	say_error("%s: %s of %s; gobpfleak does not guess where to probe (%s%s%s); build "
		  "the program with an official release of Go and default flags",
		  image_name(gobin_image(bl->gb)), what, func, gobin_version(bl->gb)->text,
		  *gobin_version(bl->gb)->experiments ? " with " : "",
		  gobin_version(bl->gb)->experiments);
	return -ENOTSUP;
}

int plan_load(const struct builder *bl, const struct go_func *fn, const struct counted *counted,
	      struct body **out)
{
	int err = body_load(out, bl->gb, fn, counted);

	if (!err)
		return 0;
	return plan_refuse(bl, fn->name, err == -EBADMSG ? "cannot decode the code" :
			   "cannot follow the control flow");
}

/* Where the object is at the tail, and on which outcome it counts. */
static void describe_tail(struct plan_probe *p, const struct body *b, const struct tail *t)
{
	struct gl_loc *loc[2] = { [CFG_NEXT] = &p->wire.ptr, [CFG_TAKEN] = &p->wire.ptr_taken };

	for (int way = 0; way < 2; way++)
		*loc[way] = flow_loc(&b->flow, t->node, t->at[t->counts[way] ? way : !way]);
	p->wire.flags = (t->counts[CFG_TAKEN] ? GL_WHEN_TAKEN : 0u) |
			(t->counts[CFG_NEXT] ? GL_WHEN_NOT_TAKEN : 0u) |
			(t->at_ret ? GL_AT_RET : 0u);
	if (!t->at_ret)
		p->wire.cond = b->in.v[t->node].cond;
}

static void explain_tail(struct plan_probe *p, const struct tail *t, const struct tails *all)
{
	const char *kind = t->at_ret ? "the ret itself, no branch serves" :
		t->counts[0] && t->counts[1] ?
			place_same(t->at[0], t->at[1]) ? "tail branch" :
			"tail branch, each way with its own place" :
		t->counts[CFG_TAKEN] ? "tail branch, counted when taken" :
		"tail branch, counted when not taken";

	if (all->n == 1)
		snprintf(p->why, sizeof(p->why), "%s; every result passes it once", kind);
	else
		snprintf(p->why, sizeof(p->why), "%s; every result passes one of %zu places once",
			 kind, all->n);
}

int plan_results(struct builder *bl, const struct body *b, uint8_t kind)
{
	struct tails tails;
	int err = tails_find(&tails, &b->flow);

	if (err)
		return plan_refuse(bl, b->fn.name,
				   "cannot prove a place that each result passes once");
	for (size_t i = 0; i < tails.n && !err; i++) {
		struct plan_probe *p = plan_add(bl, b, tails.v[i].node);

		if (!p) {
			err = -ENOTSUP;
			break;
		}
		p->wire.kind = kind;
		describe_tail(p, b, &tails.v[i]);
		explain_tail(p, &tails.v[i], &tails);
	}
	tails_fini(&tails);
	return err;
}

/* ---- goroutines and the collector ---------------------------------------------------------- */

/* A probe for an event without a result; -ENOENT: node is none. */
static int plan_event(struct builder *bl, const struct body *b, int32_t node, uint8_t kind,
		      const char *why)
{
	struct plan_probe *p;

	if (node < 0)
		return -ENOENT;
	p = plan_add(bl, b, node);
	if (!p)
		return -ENOTSUP;
	p->wire.kind = kind;
	p->wire.flags = GL_WHEN_NOT_TAKEN;
	if (b->in.v[node].flow == INSN_JCC)
		p->wire.cond = b->in.v[node].cond;
	else
		p->wire.flags |= GL_WHEN_TAKEN;
	snprintf(p->why, sizeof(p->why), "%s", why);
	return 0;
}

/* A probe on the stack check of the function's entry; -ENOENT: it has none. */
static int plan_entry(struct builder *bl, const struct body *b, uint8_t kind, const char *why)
{
	return plan_event(bl, b, body_entry_branch(b, bl->gb), kind, why);
}

/* Whether a profile made the compiler inline newproc1 into others (runtime/proc.go, every
 * version: who else makes a g is newextram, for threads of C). */
static int check_newproc1(const struct builder *bl)
{
	static const struct inlined_rule rule = {
		.callees = { "runtime.gfget", "runtime.allgadd" },
		.callers = { "runtime.newproc1", "runtime.oneNewExtraM", "runtime.newextram" },
	};
	struct go_func where;
	int found = inlined_find(bl->gb, &rule, &where);

	return found ? plan_refuse(bl, found > 0 ? where.name : "runtime.newproc1",
				   "cannot probe the copy of runtime.newproc1 in the code") : 0;
}

static int plan_gostart(struct builder *bl)
{
	struct go_func fn;
	size_t before = bl->plan->n;
	struct body *b;
	int err;

	if (!gobin_find_func(bl->gb, "runtime.newproc1", &fn))
		return plan_refuse(bl, "runtime.newproc1", "cannot find the code");
	if (plan_load(bl, &fn, NULL, &b))
		return -ENOTSUP;
	err = plan_results(bl, b, GL_PROBE_GOSTART);
	if (!err && bl->plan->n == before)
		err = plan_refuse(bl, fn.name, "cannot find the result");
	body_free(b);
	return err ? err : check_newproc1(bl);
}

static void set_ptr(struct builder *bl, uint8_t reg)
{
	struct plan_probe *p = &bl->plan->probes[bl->plan->n - 1];

	p->wire.ptr = p->wire.ptr_taken = (struct gl_loc) { .kind = GL_LOC_REG, .reg = reg };
}

/* A call of gfput(pp, gp), which puts a dead goroutine on the free list.  -ENOENT: there is
 * none. */
static int plan_gfput(struct builder *bl, const struct body *b)
{
	int err = plan_event(bl, b, body_find_call(b, bl->gb, "runtime.gfput"), GL_PROBE_GOEND,
			     "the call that puts the dead goroutine on the free list");

	if (!err)
		set_ptr(bl, INSN_BX);
	return err;
}

static int plan_goend_in(struct builder *bl, const struct body *b, bool only_ends)
{
	int err = -ENOENT;

	if (body_find_call(b, bl->gb, "runtime.gdestroy") >= 0)
		return 0;
	if (only_ends)
		err = plan_entry(bl, b, GL_PROBE_GOEND, "behind the stack check: a goroutine ends");
	if (!err)
		set_ptr(bl, INSN_AX);
	if (err == -ENOENT)
		err = plan_gfput(bl, b);
	if (err == -ENOENT)
		err = plan_refuse(bl, b->fn.name, "cannot find the end of a goroutine in the code");
	return err;
}

/*
 * Goroutines end in goexit0, from Go 1.22 on in gdestroy, called by goexit0 and by coroswitch_m
 * (the end of a coroutine).  A profile can make the compiler inline gdestroy into either.
 */
static int plan_goend(struct builder *bl)
{
	static const struct {
		const char *name;
		bool only_ends;		/* the function does nothing else */
	} enders[] = {
		{ "runtime.goexit0", true },
		{ "runtime.gdestroy", true },
		{ "runtime.coroswitch_m", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(enders); i++) {
		struct go_func fn;
		struct body *b;
		int err;

		if (!gobin_find_func(bl->gb, enders[i].name, &fn)) {
			if (i == 0)
				return plan_refuse(bl, enders[i].name, "cannot find the code");
			continue;
		}
		if (plan_load(bl, &fn, NULL, &b))
			return -ENOTSUP;
		err = plan_goend_in(bl, b, enders[i].only_ends);
		body_free(b);
		if (err)
			return err;
	}
	return 0;
}

/*
 * gcStart calls each of these once per cycle, with the world stopped, when all that the last cycle
 * left has been swept and nothing has been marked yet (finishsweep_m before it,
 * startTheWorldWithSema behind it).  By the call, which tells that it has not been inlined.
 */
static int plan_gcstart(struct builder *bl)
{
	static const char *const names[] = {
		"runtime.gcMarkTinyAllocs", "runtime.(*gcControllerState).startCycle",
	};
	struct go_func fn;
	struct body *b;
	int err = -ENOENT;

	if (!gobin_find_func(bl->gb, "runtime.gcStart", &fn))
		return plan_refuse(bl, "runtime.gcStart", "cannot find the code");
	if (plan_load(bl, &fn, NULL, &b))
		return -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(names) && err == -ENOENT; i++)
		err = plan_event(bl, b, body_find_call(b, bl->gb, names[i]), GL_PROBE_GCSTART,
				 "the world is stopped, marking begins");
	body_free(b);
	if (err == -ENOENT)
		err = plan_refuse(bl, fn.name, "cannot find the begin of marking in the code");
	return err;
}

/* gcSweep runs once per cycle, when marking is done, with the world stopped.
 * gcMarkTermination, which calls it a moment later, serves too: user space waits until
 * mheap_.sweepgen has moved. */
static int plan_gcend(struct builder *bl)
{
	static const char *const names[] = { "runtime.gcSweep", "runtime.gcMarkTermination" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct go_func fn;
		struct body *b;
		int err;

		if (!gobin_find_func(bl->gb, names[i], &fn))
			continue;
		if (plan_load(bl, &fn, NULL, &b))
			return -ENOTSUP;
		err = plan_entry(bl, b, GL_PROBE_GCEND, i ? "behind the stack check: marking ends" :
				 "behind the stack check: marking has ended, sweeping begins");
		body_free(b);
		if (err != -ENOENT)
			return err;
	}
	return plan_refuse(bl, "runtime.gcSweep and runtime.gcMarkTermination",
			   "cannot find the stack check at the entry");
}

/* -------------------------------------------------------------------------------------------- */

int plan_make(struct plan *out, const struct gobin *gb, const struct plan_wants *wants)
{
	struct plan plan = { 0 };
	struct builder bl = { .plan = &plan, .gb = gb };
	int err = 0;

	if (wants->heap)
		err = plan_heap(&bl);
	if (!err && wants->goroutines)
		err = plan_gostart(&bl);
	if (!err && wants->goroutines)
		err = plan_goend(&bl);
	if (!err)
		err = plan_gcstart(&bl);
	if (!err)
		err = plan_gcend(&bl);
	if (!err && wants->heap)
		plan_profile(&bl);
	if (err)
		plan_fini(&plan);
	else
		*out = plan;
	return err;
}

void plan_fini(struct plan *p)
{
	free(p->probes);
	*p = (struct plan) { 0 };
}
