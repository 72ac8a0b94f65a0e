// SPDX-License-Identifier: BSD-2-Clause
/*
 * gobin.c - what a Go binary says of itself: puts build info, module data and pclntab together.
 *
 * Frames are made as runtime.Callers and runtime.CallersFrames make them together
 * (runtime/traceback.go: tracebackPCs, up to 1.20 gentraceback; runtime/symtab.go: Frames.Next).
 */
#include "user/go/gobin.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/buildinfo.h"
#include "user/go/funcname.h"
#include "user/go/image.h"
#include "user/go/moduledata.h"
#include "user/go/nameindex.h"
#include "user/go/pclntab.h"

enum { CALLS_SLOTS = 1 << 13, MAX_CALLS_KEPT = 16 };

/* A logical frame, and the FuncID that says how those around it are shown. */
struct call {
	struct frame frame;
	uint8_t func_id;
};

/*
 * The logical frames of one physical one, the innermost first.  Ten thousand stacks have some
 * thousand addresses in common, and to find out what is at one takes a microsecond.
 */
struct calls {
	uint64_t pc;		/* as it stands in a stack, */
	bool trap;		/* and that it is no return address but an instruction's */
	uint8_t func_id;	/* of the outermost */
	size_t n;		/* 0: none */
	struct call *v;
};

/* Filled when asked, hence behind a pointer: a gobin is const for its users. */
struct names {
	struct nameindex *by_name[NAMEINDEX_PARTS];	/* as Go prints them */
	uint32_t *runtime;		/* numbers of that part's functions, rising */
	size_t n_runtime, cap_runtime;
	void *texts;			/* tree of struct text */
	struct calls *calls;	/* CALLS_SLOTS of them, each the last one that was found */
};

/* A function's name as Go prints it, or a file's: of its own, since the image's may change. */
struct text {
	const char *raw;		/* where it stands in the image */
	bool function;		/* as Go prints it, not as it stands there */
	char text[];
};

struct gobin {
	const struct image *img;
	struct buildinfo info;
	struct moduledata md;
	struct pclntab pt;
	struct names *names;
};

/* Experiments that are on without being asked for (internal/buildcfg/exp.go, baseline). */
static const struct { const char *name; int since_minor; } default_experiments[] = {
	{ "allocheaders", 22 },
	{ "swissmap", 24 },
	{ "greenteagc", 26 },
	{ "sizespecializedmalloc", 27 },
};

int gobin_open(struct gobin **out, const struct image *img)
{
	struct gobin *gb = xcalloc(1, sizeof(*gb));
	int err;

	gb->img = img;
	gb->names = xcalloc(1, sizeof(*gb->names));
	gb->names->calls = xcalloc(CALLS_SLOTS, sizeof(*gb->names->calls));
	err = buildinfo_init(&gb->info, img);
	if (err)
		goto fail;
	err = moduledata_find(&gb->md, img, gb->info.version.minor);
	if (err)
		goto fail;
	if (!pclntab_init(&gb->pt, img, &gb->md, gb->info.version.minor)) {
		say_error("%s: damaged Go function table; rebuild or reinstall the program",
			  image_name(img));
		err = -EBADMSG;
		goto fail;
	}
	*out = gb;
	return 0;
fail:
	gobin_close(gb);
	return err;
}

void gobin_close(struct gobin *gb)
{
	if (!gb)
		return;
	for (int part = 0; part < NAMEINDEX_PARTS; part++)
		nameindex_free(gb->names->by_name[part]);
	free(gb->names->runtime);
	for (size_t i = 0; i < CALLS_SLOTS; i++)
		free(gb->names->calls[i].v);
	free(gb->names->calls);
	tdestroy(gb->names->texts, free);
	free(gb->names);
	buildinfo_fini(&gb->info);
	free(gb);
}

const struct image *gobin_image(const struct gobin *gb)
{
	return gb->img;
}

const struct go_version *gobin_version(const struct gobin *gb)
{
	return &gb->info.version;
}

const struct go_module *gobin_module(const struct gobin *gb)
{
	return &gb->md.module;
}

const char *gobin_setting(const struct gobin *gb, const char *key)
{
	size_t i;

	for (i = 0; i < gb->info.n_settings; i++)
		if (!strcmp(gb->info.settings[i].key, key))
			return gb->info.settings[i].value;
	return NULL;
}

const char *gobin_main_module(const struct gobin *gb)
{
	return gb->info.main_module;
}

/* 1: listed, 0: listed with "no" in front, -1: not listed. */
static int listed(const char *list, const char *name)
{
	size_t len;
	bool no;

	for (; *list; list += strspn(list, ",")) {
		len = strcspn(list, ",");
		no = len == strlen(name) + 2 && !strncmp(list, "no", 2);
		if ((no || len == strlen(name)) && !strncmp(list + 2 * no, name, strlen(name)))
			return !no;
		list += len;
	}
	return -1;
}

bool gobin_experiment(const struct gobin *gb, const char *name)
{
	const struct go_version *v = gobin_version(gb);
	const char *setting = gobin_setting(gb, "GOEXPERIMENT");
	int on = listed(v->experiments, name);
	size_t i;

	if (on < 0 && setting)
		on = listed(setting, name);
	for (i = 0; i < ARRAY_SIZE(default_experiments) && on < 0; i++)
		if (!strcmp(default_experiments[i].name, name))
			on = v->minor >= default_experiments[i].since_minor;
	return on > 0;
}

static int by_place(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	if (x->raw != y->raw)
		return x->raw < y->raw ? -1 : 1;
	return x->function - y->function;
}

/* The text at raw, at most MAX_NAME bytes of it; read once, as it may be changing. */
static const char *own_text(const struct gobin *gb, const char *raw, bool function)
{
	const int minor = gb->info.version.minor;
	char copy[MAX_NAME + 1] = "";
	const struct text key = { .raw = raw, .function = function };
	void **found = tfind(&key, &gb->names->texts, by_place);
	struct text *t;

	if (found)
		return (*(struct text **)found)->text;
	memccpy(copy, raw, 0, MAX_NAME);
	t = xcalloc(1, sizeof(*t) + strlen(copy) + FUNCNAME_GROWS + 1);
	t->raw = raw;
	t->function = function;
	if (function && funcname_changes(copy, minor))
		funcname_print(t->text, copy, minor);
	else
		strcpy(t->text, copy);
	if (!tsearch(t, &gb->names->texts, by_place)) {
		free(t);
		return NULL;
	}
	return t->text;
}

static const char *own_name(const struct gobin *gb, uint32_t name_off)
{
	const char *raw = pclntab_name(&gb->pt, name_off);

	return raw ? own_text(gb, raw, true) : NULL;
}

/* Without a copy where Go prints what stands in the image: for those who look and go on.  Names
 * beyond MAX_NAME bytes stay as they are. */
static const char *printed_name(const struct gobin *gb, uint32_t name_off)
{
	const char *raw = pclntab_name(&gb->pt, name_off);

	if (!raw || strnlen(raw, MAX_NAME + 1) > MAX_NAME ||
	    !funcname_changes(raw, gb->info.version.minor))
		return raw;
	return own_text(gb, raw, true);
}

static void fill_func(const struct gobin *gb, const struct pcln_func *f, struct go_func *out)
{
	const char *name = printed_name(gb, f->name_off);

	*out = (struct go_func){
		.name = name ? name : "?",
		.entry = f->entry,
		.end = f->end,
		.index = f->index,
	};
}

size_t gobin_n_funcs(const struct gobin *gb)
{
	return gb->md.n_funcs;
}

bool gobin_func(const struct gobin *gb, size_t index, struct go_func *out)
{
	struct pcln_func f;

	if (!pclntab_func(&gb->pt, index, &f))
		return false;
	fill_func(gb, &f, out);
	return true;
}

bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out)
{
	struct pcln_func f;

	if (!pclntab_func_at(&gb->pt, pc, &f))
		return false;
	fill_func(gb, &f, out);
	return !image_seen_changed(gb->img);
}

const char *gobin_full_name(const struct gobin *gb, uint64_t pc)
{
	struct pcln_func f;
	const char *raw = pclntab_func_at(&gb->pt, pc, &f) ? pclntab_name(&gb->pt, f.name_off) :
							     NULL;

	return raw ? own_text(gb, raw, false) : NULL;
}

static const char *raw_name(const struct gobin *gb, uint64_t index)
{
	struct pcln_func f;

	return pclntab_func(&gb->pt, index, &f) ? pclntab_name(&gb->pt, f.name_off) : NULL;
}

static bool func_is(const void *ctx, uint32_t number, const char *name)
{
	const struct gobin *gb = ctx;
	struct go_func f;

	return gobin_func(gb, number, &f) && !strcmp(f.name, name);
}

static void add_runtime(struct names *names, uint32_t number)
{
	names->runtime = grow(names->runtime, names->n_runtime, &names->cap_runtime,
			      sizeof(*names->runtime));
	names->runtime[names->n_runtime++] = number;
}

/* Reading them all is what costs: the functions of a large program lie in 20 MB. */
static struct nameindex *index_names(const struct gobin *gb, enum nameindex_part part)
{
	const int minor = gb->info.version.minor;
	struct nameindex *ix = nameindex_new(gb->md.n_funcs, func_is, gb);
	char printed[MAX_NAME + FUNCNAME_GROWS + 1];

	for (uint64_t i = 0; i < gb->md.n_funcs; i++) {
		const char *name = raw_name(gb, i);

		if (!name || nameindex_part_of(name) != part)
			continue;
		if (part == NAMEINDEX_RUNTIME)
			add_runtime(gb->names, (uint32_t)i);
		if (strnlen(name, MAX_NAME + 1) > MAX_NAME)
			continue;
		if (funcname_changes(name, minor)) {
			funcname_print(printed, name, minor);
			name = printed;
		}
		nameindex_add(ix, name, strlen(name), (uint32_t)i);
	}
	return ix;
}

static const struct nameindex *get_index(const struct gobin *gb, enum nameindex_part part)
{
	struct nameindex **by_name = &gb->names->by_name[part];

	if (!*by_name)
		*by_name = index_names(gb, part);
	return *by_name;
}

bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out)
{
	uint32_t i;

	return nameindex_find(get_index(gb, nameindex_part_of(name)), name, &i) &&
	       gobin_func(gb, i, out);
}

bool gobin_next_func(const struct gobin *gb, size_t *i, const char *beginning, struct go_func *out)
{
	get_index(gb, NAMEINDEX_RUNTIME);
	while (*i < gb->names->n_runtime) {
		const uint32_t number = gb->names->runtime[(*i)++];
		const char *name = raw_name(gb, number);

		if (name && !strncmp(name, beginning, strlen(beginning)))
			return gobin_func(gb, number, out);
	}
	return false;
}

int32_t gobin_frame_size(const struct gobin *gb, uint64_t pc)
{
	struct pcln_func f;

	return pclntab_func_at(&gb->pt, pc, &f) ? pclntab_value(&gb->pt, &f, f.pcsp, pc) : -1;
}

uint32_t gobin_args_size(const struct gobin *gb, uint64_t pc)
{
	struct pcln_func f;

	return pclntab_func_at(&gb->pt, pc, &f) && f.args > 0 && f.args <= MAX_FRAME_BYTES
		? (uint32_t)f.args : 0;
}

bool gobin_live_words(const struct gobin *gb, uint64_t pc, struct live_words *out)
{
	struct pcln_func f;

	return pclntab_func_at(&gb->pt, pc, &f) && pclntab_live_words(&gb->pt, &f, pc, out);
}

bool gobin_stack_object(const struct gobin *gb, const struct live_words *live, uint32_t i,
			struct stack_object *out)
{
	return pclntab_stack_object(&gb->pt, live, i, out);
}

/* State of one walk. */
struct walk {
	const struct gobin *gb;
	struct frame *out;
	size_t n, cap;
	uint8_t callee_id;	/* FuncID of the last frame, left out or not */
	bool trap;		/* the next pc is no return address but an instruction's */
};

/* A wrapper that called panic instead of the function it wraps is shown. */
static bool left_out(const struct walk *w, uint8_t func_id)
{
	const struct pcln_func_ids *ids = pclntab_func_ids(&w->gb->pt);

	return func_id == ids->wrapper && w->callee_id != ids->gopanic &&
	       w->callee_id != ids->sigpanic && w->callee_id != ids->panicwrap;
}

static void add_frame(struct walk *w, const struct frame *fr)
{
	if (w->n < w->cap)
		w->out[w->n] = *fr;
	w->n++;
}

/* One logical frame: the function at f's pc at, whose call is at pc. */
static void find_call(const struct gobin *gb, struct calls *c, const struct pcln_func *f,
		      uint64_t pc, uint64_t at, uint32_t name_off, uint8_t func_id)
{
	const char *raw = pclntab_name(&gb->pt, name_off);
	struct frame fr = { .function = own_name(gb, name_off), .pc = pc };

	/*
	 * runtime/pprof has always written the name of the pclntab: up to Go 1.20 that is what is
	 * printed, since 1.21 runtime_FrameSymbolName (runtime/symtab.go) sees to it.
	 */
	if (raw && funcname_changes(raw, gb->info.version.minor))
		fr.profiled = own_text(gb, raw, false);
	if (pclntab_line(&gb->pt, f, at, &fr.file, &fr.line))
		fr.file = own_text(gb, fr.file, false);
	c->v[c->n++] = (struct call){ fr, func_id };
}

static void find_calls(const struct gobin *gb, struct calls *c, const struct pcln_func *f,
		       uint64_t pc)
{
	const struct pclntab *pt = &gb->pt;
	struct pcln_inlined call;
	int32_t last = -1;
	uint64_t at = pc;

	for (size_t i = 0; i < MAX_INLINED && pclntab_inlined_at(pt, f, at, &call); i++) {
		/* Its own parent: so in init functions that the compiler emptied (Go 1.24). */
		if (call.index == last)
			break;
		last = call.index;
		find_call(gb, c, f, pc, at, call.name_off, call.func_id);
		at = call.parent_pc;
	}
	find_call(gb, c, f, pc, at, f->name_off, f->func_id);
	c->func_id = f->func_id;
}

static void keep_calls(struct calls *slot, const struct calls *c)
{
	free(slot->v);
	*slot = *c;
	slot->v = xcalloc(c->n, sizeof(*c->v));
	memcpy(slot->v, c->v, c->n * sizeof(*c->v));
}

/* What a stack has at pc, false: no function of Go.  v: room for MAX_INLINED + 1. */
static bool calls_at(const struct gobin *gb, uint64_t pc, bool trap, struct call *v,
		     struct calls *out)
{
	struct calls *slot = &gb->names->calls[table_mix(trap, pc) % CALLS_SLOTS];
	struct pcln_func f;

	if (slot->n && slot->pc == pc && slot->trap == trap) {
		*out = *slot;
		return true;
	}
	/* By the return address itself, as the runtime does. */
	if (!pclntab_func_at(&gb->pt, pc, &f))
		return false;
	*out = (struct calls){ .pc = pc, .trap = trap, .v = v };
	find_calls(gb, out, &f, trap || pc == f.entry ? pc : pc - 1);
	if (out->n <= MAX_CALLS_KEPT)
		keep_calls(slot, out);
	return true;
}

/* All logical frames of one physical one. */
static void add_calls(struct walk *w, const struct calls *c)
{
	size_t first = w->n;

	for (size_t i = 0; i < c->n; i++) {
		if (!left_out(w, c->v[i].func_id))
			add_frame(w, &c->v[i].frame);
		w->callee_id = c->v[i].func_id;
	}
	for (size_t i = first; i + 1 < w->n && i < w->cap; i++)
		w->out[i].inlined = true;
}

/* Functions that a signal handler made the interrupted code "call" (runtime: injectedCall). */
static bool is_injected(const struct gobin *gb, uint8_t func_id)
{
	const struct pcln_func_ids *ids = pclntab_func_ids(&gb->pt);

	/* Up to Go 1.20 the runtime makes the difference for sigpanic only. */
	return func_id == ids->sigpanic ||
	       (gb->info.version.minor >= 21 &&
		(func_id == ids->async_preempt || func_id == ids->debug_call));
}

static void add_pc(struct walk *w, uint64_t pc)
{
	struct call room[MAX_INLINED + 1];
	struct calls c;

	if (!calls_at(w->gb, pc, w->trap, room, &c)) {
		add_frame(w, &(struct frame){ .pc = w->trap || !pc ? pc : pc - 1 });
		w->callee_id = 0;
		w->trap = false;
		return;
	}
	add_calls(w, &c);
	w->trap = is_injected(w->gb, c.func_id);
}

size_t gobin_frames(const struct gobin *gb, const uint64_t *pcs, size_t n, bool leaf_is_return,
		    struct frame *out, size_t cap)
{
	struct walk w = { .gb = gb, .out = out, .cap = cap, .trap = !leaf_is_return };
	size_t i;

	for (i = 0; i < n; i++)
		add_pc(&w, pcs[i]);
	if (!image_seen_changed(gb->img))
		return w.n;
	for (i = 0; i < n && i < cap; i++)
		out[i] = (struct frame){ .pc = pcs[i] };
	return n;
}

/* How many of the n pcs behind a return address stand for calls around the inlined one it is in. */
static size_t count_logical(const struct gobin *gb, uint64_t pc, const uint64_t *behind, size_t n)
{
	struct pcln_inlined call;
	struct pcln_func f;
	uint64_t at = pc - 1;
	int32_t last = -1;
	size_t found = 0;

	if (!pc || !pclntab_func_at(&gb->pt, at, &f))
		return 0;
	for (size_t i = 0; i < MAX_INLINED && pclntab_inlined_at(&gb->pt, &f, at, &call); i++) {
		if (call.index == last)
			break;
		last = call.index;
		at = call.parent_pc;
		/* those of wrappers are not there */
		found += found < n && behind[found] == at + 1;
	}
	return found;
}

size_t gobin_physical(const struct gobin *gb, uint64_t *pcs, size_t n)
{
	size_t kept = 0, left_out;

	for (size_t i = 0; i < n; i += 1 + left_out) {
		left_out = count_logical(gb, pcs[i], pcs + i + 1, n - i - 1);
		pcs[kept++] = pcs[i];
	}
	return kept;
}
