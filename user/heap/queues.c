// SPDX-License-Identifier: BSD-2-Clause
/*
 * queues.c - finalizers and cleanups that are to run, and the goroutines that run them.
 *
 * An object with a finalizer that nothing holds any more is put into a queue; one goroutine runs
 * what is there, one after the other (runtime/mfinal.go).  The queue is neither in the heap nor in
 * a variable, but in blocks of the runtime's own memory that the collector looks at as at variables
 * (markroot), so an object in it lives, with all that it leads to, until its finalizer has run; and
 * where one never returns, until the program ends.  Cleanups have had a queue of the same kind
 * since Go 1.25 (runtime/mcleanup.go), and were in that of finalizers in 1.24, without an object.
 *
 * Blocks never go back, and all of them are in a list; each has the number of its entries in use,
 * 0 if it is free.  They have looked the same since Go 1.17; what does not look like one ends the
 * list.
 */
#include "user/heap/look.h"

#include <stdio.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/gotype.h"
#include "user/go/rtype.h"
#include "user/gomem/gomem.h"

enum {
	WORD = 8,
	MAX_BLOCK = 4096,
	ALL_BLOCKS = 128,		/* in runtime.gcCleanups: cleanupQueue.all */
};

/* Where a block has what, in bytes. */
struct queue {
	uint32_t bytes;			/* of a block */
	uint32_t next, n;		/* the next block, the number of entries in use */
	uint32_t first, entry_bytes;	/* entries */
	void (*entry)(struct look *l, const uint8_t *entry);
};

uint64_t cleanup_entry(struct look *l, uint64_t fn)
{
	const uint64_t entry = closure_entry(l, fn);
	struct go_func f;

	return entry && gobin_func_at(l->gb, entry, &f) && goname_in_runtime(f.name) ? 0 : entry;
}

/* What has the same finalizer mostly lies together. */
static uint64_t get_function(struct look *l, enum heap_root root, uint64_t fn)
{
	if (fn != l->queues.fn) {
		l->queues.fn = fn;
		l->queues.function = root == HEAP_ROOT_CLEANUP_QUEUE ? cleanup_entry(l, fn) :
								       closure_entry(l, fn);
	}
	return l->queues.function;
}

/* Objects with the same finalizer are of one type. */
uint32_t pointed_type(struct look *l, uint64_t ptr)
{
	struct rtype t;

	if (ptr == l->pointed.ptr)
		return l->pointed.type;
	l->pointed.ptr = ptr;
	l->pointed.type = 0;
	if (!rtype_read(l->gb, ptr - l->bias, &t)) {
		if (t.kind == GO_POINTER)
			l->pointed.type = types_get(l->types, t.elem, FORM_VALUE);
		rtype_free(&t);
	}
	return l->pointed.type;
}

static void hold_by_queue(struct look *l, enum heap_root root, uint64_t fn)
{
	l->holder = (struct holder){ .root = root, .strength = STRENGTH_EDGE,
				     .addr = get_function(l, root, fn) };
}

static void lead_to(struct look *l, uint64_t target, uint32_t type)
{
	const struct edge e = { .target = target, .type = type, .slot = NO_SLOT };

	if (target)
		l->walk.edge(l, &e);
}

/* runtime.finalizer {fn, arg, nret, fint, ot}: ot is the type of arg, a pointer to the object.  Of
 * one that is being put there, or taken away, only some words are set. */
static void walk_finalizer(struct look *l, const uint8_t *entry)
{
	const uint64_t fn = load_u64(entry), object = load_u64(entry + WORD);
	const uint64_t fint = load_u64(entry + 3 * WORD), ot = load_u64(entry + 4 * WORD);
	const bool cleanup = !object && !fint && gobin_version(l->gb)->minor == FIRST_CLEANUP;

	if (!fn || (!object && !cleanup))
		return;
	l->queues.finalizers += !cleanup;
	l->queues.cleanups += cleanup;
	hold_by_queue(l, cleanup ? HEAP_ROOT_CLEANUP_QUEUE : HEAP_ROOT_FINALIZER_QUEUE, fn);
	lead_to(l, object, object ? pointed_type(l, ot) : 0);
	lead_to(l, fn, 0);
	lead_to(l, fint, 0);
	lead_to(l, ot, 0);
}

/* *funcval */
static void walk_cleanup(struct look *l, const uint8_t *entry)
{
	const uint64_t fn = load_u64(entry);

	if (!fn)
		return;
	l->queues.cleanups++;
	hold_by_queue(l, HEAP_ROOT_CLEANUP_QUEUE, fn);
	lead_to(l, fn, 0);
}

/* runtime.cleanupFn {call, fn, arg}: call knows the type of what arg leads to. */
static void walk_cleanup_argument(struct look *l, const uint8_t *entry)
{
	const uint64_t call = load_u64(entry), fn = load_u64(entry + WORD);

	if (!call || !fn)
		return;
	l->queues.cleanups++;
	hold_by_queue(l, HEAP_ROOT_CLEANUP_QUEUE, fn);
	lead_to(l, load_u64(entry + 2 * WORD), 0);
	lead_to(l, fn, 0);
	lead_to(l, call, 0);
}

/* finblock {alllink, next, cnt, fin}; cleanupBlock {lfnode, alllink, n, cleanups}. */
static const struct queue finalizers = { MAX_BLOCK, 0, 16, 24, 5 * WORD, walk_finalizer };
static const struct queue cleanups = { 512, 16, 24, 32, WORD, walk_cleanup };
static const struct queue with_argument = { 512, 16, 24, 32, 3 * WORD, walk_cleanup_argument };

/* What is there makes sense as a block; its number of entries in use is *n. */
static bool read_block(struct look *l, const struct queue *q, uint64_t addr,
		       uint8_t block[MAX_BLOCK], uint32_t *n)
{
	if (addr % WORD || gomem_in_heap(l->gm, addr) ||
	    !feed_read(&l->feed, addr, block, q->bytes))
		return false;
	*n = load_u32(block + q->n);
	return *n <= (q->bytes - q->first) / q->entry_bytes;
}

/* The list whose first block the word at vaddr leads to; false: not all of it has been read. */
static bool walk_queue(struct look *l, const struct queue *q, uint64_t vaddr)
{
	uint8_t block[MAX_BLOCK];
	uint64_t addr, before = 0;
	uint32_t n;

	if (!vaddr || !feed_read(&l->feed, vaddr + l->bias, &addr, sizeof(addr)))
		return false;
	for (uint64_t i = 0; addr && i < MAX_QUEUE_BLOCKS; i++) {
		if (addr == before || !read_block(l, q, addr, block, &n))
			return false;
		for (uint32_t k = 0; k < n; k++)
			q->entry(l, block + q->first + k * q->entry_bytes);
		if (!(i & (i - 1)))	/* what goes round in a circle comes here again */
			before = addr;
		addr = load_u64(block + q->next);
	}
	return !addr;
}

void roots_queues(struct look *l)
{
	const int minor = gobin_version(l->gb)->minor;
	const uint64_t queue = l->lo->gccleanups ? l->lo->gccleanups + ALL_BLOCKS : 0;
	bool has_finalizers, has_cleanups = true;

	l->queues.finalizers = l->queues.cleanups = 0;
	l->queues.fn = 0;
	has_finalizers = walk_queue(l, &finalizers, l->lo->allfin);
	if (minor >= FIRST_CLEANUP_QUEUE)
		has_cleanups = walk_queue(l, minor < FIRST_CLEANUP_ARGUMENT ? &cleanups :
								 &with_argument, queue);
	l->losses.queues_unread = (uint64_t)!has_finalizers + !has_cleanups;
	if (!has_finalizers)
		l->queues.finalizers = UNKNOWN_U64;
	if (!has_cleanups || (minor == FIRST_CLEANUP && !has_finalizers))
		l->queues.cleanups = UNKNOWN_U64;
}

/* ---- who runs them -------------------------------------------------------------------------- */

static const struct { const char *function; bool cleanup; } starts[N_RUNNER_STARTS] = {
	{ "runtime.runfinq", false },		/* until Go 1.24 */
	{ "runtime.runFinalizers", false },
	{ "runtime.runCleanups", true },
};

void queues_init(struct look *l)
{
	struct go_func f;

	l->queues.finalizers = l->queues.cleanups = UNKNOWN_U64;
	for (size_t i = 0; i < N_RUNNER_STARTS; i++)
		if (gobin_find_func(l->gb, starts[i].function, &f))
			l->queues.starts[i] = f.entry;
}

/* The innermost function that is not the runtime's, of the program's own if there is one; NULL:
 * there is none, so neither a finalizer nor a cleanup is being run.  *cleanup is set if it is one
 * of those, which one goroutine runs with finalizers in Go 1.24. */
static const char *innermost(const struct look *l, const struct goroutine_stack *st, bool *cleanup)
{
	const char *module = gobin_main_module(l->gb), *found = NULL;
	enum goname_owner best = OWNER_RUNTIME;
	struct frame frames[MAX_G_FRAMES];
	uint64_t pcs[MAX_G_FRAMES];
	size_t n;

	for (size_t i = 0; i < st->n_frames; i++)
		pcs[i] = st->frames[i].pc;
	n = gobin_frames(l->gb, pcs, st->n_frames, true, frames, MAX_G_FRAMES);
	for (size_t i = 0; i < n && i < MAX_G_FRAMES; i++) {
		const char *name = frames[i].function;
		enum goname_owner owner;

		if (name && !strncmp(name, "runtime.AddCleanup[", strlen("runtime.AddCleanup[")))
			*cleanup = true;
		if (!name || goname_of_runtime(name))
			continue;
		owner = goname_owner(name, module);
		if (!found || owner < best) {
			found = name;
			best = owner;
		}
	}
	return found;
}

/* Then nobody knows what of its stack is in use. */
static bool is_running(const struct goroutine_stack *st)
{
	return !st->n_frames && !strcmp(st->state, "running");
}

static void add_runner(struct look *l, const struct goroutine_stack *st, bool cleanup)
{
	const char *function = innermost(l, st, &cleanup);
	struct runner new = { .goid = st->goid, .cleanup = cleanup, .function = function,
			      .waitsince_ns = st->waitsince_ns };

	if (l->queues.n_runners == MAX_RUNNERS || (!function && !is_running(st)))
		return;
	snprintf(new.state, sizeof(new.state), "%s", st->state);
	l->queues.runners = grow(l->queues.runners, l->queues.n_runners, &l->queues.cap_runners,
				 sizeof(new));
	l->queues.runners[l->queues.n_runners++] = new;
}

void note_runner(struct look *l, const struct goroutine_stack *st)
{
	for (size_t i = 0; i < N_RUNNER_STARTS; i++)
		if (l->queues.starts[i] && l->queues.starts[i] == st->startpc)
			add_runner(l, st, starts[i].cleanup);
}
