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
#include "user/base/util.h"
#include "user/go/buildinfo.h"
#include "user/go/funcname.h"
#include "user/go/image.h"
#include "user/go/moduledata.h"
#include "user/go/nameindex.h"
#include "user/go/pclntab.h"

enum {
	MAX_INLINED = 256,		/* calls into each other at one pc; some 10 are usual */
};

/* Filled when asked, hence behind a pointer: a gobin is const for its users. */
struct names {
	struct nameindex *by_name;	/* of all functions, as Go prints them */
	void *printed;			/* tree of struct printed */
};

/* A function's name as Go prints it, where that is not what stands in the pclntab. */
struct printed {
	uint32_t name_off;
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
	nameindex_free(gb->names->by_name);
	tdestroy(gb->names->printed, free);
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

static int by_name_off(const void *a, const void *b)
{
	const struct printed *x = a, *y = b;

	return x->name_off < y->name_off ? -1 : x->name_off > y->name_off;
}

/* Names beyond MAX_NAME bytes stay as they are. */
static const char *printed_name(const struct gobin *gb, uint32_t name_off)
{
	const int minor = gb->info.version.minor;
	const char *raw = pclntab_name(&gb->pt, name_off);
	struct printed *pr;
	void **found;

	if (!raw || strnlen(raw, MAX_NAME + 1) > MAX_NAME || !funcname_changes(raw, minor))
		return raw;
	found = tfind(&(struct printed){ .name_off = name_off }, &gb->names->printed, by_name_off);
	if (found)
		return (*(struct printed **)found)->text;
	pr = xcalloc(1, sizeof(*pr) + strlen(raw) + FUNCNAME_GROWS + 1);
	pr->name_off = name_off;
	funcname_print(pr->text, raw, minor);
	if (!tsearch(pr, &gb->names->printed, by_name_off)) {
		free(pr);
		return raw;
	}
	return pr->text;
}

static void fill_func(const struct gobin *gb, const struct pcln_func *f, struct go_func *out)
{
	const char *name = printed_name(gb, f->name_off);

	*out = (struct go_func){
		.name = name ? name : "?",
		.entry = f->entry,
		.end = f->end,
		.index = f->index,
		.func_id = f->func_id,
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

bool gobin_next_func(const struct gobin *gb, size_t *index, const char *beginning,
		     struct go_func *out)
{
	struct pcln_func f;
	const char *name;

	while (*index < gb->md.n_funcs) {
		if (!pclntab_func(&gb->pt, (*index)++, &f))
			continue;
		name = pclntab_name(&gb->pt, f.name_off);
		if (!name || strncmp(name, beginning, strlen(beginning)))
			continue;
		fill_func(gb, &f, out);
		return true;
	}
	return false;
}

bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out)
{
	struct pcln_func f;

	if (!pclntab_func_at(&gb->pt, pc, &f))
		return false;
	fill_func(gb, &f, out);
	return true;
}

static struct nameindex *index_names(const struct gobin *gb)
{
	const int minor = gb->info.version.minor;
	struct nameindex *ix = nameindex_new(gb->md.n_funcs);
	char printed[MAX_NAME + FUNCNAME_GROWS + 1];
	struct pcln_func f;
	const char *name;
	uint64_t i;

	for (i = 0; i < gb->md.n_funcs; i++) {
		if (!pclntab_func(&gb->pt, i, &f))
			continue;
		name = pclntab_name(&gb->pt, f.name_off);
		if (!name || strnlen(name, MAX_NAME + 1) > MAX_NAME)
			continue;
		if (funcname_changes(name, minor)) {
			funcname_print(printed, name, minor);
			name = printed;
		}
		nameindex_add(ix, name, strlen(name), i);
	}
	return ix;
}

static bool func_is(const void *ctx, uint32_t number, const char *name)
{
	const struct gobin *gb = ctx;
	struct go_func f;

	return gobin_func(gb, number, &f) && !strcmp(f.name, name);
}

bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out)
{
	uint32_t i;

	if (!gb->names->by_name)
		gb->names->by_name = index_names(gb);
	return nameindex_find(gb->names->by_name, name, func_is, gb, &i) && gobin_func(gb, i, out);
}

int32_t gobin_frame_size(const struct gobin *gb, uint64_t pc)
{
	struct pcln_func f;

	return pclntab_func_at(&gb->pt, pc, &f) ? pclntab_value(&gb->pt, &f, f.pcsp, pc) : -1;
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
static void add_call(struct walk *w, const struct pcln_func *f, uint64_t pc, uint64_t at,
		     uint32_t name_off, uint8_t func_id)
{
	const char *raw = pclntab_name(&w->gb->pt, name_off);
	struct frame fr = { .function = printed_name(w->gb, name_off), .pc = pc };

	/*
	 * runtime/pprof has always written the name of the pclntab: up to Go 1.20 that is what is
	 * printed, since 1.21 runtime_FrameSymbolName (runtime/symtab.go) sees to it.
	 */
	fr.profiled = raw != fr.function ? raw : NULL;
	if (!left_out(w, func_id)) {
		pclntab_line(&w->gb->pt, f, at, &fr.file, &fr.line);
		add_frame(w, &fr);
	}
	w->callee_id = func_id;
}

/* All logical frames of one physical one. */
static void add_physical(struct walk *w, const struct pcln_func *f, uint64_t pc)
{
	const struct pclntab *pt = &w->gb->pt;
	struct pcln_inlined call;
	size_t i, first = w->n;
	int32_t last = -1;
	uint64_t at = pc;

	for (i = 0; i < MAX_INLINED && pclntab_inlined_at(pt, f, at, &call); i++) {
		/* Its own parent: so in init functions that the compiler emptied (Go 1.24). */
		if (call.index == last)
			break;
		last = call.index;
		add_call(w, f, pc, at, call.name_off, call.func_id);
		at = call.parent_pc;
	}
	add_call(w, f, pc, at, f->name_off, f->func_id);
	for (i = first; i + 1 < w->n && i < w->cap; i++)
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
	struct pcln_func f;

	/* By the return address itself, as the runtime does. */
	if (!pclntab_func_at(&w->gb->pt, pc, &f)) {
		add_frame(w, &(struct frame){ .pc = w->trap || !pc ? pc : pc - 1 });
		w->callee_id = 0;
		w->trap = false;
		return;
	}
	add_physical(w, &f, w->trap || pc == f.entry ? pc : pc - 1);
	w->trap = is_injected(w->gb, f.func_id);
}

size_t gobin_frames(const struct gobin *gb, const uint64_t *pcs, size_t n, bool leaf_is_return,
		    struct frame *out, size_t cap)
{
	struct walk w = { .gb = gb, .out = out, .cap = cap, .trap = !leaf_is_return };
	size_t i;

	for (i = 0; i < n; i++)
		add_pc(&w, pcs[i]);
	return w.n;
}
