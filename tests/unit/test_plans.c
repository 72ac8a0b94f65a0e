// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_plans.c - the whole planner on the code of real Go programs, against the plans it made for
 * them when the end-to-end tests of these releases had shown that every object is counted once.
 *
 * tests/unit/plans holds, per build, a plan as --dry-run prints it (.txt), and what the planner
 * looked at for it (.code), both written by scripts/gen-plans, in lines:
 *
 *	go MINOR PATCH TEXT
 *	text VADDR FILE-OFFSET		of the code segment
 *	setting KEY VALUE
 *	func ENTRY END NAME		in order of address or not
 *	code HEX			of the function before it
 *	word VADDR VALUE		read-only data
 *
 * Takes the place of image.c and gobin.c, so that no Go program is needed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/probe/plan.h"
#include "user/probe/plan_text.h"

enum { MAX_FUNCS = 400, MAX_WORDS = 400, MAX_LINE = 1024, MAX_TEXT = 1 << 15 };

struct function {
	struct go_func fn;
	uint8_t *code;		/* NULL: not in the file */
	size_t n;
};

struct word {
	uint64_t vaddr, value;
};

struct image {
	uint64_t text, file_off;
	struct function funcs[MAX_FUNCS];
	size_t n_funcs;
	struct word words[MAX_WORDS];
	size_t n_words;
};

struct gobin {
	struct image img;
	struct go_version version;
	struct go_module module;
	char key[32], value[32];
};

/* ---- the file ------------------------------------------------------------------------------- */

static void add_func(struct image *img, const char *line)
{
	struct function *f = &img->funcs[img->n_funcs];
	char name[MAX_LINE];

	assert_in_range(img->n_funcs, 0, MAX_FUNCS - 1);
	assert_int_equal(sscanf(line, "func %" SCNx64 " %" SCNx64 " %[^\n]", &f->fn.entry,
				&f->fn.end, name), 3);
	f->fn.name = xstrdup(name);
	f->fn.index = (uint32_t)img->n_funcs++;
}

static void add_code(struct image *img, const char *hex)
{
	struct function *f = &img->funcs[img->n_funcs - 1];
	unsigned byte;

	if (!f->code)
		f->code = xcalloc(f->fn.end - f->fn.entry, 1);
	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		assert_in_range(f->n, 0, f->fn.end - f->fn.entry - 1);
		f->code[f->n++] = (uint8_t)byte;
	}
}

static void add_line(struct gobin *gb, const char *line)
{
	struct image *img = &gb->img;
	struct word *w = &img->words[img->n_words];

	if (sscanf(line, "go %d %d %63s", &gb->version.minor, &gb->version.patch,
		   gb->version.text) == 3 ||
	    sscanf(line, "text %" SCNx64 " %" SCNx64, &img->text, &img->file_off) == 2 ||
	    sscanf(line, "setting %31s %31s", gb->key, gb->value) == 2)
		return;
	if (!strncmp(line, "func ", 5)) {
		add_func(img, line);
	} else if (!strncmp(line, "code ", 5)) {
		add_code(img, line + 5);
	} else {
		assert_in_range(img->n_words, 0, MAX_WORDS - 1);
		assert_int_equal(sscanf(line, "word %" SCNx64 " %" SCNx64, &w->vaddr, &w->value),
				 2);
		img->n_words++;
	}
}

static FILE *open_file(const char *build, const char *ending)
{
	char *path = xasprintf("tests/unit/plans/%s.%s", build, ending);
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("cannot open %s", path);
	free(path);
	return f;
}

static struct gobin *open_build(const char *build)
{
	struct gobin *gb = xcalloc(1, sizeof(*gb));
	FILE *f = open_file(build, "code");
	char line[MAX_LINE];

	while (fgets(line, sizeof(line), f))
		add_line(gb, line);
	fclose(f);
	return gb;
}

static void close_build(struct gobin *gb)
{
	for (size_t i = 0; i < gb->img.n_funcs; i++) {
		free((char *)gb->img.funcs[i].fn.name);
		free(gb->img.funcs[i].code);
	}
	free(gb);
}

/* ---- in place of image.c -------------------------------------------------------------------- */

const char *image_name(const struct image *img)
{
	return "the stored program";
}

uint16_t image_machine(const struct image *img)
{
	return EM_X86_64;
}

const void *image_at(const struct image *img, uint64_t vaddr, uint64_t *avail)
{
	for (size_t i = 0; i < img->n_funcs; i++) {
		const struct function *f = &img->funcs[i];

		if (vaddr - f->fn.entry >= f->n)
			continue;
		*avail = f->fn.entry + f->n - vaddr;
		return f->code + (vaddr - f->fn.entry);
	}
	for (size_t i = 0; i < img->n_words; i++) {
		if (img->words[i].vaddr != vaddr)
			continue;
		*avail = sizeof(img->words[i].value);
		return &img->words[i].value;
	}
	return NULL;
}

bool image_read(const struct image *img, uint64_t vaddr, void *buf, size_t len)
{
	uint64_t avail;
	const void *p = image_at(img, vaddr, &avail);

	if (!p || avail < len)
		return false;
	memcpy(buf, p, len);
	return true;
}

bool image_file_off(const struct image *img, uint64_t vaddr, uint64_t *file_off)
{
	*file_off = vaddr - img->text + img->file_off;
	return true;
}

/* ---- in place of gobin.c -------------------------------------------------------------------- */

const struct image *gobin_image(const struct gobin *gb)
{
	return &gb->img;
}

const struct go_version *gobin_version(const struct gobin *gb)
{
	return &gb->version;
}

const struct go_module *gobin_module(const struct gobin *gb)
{
	return &gb->module;
}

const char *gobin_setting(const struct gobin *gb, const char *key)
{
	return strcmp(key, gb->key) ? NULL : gb->value;
}

bool gobin_next_func(const struct gobin *gb, size_t *index, const char *beginning,
		     struct go_func *out)
{
	while (*index < gb->img.n_funcs) {
		*out = gb->img.funcs[(*index)++].fn;
		if (!strncmp(out->name, beginning, strlen(beginning)))
			return true;
	}
	return false;
}

bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out)
{
	for (size_t i = 0; i < gb->img.n_funcs; i++) {
		*out = gb->img.funcs[i].fn;
		if (!strcmp(out->name, name))
			return true;
	}
	return false;
}

bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out)
{
	for (size_t i = 0; i < gb->img.n_funcs; i++) {
		*out = gb->img.funcs[i].fn;
		if (pc >= out->entry && pc < out->end)
			return true;
	}
	return false;
}

/* ---- the tests ------------------------------------------------------------------------------ */

static const char *const builds[] = {
	"go1.17.13-plain", "go1.17.13-unoptimized", "go1.22.12-plain", "go1.22.12-race",
	"go1.26.11-plain", "go1.26.11-unoptimized", "go1.27.4-plain",
};

static const struct plan_wants all = { .heap = true, .goroutines = true };

static char *plan_of(const struct gobin *gb, const struct plan_wants *wants)
{
	struct plan plan;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(plan_make(&plan, gb, wants), 0);
	plan_text(f, &plan, 0);
	plan_fini(&plan);
	fclose(f);
	return text;
}

static void makes_the_known_plans(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		struct gobin *gb = open_build(builds[i]);
		FILE *f = open_file(builds[i], "txt");
		char known[MAX_TEXT], *text = plan_of(gb, &all);
		size_t n = fread(known, 1, sizeof(known) - 1, f);

		fclose(f);
		known[n] = '\0';
		print_message("%s\n", builds[i]);
		assert_string_equal(text, known);
		free(text);
		close_build(gb);
	}
}

/* What is not wanted is not planned; begin and end of a mark phase always are. */
static void plans_what_is_wanted(void **state)
{
	const struct plan_wants only_heap = { .heap = true }, none = { .heap = false };
	struct gobin *gb = open_build("go1.27.4-plain");
	char *text = plan_of(gb, &only_heap);

	assert_non_null(strstr(text, "runtime.mallocgcTinySC2"));
	assert_null(strstr(text, "runtime.newproc1"));
	free(text);
	text = plan_of(gb, &none);
	assert_non_null(strstr(text, "2 places to probe"));
	assert_non_null(strstr(text, "runtime.gcStart"));
	assert_non_null(strstr(text, "runtime.gcSweep"));
	free(text);
	close_build(gb);
}

static bool has_samples(const struct plan *plan)
{
	return plan->n && plan->probes[plan->n - 1].profiled;
}

/* Refused; or, where only the samples of the profiler would be seen there, planned without these. */
static void assert_not_planned(const struct gobin *gb, const struct function *f)
{
	struct plan plan;
	int err = plan_make(&plan, gb, &all);

	if (!err) {
		assert_false(has_samples(&plan));
		for (size_t i = 0; i < plan.n; i++)
			assert_true(plan.probes[i].func_entry != f->fn.entry);
		plan_fini(&plan);
		return;
	}
	assert_int_equal(err, -ENOTSUP);
}

/* Code that is missing, or that does not decode, is refused; nothing is planned around it. */
static void refuses_damaged_code(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		struct gobin *gb = open_build(builds[i]);
		size_t n_tried = 0;

		for (size_t k = 0; k < gb->img.n_funcs; k++) {
			struct function *f = &gb->img.funcs[k];
			uint8_t first;

			if (!f->n)
				continue;
			first = f->code[0];
			f->code[0] = 0x06;	/* no instruction in 64-bit mode */
			assert_not_planned(gb, f);
			f->code[0] = first;
			f->n--;
			assert_not_planned(gb, f);
			f->n++;
			n_tried++;
		}
		assert_in_range(n_tried, 4, MAX_FUNCS);
		close_build(gb);
	}
}

/* Every sample of the profiler is seen by one call of profilealloc; where that has been inlined, by
 * none. */
static void plans_samples(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		struct gobin *gb = open_build(builds[i]);
		struct plan plan;
		size_t n_samples = 0;

		assert_int_equal(plan_make(&plan, gb, &all), 0);
		for (size_t k = 0; k < plan.n; k++) {
			const struct plan_probe *p = &plan.probes[k];

			if (!p->profiled)
				continue;
			n_samples++;
			assert_int_equal(p->bytes[0], 0xe8);
			assert_int_equal(p->wire.kind, GL_PROBE_ALLOC);
		}
		assert_true(n_samples > 0 && has_samples(&plan));
		plan_fini(&plan);
		for (size_t k = 0; k < gb->img.n_funcs; k++)
			if (!strcmp(gb->img.funcs[k].fn.name, "runtime.profilealloc"))
				strcpy((char *)gb->img.funcs[k].fn.name, "runtime.mProf_Malloc");
		assert_int_equal(plan_make(&plan, gb, &all), 0);
		assert_false(has_samples(&plan));
		plan_fini(&plan);
		close_build(gb);
	}
}

/* Up to Go 1.23 the branch at the end of mallocgc tells small objects from large ones, which are not
 * in a register there; later it does not. */
static void tells_small_ways(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(builds); i++) {
		struct gobin *gb = open_build(builds[i]);
		/* -race has its place on the ret */
		const bool old = gobin_version(gb)->minor <= 23 && !strstr(builds[i], "race");
		size_t n_last = 0;
		struct plan plan;

		assert_int_equal(plan_make(&plan, gb, &all), 0);
		for (size_t k = 0; k < plan.n; k++) {
			const struct plan_probe *p = &plan.probes[k];
			const unsigned int small = p->wire.flags & (GL_SMALL_WHEN_TAKEN |
								    GL_SMALL_WHEN_NOT_TAKEN);

			if (p->wire.kind != GL_PROBE_ALLOC || strcmp(p->func, "runtime.mallocgc"))
				continue;
			assert_true(old || !small);
			if (!old || p->wire.ptr.kind != GL_LOC_SLOT)
				continue;
			assert_int_equal(small, GL_SMALL_WHEN_TAKEN);
			assert_memory_equal(p->insn, "je", 2);
			n_last++;
		}
		assert_int_equal(n_last, old);
		plan_fini(&plan);
		close_build(gb);
	}
}

/* The entry of one function is that of another, too. */
static void refuses_two_probes_at_one_place(void **state)
{
	struct gobin *gb = open_build("go1.27.4-plain");
	struct go_func end = { 0 }, sweep = { 0 };
	struct plan plan;

	assert_true(gobin_find_func(gb, "runtime.gdestroy", &end));
	assert_true(gobin_find_func(gb, "runtime.gcSweep", &sweep));
	gb->img.funcs[sweep.index].fn.entry = end.entry;
	gb->img.funcs[sweep.index].fn.end = end.end;
	gb->img.funcs[sweep.index].n = 0;	/* its code is the other's */
	assert_int_equal(plan_make(&plan, gb, &all), -ENOTSUP);
	close_build(gb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_known_plans),
		cmocka_unit_test(plans_what_is_wanted),
		cmocka_unit_test(refuses_damaged_code),
		cmocka_unit_test(refuses_two_probes_at_one_place),
		cmocka_unit_test(plans_samples),
		cmocka_unit_test(tells_small_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
