// SPDX-License-Identifier: BSD-2-Clause
/*
 * goroutines.c - all goroutines of a live process: who they are, what they wait for, where.
 *
 * The table runtime.allgs only grows and a g is never freed, so its pointers stay good; but a g is
 * used again for another goroutine, and a goroutine may run on while its stack is read.  Hence
 * each g is read, then its stack, then the g once more; where the two differ it is read again, a
 * few times.  What a goroutine is (id, creator) must agree in any case; if only the stack does not
 * keep still, the goroutine is given without it.
 *
 * Unwinding is what runtime/traceback.go does on amd64, where a frame of function f at pc is
 * pcsp(f, pc) + 8 bytes and the word at its end is the return address.  The start is
 * (syscallpc, syscallsp) if the goroutine is in a system call or in C, else (sched.pc, sched.sp) as
 * long as it does not run.  The end is a function with the flag TOPFRAME, goexit for goroutines.
 */
#include "user/gomem/gomem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

enum {
	BATCH = 256,			/* goroutines read at a time */
	BATCH_STACK_BYTES = 4 << 20,	/* and bytes of stack */
	ROUNDS = 5,			/* how often one that changes is read */
	N_TOP = 4,
	N_CACHE = 1 << 12,		/* a power of two */
	WORD = 8,
};

/* What is known of a program counter. */
struct pc_info {
	uint64_t pc;		/* vaddr; 0: empty */
	int32_t frame_size;	/* -1: unknown */
	bool top;		/* of a function where stacks end */
	bool injected;		/* of one that a signal made the interrupted code call */
	bool entry;		/* of a function, nothing of it has run */
	bool runtime;		/* of a function of the runtime */
};

struct g_fields {
	uint64_t goid, gopc, startpc, parent, waitsince, lockedm;
	uint64_t low, high, sched_sp, sched_pc, syscallsp, syscallpc;
	uint32_t status;
	uint8_t waitreason;
};

struct g_read {
	uint64_t addr;
	struct g_fields now;
	uint64_t sp, pc;	/* where unwinding starts */
	uint8_t *stack;		/* from sp on, n_stack bytes; 0: not readable */
	uint32_t n_stack;
	bool cut;		/* there is more of it */
	int rounds;
};

struct reader {
	struct gomem *gm;
	bool with_stacks;
	struct g_read todo[BATCH];
	size_t n_todo;
	struct target_read reads[BATCH];
	uint8_t raw[BATCH][MAX_RAW];
	uint8_t *stacks;
	struct pc_info *cache;
	struct goroutine *v;	/* .pcs are set at the end */
	size_t n, cap, n_unreadable;
	uint64_t *pcs;		/* of all goroutines, one after the other */
	size_t n_pcs, cap_pcs;
};

static const char *const state_names[N_G_STATES] = {	/* gStatusStrings */
	[G_IDLE] = "idle", [G_RUNNABLE] = "runnable", [G_RUNNING] = "running",
	[G_SYSCALL] = "syscall", [G_WAITING] = "waiting", [G_DEAD] = "dead",
	[G_COPYSTACK] = "copystack", [G_PREEMPTED] = "preempted", [G_LEAKED] = "leaked",
};

static void parse_g(const struct go_layout *lo, const uint8_t *raw, struct g_fields *g)
{
	*g = (struct g_fields){
		.goid = gomem_u64(raw, lo->g_goid),
		.gopc = gomem_u64(raw, lo->g_gopc),
		.startpc = gomem_u64(raw, lo->g_startpc),
		.parent = gomem_u64(raw, lo->g_parentgoid),
		.waitsince = gomem_u64(raw, lo->g_waitsince),
		.lockedm = gomem_u64(raw, lo->g_lockedm),
		.low = gomem_u64(raw, lo->g_stack_lo),
		.high = gomem_u64(raw, lo->g_stack_hi),
		.sched_sp = gomem_u64(raw, lo->g_sched_sp),
		.sched_pc = gomem_u64(raw, lo->g_sched_pc),
		.syscallsp = gomem_u64(raw, lo->g_syscallsp),
		.syscallpc = gomem_u64(raw, lo->g_syscallpc),
		.status = gomem_u32(raw, lo->g_atomicstatus) & ~(uint32_t)G_SCAN,
		.waitreason = raw[lo->g_waitreason],
	};
}

static bool same_goroutine(const struct g_fields *a, const struct g_fields *b)
{
	return a->goid == b->goid && a->gopc == b->gopc && a->startpc == b->startpc &&
	       a->parent == b->parent && g_state_dead(a->status) == g_state_dead(b->status);
}

static bool same_stack(const struct g_fields *a, const struct g_fields *b)
{
	return a->status == b->status && a->low == b->low && a->high == b->high &&
	       a->sched_sp == b->sched_sp && a->sched_pc == b->sched_pc &&
	       a->syscallsp == b->syscallsp && a->syscallpc == b->syscallpc &&
	       a->waitreason == b->waitreason;
}

/* ---- wait reasons: the runtime's own strings, as their numbers move between versions -------- */

static char *read_wait_reason(const struct gomem *gm, uint8_t reason)
{
	char buf[GOMEM_MAX_WAIT] = "";
	uint64_t str[2];	/* a Go string: bytes, length */

	if (!gm->lo->waitreasonstrings ||
	    target_read(gm->t, gm->lo->waitreasonstrings + gm->bias + sizeof(str) * reason, str,
			sizeof(str)) ||
	    !str[0] || str[1] >= sizeof(buf) || target_read(gm->t, str[0], buf, str[1]))
		return xstrdup("unknown wait reason");
	for (size_t i = 0; i < str[1]; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			return xstrdup("unknown wait reason");
	return xstrdup(buf);
}

static const char *wait_reason(struct gomem *gm, uint8_t reason)
{
	if (!gm->wait_reasons[reason])
		gm->wait_reasons[reason] = read_wait_reason(gm, reason);
	return gm->wait_reasons[reason];
}

/* As goroutineheader of runtime/traceback.go prints it between the brackets, without " (scan)". */
static void set_state(struct gomem *gm, const struct g_fields *g, struct goroutine *out)
{
	const char *state = g->status < N_G_STATES ? state_names[g->status] : NULL;

	/* waitReasonZero is the empty string. */
	if ((g->status == G_WAITING || g->status == G_LEAKED) && g->waitreason)
		state = wait_reason(gm, g->waitreason);
	snprintf(out->state, sizeof(out->state), "%s%s", state ? state : "???",
		 g->status == G_LEAKED ? " (leaked)" : "");
}

/* ---- unwinding ------------------------------------------------------------------------------ */

/* The assembly functions with TOPFRAME, runtime/asm_amd64.s. */
static bool is_top(const char *name)
{
	return !strcmp(name, "runtime.goexit") || !strcmp(name, "runtime.mstart") ||
	       !strcmp(name, "runtime.rt0_go");
}

/* pc: vaddr.  What it says is computed once for each pc while it stays in the cache. */
static const struct pc_info *pc_info(struct reader *r, uint64_t pc)
{
	struct pc_info *info = &r->cache[pc % N_CACHE];
	struct go_func f;

	if (pc && info->pc == pc)
		return info;
	*info = (struct pc_info){ .pc = pc, .frame_size = -1 };
	if (!gobin_func_at(r->gm->gb, pc, &f) || !f.name)
		return info;
	info->frame_size = gobin_frame_size(r->gm->gb, pc);
	info->top = is_top(f.name);
	/* isInjectedCall of runtime/traceback.go */
	info->injected = !strcmp(f.name, "runtime.asyncPreempt") ||
			 !strcmp(f.name, "runtime.sigpanic") ||
			 !strncmp(f.name, "runtime.debugCallV", 18);
	info->entry = pc == f.entry;
	info->runtime = goname_of_runtime(f.name);
	return info;
}

static void add_pc(struct reader *r, uint64_t pc)
{
	r->pcs = grow(r->pcs, r->n_pcs, &r->cap_pcs, sizeof(*r->pcs));
	r->pcs[r->n_pcs++] = pc;
}

/*
 * Adds the program counters of the copied stack to r->pcs.  false: it is not a stack, which
 * happens if the goroutine ran while it was copied.
 */
static bool unwind(struct reader *r, const struct g_read *g, struct goroutine *out)
{
	uint64_t pc = g->pc - r->gm->bias, off = 0;
	bool interrupted = false;	/* pc is no return address */

	out->cut = false;
	out->n_pcs = 0;
	for (;;) {
		const struct pc_info *info = pc_info(r, pc);

		if (info->frame_size < 0 || info->frame_size % WORD)
			return false;
		if (out->n_pcs == MAX_G_FRAMES) {
			out->cut = true;
			return true;
		}
		add_pc(r, pc + (interrupted || info->entry));
		out->n_pcs++;
		if (info->top)
			return true;
		off += (uint32_t)info->frame_size;
		if (off + WORD > g->n_stack) {
			out->cut = g->cut;
			return g->cut;
		}
		pc = gomem_u64(g->stack, (int32_t)off) - r->gm->bias;
		off += WORD;
		interrupted = info->injected;
	}
}

/* runtime.isSystemGoroutine: started by the runtime, but for those that run the user's code.  Those
 * that run finalizers and cleanups do so only at times, which shows in their stacks. */
static bool is_system(struct reader *r, const struct goroutine *g)
{
	const uint64_t *pcs = r->pcs + r->n_pcs - g->n_pcs;
	struct go_func f;

	if (!gobin_func_at(r->gm->gb, g->startpc, &f) || !f.name || strncmp(f.name, "runtime.", 8))
		return false;
	if (!strcmp(f.name, "runtime.main") || !strcmp(f.name, "runtime.corostart") ||
	    !strcmp(f.name, "runtime.handleAsyncEvent"))
		return false;
	if (strcmp(f.name, "runtime.runfinq") && strcmp(f.name, "runtime.runFinalizers") &&
	    strcmp(f.name, "runtime.runCleanups"))
		return true;
	for (size_t i = 0; i < g->n_pcs; i++)
		if (!pc_info(r, pcs[i] - 1)->runtime)
			return false;
	return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Decides where the stack is to be unwound from, and how much of it is read. */
static void locate_stack(const struct reader *r, struct g_read *g)
{
	const struct g_fields *f = &g->now;
	uint64_t bytes;

	g->sp = g->pc = g->n_stack = 0;
	g->cut = false;
	if (!r->with_stacks)
		return;
	if (f->syscallsp) {
		g->sp = f->syscallsp;
		g->pc = f->syscallpc;
	} else if (f->status == G_WAITING || f->status == G_RUNNABLE || f->status == G_PREEMPTED ||
		   f->status == G_LEAKED) {
		g->sp = f->sched_sp;
		g->pc = f->sched_pc;
	}
	if (g->sp % WORD || g->sp < f->low || g->sp >= f->high)
		return;
	bytes = f->high - g->sp;
	g->cut = bytes > MAX_G_STACK_BYTES;
	g->n_stack = (uint32_t)(g->cut ? MAX_G_STACK_BYTES : bytes);
}

/* Copies the first n g of todo to raw; reads[].ok says which. */
static void read_gs(struct reader *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->reads[i] = (struct target_read){ .addr = r->todo[i].addr, .buf = r->raw[i],
						    .len = (uint32_t)r->gm->lo->g_size };
	target_read_many(r->gm->t, r->reads, n);
}

/* First look: drops from todo those that are dead or cannot be read. */
static void read_fields(struct reader *r)
{
	size_t n = 0;

	read_gs(r, r->n_todo);
	for (size_t i = 0; i < r->n_todo; i++) {
		struct g_read *g = &r->todo[i];

		if (!r->reads[i].ok) {
			r->n_unreadable++;
			continue;
		}
		parse_g(r->gm->lo, r->raw[i], &g->now);
		if (g_state_dead(g->now.status))
			continue;
		locate_stack(r, g);
		r->todo[n++] = *g;
	}
	r->n_todo = n;
}

/* Reads the stacks of the first of todo, as many as there is room for; returns how many. */
static size_t read_stacks(struct reader *r)
{
	size_t used = 0, n;

	for (n = 0; n < r->n_todo; n++) {
		struct g_read *g = &r->todo[n];

		if (used + g->n_stack > BATCH_STACK_BYTES)
			break;
		g->stack = r->stacks + used;
		used += g->n_stack;
		r->reads[n] = (struct target_read){ .addr = g->sp, .buf = g->stack,
						    .len = g->n_stack };
	}
	target_read_many(r->gm->t, r->reads, n);
	for (size_t i = 0; i < n; i++)
		if (!r->reads[i].ok)
			r->todo[i].n_stack = 0;
	return n;
}

/* false: not added, since what was copied is not a stack. */
static bool add_goroutine(struct reader *r, const struct g_read *g, const struct g_fields *f,
			  bool stack_optional)
{
	struct gomem *gm = r->gm;
	struct goroutine new = {
		.goid = f->goid,
		.gopc = f->gopc ? f->gopc - gm->bias : 0,
		.startpc = f->startpc ? f->startpc - gm->bias : 0,
		.parent_goid = f->parent,
		.waitsince_ns = f->status == G_WAITING || f->status == G_SYSCALL ? f->waitsince : 0,
		.locked = f->lockedm,
	};
	size_t first_pc = r->n_pcs;

	if (g->n_stack && same_stack(&g->now, f) && !unwind(r, g, &new)) {
		r->n_pcs = first_pc;
		if (!stack_optional)
			return false;
		new.n_pcs = 0;
		new.cut = false;
	}
	set_state(gm, f, &new);
	new.system = is_system(r, &new);
	r->v = grow(r->v, r->n, &r->cap, sizeof(*r->v));
	r->v[r->n++] = new;
	return true;
}

/* Last look: adds what has kept still, or has been looked at often enough. */
static void settle(struct reader *r, size_t n)
{
	struct g_fields again;
	size_t kept = 0;

	read_gs(r, n);
	for (size_t i = 0; i < r->n_todo; i++) {
		struct g_read *g = &r->todo[i];
		bool last = i < n && ++g->rounds == ROUNDS;

		if (i < n && r->reads[i].ok) {
			parse_g(r->gm->lo, r->raw[i], &again);
			if (same_goroutine(&g->now, &again) &&
			    (last || same_stack(&g->now, &again)) &&
			    add_goroutine(r, g, &again, last))
				continue;
		}
		if (last)
			r->n_unreadable++;
		else
			r->todo[kept++] = *g;
	}
	r->n_todo = kept;
}

static int by_goid(const void *a, const void *b)
{
	uint64_t x = ((const struct goroutine *)a)->goid, y = ((const struct goroutine *)b)->goid;

	return x < y ? -1 : x > y;
}

/* Hands over what was read.  pcs were added in the order of v. */
static void finish(struct reader *r, struct goroutines *out)
{
	size_t used = 0;

	for (size_t i = 0; i < r->n; i++) {
		r->v[i].pcs = r->pcs + used;
		used += r->v[i].n_pcs;
	}
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_goid);
	*out = (struct goroutines){ .v = r->v, .n = r->n, .n_unreadable = r->n_unreadable,
				    .pcs = r->pcs };
}

int gomem_goroutines(struct gomem *gm, bool with_stacks, struct goroutines *out)
{
	struct reader *r;
	uint64_t *gs;
	uint32_t gen;
	size_t n;
	int err = gomem_allgs(gm, &gs, &n);

	if (err)
		return err;
	r = xcalloc(1, sizeof(*r));
	r->gm = gm;
	r->with_stacks = with_stacks;
	r->stacks = xcalloc(1, BATCH_STACK_BYTES);
	r->cache = xcalloc(N_CACHE, sizeof(*r->cache));
	for (size_t i = 0; i < n;) {
		while (r->n_todo < BATCH && i < n)
			r->todo[r->n_todo++] = (struct g_read){ .addr = gs[i++] };
		while (r->n_todo) {
			read_fields(r);
			settle(r, read_stacks(r));
		}
	}
	finish(r, out);
	free(r->stacks);
	free(r->cache);
	free(r);
	free(gs);
	err = gomem_sweepgen(gm, &gen);		/* is it still there? */
	if (err)
		goroutines_free(out);
	return err;
}

void goroutines_free(struct goroutines *gs)
{
	free(gs->v);
	free(gs->pcs);
	*gs = (struct goroutines){ 0 };
}
