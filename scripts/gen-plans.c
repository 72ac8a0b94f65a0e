// SPDX-License-Identifier: BSD-2-Clause
/*
 * gen-plans.c - cuts out of a Go program what the planner looks at, and writes the plan beside it,
 * for scripts/gen-plans.
 *
 * Of each function that gets a probe or is searched for one the code, of the others that matter the
 * place only; tests/unit/test_plans.c says how the file is read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/probe/plan.h"
#include "user/probe/plan_text.h"

enum {
	BYTES_A_LINE = 40,
	TABLE_FIRST = 16, TABLE_LAST = 80, TABLE_STEP = 8,	/* as body.c has it */
};

struct cut {
	const struct gobin *gb;
	const struct plan *plan;
	FILE *out;
	bool *written;		/* by index of the function */
};

static void write_place(struct cut *c, const struct go_func *fn)
{
	if (!c->written[fn->index])
		fprintf(c->out, "func 0x%" PRIx64 " 0x%" PRIx64 " %s\n", fn->entry, fn->end,
			fn->name);
	c->written[fn->index] = true;
}

static bool read_word(const struct cut *c, uint64_t vaddr, uint64_t *out)
{
	return image_read(gobin_image(c->gb), vaddr, out, sizeof(*out));
}

/* The words of a table of closures of functions, if there is one at vaddr. */
static void write_table(struct cut *c, uint64_t vaddr)
{
	for (int round = 0; round < 2; round++) {
		for (uint64_t at = vaddr + 8 * TABLE_FIRST; at <= vaddr + 8 * TABLE_LAST;
		     at += 8 * TABLE_STEP) {
			uint64_t closure, entry;
			struct go_func fn;

			if (!read_word(c, at, &closure) || !read_word(c, closure, &entry) ||
			    !gobin_func_at(c->gb, entry, &fn) || fn.entry != entry)
				return;
			if (round)
				fprintf(c->out, "word 0x%" PRIx64 " 0x%" PRIx64 "\n"
					"word 0x%" PRIx64 " 0x%" PRIx64 "\n", at, closure, closure,
					entry);
		}
	}
}

static void write_code(struct cut *c, const struct go_func *fn)
{
	size_t len = fn->end - fn->entry;
	uint64_t avail;
	const uint8_t *code = image_at(gobin_image(c->gb), fn->entry, &avail);

	write_place(c, fn);
	for (size_t i = 0; i < len && len <= avail; i++)
		fprintf(c->out, "%s%02x%s", i % BYTES_A_LINE ? "" : "code ", code[i],
			i + 1 == len || i % BYTES_A_LINE == BYTES_A_LINE - 1 ? "\n" : "");
}

/* What the function calls, and the tables it refers to. */
static void write_references(struct cut *c, const struct go_func *fn)
{
	const struct image *img = gobin_image(c->gb);
	struct insns in = { 0 };
	struct go_func callee;
	uint64_t avail;
	const uint8_t *code = image_at(img, fn->entry, &avail);

	insns_decode(&in, image_machine(img), code, fn->end - fn->entry, fn->entry);
	for (size_t i = 0; i < in.n; i++) {
		if (in.v[i].flow == INSN_CALL && gobin_func_at(c->gb, in.v[i].target, &callee))
			write_place(c, &callee);
		if (in.v[i].op == INSN_LEA && in.v[i].rip_relative)
			write_table(c, in.v[i].addr_ref);
	}
	insns_free(&in);
}

static bool gets_code(const struct cut *c, const struct go_func *fn)
{
	static const char *const searched[] = {
		"runtime.goexit0", "runtime.gdestroy", "runtime.coroswitch_m",
	};

	for (size_t i = 0; i < c->plan->n; i++)
		if (c->plan->probes[i].func_entry == fn->entry)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(searched); i++)
		if (!strcmp(fn->name, searched[i]))
			return true;
	return false;
}

static void write_cut(struct cut *c)
{
	const struct go_module *md = gobin_module(c->gb);
	const struct go_version *v = gobin_version(c->gb);
	const char *compiler = gobin_setting(c->gb, "-compiler");
	uint64_t file_off = 0;
	struct go_func fn;
	size_t i = 0;

	image_file_off(gobin_image(c->gb), md->text, &file_off);
	fprintf(c->out, "go %d %d %s\n", v->minor, v->patch, v->text);
	fprintf(c->out, "text 0x%" PRIx64 " 0x%" PRIx64 "\n", md->text, file_off);
	if (compiler)
		fprintf(c->out, "setting -compiler %s\n", compiler);
	while (gobin_next_func(c->gb, &i, "runtime.", &fn))
		if (gets_code(c, &fn))
			write_code(c, &fn);
	for (i = 0; gobin_next_func(c->gb, &i, "runtime.", &fn);)
		if (gets_code(c, &fn))
			write_references(c, &fn);
	for (i = 0; gobin_next_func(c->gb, &i, "runtime.mallocgc", &fn);)
		write_place(c, &fn);
}

static FILE *create(const char *base, const char *ending)
{
	char *path = xasprintf("%s.%s", base, ending);
	FILE *f = fopen(path, "w");

	if (!f)
		perror(path);
	free(path);
	return f;
}

int main(int argc, char **argv)
{
	const struct plan_wants wants = { .heap = true, .goroutines = true };
	struct image *img = NULL;
	struct gobin *gb = NULL;
	struct plan plan = { 0 };
	struct cut c;
	FILE *text;

	if (argc != 3) {
		fprintf(stderr, "usage: %s GO-BINARY BASE	writes BASE.code and BASE.txt\n",
			argv[0]);
		return 2;
	}
	if (image_open(&img, argv[1], argv[1]) || gobin_open(&gb, img) ||
	    plan_make(&plan, gb, &wants))
		return 1;
	c = (struct cut) { gb, &plan, create(argv[2], "code"),
			   xcalloc(gobin_n_funcs(gb), sizeof(bool)) };
	text = create(argv[2], "txt");
	if (!c.out || !text)
		return 1;
	write_cut(&c);
	plan_text(text, &plan, 0);
	if (fclose(c.out) || fclose(text))
		return 1;
	free(c.written);
	plan_fini(&plan);
	gobin_close(gb);
	image_close(img);
	return 0;
}
