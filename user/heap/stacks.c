// SPDX-License-Identifier: BSD-2-Clause
/*
 * stacks.c - what goroutines' stacks hold: what the collector finds there, by the compiler's maps.
 *
 * A stack is full of what nobody uses any more: a frame keeps what its function has done with, and
 * what the function has not set yet is what another one left there, often another goroutine, as
 * stacks are used again.  So of a frame those words count that its map names at the call where it
 * waits, and of its variables whose address is taken, which are in no map, those that such a word
 * leads to, or a variable that counts, or the record of a deferred call (scanstack, scanframeworker
 * in runtime/mgcmark.go).
 *
 * Where no map tells, of code that a signal has interrupted and of a stack on which somebody runs,
 * all words are looked at, but last, and they say no more than that they lead somewhere: what
 * nothing else leads to may live.
 */
#include "user/heap/look.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/go/pclntab.h"
#include "user/go/rtype.h"
#include "user/go/spill.h"
#include "user/go/typeindex.h"
#include "user/gomem/gomem.h"

enum {
	WORD = 8,
	MAP_WORDS = 1024,	/* of a map that are looked at together */
	STACK_BITS = MAX_G_STACK_BYTES / WORD,
};

/* What the code says of a return address: the same for each of a hundred thousand goroutines that
 * wait there. */
struct frame_facts {
	uint64_t pc;		/* key */
	uint64_t entry;		/* of the function; 0: of none */
	uint64_t receiver;	/* rtype of the first argument, if the function has put that into
				 * memory by then; 0 */
	uint64_t args;		/* bytes of the arguments that it gets in memory */
	bool runtime;		/* nobody's own code; also where there is no function */
	bool maps;		/* the compiler tells which words are in use: */
	struct live_words live;
};

/* A variable that is in use. */
struct variable {
	size_t frame;
	uint64_t addr;
	struct word_map words;
};

/* The stack that is being walked. */
struct stack {
	struct look *l;
	const struct goroutine_stack *st;
	struct frame_facts facts[MAX_G_FRAMES];
	uint64_t functions[MAX_G_FRAMES];	/* whose the frame is, or for which the runtime's
						 * own works */
	bool runtime[MAX_G_FRAMES];		/* it is one of these */
	struct variable *variables;
	size_t n_variables, cap_variables;
	uint64_t begins[STACK_BITS / 64];	/* words with which variables[] begin */
	size_t n_deferred;			/* calls whose records were not on their stack */
	bool cut;				/* not all of it is followed */
	uint64_t n_cut;				/* others of which not all was */
};

/* ---- the code ------------------------------------------------------------------------------- */

/* The runtime's record of a deferred call. */
static void find_defer(struct look *l)
{
	uint64_t rtype = typeindex_named(l->index, "runtime", "_defer");
	struct rtype t;

	if (!rtype || rtype_read(l->gb, rtype, &t))
		return;
	l->deferred.pc = rtype_field_offset(&t, "pc");
	l->deferred.sp = rtype_field_offset(&t, "sp");
	l->deferred.fn = rtype_field_offset(&t, "fn");
	l->deferred.link = rtype_field_offset(&t, "link");
	if (l->deferred.pc != UINT64_MAX && l->deferred.sp != UINT64_MAX &&
	    l->deferred.fn != UINT64_MAX && l->deferred.link != UINT64_MAX)
		l->deferred.type = types_get(l->types, rtype, FORM_VALUE);
	rtype_free(&t);
}

void stacks_init(struct look *l)
{
	table_init(&l->frames, sizeof(struct frame_facts), FRAME_FACTS_BYTES);
	find_defer(l);
}

static struct frame_facts facts_of(struct look *l, uint64_t pc)
{
	struct frame_facts facts = { .pc = pc, .args = gobin_args_size(l->gb, pc - 1),
				     .runtime = true };
	struct go_func f;

	if (!gobin_func_at(l->gb, pc - 1, &f))
		return facts;
	facts.entry = f.entry;
	facts.runtime = goname_in_runtime(f.name);
	facts.receiver = typeindex_receiver(l->index, f.entry);
	if (facts.receiver && !spill_first_argument(l->gb, pc - 1))
		facts.receiver = 0;
	facts.maps = gobin_live_words(l->gb, pc - 1, &facts.live);
	return facts;
}

static struct frame_facts get_facts(struct look *l, uint64_t pc)
{
	struct frame_facts *known = table_find(&l->frames, pc), facts;
	bool is_new;

	if (known)
		return *known;
	facts = facts_of(l, pc);
	known = pc ? table_put(&l->frames, pc, &is_new) : NULL;
	if (known)
		*known = facts;
	return facts;
}

static void find_functions(struct stack *s)
{
	const struct goroutine_stack *st = s->st;
	size_t on = 0;

	for (size_t i = 0; i < st->n_frames; i++)
		s->facts[i] = get_facts(s->l, st->frames[i].pc);
	for (size_t i = 0; i < st->n_frames; i++) {
		on = on < i ? i : on;
		while (on < st->n_frames && s->facts[on].runtime)
			on++;
		s->functions[i] = s->facts[on < st->n_frames ? on : i].entry;
		s->runtime[i] = on != i;
	}
}

/* What its map does not name is left over. */
static bool has_maps(const struct stack *s, size_t i)
{
	return s->facts[i].maps && !s->st->frames[i].interrupted;
}

/* ---- words that maps name ------------------------------------------------------------------- */

typedef void (*words_fn)(struct stack *s, uint64_t addr, uint64_t n, const uint64_t *in_use,
			 struct word_before *before);

/* Calls visit for the words of the map, which belongs to what lies at addr. */
static void visit_map(struct stack *s, uint64_t addr, const struct word_map *m, words_fn visit)
{
	struct word_before before = { 0 };
	uint64_t bits[MAP_WORDS / 64];

	addr += m->first;
	for (uint32_t at = 0; at < m->n; at += MAP_WORDS) {
		uint32_t n = m->n - at < MAP_WORDS ? m->n - at : MAP_WORDS;
		bool known = m->bits && image_read(gobin_image(s->l->gb), m->bits + at / 8, bits,
						   (n + 7) / 8);

		visit(s, addr + (uint64_t)at * WORD, n, known ? bits : NULL, &before);
	}
}

/* Of these words as many as were copied. */
static uint64_t clip(const struct goroutine_stack *st, uint64_t addr, uint64_t n)
{
	uint64_t off = addr - st->addr, left = off < st->n_bytes ? (st->n_bytes - off) / WORD : 0;

	return n < left ? n : left;
}

/* ---- variables in use ----------------------------------------------------------------------- */

static bool has_address(const struct stack *s, size_t i, uint64_t addr)
{
	const struct live_words *live = &s->facts[i].live;
	const uint64_t frame = s->st->frames[i].addr;

	return has_maps(s, i) && addr - frame < live->frame_bytes + WORD + s->facts[i].args;
}

static void add_variable(struct stack *s, size_t i, uint64_t addr, const struct stack_object *o)
{
	uint64_t word = (addr - s->st->addr) / WORD, bit = 1ull << word % 64;

	if (word >= s->st->n_bytes / WORD || s->begins[word / 64] & bit)
		return;
	s->begins[word / 64] |= bit;
	s->variables = grow(s->variables, s->n_variables, &s->cap_variables, sizeof(*s->variables));
	s->variables[s->n_variables++] = (struct variable){ i, addr, o->words };
}

/* Something that is in use leads to the address: to a variable of the frame, perhaps.  They are in
 * order of their addresses, as the runtime needs them (stackScanState.addObject). */
static bool lead_to(struct stack *s, size_t i, uint64_t addr)
{
	const struct live_words *live = &s->facts[i].live;
	uint64_t off = addr - s->st->frames[i].addr;
	uint32_t low = 0, high = has_address(s, i, addr) ? live->n_objects : 0, mid;
	struct stack_object o;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (!gobin_stack_object(s->l->gb, live, mid, &o))
			return false;
		if (off - o.off < o.bytes) {
			add_variable(s, i, addr - off + o.off, &o);
			return true;
		}
		if (off < o.off)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

static void lead_into_stack(struct stack *s, uint64_t addr)
{
	const struct goroutine_stack *st = s->st;
	size_t low = 0, high = st->n_frames, mid;

	if (addr - st->addr >= st->n_bytes || !high)
		return;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (st->frames[mid].addr <= addr)
			low = mid;
		else
			high = mid;
	}
	/* arguments lie in the frame of the caller */
	if (!lead_to(s, low, addr) && low)
		lead_to(s, low - 1, addr);
}

static void follow_words(struct stack *s, uint64_t addr, uint64_t n, const uint64_t *in_use,
			 struct word_before *before)
{
	const uint8_t *p = s->st->bytes + (addr - s->st->addr);

	n = clip(s->st, addr, n);
	for (uint64_t i = 0; i < n; i++)
		if (!in_use || in_use[i / 64] >> i % 64 & 1)
			lead_into_stack(s, load_u64(p + i * WORD));
}

/* So many bytes there were copied with the stack. */
static bool is_copied(const struct goroutine_stack *st, uint64_t addr, uint64_t size)
{
	uint64_t off = addr - st->addr;

	return off < st->n_bytes && size <= st->n_bytes - off;
}

/* The record of a deferred call that is not on the stack; NULL: not readable.  A loop that defers
 * makes one next to the other: then their page is read. */
static const uint8_t *read_deferred(struct look *l, uint64_t addr, uint64_t size, uint64_t before)
{
	const uint64_t page = 1ull << GO_PAGE_SHIFT, in = addr & ~(page - 1);
	struct window *w = &l->part;

	if (!window_has(w, addr, size) && in == (before & ~(page - 1)))
		window_get(w, in, page);
	return window_has(w, addr, size) ? w->p + (addr - w->addr) : window_read(w, addr, size);
}

/* What is called at the end may be a closure on the stack.  There are no more records on the stack
 * than find room there, unless it changes meanwhile and they lead in a circle. */
static void follow_deferred(struct stack *s)
{
	struct look *l = s->l;
	const uint64_t size = l->deferred.type ? types_at(l->types, l->deferred.type)->size : 0;
	uint64_t at = size ? s->st->deferred : 0, before = 0, room = s->st->n_bytes;

	lead_into_stack(s, s->st->panic);
	while (at && room >= size && s->n_deferred < MAX_DEFERRED) {
		bool here = is_copied(s->st, at, size);
		const uint8_t *p = here ? s->st->bytes + (at - s->st->addr) :
					  read_deferred(l, at, size, before);

		room -= here ? size : 0;
		s->n_deferred += !here;
		before = at;
		if (p)
			lead_into_stack(s, load_u64(p + l->deferred.fn));
		at = p ? load_u64(p + l->deferred.link) : 0;
	}
	s->cut |= at != 0;
}

static void find_variables(struct stack *s)
{
	const struct goroutine_stack *st = s->st;

	s->n_variables = 0;
	memset(s->begins, 0, (st->n_bytes / WORD + 63) / 64 * sizeof(s->begins[0]));
	for (size_t i = 0; i < st->n_frames; i++) {
		const struct stack_frame *fr = &st->frames[i];
		const struct live_words *live = &s->facts[i].live;

		if (has_maps(s, i)) {
			visit_map(s, fr->addr, &live->frame, follow_words);
			visit_map(s, fr->addr + fr->size + WORD, &live->args, follow_words);
		} else {
			follow_words(s, fr->addr, (fr->size + WORD + s->facts[i].args) / WORD, NULL,
				     NULL);
		}
	}
	follow_deferred(s);
	for (size_t i = 0; i < s->n_variables; i++) {
		const struct variable v = s->variables[i];	/* they may move */

		visit_map(s, v.addr, &v.words, follow_words);
	}
}

/* ---- what the words hold -------------------------------------------------------------------- */

static void hold_by_function(struct look *l, uint64_t entry)
{
	l->holder = (struct holder){ .root = HEAP_ROOT_STACK, .strength = STRENGTH_EDGE,
				     .addr = entry };
}

/* By a word that may be left over: whose it is is not known. */
static void hold_by_word(struct look *l)
{
	l->holder = (struct holder){ .root = HEAP_ROOT_STACK, .strength = STRENGTH_GUESS,
				     .addr = ROOT_UNSURE, .unsure = true };
}

static void hold_by_frame(struct stack *s, size_t i)
{
	if (s->st->frames[i].interrupted)
		hold_by_word(s->l);
	else
		hold_by_function(s->l, s->functions[i]);
}

void hold_by_deferrer(struct look *l, uint64_t addr)
{
	const uint8_t *pc = window_get(l->walk.win, addr + l->deferred.pc, WORD);

	l->holder.root = HEAP_ROOT_STACK;
	l->holder.addr = pc ? get_facts(l, load_u64(pc) - l->bias).entry : 0;
	if (nodes_at(l->nodes, l->holder.node)->unsure)
		l->holder.addr = ROOT_UNSURE;
}

/* runtime/panic.go, deferprocStack(): sp and pc are those of its caller, whose frame has the record. */
bool is_deferred_on_stack(struct look *l, uint64_t addr)
{
	const uint8_t *b = window_get(l->walk.win, addr,
				      types_at(l->types, l->deferred.type)->size);
	uint64_t pc = b ? load_u64(b + l->deferred.pc) - l->bias : 0;
	int32_t frame = b ? gobin_frame_size(l->gb, pc - 1) : -1;

	return frame > 0 && addr - load_u64(b + l->deferred.sp) < (uint64_t)frame;
}

/* The receiver of a method. */
static void walk_receiver(struct stack *s, size_t i)
{
	const struct stack_frame *fr = &s->st->frames[i];
	const struct frame_facts *facts = &s->facts[i];
	uint64_t at = fr->addr + fr->size + WORD;
	struct edge e = { .slot = NO_SLOT };
	uint8_t first = 1;

	if (!facts->entry || !facts->receiver || !clip(s->st, at, 1))
		return;
	if (has_maps(s, i) && (!facts->live.args.n ||
			       !image_read(gobin_image(s->l->gb), facts->live.args.bits, &first, 1)))
		return;
	if (!(first & 1))
		return;
	if (fr->interrupted)
		hold_by_word(s->l);
	else
		hold_by_function(s->l, facts->entry);
	e.target = load_u64(s->st->bytes + (at - s->st->addr));
	e.type = types_get(s->l->types, facts->receiver, FORM_VALUE);
	s->l->walk.edge(s->l, &e);
}

static void walk_words(struct stack *s, uint64_t addr, uint64_t n, const uint64_t *in_use,
		       struct word_before *before)
{
	s->l->walk.base = addr;
	walk_unknown(&s->l->walk, addr, clip(s->st, addr, n) * WORD, in_use, before);
}

static void walk_frame(struct stack *s, size_t i)
{
	const struct stack_frame *fr = &s->st->frames[i];
	const struct frame_facts *facts = &s->facts[i];
	/* of the frame belongs so much to who was called from there */
	uint64_t theirs = i ? s->facts[i - 1].args : 0, args = fr->addr + fr->size + WORD;

	if (!facts->entry)
		return;
	hold_by_frame(s, i);
	if (has_maps(s, i)) {
		visit_map(s, fr->addr, &facts->live.frame, walk_words);
		visit_map(s, args, &facts->live.args, walk_words);
	} else {
		if (theirs < fr->size)
			walk_words(s, fr->addr + theirs, (fr->size - theirs) / WORD, NULL,
				   &(struct word_before){ 0 });
		walk_words(s, args, facts->args / WORD, NULL, &(struct word_before){ 0 });
	}
}

/* What the runtime's frames have at hand, chansend's say, is held for whom they work: who has it
 * himself comes before. */
static void walk_frames(struct stack *s, bool runtime)
{
	for (size_t i = 0; i < s->st->n_frames; i++)
		if (s->runtime[i] == runtime)
			walk_frame(s, i);
	for (size_t i = 0; i < s->n_variables; i++) {
		const struct variable *v = &s->variables[i];

		if (s->runtime[v->frame] != runtime)
			continue;
		hold_by_frame(s, v->frame);
		visit_map(s, v->addr, &v->words, walk_words);
	}
}

/* All words behind the frames that are known, or of a stack of which none is, read now where they
 * were not copied.  Of a frame that goes on behind what was the goroutine may have returned since: its
 * map does not count there. */
static void walk_rest(struct stack *s)
{
	const struct goroutine_stack *st = s->st;
	uint64_t from = st->low;
	struct look *l = s->l;

	hold_by_word(l);
	if (st->n_frames) {
		const struct stack_frame *last = &st->frames[st->n_frames - 1];

		if (!st->cut)
			return;
		from = last->addr + last->size + WORD;
		if (from - st->addr > st->n_bytes) {
			from = st->addr + st->n_bytes;
			s->cut = true;
		}
	}
	l->walk.base = from;
	if (from < st->high)
		walk_unknown(&l->walk, from, st->high - from, NULL, &(struct word_before){ 0 });
}

static void walk_stack(void *ctx, const struct goroutine_stack *st)
{
	struct stack *s = ctx;
	struct look *l = s->l;

	s->st = st;
	s->cut = false;
	note_runner(l, st);
	l->stack_low = st->low;
	l->stack_high = st->high;
	window_set(&l->win, st->addr, st->bytes, st->n_bytes);
	l->feed.bytes += st->n_bytes;
	find_functions(s);
	find_variables(s);
	for (size_t i = 0; i < st->n_frames; i++)	/* they say what it is */
		walk_receiver(s, i);
	walk_frames(s, false);
	walk_frames(s, true);
	walk_rest(s);
	s->n_cut += s->cut;
}

static bool stacks_interrupted(void *ctx)
{
	return look_interrupted(ctx);
}

void roots_stacks(struct look *l)
{
	const struct goroutines_limits limits = { STACKS_BYTES, stacks_interrupted, l };
	struct stack *s = xcalloc(1, sizeof(*s));
	size_t n_unreadable = 0;
	int err;

	s->l = l;
	l->queues.n_runners = 0;
	window_set(&l->part, 0, NULL, 0);
	err = gomem_stacks(l->gm, &limits, walk_stack, s, &n_unreadable);
	l->losses.stacks_unreadable = n_unreadable;
	l->losses.stacks_cut = s->n_cut;
	if (err && !l->err)
		l->err = err;
	l->stack_low = l->stack_high = 0;
	window_set(&l->win, 0, NULL, 0);
	window_set(&l->part, 0, NULL, 0);
	free(s->variables);
	free(s);
}
