// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_gobin.c - hand-made Go binaries of all versions: version, functions, frames, refusals.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/fake_go.h"
#include "user/base/util.h"
#include "user/go/buildinfo.h"
#include "user/go/funcname.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/go/pclntab.h"

#define PC(fn, off) (FAKE_TEXT + FAKE_FUNC_SIZE * (fn) + (off))

struct opened {
	struct image *img;
	struct gobin *gb;
	char *message;		/* free() it */
};

static int open_fake(const struct fake_go *f, struct opened *o)
{
	FILE *was = stderr;
	char path[32];
	int fd = fake_file(f->bytes, sizeof(f->bytes), path), err;
	size_t n;

	memset(o, 0, sizeof(*o));
	assert_true(fd >= 0);
	assert_int_equal(image_open(&o->img, path, "/bin/fake"), 0);
	close(fd);
	stderr = open_memstream(&o->message, &n);
	err = gobin_open(&o->gb, o->img);
	fclose(stderr);
	stderr = was;
	return err;
}

static void close_fake(struct opened *o)
{
	gobin_close(o->gb);
	image_close(o->img);
	free(o->message);
}

/* Opening fails with err and one line that has the text. */
static void refuse(const struct fake_go *f, int err, const char *message)
{
	struct opened o;

	assert_int_equal(open_fake(f, &o), err);
	assert_null(o.gb);
	if (!strstr(o.message, message))
		fail_msg("\"%s\" lacks \"%s\"", o.message, message);
	assert_ptr_equal(strchr(o.message, '\n'), o.message + strlen(o.message) - 1);
	close_fake(&o);
}

static void test_versions(void **state)
{
	static const struct { const char *from; int minor, patch; const char *text, *exp; } t[] = {
		{ "go1.19.8", 19, 8, "go1.19.8", "" },
		{ "go1.22", 22, 0, "go1.22", "" },
		{ "go1.27rc1", 27, 0, "go1.27rc1", "" },
		{ "go1.21beta2", 21, 0, "go1.21beta2", "" },
		{ "go1.25.14 X:greenteagc", 25, 14, "go1.25.14", "greenteagc" },
		{ "go1.26.10-X:nogreenteagc,arenas", 26, 10, "go1.26.10", "nogreenteagc,arenas" },
		{ "go1.22.1 (Red Hat 1.22.1-1.el9)", 22, 1, "go1.22.1 (Red Hat 1.22.1-1.el9)", "" },
		{ "go1.21.0-fips", 21, 0, "go1.21.0-fips", "" },
		{ "go1.25-20250209-RC00 cl/724970549 +ff27d270c9 X:fieldtrack,boringcrypto", 25, 0,
		  "go1.25-20250209-RC00 cl/724970549 +ff27d270c9", "fieldtrack,boringcrypto" },
		{ "devel go1.25-e4c9d2b Thu May 1", 25, 0, "devel go1.25-e4c9d2b Thu May 1", "" },
		{ "go1.24.1\x1b[31m", 24, 1, "go1.24.1?[31m", "" },
	};
	static const char *const bad[] = {
		"", "go", "go1", "go1.", "go2.1", "devel +4c3a1b", "1.22.1", "go1.x", "go1.22.x",
		"go1.99999999999999999999", " X:go1.22",
	};
	struct go_version v;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		assert_true(buildinfo_parse_version(t[i].from, &v));
		assert_int_equal(v.minor, t[i].minor);
		assert_int_equal(v.patch, t[i].patch);
		assert_string_equal(v.text, t[i].text);
		assert_string_equal(v.experiments, t[i].exp);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (buildinfo_parse_version(bad[i], &v))
			fail_msg("\"%s\" is no version", bad[i]);
}

static void test_funcnames(void **state)
{
	static const struct { int minor; const char *raw, *printed; } t[] = {
		{ 20, "main.F[go.shape.int]", "main.F[go.shape.int]" },	/* the linker's business */
		{ 21, "main.F[go.shape.int]", "main.F[...]" },
		{ 26, "main.(*L[T]).Each[U].func1", "main.(*L[...].func1" },
		{ 27, "main.(*L[T]).Each[U].func1", "main.(*L[...]).Each[...].func1" },
		{ 27, "main.F[map[string][]int]", "main.F[...]" },
		{ 27, "main.F[map[a]b].M[[]c].func2", "main.F[...].M[...].func2" },
		{ 27, "main.F[a][b][c]", "main.F[...][...]" },
		{ 27, "main.F[[a]", "main.F[[a]" },
		{ 27, "main.F[a]b]", "main.F[...]" },
		{ 25, "main.F[a", "main.F[a" },
		{ 25, "main.F]a[", "main.F]a[" },
		{ 25, "[", "[" },
		{ 25, "[]", "[...]" },
		{ 25, "", "" },
	};
	char out[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		funcname_print(out, t[i].raw, t[i].minor);
		assert_string_equal(out, t[i].printed);
		assert_true(strlen(out) <= strlen(t[i].raw) + FUNCNAME_GROWS);
		if (strcmp(out, t[i].raw))
			assert_true(funcname_changes(t[i].raw, t[i].minor));
	}
}

static void check_functions(const struct gobin *gb)
{
	struct go_func f;
	size_t i;

	assert_int_equal(gobin_n_funcs(gb), FAKE_N_FUNCS);
	for (i = 0; i < FAKE_N_FUNCS; i++) {
		assert_true(gobin_func(gb, i, &f));
		assert_int_equal(f.entry, PC(i, 0));
		assert_int_equal(f.end, PC(i + 1, 0));
		assert_int_equal(f.index, i);
		assert_true(gobin_func_at(gb, PC(i, 0), &f) && f.index == i);
		assert_true(gobin_func_at(gb, PC(i + 1, -1), &f) && f.index == i);
		assert_true(gobin_find_func(gb, f.name, &f) && f.index == i);
	}
	assert_false(gobin_func(gb, i, &f));
	i = 0;
	for (uint32_t k = FAKE_GOPANIC; k <= FAKE_ASYNC_PREEMPT; k++)
		assert_true(gobin_next_func(gb, &i, "runtime.", &f) && f.index == k);
	assert_false(gobin_next_func(gb, &i, "runtime.", &f));
	assert_false(gobin_next_func(gb, &i, "runtime.", &f));	/* it stays at the end */
	i = 0;
	assert_true(gobin_next_func(gb, &i, "runtime.gopan", &f) && f.index == FAKE_GOPANIC);
	assert_false(gobin_next_func(gb, &i, "runtime.gopan", &f));
	assert_false(gobin_func_at(gb, FAKE_TEXT - 1, &f));
	assert_false(gobin_func_at(gb, PC(FAKE_N_FUNCS, 0), &f));
	assert_false(gobin_func_at(gb, UINT64_MAX, &f));
	assert_false(gobin_find_func(gb, "main.nothing", &f));
	assert_true(gobin_find_func(gb, "main.F[...].func1", &f) && f.index == FAKE_GENERIC);
	assert_true(gobin_find_func(gb, "runtime.gopanic", &f));
	assert_int_equal(gobin_frame_size(gb, PC(FAKE_LEAF, 0)), 0);
	assert_int_equal(gobin_frame_size(gb, PC(FAKE_LEAF, 0x10)), 0x28);
	assert_int_equal(gobin_frame_size(gb, PC(FAKE_LEAF, 0x3f)), 0);
	assert_int_equal(gobin_frame_size(gb, FAKE_TEXT - 1), -1);
}

static uint64_t read_map(const struct gobin *gb, const struct word_map *m)
{
	uint8_t bits = 0;

	assert_true(m->n && m->n <= 8 && image_read(gobin_image(gb), m->bits, &bits, 1));
	return bits;
}

/* The frame has five words, of which the uppermost is the caller's frame pointer. */
static void check_live_words(const struct gobin *gb)
{
	struct live_words w;
	struct stack_object o;

	assert_true(gobin_live_words(gb, PC(FAKE_LEAF, 0x10), &w));
	assert_int_equal(w.frame_bytes, 0x28);
	assert_int_equal(w.frame.first, 8);	/* three words, up to the frame pointer */
	assert_int_equal(w.frame.n, 3);
	assert_int_equal(read_map(gb, &w.frame), 5);	/* the second map */
	assert_true(w.args.n == 2 && !w.args.first);
	assert_int_equal(read_map(gb, &w.args), 2);
	assert_int_equal(w.n_objects, 2);
	assert_true(gobin_stack_object(gb, &w, 0, &o));
	assert_true(o.off == 0x10 && o.bytes == 16 && o.words.n == 1 && !o.words.first);
	assert_int_equal(read_map(gb, &o.words), 1);
	assert_true(gobin_stack_object(gb, &w, 1, &o));
	assert_true(o.off == 0x38 && o.bytes == 8 && o.words.n == 1 && !o.words.bits);
	assert_false(gobin_stack_object(gb, &w, 2, &o));
	assert_true(gobin_live_words(gb, PC(FAKE_LEAF, 0x20), &w));
	assert_int_equal(read_map(gb, &w.frame), 4);
	assert_int_equal(read_map(gb, &w.args), 1);
	/* before there is a frame there is only the variable that is an argument */
	assert_true(gobin_live_words(gb, PC(FAKE_LEAF, 0), &w) && !w.frame_bytes && !w.frame.n);
	assert_false(gobin_stack_object(gb, &w, 0, &o));
	assert_true(gobin_stack_object(gb, &w, 1, &o) && o.off == 0x10);
	assert_false(gobin_live_words(gb, PC(FAKE_WRAPPER, 0x10), &w));	/* no maps */
	assert_false(gobin_live_words(gb, FAKE_TEXT - 1, &w));
}

static void check_frame(const struct frame *fr, const char *function, const char *file,
			uint32_t line, bool inlined, uint64_t pc)
{
	assert_string_equal(fr->function, function);
	assert_string_equal(fr->file, file);
	assert_int_equal(fr->line, line);
	assert_int_equal(fr->inlined, inlined);
	assert_int_equal(fr->pc, pc);
}

static void check_frames(const struct gobin *gb)
{
	const uint64_t stack[] = {
		PC(FAKE_LEAF, 0x10), PC(FAKE_CALLER, 0x15), PC(FAKE_WRAPPER, 0x15),
		PC(FAKE_GENERIC, 0x10), 0x1234, PC(FAKE_LOOP, 0x20),
	};
	struct frame fr[16];
	size_t n = gobin_frames(gb, stack, 6, false, fr, 16);

	/* The wrapper is left out, so what was inlined into it is shown as not inlined. */
	assert_int_equal(n, 9);
	check_frame(&fr[0], "main.leaf", "/src/main.go", 2, false, stack[0]);
	check_frame(&fr[1], "main.inner", "/src/inner.go", 20, true, stack[1] - 1);
	check_frame(&fr[2], "main.middle", "/src/middle.go", 30, true, stack[1] - 1);
	check_frame(&fr[3], "main.caller", "/src/main.go", 10, false, stack[1] - 1);
	check_frame(&fr[4], "main.T.M", "/src/inner.go", 40, false, stack[2] - 1);
	check_frame(&fr[5], "main.F[...].func1", "/src/main.go", 90, false, stack[3] - 1);
	/* In Go's own profiles with its type arguments, where the pclntab has them. */
	assert_null(fr[4].profiled);
	if (gobin_version(gb)->minor >= 21)
		assert_string_equal(fr[5].profiled, "main.F[go.shape.int].func1");
	else
		assert_null(fr[5].profiled);
	assert_null(fr[6].function);
	assert_null(fr[6].file);
	assert_int_equal(fr[6].pc, 0x1233);
	check_frame(&fr[7], "main.inner", "/src/inner.go", 100, true, stack[5] - 1);
	check_frame(&fr[8], "main.init", "/src/inner.go", 100, false, stack[5] - 1);

	/* As a return address the leaf belongs to the call before it. */
	assert_int_equal(gobin_frames(gb, stack, 1, true, fr, 16), 1);
	check_frame(&fr[0], "main.leaf", "/src/main.go", 1, false, stack[0] - 1);

	/* Too little room: all are counted. */
	memset(fr, 0, sizeof(fr));
	assert_int_equal(gobin_frames(gb, stack, 6, false, fr, 2), 9);
	assert_true(fr[1].inlined && !fr[2].function);
	assert_int_equal(gobin_frames(gb, stack, 6, false, NULL, 0), 9);
	assert_int_equal(gobin_frames(gb, stack, 0, false, fr, 16), 0);
}

/* As runtime.Callers gives it: main.inner, main.middle, main.caller; then main.T.M, whose wrapper is
 * left out; then what is its own parent. */
static void check_physical(const struct gobin *gb)
{
	const uint64_t logical[] = {
		PC(FAKE_CALLER, 0x15), PC(FAKE_CALLER, 0x25), PC(FAKE_CALLER, 0x05),
		PC(FAKE_WRAPPER, 0x15), PC(FAKE_LEAF, 0x10), 0x1234,
		PC(FAKE_LOOP, 0x20), PC(FAKE_CALLER, 0x15),
	}, physical[] = {
		PC(FAKE_CALLER, 0x15), PC(FAKE_WRAPPER, 0x15), PC(FAKE_LEAF, 0x10), 0x1234,
		PC(FAKE_LOOP, 0x20), PC(FAKE_CALLER, 0x15),
	};
	uint64_t pcs[ARRAY_SIZE(logical)];

	memcpy(pcs, logical, sizeof(pcs));
	assert_int_equal(gobin_physical(gb, pcs, ARRAY_SIZE(pcs)), ARRAY_SIZE(physical));
	assert_memory_equal(pcs, physical, sizeof(physical));
	/* once more there is nothing to leave out */
	assert_int_equal(gobin_physical(gb, pcs, ARRAY_SIZE(physical)), ARRAY_SIZE(physical));
	/* cut in the middle of the inlined ones, and behind them */
	for (size_t n = 1; n <= 3; n++) {
		memcpy(pcs, logical, sizeof(pcs));
		assert_int_equal(gobin_physical(gb, pcs, n), 1);
	}
	assert_int_equal(gobin_physical(gb, pcs, 0), 0);
}

/* Asks everything of a binary that may be gone. */
static void ask_all(const struct gobin *gb)
{
	struct live_words words;
	struct frame fr[16];
	struct go_func f;

	for (uint64_t pc = FAKE_TEXT; pc < FAKE_TEXT + 0x1000; pc++) {
		assert_int_equal(gobin_frames(gb, &pc, 1, true, fr, 16), 1);
		assert_null(fr[0].function);
		assert_null(fr[0].file);
		assert_int_equal(fr[0].pc, pc);
		assert_false(gobin_func_at(gb, pc, &f));
		gobin_frame_size(gb, pc);
		gobin_live_words(gb, pc, &words);
	}
	for (size_t i = 0; i < gobin_n_funcs(gb); i++)
		gobin_func(gb, i, &f);
	gobin_find_func(gb, "main.leaf", &f);
}

/* The file is truncated, then becomes another one: what was resolved stays, the rest is unknown. */
static void test_file_changes(void **state)
{
	const struct timespec past[2] = { { 1, 0 }, { 1, 0 } };
	struct fake_go f = { .minor = 26 };
	const uint64_t pc = PC(FAKE_GENERIC, 0x10), leaf = PC(FAKE_LEAF, 0x10);
	struct frame fr[2];
	struct image *img;
	struct gobin *gb;
	char path[32];
	int fd;

	fake_go_make(&f);
	fd = fake_file(f.bytes, sizeof(f.bytes), path);
	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, past), 0);
	assert_int_equal(image_open(&img, path, "/bin/fake"), 0);
	assert_int_equal(gobin_open(&gb, img), 0);
	assert_int_equal(gobin_frames(gb, &pc, 1, true, &fr[0], 1), 1);
	assert_int_equal(gobin_frames(gb, &leaf, 1, true, &fr[1], 1), 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	ask_all(gb);
	memset(f.bytes, 'x', sizeof(f.bytes));
	assert_int_equal(pwrite(fd, f.bytes, sizeof(f.bytes), 0), sizeof(f.bytes));
	ask_all(gb);
	check_frame(&fr[0], "main.F[...].func1", "/src/main.go", 90, false, pc - 1);
	check_frame(&fr[1], "main.leaf", "/src/main.go", 1, false, leaf - 1);
	gobin_close(gb);
	image_close(img);
	close(fd);
}

/* A function at its entry, or under a signal, has no call instruction before its pc. */
static void check_traps(const struct gobin *gb, int minor)
{
	struct frame fr[4];
	uint64_t stack[] = { PC(FAKE_SIGPANIC, 0x10), PC(FAKE_LEAF, 0x10), PC(FAKE_LEAF, 0x10),
			     PC(FAKE_LEAF, 0) };

	assert_int_equal(gobin_frames(gb, stack, 4, false, fr, 4), 4);
	check_frame(&fr[1], "main.leaf", "/src/main.go", 2, false, stack[1]);
	check_frame(&fr[2], "main.leaf", "/src/main.go", 1, false, stack[2] - 1);
	check_frame(&fr[3], "main.leaf", "/src/main.go", 1, false, stack[3]);
	stack[0] = PC(FAKE_ASYNC_PREEMPT, 0x10);
	assert_int_equal(gobin_frames(gb, stack, 4, false, fr, 4), 4);
	if (minor >= 21)
		check_frame(&fr[1], "main.leaf", "/src/main.go", 2, false, stack[1]);
	else
		check_frame(&fr[1], "main.leaf", "/src/main.go", 1, false, stack[1] - 1);
}

/* A wrapper is shown if it is what panicked. */
static void check_wrappers(const struct gobin *gb)
{
	static const enum fake_func shown_under[] = { FAKE_GOPANIC, FAKE_SIGPANIC, FAKE_PANICWRAP };
	uint64_t stack[] = { 0, PC(FAKE_WRAPPER, 0x30) };
	struct frame fr[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shown_under); i++) {
		stack[0] = PC(shown_under[i], 0x10);
		assert_int_equal(gobin_frames(gb, stack, 2, false, fr, 4), 2);
		assert_string_equal(fr[1].function, "main.(*T).M");
		assert_string_equal(fr[1].file, "<autogenerated>");
	}
	stack[0] = PC(FAKE_LEAF, 0x10);
	assert_int_equal(gobin_frames(gb, stack, 2, false, fr, 4), 1);
	stack[0] = 0x1234;
	assert_int_equal(gobin_frames(gb, stack, 2, false, fr, 4), 1);
}

static void check_module(const struct gobin *gb)
{
	const struct go_module *m = gobin_module(gb);

	assert_int_equal(m->addr, FAKE_MODULEDATA);
	assert_int_equal(m->text, FAKE_TEXT);
	assert_int_equal(m->etext, PC(FAKE_N_FUNCS, 0));
	assert_int_equal(m->types, FAKE_TYPES);
	assert_int_equal(m->etypes, FAKE_ETYPES);
}

static void test_all_versions(void **state)
{
	struct fake_go f = { 0 };
	struct opened o;
	int i;

	for (i = 0; i < 11 * 4; i++) {
		f.minor = 17 + i / 4;
		f.pie = i & 1;
		f.sections = i & 2;
		fake_go_make(&f);
		if (open_fake(&f, &o))
			fail_msg("go1.%d pie %d sections %d: %s", f.minor, f.pie, f.sections,
				 o.message);
		assert_int_equal(gobin_version(o.gb)->minor, f.minor);
		assert_int_equal(gobin_version(o.gb)->patch, 1);
		assert_ptr_equal(gobin_image(o.gb), o.img);
		check_module(o.gb);
		check_functions(o.gb);
		check_live_words(o.gb);
		check_frames(o.gb);
		check_physical(o.gb);
		check_traps(o.gb, f.minor);
		check_wrappers(o.gb);
		close_fake(&o);
	}
}

/* version, settings, experiment: on? */
static void check_experiment(int minor, const char *version, const char *settings, const char *name,
			     bool on)
{
	struct fake_go f = { .minor = minor, .version = version, .settings = settings };
	struct opened o;

	fake_go_make(&f);
	assert_int_equal(open_fake(&f, &o), 0);
	assert_int_equal(gobin_experiment(o.gb, name), on);
	close_fake(&o);
}

static void test_experiments(void **state)
{
	check_experiment(25, NULL, NULL, "greenteagc", false);
	check_experiment(26, NULL, NULL, "greenteagc", true);
	check_experiment(25, "go1.25.14 X:greenteagc", NULL, "greenteagc", true);
	check_experiment(26, "go1.26.10-X:arenas,nogreenteagc", NULL, "greenteagc", false);
	check_experiment(26, "go1.26.10-X:arenas,nogreenteagc", NULL, "arenas", true);
	check_experiment(26, "go1.26.10-X:greenteagcx", NULL, "greenteagc", true);
	check_experiment(26, "go1.26.10-X:nogreentea", NULL, "greenteagc", true);
	check_experiment(25, NULL, "build\tGOEXPERIMENT=x,greenteagc\n", "greenteagc", true);
	check_experiment(26, NULL, "build\tGOEXPERIMENT=nogreenteagc\n", "greenteagc", false);
	check_experiment(26, NULL, NULL, "sizespecializedmalloc", false);
	check_experiment(27, NULL, NULL, "sizespecializedmalloc", true);
	check_experiment(23, NULL, NULL, "swissmap", false);
	check_experiment(24, NULL, NULL, "swissmap", true);
	check_experiment(24, "go1.24.1 X:noswissmap", NULL, "swissmap", false);
	check_experiment(27, NULL, NULL, "runtimefreegc", false);
	check_experiment(27, NULL, NULL, "", false);
}

static void test_settings(void **state)
{
	struct fake_go f = {
		.minor = 22,
		.settings = "path\tx.org/a/cmd\nmod\tx.org/a\t(devel)\t\ndep\tx\tv1\n"
			    "build\t-race=true\nbuild\t-ldflags=\"-X \\\"a=b\\\" -s\"\n"
			    "build\t\"odd=key\"=`v\\`\nbuild\tGOAMD64=\nbuild\tnovalue\n"
			    "build\t\nbuild\t\"x",
	};
	struct opened o;

	fake_go_make(&f);
	assert_int_equal(open_fake(&f, &o), 0);
	assert_string_equal(gobin_setting(o.gb, "-race"), "true");
	assert_string_equal(gobin_setting(o.gb, "-ldflags"), "-X \"a=b\" -s");
	assert_string_equal(gobin_setting(o.gb, "odd=key"), "v\\");
	assert_string_equal(gobin_setting(o.gb, "GOAMD64"), "");
	assert_string_equal(gobin_setting(o.gb, "novalue"), "");
	assert_null(gobin_setting(o.gb, "GOARM"));
	assert_string_equal(gobin_main_module(o.gb), "x.org/a");
	close_fake(&o);
}

static void test_refused_versions(void **state)
{
	struct fake_go f = { .minor = 22 };

	f.version = "go1.28";
	fake_go_make(&f);
	refuse(&f, -ENOTSUP, "gobpfleak: /bin/fake: built with go1.28, this version knows Go 1.17 "
	       "to 1.27; use a newer gobpfleak\n");
	f.version = "go1.16.15";
	fake_go_make(&f);
	refuse(&f, -ENOTSUP, "/bin/fake: built with go1.16.15, this version knows Go 1.17 to 1.27");
	f.version = "devel +0123abc\x1b Mon";
	fake_go_make(&f);
	refuse(&f, -ENOTSUP, "(\"devel +0123abc? Mon\")");
	f.version = "";
	fake_go_make(&f);
	refuse(&f, -ENOTSUP, "/bin/fake: ");
}

static void test_not_go(void **state)
{
	struct fake_go f = { .minor = 22 };

	fake_go_make(&f);
	fake_8(&f, FAKE_BUILDINFO + 5, 'x');
	refuse(&f, -ENOEXEC, "gobpfleak: /bin/fake is not a Go program (no Go build information); "
	       "gobpfleak traces Go programs only\n");
	fake_go_make(&f);
	fake_8(&f, FAKE_BUILDINFO + 14, 4);	/* 32-bit pointers */
	refuse(&f, -ENOEXEC, "not a Go program");
}

static void damage(int minor, uint64_t vaddr, uint64_t value)
{
	struct fake_go f = { .minor = minor };

	fake_go_make(&f);
	fake_64(&f, vaddr, value);
	refuse(&f, -EBADMSG, "/bin/fake: ");
}

static void test_damaged(void **state)
{
	const uint64_t md = FAKE_MODULEDATA;
	struct fake_go f = { .minor = 22 };

	damage(22, FAKE_BUILDINFO + 32, UINT64_MAX);		/* length of the version */
	damage(17, FAKE_BUILDINFO + 40, UINT64_MAX);
	damage(17, FAKE_BUILDINFO + 16, UINT64_MAX);
	damage(22, FAKE_PCLNTAB, 0xfffffff0);			/* of another version */
	damage(22, FAKE_PCLNTAB + 8, FAKE_N_FUNCS + 1);
	damage(22, md, FAKE_PCLNTAB + 8);
	damage(22, md + 16, UINT64_MAX);			/* length of the names */
	damage(22, md + 16, 0);
	damage(22, md + 16, 30);				/* the last name does not end */
	damage(22, md + 128 + 8, UINT64_MAX / 8 + 2);		/* length of the functions */
	damage(22, md + 128 + 8, 0);
	damage(22, md + 160, FAKE_TEXT - 1);			/* minpc below text */
	damage(22, md + 184, UINT64_MAX);			/* etext */
	damage(22, md + 184, PC(FAKE_N_FUNCS, -1));		/* below maxpc */
	damage(22, md + 304, FAKE_TYPES - 1);			/* etypes */
	damage(22, md + 304, FAKE_DATA + 1);
	damage(22, md + 328 + 8, 2);				/* text sections */
	fake_go_make(&f);
	fake_32(&f, FAKE_PCLNTAB + 0x480 + 8, 0x1000);		/* functions out of order */
	refuse(&f, -EBADMSG, "function table");
}

/* Functions whose record is not all there are no functions; the others are. */
static void test_damaged_function(void **state)
{
	struct fake_go f = { .minor = 22 };
	const uint64_t n_functab = FAKE_MODULEDATA + 8 + 4 * 24 + 8;
	const uint64_t stack[] = { PC(FAKE_LOOP, 0x10), PC(FAKE_LEAF, 0x10) };
	struct frame fr[2];
	struct go_func fn;
	struct opened o;
	uint32_t last;
	size_t cut;

	for (cut = 0; cut < 60; cut += 12) {
		fake_go_make(&f);
		memcpy(&last, fake_at(&f, FAKE_PCLNTAB + 0x480 + 8 * FAKE_LOOP + 4), sizeof(last));
		fake_64(&f, n_functab, last + cut);
		assert_int_equal(open_fake(&f, &o), 0);
		assert_false(gobin_func(o.gb, FAKE_LOOP, &fn));
		assert_false(gobin_func_at(o.gb, stack[0], &fn));
		assert_false(gobin_find_func(o.gb, "main.init", &fn));
		assert_true(gobin_find_func(o.gb, "main.leaf", &fn));
		assert_int_equal(gobin_frame_size(o.gb, stack[0]), -1);
		assert_int_equal(gobin_frames(o.gb, stack, 2, false, fr, 2), 2);
		assert_null(fr[0].function);
		assert_string_equal(fr[1].function, "main.leaf");
		close_fake(&o);
	}
}

/* The build info and the pclntab of another program lie in front of the right ones, as an embedded
 * file's would. */
static void test_embedded_program(void **state)
{
	struct fake_go f = { .minor = 25 };
	struct opened o;

	fake_go_make(&f);
	fake_put(&f, FAKE_TYPES, "\xff Go buildinf:\x08\x02", 16);
	fake_put(&f, FAKE_TYPES + 32, "\x06go1.17\x00", 8);
	fake_put(&f, FAKE_RODATA, fake_at(&f, FAKE_PCLNTAB), 0x40);
	assert_int_equal(open_fake(&f, &o), 0);
	assert_int_equal(gobin_version(o.gb)->minor, 25);
	check_functions(o.gb);
	close_fake(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_changes),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_funcnames),
		cmocka_unit_test(test_all_versions),
		cmocka_unit_test(test_experiments),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_refused_versions),
		cmocka_unit_test(test_not_go),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_function),
		cmocka_unit_test(test_embedded_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
