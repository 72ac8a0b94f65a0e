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
 * The table may be forged: it is read in pieces, each goroutine is taken once, and what is kept and
 * what is copied has a limit.  Beyond it goroutines are only counted.
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
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/image.h"
#include "user/gomem/gomem_internal.h"

enum {
	BATCH = 256,			/* goroutines read at a time, and entries of allgs */
	BATCH_STACK_BYTES = 4 << 20,	/* and bytes of stack */
	ROUNDS = 5,			/* how often one that changes is read */
	N_CACHE = 1 << 12,		/* a power of two */
	WORD = 8,
	MAX_GAP = 128,			/* bytes between two g in one span; in the largest 24 */
	MAX_WAIT_REASON = 64,		/* bytes */
	G_PANIC = 32, G_DEFER = 40,	/* in a g: _panic, _defer */
	/* Texts of states: by status, of unknown ones, by wait reason, by wait reason if leaked. */
	STATE_OF_REASON = N_G_STATES + 1,
	N_STATES = STATE_OF_REASON + 2 * N_WAIT_REASONS,
};

/* Of one goroutine that is kept: its record and its share of the table of ids. */
#define GOROUTINE_BYTES (sizeof(struct goroutine) + 3 * sizeof(uint64_t))

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
	uint64_t goid, gopc, startpc, waitsince;
	uint64_t low, high, sched_sp, sched_pc, syscallsp, syscallpc;
	uint64_t panic, deferred;
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
	bool left_out;		/* it is not read, as enough has been */
	int rounds;
};

struct reader {
	struct gomem *gm;
	const struct goroutines_limits *limits;
	bool with_stacks;
	stack_fn visit;		/* gomem_stacks(): gets each stack; else NULL */
	void *visit_ctx;
	struct stack_frame frames[MAX_G_FRAMES];	/* of the one that is being visited */
	struct g_read todo[BATCH];
	size_t n_todo;
	struct target_read reads[BATCH];
	uint8_t raw[BATCH][MAX_RAW + MAX_GAP];
	uint8_t *stacks;
	uint64_t stack_room;	/* bytes of stacks that may still be copied */
	struct pc_info *cache;
	struct table goids;	/* of all in out.v */
	struct goroutines out;	/* .v[].pcs are set at the end */
	size_t cap, max;	/* of out.v */
	size_t n_pcs, cap_pcs, max_pcs;	/* of out.pcs: all goroutines', one after the other */
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
		.waitsince = gomem_u64(raw, lo->g_waitsince),
		.low = gomem_u64(raw, lo->g_stack_lo),
		.high = gomem_u64(raw, lo->g_stack_hi),
		.sched_sp = gomem_u64(raw, lo->g_sched_sp),
		.sched_pc = gomem_u64(raw, lo->g_sched_pc),
		.syscallsp = gomem_u64(raw, lo->g_syscallsp),
		.syscallpc = gomem_u64(raw, lo->g_syscallpc),
		.panic = gomem_u64(raw, G_PANIC),
		.deferred = gomem_u64(raw, G_DEFER),
		.status = gomem_u32(raw, lo->g_atomicstatus) & ~(uint32_t)G_SCAN,
		.waitreason = raw[lo->g_waitreason],
	};
}

static bool same_goroutine(const struct g_fields *a, const struct g_fields *b)
{
	return a->goid == b->goid && a->gopc == b->gopc && a->startpc == b->startpc &&
	       g_state_dead(a->status) == g_state_dead(b->status);
}

static bool same_stack(const struct g_fields *a, const struct g_fields *b)
{
	return a->status == b->status && a->low == b->low && a->high == b->high &&
	       a->sched_sp == b->sched_sp && a->sched_pc == b->sched_pc &&
	       a->syscallsp == b->syscallsp && a->syscallpc == b->syscallpc &&
	       a->waitreason == b->waitreason;
}

/* ---- states: wait reasons are the runtime's own strings, as their numbers move ------------- */

/* They do not change: each is read once. */
static void read_wait_reason(struct gomem *gm, uint8_t reason, char buf[MAX_WAIT_REASON])
{
	uint64_t str[2];	/* a Go string: bytes, length */
	bool ok;

	memset(buf, 0, MAX_WAIT_REASON);
	if (gm->wait_reasons[reason]) {
		strcpy(buf, gm->wait_reasons[reason]);
		return;
	}
	ok = gm->lo->waitreasonstrings &&
	     !target_read(gm->t, gm->lo->waitreasonstrings + gm->bias + sizeof(str) * reason, str,
			  sizeof(str)) &&
	     str[0] && str[1] < MAX_WAIT_REASON && !target_read(gm->t, str[0], buf, str[1]);
	for (size_t i = 0; ok && i < str[1]; i++)
		ok = buf[i] >= ' ' && buf[i] <= '~';
	if (ok)
		gm->wait_reasons[reason] = xstrdup(buf);
	else
		snprintf(buf, MAX_WAIT_REASON, "unknown wait reason");
}

/* As goroutineheader of runtime/traceback.go prints it between the brackets, without " (scan)". */
static const char *state_of(struct reader *r, const struct g_fields *g)
{
	bool leaked = g->status == G_LEAKED;
	/* waitReasonZero is the empty string. */
	bool has_reason = (g->status == G_WAITING || leaked) && g->waitreason;
	size_t i = g->status < N_G_STATES ? g->status : N_G_STATES;
	const char *state = i < N_G_STATES ? state_names[i] : NULL;
	char reason[MAX_WAIT_REASON];

	if (has_reason)
		i = STATE_OF_REASON + leaked * N_WAIT_REASONS + g->waitreason;
	if (!r->out.states[i]) {
		if (has_reason) {
			read_wait_reason(r->gm, g->waitreason, reason);
			state = reason;
		}
		r->out.states[i] = xasprintf("%s%s", state ? state : "???",
					     leaked ? " (leaked)" : "");
	}
	return r->out.states[i];
}

/* ---- unwinding ------------------------------------------------------------------------------ */

/* The assembly functions with TOPFRAME, runtime/asm_amd64.s.  Without ".abi0", which only the names
 * of .symtab have (mangleABIName of cmd/link/internal/ld). */
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

/* As grow(), for an array that never has more than max elements. */
static void *grow_to(void *array, size_t n, size_t *cap, size_t max, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? 2 * *cap : BATCH;
	if (*cap > max)
		*cap = max;
	return xreallocarray(array, *cap, size);
}

/* There is room for MAX_G_FRAMES. */
static void add_pc(struct reader *r, uint64_t pc)
{
	r->out.pcs = grow_to(r->out.pcs, r->n_pcs, &r->cap_pcs, r->max_pcs, sizeof(pc));
	r->out.pcs[r->n_pcs++] = pc;
}

/*
 * Adds the program counters of the copied stack to out.pcs.  false: it is not a stack, which
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

/* Where the frames are whose program counters unwind() has just added. */
static size_t find_frames(struct reader *r, const struct g_read *g, const struct goroutine *out)
{
	const uint64_t *pcs = r->out.pcs + r->n_pcs - out->n_pcs;
	uint64_t addr = g->sp;
	bool injected = false;

	for (size_t i = 0; i < out->n_pcs; i++) {
		/* what is one more than a function's begin is still inside */
		const struct pc_info *info = pc_info(r, pcs[i]);

		if (info->frame_size < 0)
			return i;
		r->frames[i] = (struct stack_frame){ .pc = pcs[i], .addr = addr,
						     .size = (uint32_t)info->frame_size,
						     .interrupted = injected | info->injected };
		injected = info->injected;
		addr += (uint32_t)info->frame_size + WORD;
	}
	return out->n_pcs;
}

/* still: it has not run since it was read. */
static void visit_stack(struct reader *r, const struct g_read *g, struct goroutine *new, bool still)
{
	const bool runs = !still || (g->now.status == G_RUNNING && !g->pc);
	struct goroutine_stack stack = {
		.goid = new->goid, .startpc = new->startpc, .waitsince_ns = new->waitsince_ns,
		.state = new->state, .addr = g->sp, .bytes = g->stack, .n_bytes = g->n_stack,
		.frames = r->frames,
		.low = runs ? g->now.low : g->sp, .high = g->now.high,
		.deferred = g->now.deferred, .panic = g->now.panic,
	};

	stack.n_frames = find_frames(r, g, new);
	stack.cut = new->cut || stack.n_frames < new->n_pcs;
	r->n_pcs -= new->n_pcs;
	new->n_pcs = 0;
	if (g->n_stack)
		r->visit(r->visit_ctx, &stack);
	else if (!g->left_out)
		r->out.n_unreadable++;
}

/* runtime.isSystemGoroutine: started by the runtime, but for those that run the user's code.  Those
 * that run finalizers and cleanups do so only at times, which shows in their stacks. */
static bool is_system(struct reader *r, const struct goroutine *g)
{
	const uint64_t *pcs = r->out.pcs + r->n_pcs - g->n_pcs;
	struct go_func f;

	if (!gobin_func_at(r->gm->gb, g->startpc, &f) || !f.name || !goname_in_runtime(f.name))
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
	g->cut = g->left_out = false;
	if (!r->with_stacks)
		return;
	if (f->syscallsp) {
		g->sp = f->syscallsp;
		g->pc = f->syscallpc;
	} else if (f->status == G_WAITING || f->status == G_RUNNABLE || f->status == G_PREEMPTED ||
		   f->status == G_LEAKED) {
		g->sp = f->sched_sp;
		g->pc = f->sched_pc;
	} else if (r->visit && f->status == G_RUNNING && f->high > f->low) {
		/* nobody knows how much of it is in use */
		bytes = f->high - f->low;
		g->sp = f->high - (bytes < MAX_G_STACK_BYTES ? bytes : MAX_G_STACK_BYTES);
	}
	if (g->sp % WORD || g->sp < f->low || g->sp >= f->high)
		return;
	bytes = f->high - g->sp;
	g->cut = bytes > MAX_G_STACK_BYTES;
	g->n_stack = (uint32_t)(g->cut ? MAX_G_STACK_BYTES : bytes);
}

/* Copies the first n g of todo to raw; reads[].ok says which.  What is between two in one span is
 * read as well: then they are one place to the kernel, which costs more than bytes do. */
static void read_gs(struct reader *r, size_t n)
{
	const uint32_t size = (uint32_t)r->gm->lo->g_size;

	for (size_t i = 0; i < n; i++) {
		uint64_t addr = r->todo[i].addr, next = i + 1 < n ? r->todo[i + 1].addr - addr : 0;

		r->reads[i] = (struct target_read){
			.addr = addr, .buf = r->raw[i],
			.len = next >= size && next - size < MAX_GAP ? (uint32_t)next : size,
		};
	}
	target_read_many(r->gm->t, r->reads, n);
}

static bool is_known(const struct reader *r, const struct g_fields *g)
{
	return table_find(&r->goids, g->goid);
}

/* First look: drops from todo those that are dead, cannot be read, or have no place. */
static void read_fields(struct reader *r)
{
	size_t n = 0;

	read_gs(r, r->n_todo);
	for (size_t i = 0; i < r->n_todo; i++) {
		struct g_read *g = &r->todo[i];

		if (r->reads[i].ok)
			parse_g(r->gm->lo, r->raw[i], &g->now);
		if (r->reads[i].ok && g_state_dead(g->now.status))
			continue;
		if (!r->reads[i].ok || !g->now.goid || is_known(r, &g->now)) {
			r->out.n_unreadable++;
		} else if (r->out.n == r->max) {
			r->out.n_left_out++;
		} else {
			locate_stack(r, g);
			r->todo[n++] = *g;
		}
	}
	r->n_todo = n;
}

/* Reads the stacks of the first of todo, as many as there is room for; returns how many. */
static size_t read_stacks(struct reader *r)
{
	size_t used = 0, n;

	for (n = 0; n < r->n_todo; n++) {
		struct g_read *g = &r->todo[n];

		if (g->n_stack > r->stack_room || r->n_pcs + MAX_G_FRAMES > r->max_pcs) {
			g->left_out = g->n_stack;
			g->n_stack = 0;
		}
		if (used + g->n_stack > BATCH_STACK_BYTES)
			break;
		if (!r->stacks && g->n_stack)
			r->stacks = xcalloc(1, BATCH_STACK_BYTES);
		g->stack = g->n_stack ? r->stacks + used : NULL;
		used += g->n_stack;
		r->stack_room -= g->n_stack;
		r->reads[n] = (struct target_read){ .addr = g->sp, .buf = g->stack,
						    .len = g->n_stack };
	}
	target_read_many(r->gm->t, r->reads, n);
	for (size_t i = 0; i < n; i++)
		if (!r->reads[i].ok)
			r->todo[i].n_stack = 0;
	return n;
}

/* Adds the stack; false: what was copied is none. */
static bool add_stack(struct reader *r, const struct g_read *g, struct goroutine *new)
{
	size_t first_pc = r->n_pcs;

	if (!g->n_stack)
		return true;
	if (r->n_pcs + MAX_G_FRAMES > r->max_pcs) {
		r->out.n_stacks_left_out++;
		return true;
	}
	if (unwind(r, g, new))
		return true;
	r->n_pcs = first_pc;
	new->n_pcs = 0;
	new->cut = false;
	return false;
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
		.waitsince_ns = f->status == G_WAITING || f->status == G_SYSCALL ? f->waitsince : 0,
		.stack_bytes = f->high - f->low,
	};
	bool still = same_stack(&g->now, f), is_new;

	if (still && !add_stack(r, g, &new) && !stack_optional)
		return false;
	new.state = state_of(r, f);
	if (r->visit)
		visit_stack(r, g, &new, still);
	r->out.n_stacks_left_out += g->left_out;
	new.system = is_system(r, &new);
	table_put(&r->goids, new.goid, &is_new);
	r->out.v = grow_to(r->out.v, r->out.n, &r->cap, r->max, sizeof(*r->out.v));
	r->out.v[r->out.n++] = new;
	return true;
}

/* false: it has not kept still, look again. */
static bool settle_one(struct reader *r, const struct g_read *g, const struct g_fields *again,
		       bool last)
{
	if (!same_goroutine(&g->now, again) || (!last && !same_stack(&g->now, again)))
		return false;
	if (is_known(r, again))
		r->out.n_unreadable++;
	else if (r->out.n == r->max)
		r->out.n_left_out++;
	else
		return add_goroutine(r, g, again, last);
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
			if (settle_one(r, g, &again, last))
				continue;
		}
		if (last)
			r->out.n_unreadable++;
		else
			r->todo[kept++] = *g;
	}
	r->n_todo = kept;
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Reads the goroutines that n entries of allgs point to.  Each P adds those of its own spans to
 * allgs, so neighbours there are none in memory.  false: interrupted. */
static bool read_piece(struct reader *r, uint64_t *gs, size_t n)
{
	const struct goroutines_limits *lim = r->limits;

	qsort(gs, n, sizeof(*gs), by_addr);
	for (size_t i = 0; i < n; i++) {
		if (gomem_bad_pointer(gs[i]))
			r->out.n_unreadable++;
		else
			r->todo[r->n_todo++] = (struct g_read){ .addr = gs[i] };
	}
	while (r->n_todo) {
		if (lim->interrupted && lim->interrupted(lim->ctx))
			return false;
		read_fields(r);
		settle(r, read_stacks(r));
	}
	return true;
}

static void read_all(struct reader *r, size_t len)
{
	uint64_t gs[BATCH];

	for (size_t i = 0, n; i < len; i += n) {
		n = len - i < BATCH ? len - i : BATCH;
		if (gomem_allgs_read(r->gm, i, gs, n)) {
			r->out.n_unreadable += n;
		} else if (!read_piece(r, gs, n)) {
			r->out.n_left_out += r->n_todo + (len - i - n);
			r->out.interrupted = true;
			return;
		}
	}
}

static struct reader *reader_new(struct gomem *gm, const struct goroutines_limits *limits)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->gm = gm;
	r->limits = limits;
	r->max = limits->max_bytes / 2 / GOROUTINE_BYTES;
	r->max_pcs = limits->max_bytes / 2 / sizeof(*r->out.pcs);
	r->stack_room = MAX_STACK_BYTES;
	r->cache = xcalloc(N_CACHE, sizeof(*r->cache));
	/* three words each, as GOROUTINE_BYTES has it, are more than the table needs */
	table_init(&r->goids, sizeof(uint64_t), 3 * sizeof(uint64_t) * r->max);
	r->out.n_states = N_STATES;
	r->out.states = xcalloc(N_STATES, sizeof(*r->out.states));
	return r;
}

static void reader_free(struct reader *r)
{
	free(r->stacks);
	free(r->cache);
	table_fini(&r->goids);
	free(r);
}

static int by_goid(const void *a, const void *b)
{
	uint64_t x = ((const struct goroutine *)a)->goid, y = ((const struct goroutine *)b)->goid;

	return x < y ? -1 : x > y;
}

/* pcs were added in the order of v. */
static void finish(struct goroutines *out)
{
	size_t used = 0;

	for (size_t i = 0; i < out->n; i++) {
		out->v[i].pcs = out->pcs + used;
		used += out->v[i].n_pcs;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_goid);
}

static int read_table(struct gomem *gm, bool with_stacks, const struct goroutines_limits *limits,
		      struct goroutines *out)
{
	struct reader *r;
	uint32_t gen;
	size_t len;
	int err = gomem_sweepgen(gm, &gen);

	if (!err)
		err = gomem_allgs_len(gm, &len);
	if (err)
		return err;
	r = reader_new(gm, limits);
	r->with_stacks = with_stacks;
	read_all(r, len);
	finish(&r->out);
	err = gomem_sweepgen(gm, &gen);
	if (err)
		goroutines_free(&r->out);
	else
		*out = r->out;
	reader_free(r);
	return err;
}

/* Of a file that has changed meanwhile nothing is believed: then none of its functions are known. */
int gomem_goroutines(struct gomem *gm, bool with_stacks, const struct goroutines_limits *limits,
		     struct goroutines *out)
{
	const struct image *img = gobin_image(gm->gb);
	bool was = image_changed(img);
	int err;

	image_defer_checks(img, true);
	err = read_table(gm, with_stacks, limits, out);
	image_defer_checks(img, false);
	if (was || !image_changed(img))
		return err;
	if (!err)
		goroutines_free(out);
	return read_table(gm, with_stacks, limits, out);
}

int gomem_stacks(struct gomem *gm, const struct goroutines_limits *limits, stack_fn visit,
		 void *ctx, size_t *n_unreadable)
{
	struct reader *r;
	uint32_t gen;
	size_t len;
	int err = gomem_sweepgen(gm, &gen);

	if (!err)
		err = gomem_allgs_len(gm, &len);
	if (err)
		return err;
	r = reader_new(gm, limits);
	r->with_stacks = true;
	r->visit = visit;
	r->visit_ctx = ctx;
	read_all(r, len);
	*n_unreadable = r->out.n_unreadable + r->out.n_left_out + r->out.n_stacks_left_out;
	goroutines_free(&r->out);
	reader_free(r);
	return gomem_sweepgen(gm, &gen);
}

void goroutines_free(struct goroutines *gs)
{
	for (size_t i = 0; i < gs->n_states; i++)
		free(gs->states[i]);
	free(gs->states);
	free(gs->v);
	free(gs->pcs);
	*gs = (struct goroutines){ 0 };
}
