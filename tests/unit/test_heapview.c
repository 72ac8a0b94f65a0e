// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_heapview.c - heapview.h, and what the formats make of it.
 *
 * test_heapview --regenerate	writes the golden files anew
 * test_heapview --write DIR	writes a profile to DIR, for other tools to read
 */
#include "user/heapview.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/golden/heapmaps.h"
#include "tests/unit/golden.h"
#include "user/report/heap_text.h"
#include "user/report/line.h"
#include "user/report/report.h"
#include "user/typegrowth.h"

struct look {			/* findings and what they borrow */
	struct heapmap now, before;
	struct heap_view view;
	struct findings f;
};

static void look(struct look *l, bool twice)
{
	l->now = later_look();
	l->before = earlier_look();
	heapview_make(&l->now, twice ? &l->before : NULL, &l->view);
	l->f = (struct findings){
		.version = "0.1", .time_unix_ns = 1700000000000000000, .gc_cycles = twice ? 5 : 0,
		.attached_s = twice ? 60 : 0,
		.target = { .pid = 4711, .exe = "/srv/api", .comm = "api",
			    .go_version = "go1.26.11", .stripped = true },
		.memory = { .known = true, .rss = 12 << 20, .live_heap = 3 << 20,
			    .gc_headroom = 2 << 20, .stacks = 1 << 20, .runtime = 4 << 20,
			    .not_go = 2 << 20, .rss_files = 3 << 19, .heap_alloc = 5 << 20, .num_gc = 25 },
		.followed_one_in = 1, .types = &l->view,
		.coverage = l->view.losses, .n_coverage = N_HEAP_LOSSES,
		.cost = { NAN, NAN, 0, NAN, NAN, NAN, 9 << 20 },
	};
}

/* free() it. */
static char *written(const struct findings *f, const char *format, const struct report_options *opt)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(report_find(format)->write(out, f, opt), 0);
	fclose(out);
	return text;
}

/* ---- golden files ---------------------------------------------------------------------------- */

static const struct output {
	const char *file, *format;
	struct report_options opt;
	bool twice;
} golden[] = {
	{ "heap.txt", "text", { .top = REPORT_FIT }, false },
	{ "heap-all.txt", "text", { .top = 0 }, false },
	{ "heap-diff.txt", "text", { .top = REPORT_FIT }, true },
	{ "heap-diff-all.txt", "text", { .top = 0 }, true },
	{ "heap.json", "json", { .top = REPORT_FIT }, false },
	{ "heap-diff.json", "json", { .top = 0 }, true },
	{ "holders.folded", "folded", { .value = "holders" }, false },
	{ "holders-objects.folded", "folded", { .value = "holders-objects" }, true },
	{ "holders-growth.folded", "folded", { .value = "holders-growth" }, true },
};

/* To be freed. */
static char *render(const struct output *o, size_t *size)
{
	struct look l;
	char *data;
	FILE *out = open_memstream(&data, size);

	look(&l, o->twice);
	assert_int_equal(report_find(o->format)->write(out, &l.f, &o->opt), 0);
	assert_int_equal(fclose(out), 0);
	heapview_fini(&l.view);
	return data;
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *got = render(&golden[i], &size);

		golden_check(golden[i].file, got, size);
	}
}

static int regenerate(void)
{
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *data = render(&golden[i], &size);

		good &= golden_write(golden[i].file, data, size);
	}
	return !good;
}

/* Which of several ways to a map is told may be another at the next look: growth is that of both. */
static void test_other_way(void **state)
{
	static struct heap_level in_variable[] = {
		{ .type = "map[int]*T", .field = "[value]" }, { .type = "main.store", .field = ".m" } };
	static struct heap_level on_stack[] = {
		{ .type = "map[int]*T", .field = "[value]" }, { .type = "main.work", .field = ".m" } };
	static struct heap_level elsewhere[] = { { .type = "[]*T", .field = "[]" } };
	struct heap_holder v[3] = {
		{ .key = 1, .levels = in_variable, .n_levels = 2, .root = HEAP_ROOT_VARIABLE,
		  .objects = { 1000, 1000 }, .bytes = { 64000, 64000 } },
		{ .key = 3, .levels = elsewhere, .n_levels = 1, .root = HEAP_ROOT_VARIABLE,
		  .objects = { 50, 50 }, .bytes = { 3200, 3200 } },
	};
	struct heap_holder w[3] = {
		{ .key = 2, .levels = on_stack, .n_levels = 2, .root = HEAP_ROOT_STACK,
		  .objects = { 1200, 1200 }, .bytes = { 76800, 76800 } },
		{ .key = 1, .levels = in_variable, .n_levels = 2, .root = HEAP_ROOT_VARIABLE,
		  .objects = { 100, 100 }, .bytes = { 6400, 6400 } },
		{ .key = 3, .levels = elsewhere, .n_levels = 1, .root = HEAP_ROOT_VARIABLE,
		  .objects = { 70, 70 }, .bytes = { 4480, 4480 } },
	};
	struct heap_type one = { .key = 9, .name = "T", .objects = { 1050, 1050 },
				 .bytes = { 67200, 67200 }, .held_objects = 1050,
				 .holders = v, .n_holders = 2 };
	struct heap_type two = { .key = 9, .name = "T", .objects = { 1370, 1370 },
				 .bytes = { 87680, 87680 }, .held_objects = 1370,
				 .holders = w, .n_holders = 3 };
	struct heapmap before = { .types = &one, .n_types = 1 };
	struct heapmap now = { .types = &two, .n_types = 1, .from_ns = 10000000000,
			       .to_ns = 10000000000 };
	struct heap_view view;

	heapview_make(&now, &before, &view);
	assert_int_equal(view.rows[0].n_held, 2);
	assert_int_equal(view.rows[0].held[0].holder->key, 2);
	assert_int_equal(view.rows[0].held[0].amount.objects.high, 1300);
	assert_true(view.rows[0].held[0].amount.objects_per_s.low == 30);
	assert_true(view.rows[0].held[0].amount.objects_per_s.high == 30);
	assert_int_equal(view.rows[0].held[1].holder->key, 3);
	assert_true(view.rows[0].held[1].amount.objects_per_s.value == 2);
	heapview_fini(&view);
	w[1].objects = (struct heap_range){ 1000, 1100 };	/* none has left it for sure */
	heapview_make(&now, &before, &view);
	assert_int_equal(view.rows[0].n_held, 3);
	heapview_fini(&view);
}

/* ---- order of growth ------------------------------------------------------------------------- */

#define ONE(name_, low_, high_) { .key = #name_[0], .name = #name_, .pointers = true, \
	.objects = { low_, high_ }, .bytes = { (low_) * 1024, (high_) * 1024 }, \
	.sizes = (struct heap_size[]){ { 1024, high_ } }, .n_sizes = 1 }

static struct heapmap map_of(struct heap_type *types, size_t n, int64_t time_ns)
{
	struct heapmap m = { .types = types, .n_types = n, .from_ns = time_ns, .to_ns = time_ns };

	for (size_t i = 0; i < n; i++) {
		m.pointers.objects = heap_range_sum(m.pointers.objects, types[i].objects);
		m.pointers.bytes = heap_range_sum(m.pointers.bytes, types[i].bytes);
	}
	return m;
}

/* A minute apart; before NULL: of one look.  free() it. */
static char *text_of_looks(struct heap_type *before, struct heap_type *now, size_t n, size_t top)
{
	const struct heapmap first = map_of(before, before ? n : 0, 0);
	const struct heapmap second = map_of(now, n, 60000000000);
	struct heap_view view;
	struct look l;
	char *text;

	look(&l, true);
	heapview_make(&second, before ? &first : NULL, &view);
	l.f.types = &view;
	text = written(&l.f, "text", &(struct report_options){ .top = top });
	heapview_fini(&view);
	heapview_fini(&l.view);
	return text;
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no\n%s\nin\n%s", part, text);
}

/* By what is certain, however far an interval reaches up; and what may not have grown is not said to
 * have. */
static void test_order_of_growth(void **state)
{
	struct heap_type before[] = { ONE(flat, 50, 50), ONE(may, 20, 60), ONE(wide, 10, 30),
				      ONE(sure, 100, 110), ONE(less, 30, 30) };
	struct heap_type now[] = { ONE(flat, 50, 50), ONE(may, 50, 500), ONE(wide, 40, 900),
				   ONE(sure, 140, 150), ONE(less, 20, 20) };
	static const char *const order[] = { "sure", "wide", "may", "flat", "less" };
	const struct heapmap first = map_of(before, 5, 0), second = map_of(now, 5, 1000000000);
	struct heap_view view;
	char *text;

	heapview_make(&second, &first, &view);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(view.rows[i].type->name, order[i]);
	assert_true(heapview_grew(&view.rows[1].amount));
	assert_false(heapview_grew(&view.rows[2].amount));
	heapview_fini(&view);

	text = text_of_looks(before, now, 5, REPORT_FIT);
	assert_holds(text, "; what grew most for certain stands first\n"
			   "#1  +40KiB/min [+30, +50] in +40 objects/min  140KiB to 150KiB");
	assert_holds(text, "\n#2  +450KiB/min [+10, +890] in +450 objects/min  40KiB to 900KiB");
	assert_holds(text, "\nnot certain to have grown:\n"
			   "#3  between -10KiB/min and +480KiB/min  50KiB to 500KiB");
	assert_holds(text, "... and 2 more types, 70KiB (-T 0 shows all)\n");
	free(text);
	text = text_of_looks(before, now, 5, 0);
	assert_holds(text, "\n#4  +0B/min  50KiB");
	assert_holds(text, "\n#5  -10KiB/min in -10 objects/min");
	assert_ptr_equal(strstr(strstr(text, "not certain") + 1, "not certain"), NULL);
	free(text);
}

/* What may live or not stands behind what does, however much it may be; and who may hold none of it is
 * not told among those that do. */
static void test_order_of_size(void **state)
{
	struct heap_holder holders[] = {
		{ .key = 1, .root = HEAP_ROOT_VARIABLE, .name = "may", .objects = { 0, 3900 },
		  .bytes = { 0, 3900 << 10 } },
		{ .key = 2, .root = HEAP_ROOT_VARIABLE, .name = "some", .objects = { 90, 95 },
		  .bytes = { 90 << 10, 95 << 10 } },
	};
	struct heap_type now[] = { ONE(doubtful, 0, 5000), ONE(wide, 100, 4000), ONE(sure, 300, 310) };
	char *text;

	now[1].holders = holders;
	now[1].n_holders = 2;
	text = text_of_looks(NULL, now, 3, REPORT_FIT);
	assert_holds(text, "\n#1  300KiB to 310KiB (3.3%)  300 to 310 x 1KiB  sure\n"
			   "#2  100KiB to 3.91MiB (43.0%)  100 to 4,000 x 1KiB  wide\n"
			   "   90 to 95 of 4,000 in var some\n"
			   "   3,905 of 4,000 in other ways\n"
			   "not certain to live:\n"
			   "#3  0B to 4.88MiB (53.7%)  0 to 5,000 x 1KiB  doubtful\n");
	free(text);
	text = text_of_looks(NULL, now, 3, 0);
	assert_holds(text, "\n   90 to 95 of 4,000 in var some\n   0 to 3,900 of 4,000 in var may\n");
	free(text);
	text = text_of_looks(NULL, now, 1, REPORT_FIT);
	assert_holds(text, "\nnot certain to live:\n#1  0B to 4.88MiB (100.0%)");
	free(text);
}

/* A look takes its time: it found what there was at one moment of it, and nobody knows which.  Of
 * what grows by ten objects a second, at whichever moments they were counted. */
static void test_time_of_counts(void **state)
{
	enum { PER_S = 10 };
	static const int seconds[2][2] = { { 100, 103 }, { 110, 115 } };	/* of both looks */

	for (int i = 0; i < 16; i++) {
		const int sign = i & 1 ? 1 : -1, wide = i & 2 ? 3 : 0;
		const uint64_t at[] = { (uint64_t)seconds[0][i >> 2 & 1],
					(uint64_t)seconds[1][i >> 3] };
		const uint64_t n[] = { (uint64_t)(5000 + sign * PER_S * (int)at[0]),
				       (uint64_t)(5000 + sign * PER_S * (int)at[1]) };
		struct heap_type then[] = { ONE(T, n[0] - wide, n[0]) };
		struct heap_type later[] = { ONE(T, n[1], n[1] + wide) };
		struct heapmap first = map_of(then, 1, 0), second = map_of(later, 1, 0);
		const struct estimate *e;
		struct heap_view view;

		first.from_ns = seconds[0][0] * 1000000000ll;
		first.to_ns = seconds[0][1] * 1000000000ll;
		second.from_ns = seconds[1][0] * 1000000000ll;
		second.to_ns = seconds[1][1] * 1000000000ll;
		heapview_make(&second, &first, &view);
		assert_true(view.span.least_s == 7 && view.span.s == 11 && view.span.most_s == 15);
		e = &view.rows[0].amount.objects_per_s;
		assert_true(e->low <= sign * PER_S && sign * PER_S <= e->high);
		assert_true(e->low < e->value && e->value < e->high);
		e = &view.held_per_s;
		assert_true(e->low <= sign * PER_S * 1024 && sign * PER_S * 1024 <= e->high);
		heapview_fini(&view);
	}
}

/* The time between looks is told as it is known. */
static void test_words_of_span(void **state)
{
	struct look l;
	char *text;

	look(&l, true);
	l.now.to_ns += 3000000000;
	l.before.from_ns -= 400000000;
	heapview_fini(&l.view);
	heapview_make(&l.now, &l.before, &l.view);
	text = written(&l.f, "text", &(struct report_options){ .top = REPORT_FIT });
	assert_holds(text, " between two looks 1m00s to 1m03s apart,");
	free(text);
	text = written(&l.f, "json", &(struct report_options){ .top = REPORT_FIT });
	assert_holds(text, "\"span_s\":61.7,\"span_range_s\":[60,63.4],");
	free(text);
	heapview_fini(&l.view);
}

static void test_none_grew(void **state)
{
	struct heap_type flat[] = { ONE(flat, 50, 50) }, may[] = { ONE(flat, 40, 55) };
	struct heap_type more[] = { ONE(flat, 40, 90) };
	char *text = text_of_looks(flat, flat, 1, REPORT_FIT);

	assert_holds(text, "\nno type grew\n");
	free(text);
	text = text_of_looks(flat, may, 1, REPORT_FIT);
	assert_holds(text, "\nno type is certain to have grown\n");
	free(text);
	text = text_of_looks(flat, more, 1, REPORT_FIT);
	assert_holds(text, "stands first\nnot certain to have grown:\n#1  ");
	assert_null(strstr(text, "no type"));
	free(text);
}

/* What holds less than a part worth a line is left out, and not what stands behind it. */
static void test_small_holder_first(void **state)
{
	struct heap_holder then[] = { { .key = 1, .root = HEAP_ROOT_VARIABLE, .name = "small" },
				      { .key = 2, .root = HEAP_ROOT_VARIABLE, .name = "large",
					.objects = { 10, 30 }, .bytes = { 10240, 30720 } } };
	struct heap_holder later[] = { then[0], then[1] };
	struct heap_type before[] = { ONE(held, 10, 30) }, now[] = { ONE(held, 1012, 2001) };
	char *text;

	later[0].objects = later[0].bytes = (struct heap_range){ 1, 1 };
	later[1].objects = (struct heap_range){ 20, 2000 };
	later[1].bytes = (struct heap_range){ 20480, 2048000 };
	before[0].holders = then;
	now[0].holders = later;
	before[0].n_holders = now[0].n_holders = 2;
	text = text_of_looks(before, now, 1, REPORT_FIT);
	assert_holds(text, "\n   between -10/min and +1,990/min, 20 to 2,000 now in var large\n");
	assert_null(strstr(text, "var small"));
	free(text);
	later[0].objects = (struct heap_range){ 900, 900 };	/* one that gained some for certain */
	later[0].bytes = (struct heap_range){ 900 << 10, 900 << 10 };
	text = text_of_looks(before, now, 1, REPORT_FIT);
	assert_holds(text, "\n   +900/min, 900 now in var small\n");
	assert_null(strstr(text, "var large"));
	free(text);
	text = text_of_looks(before, now, 1, 0);
	assert_holds(text, "\n   between -10/min and +1,990/min, 20 to 2,000 now in var large\n");
	free(text);
}

/* Of many none is named but those that something tells from the others. */
static void test_places(void **state)
{
	enum { PLACES = 16 };
	struct frame v[PLACES] = { { .function = "main.read", .file = "/src/read.go", .line = 7 } };
	static const char *const none[] = { "\n   allocated in 16 places\n",
					    "\n   allocated in many places (17 or more)\n" };
	static const char *const two[] = {
		"\n   allocated by main.read read.go:7, os.Read os.go:1, or by 14 more\n",
		"\n   allocated by main.read read.go:7, os.Read os.go:1, or by at least 15 more\n",
	};
	struct heap_type many[] = { ONE(many, 50, 50) };
	char *text;

	for (size_t i = 1; i < PLACES; i++)
		v[i] = (struct frame){ .function = "os.Read", .file = "/go/os.go",
				       .line = (unsigned)i };
	many[0].places = v;
	many[0].n_places = PLACES;
	many[0].places_known = true;
	text = text_of_looks(many, many, 1, 1);
	assert_null(strstr(text, "allocated"));		/* did not grow */
	free(text);
	for (int cut = 0; cut < 2; cut++) {
		struct heap_type few[] = { ONE(many, 10, 10) };

		many[0].places_cut = cut;
		for (size_t apart = 0; apart < 5; apart += 2) {
			many[0].n_places_apart = apart;
			text = text_of_looks(few, many, 1, 1);
			assert_holds(text, apart == 2 ? two[cut] : none[cut]);
			free(text);
		}
		text = text_of_looks(few, many, 1, 0);		/* all is asked for */
		assert_holds(text, "\n   allocated by main.read read.go:7, os.Read os.go:1, os");
		free(text);
	}
}

/* free() it. */
static char *rows_text(const struct heap_view *v, size_t top, size_t room, size_t columns)
{
	struct page page = { .columns = columns };
	char *text;
	size_t size;

	page.file = open_memstream(&text, &size);
	report_heap_rows(&page, v, top, room);
	fclose(page.file);
	return text;
}

/* An object that waits for its first collection is told as that, not as in a finalizer. */
static void test_finalized(void **state)
{
	static struct heap_holder before[] = {
		HOLDER(1, in_node, 1, HEAP_ROOT_OWN_FINALIZER, "main.open.func1", NULL, 10, 64),
	}, now[] = {
		HOLDER(1, in_node, 1, HEAP_ROOT_OWN_FINALIZER, "main.open.func1", NULL, 40, 64),
		HOLDER(2, NULL, 0, HEAP_ROOT_OWN_FINALIZER, NULL, NULL, 20, 64),
		HOLDER(3, NULL, 0, HEAP_ROOT_CLEANUP, "main.drop", NULL, 10, 64),
	};
	static struct heap_size sizes[] = { { 64, 70 } };
	struct heap_type first = { .key = 1, .name = "main.handle", .objects = EXACTLY(10),
				   .bytes = EXACTLY(640), LIST(holders, before) };
	struct heap_type second = { .key = 1, .name = "main.handle", .objects = EXACTLY(70),
				    .bytes = EXACTLY(4480), LIST(holders, now),
				    LIST(sizes, sizes) };
	char *text = text_of_looks(NULL, &second, 1, 0);

	assert_holds(text, "   40 of 70 in main.node.next ... held by nothing but a finalizer: "
			   "main.open.func1\n");
	assert_holds(text, "   20 of 70 held by nothing but a finalizer\n");
	assert_holds(text, "   10 of 70 in cleanup main.drop\n");
	free(text);
	text = text_of_looks(&first, &second, 1, 0);
	assert_holds(text, "   +30/min, 40 now in main.node.next ... held by nothing but a "
			   "finalizer: main.open.func1\n");
	free(text);
}

/* Where there is no room for all in full, the last ones have a line each: with who holds most of it,
 * as far as that has room. */
static void test_rows_fit(void **state)
{
	struct look l;
	char *text;

	look(&l, false);
	text = rows_text(&l.view, REPORT_FIT, 9, 100);
	assert_holds(text, "   allocated by mw.(*Limiter).get limiter.go:42\n"
			   "#2  1010KiB (41.4%)  4,040 objects  []uint8, most in main.blob.data in ... "
			   "in var data of main+0x40\n"
			   "#3  64KiB (2.6%)  16 x 4KiB  groups of map[mw.Key]*mw.Bucket\n"
			   "#4  31.2KiB (1.3%)  1,000 x 32B  main.node, in main.node.next ... "
			   "in a package variable\n"
			   "#5  27.2KiB to 28.1KiB (1.2%)  290 to 300 x 96B  main.session "
			   "(a guess for 20)");
	assert_holds(text, "\n#6  768B");
	assert_null(strstr(text, "more type"));
	free(text);
	text = rows_text(&l.view, REPORT_FIT, 8, 100);		/* the first in any case */
	assert_holds(text, "mw.Bucket\n   7,890 of 7,892 in map");
	assert_holds(text, "\n#5  27.2KiB");
	assert_holds(text, "... and 1 more type, 768B (-T 0 shows all)\n");
	free(text);
	text = rows_text(&l.view, REPORT_FIT, 1, 100);
	assert_holds(text, "mw.Bucket\n   7,890 of 7,892 in map");
	assert_holds(text, "... and 5 more types, ");
	free(text);
	heapview_fini(&l.view);
	look(&l, true);
	text = rows_text(&l.view, REPORT_FIT, 8, 120);
	assert_holds(text, "groups of map[mw.Key]*mw.Bucket\n"
			   "#3  +27.7KiB/min [+27.2, +28.1]  main.session (a guess for 20), "
			   "most in ... in var main.sessions\n"
			   "#4  +768B/min  cache.entry[github.com/somebody/something.Key,"
			   "*main.Value] (a guess), in ...\n");
	free(text);
	heapview_fini(&l.view);
}

/* Bytes in doubt are told as an interval: of all, of a row, and of what has no type. */
static void test_bytes_in_doubt(void **state)
{
	struct heap_type types[] = { ONE(some, 1000, 1400), { .key = 2, .pointers = true,
				     .objects = { 2, 8 }, .bytes = { 2048, 8192 } } };
	const struct heapmap now = map_of(types, 2, 0);
	struct heap_view view;
	struct look l;
	char *text;

	look(&l, false);
	heapview_make(&now, NULL, &view);
	l.f.types = &view;
	text = written(&l.f, "text", &(struct report_options){ .top = REPORT_FIT });
	assert_holds(text, "TYPES    1002KiB to 1.38MiB live in 1,002 to 1,408 objects of 1 type;\n");
	assert_holds(text, "the lower ends are held for certain, the upper ones may be;");
	assert_holds(text, "\n#1  1000KiB to 1.37MiB (99.4%)  1,000 to 1,400 x 1KiB  some\n");
	assert_holds(text, "\nUNTYPED  2KiB to 8KiB (0.6%) in 2 to 8 objects with pointers: 2 to 8 large\n");
	free(text);
	text = written(&l.f, "json", &(struct report_options){ .top = REPORT_FIT });
	assert_holds(text, "\"heap_look\":{\"objects\":1408,\"objects_range\":[1002,1408],"
			   "\"bytes\":1441792,\"bytes_range\":[1026048,1441792],");
	free(text);
	heapview_fini(&view);
	heapview_fini(&l.view);
}

/* ---- beside a trace -------------------------------------------------------------------------- */

/* A leak of sessions at one site, and growth in the class of 160 bytes that no stack explains. */
static void trace(struct look *l, struct heap_site *site, struct finding *findings)
{
	static struct site_part parts[] = {
		{ .type = "main.session", .how = "new", .size = 96, .live = { 300, 300, 300, 300 } },
	};
	static const struct frame open = { .function = "main.open", .file = "/src/session.go",
					   .line = 17 };
	static const struct frame *const frames[] = { &open };

	look(l, true);
	*site = (struct heap_site){
		.id = 1, .stack = { .v = frames, .n = 1 }, .parts = parts, .n_parts = 1,
		.live = { 300, 300, 300, 300 }, .live_bytes = { 28800, 28800, 28800, 300 },
		.rate = { 470, 465, 480, 300 }, .oldest_s = 60, .finding = 1,
		.is = { VERDICT_LEAK, .rate = { 470, 465, 480, 300 }, .lifetime_s = NAN } };
	findings[0] = (struct finding){
		.verdict = VERDICT_LEAK, .rate = { 5300, 5200, 5400, 0 }, .site = NO_INDEX,
		.gsite = NO_INDEX, .class_alone = true, .class_size = 160,
		.is = { VERDICT_LEAK, .lifetime_s = NAN } };
	findings[1] = (struct finding){
		.verdict = VERDICT_LEAK, .rate = site->is.rate, .is = site->is, .n_sites = 1,
		.gsite = NO_INDEX };
	l->f.types = NULL;
	l->f.coverage = NULL;
	l->f.n_coverage = 0;
	l->f.heap = l->f.live_known = true;
	l->f.sites = site;
	l->f.n_sites = 1;
	l->f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_LEAK,
					   .findings = findings, .n_findings = 2,
					   .detectable = NAN, .explained = { 1, 1, 1, 0 } };
	l->f.growth = &l->view;
	l->f.growth_age_s = 2;
	l->f.looks = (struct looks_cost){ 3, 1, 0.036, 3 << 20, 0.05, 1 << 20, 2, false };
	for (size_t i = 0; i < 2; i++)
		typegrowth_of_finding(&l->f, i);
}

static void trace_fini(struct look *l)
{
	for (size_t i = 0; i < 2; i++)
		free(l->f.verdicts.findings[i].types);
	heapview_fini(&l->view);
}

/* Beside what grows in a queue it is told who is to empty that; the looks of a trace know it as any
 * other does. */
static void test_queued(void **state)
{
	static const char queued[] = "\nQUEUED   10 objects kept until their finalizers have run; "
				     "goroutine 18 runs one, in main.(*session).close (chan receive";
	struct finding findings[2];
	struct heap_site site;
	const struct heap_row *grown;
	struct look l;
	char *data;

	trace(&l, &site, findings);
	l.f.grown = &grown;
	l.f.n_grown = 1;
	for (size_t i = 0; i < l.view.n_rows; i++) {
		const char *name = l.view.rows[i].type->name;
		const bool waits = name && !strcmp(name, "main.session");

		grown = &l.view.rows[i];
		data = written(&l.f, "text", &(struct report_options){ .columns = 300 });
		assert_true(!strstr(data, queued) == !waits);
		free(data);
	}
	data = written(&l.f, "json", &(struct report_options){ 0 });
	assert_non_null(strstr(data, ",\"finalizers_queued\":10,\"cleanups_queued\":1,"
				     "\"finalizing\":[{\"id\":18,\"runs\":\"finalizer\","));
	free(data);
	trace_fini(&l);
}

/* The runtime's array of goroutines is no type of the program; and what has become larger, not more,
 * is told in bytes. */
static void test_not_more(void **state)
{
	struct heap_type types[] = { { .name = "[]*runtime.g" }, { .name = "[]main.T" } };
	struct heap_row rows[2] = { 0 };
	const struct heap_row *grown[] = { &rows[0], &rows[1] };
	struct goroutine_site gsite = { .live = 2, .oldest_s = -1 };
	struct finding finding = { .verdict = VERDICT_LEAK, .site = NO_INDEX, .types = grown,
				   .n_types = 2, .is = { VERDICT_LEAK, .lifetime_s = NAN } };
	struct look l;
	char *data;

	look(&l, true);
	for (size_t i = 0; i < 2; i++) {
		rows[i].type = &types[i];
		rows[i].amount.objects = (struct heap_range){ 1, 1 };
		rows[i].amount.bytes_per_s = (struct estimate){ 1024, 1000, 1050, 0 };
	}
	l.f.types = NULL;
	l.f.growth = &l.view;
	l.f.gsites = &gsite;
	l.f.n_gsites = 1;
	l.f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_LEAK,
					  .findings = &finding, .n_findings = 1 };
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_null(strstr(data, "runtime.g"));
	assert_non_null(strstr(data, "\n   +60KiB/min []main.T, 1 now\n"));
	free(data);
	rows[1].amount.bytes_per_s.low = 500;		/* or half as much */
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_non_null(strstr(data, "\n   +60KiB/min [+29.3, +61.5] []main.T, 1 now\n"));
	free(data);
	rows[1].amount.objects_per_s = (struct estimate){ 20, 10, 30, 0 };
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_non_null(strstr(data, "\n   +1,200/min [+600, +1,800] []main.T, 1 now\n"));
	free(data);
	rows[1].amount.objects_per_s = (struct estimate){ 0 };
	rows[1].amount.bytes_per_s.low = -10;		/* as well it may not */
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_non_null(strstr(data, " []main.T, 1 now (not certain to have grown)\n"));
	free(data);
	types[0].name = "main.sure";			/* beside what did it is not told */
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_non_null(strstr(data, " main.sure, 1 now\n"));
	assert_null(strstr(data, "main.T"));
	free(data);
	heapview_fini(&l.view);
}

/* Stacks that explain too little of a class are a hint. */
static void test_seen(void **state)
{
	struct heap_site site;
	struct finding findings[2];
	struct look l;
	char *data;

	trace(&l, &site, findings);
	findings[0].class_size = site.parts[0].size;
	data = written(&l.f, "text", &(struct report_options){ 0 });
	assert_non_null(strstr(data, "  in objects of 96B, few of whose stacks are known\n"
				     "   most of those seen come from here, 300 samples:\n"
				     "        main.open  src/session.go:17\n"));
	free(data);
	data = written(&l.f, "json", &(struct report_options){ 0 });
	assert_non_null(strstr(data, "\"seen\":[\"0000000000000001\"],\"class_bytes\":96,"));
	free(data);
	trace_fini(&l);
}

static char *text_of_trace(const struct findings *f, bool file)
{
	return written(f, "text", &(struct report_options){ .top = REPORT_FIT, .file = file });
}

/* A finding is told by one stack, and two leaks may be one finding: every other stack is named, or
 * counted, and so are types. */
static void test_more_stacks(void **state)
{
	enum { SITES = 4 };
	static const struct frame second = { .function = "main.second", .file = "/src/b.go", .line = 2 };
	static const struct frame third = { .function = "main.third", .file = "/src/c.go", .line = 3 };
	static const struct frame *const frames[][1] = { { &second }, { &second }, { &third } };
	static struct site_part bucket = { .type = "mw.Bucket", .how = "new", .size = 160,
					   .live = { 9, 9, 9, 9 } };
	static const char *const all[] = {
		"   and mw.Bucket (new) +27.5KiB/min\n        main.second  src/b.go:2\n"
		"   and main.session (new) +27.5KiB/min\n        main.third  src/c.go:3\n"
		"   +1,994/min mw.Bucket, 7,892 x 160B now\n",
		"   +295/min main.session, 290 to 300 x 96B now (a guess for 20)\n",
	};
	struct heap_site sites[SITES];
	struct finding findings[2];
	struct look l;
	char *text;

	trace(&l, &sites[0], findings);
	for (size_t i = 1; i < SITES; i++) {
		sites[i] = sites[0];
		sites[i].id = i < 3 ? 2 : 3;	/* two of one stack */
		sites[i].stack.v = frames[i - 1];
	}
	sites[1].parts = sites[2].parts = &bucket;
	l.f.n_sites = findings[1].n_sites = SITES;
	free(findings[1].types);
	findings[1].types = NULL;
	findings[1].n_types = 0;
	typegrowth_of_finding(&l.f, 1);
	assert_int_equal(findings[1].n_types, 2);

	text = text_of_trace(&l.f, false);
	assert_holds(text, "; 2 more stacks, 1 more type (-T 0 shows all)\n");
	assert_holds(text, "3 sites");
	free(text);
	for (int i = 0; i < 2; i++) {
		text = i ? text_of_trace(&l.f, true) :
			   written(&l.f, "text", &(struct report_options){ 0 });
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			assert_holds(text, all[k]);
		assert_null(strstr(text, "more stack"));
		assert_null(strstr(text, "more type"));
		free(text);
	}
	trace_fini(&l);
}

/* What the allocator is given of a generic type is a shape that several share. */
static void test_shape(void **state)
{
	static struct site_part parts[] = {
		{ .type = "cache.entry[go.shape.string,go.shape.*uint8]", .how = "new", .size = 64,
		  .live = { 9, 9, 9, 9 } },
	};
	struct heap_site site;
	struct finding findings[2];
	struct look l;

	trace(&l, &site, findings);
	site.parts = parts;
	for (size_t i = 0; i < 2; i++) {
		parts[0].type = i ? "cache.entry2[go.shape.string,go.shape.*uint8]" : parts[0].type;
		free(findings[1].types);
		findings[1].types = NULL;
		findings[1].n_types = 0;
		typegrowth_of_finding(&l.f, 1);
		assert_int_equal(findings[1].n_types, !i);
		if (!i)
			assert_string_equal(findings[1].types[0]->type->name,
					    "cache.entry[github.com/somebody/something.Key,*main.Value]");
	}
	trace_fini(&l);
}

/* Why there are none: a look that is not over, one look only, or nothing that grew. */
static void test_no_types(void **state)
{
	struct heap_site site;
	struct finding findings[2];
	struct look l;
	char *none, *one;

	trace(&l, &site, findings);
	for (size_t i = 0; i < 2; i++)
		findings[i].n_types = 0;
	none = text_of_trace(&l.f, false);
	l.f.growth = NULL;
	l.f.looks.n_looks = 1;
	l.f.looks.under_way = true;
	one = text_of_trace(&l.f, false);
	assert_non_null(strstr(none, "no type of 2 findings grew between the first and the last"));
	assert_null(strstr(none, "in time"));
	assert_non_null(strstr(one, "one more not over in time"));
	assert_non_null(strstr(one, "what grew by type takes two looks"));
	free(none);
	free(one);
	trace_fini(&l);
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Where a screen has no room for the types of findings, it says of how many; a file has them all. */
static void test_types_left_out(void **state)
{
	enum { FINDINGS = 5, NOTES = 11 };
	static const struct coverage_row row = {
		.text = "things that were lost in a way that takes more than half of a line to tell",
		.loss = true, .value = 1,
	};
	struct coverage_row notes[NOTES];
	struct finding two[2], many[FINDINGS];
	struct heap_site site;
	struct look l;
	char *screen, *file;

	trace(&l, &site, two);
	for (size_t i = 0; i < NOTES; i++)
		notes[i] = row;
	for (size_t i = 0; i < FINDINGS; i++)
		many[i] = two[0];
	l.f.coverage = notes;
	l.f.n_coverage = NOTES;
	l.f.verdicts.findings = many;
	l.f.verdicts.n_findings = FINDINGS;
	screen = text_of_trace(&l.f, false);
	file = text_of_trace(&l.f, true);
	assert_in_range(lines_of(screen), 36, 40);
	assert_true(lines_of(file) > 40);
	assert_non_null(strstr(screen, "... and types and holders of "));
	assert_non_null(strstr(screen, "(-o FILE or -T 0 shows all)"));
	assert_null(strstr(file, "types and holders of"));
	free(screen);
	free(file);
	l.f.verdicts.findings = two;
	trace_fini(&l);
}

/* Each finding has its types, what they are held by, and, without a stack, their lines. */
static void test_findings(void **state)
{
	static const char *const texts[] = {
		"LEAK +311KiB/min [+305, +316]  in objects of 160B, whose stacks are not known\n"
		"   +1,994/min mw.Bucket, 7,892 x 160B now\n"
		"   +2,000/min, 7,890 now in map[mw.Key]*mw.Bucket in var mw.limiter.buckets\n",
		"   allocated by mw.(*Limiter).get limiter.go:42\n",
		"        main.open  src/session.go:17\n"
		"   +295/min main.session, 290 to 300 x 96B now (a guess for 20)\n"
		"   +285/min, 280 to 290 now in map[*main.session]bool [key] in main.registry.open\n",
		"         heap looked at 3 times in 36ms, 3MiB read,",
		"the last time 2.0s before", "1 more look failed\n",
	};
	struct heap_site site;
	struct finding findings[2];
	struct look l;
	char *data;

	trace(&l, &site, findings);
	data = written(&l.f, "text", &(struct report_options){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strstr(data, texts[i]))
			fail_msg("no\n%s\nin\n%s", texts[i], data);
	free(data);
	data = written(&l.f, "json", &(struct report_options){ 0 });
	assert_non_null(strstr(data, "\"class_bytes\":160,\"types\":[{\"type\":\"mw.Bucket\","));
	assert_non_null(strstr(data, "\"class_bytes\":null,\"types\":[{\"type\":\"main.session\","));
	assert_non_null(strstr(data,
			       "\"heap_looks\":{\"looks\":3,\"failed\":1,\"under_way\":false,"
			       "\"classes\":2,\"span_s\":60,\"span_range_s\":[60,60],"));
	free(data);
	trace_fini(&l);
}

/* What a package of that name exports is not the runtime's. */
static void test_of_runtime(void **state)
{
	static const struct { const char *name, *package; bool is; } rows[] = {
		{ "runtime.g", "runtime", true }, { "[]*runtime.g", NULL, true },
		{ "[16]runtime._defer", NULL, true }, { "[]runtime.Object", NULL, false },
		{ "runtime.Object", "k8s.io/apimachinery/pkg/runtime", false },
		{ "main.g", "main", false }, { NULL, NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct heap_type t = { .name = rows[i].name, .package = rows[i].package };

		assert_int_equal(heapview_of_runtime(&t), rows[i].is);
	}
}

/* What grows in a class: no parts of maps, and nothing whose objects are of other sizes too. */
static void test_type_of_class(void **state)
{
	struct estimate e;
	bool of_runtime;
	struct look l;

	look(&l, true);
	typegrowth_most(&l.view, 160, &e, &of_runtime);
	assert_true(e.low > 5000 && e.low <= e.value && e.value < 5500);
	assert_false(of_runtime);
	typegrowth_most(&l.view, 4096, &e, &of_runtime);
	assert_true(e.value == 0);
	typegrowth_most(&l.view, 48, &e, &of_runtime);
	assert_true(e.value == 0);
	heapview_fini(&l.view);
}

/* Buckets that have come without maps wear one out; others are of maps that have come. */
static void test_worn(void **state)
{
	struct heap_size sizes = { 208, 2000 };
	struct heap_type types[] = {
		{ .name = "map[int]int", .part = "buckets", .sizes = &sizes, .n_sizes = 1 },
		{ .name = "map[int]int", .part = "header", .sizes = &sizes, .n_sizes = 1 },
		{ .name = "[]int", .sizes = &sizes, .n_sizes = 1 },
	};
	struct heap_row rows[ARRAY_SIZE(types)];
	const struct heap_view v = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	struct estimate e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct heap_row){ .type = &types[i], .before = &types[i], .amount = {
			.objects_per_s = { 10, 9, 11, 0 },
			.bytes_per_s = { 2080, 1872, 2288, 0 } } };
	typegrowth_worn(&v, 208, &e);
	assert_true(e.value == 0);
	rows[1].amount.objects_per_s = (struct estimate){ 0, -1, 1, 0 };
	typegrowth_worn(&v, 208, &e);
	assert_true(e.low == 1872 && e.high == 2288);
	typegrowth_worn(&v, 224, &e);
	assert_true(e.value == 0);
	rows[0].amount.bytes_per_s.low = rows[0].amount.objects_per_s.low = -1;
	typegrowth_worn(&v, 208, &e);
	assert_true(e.value == 0);
}

/* ---- objects of several sizes ---------------------------------------------------------------- */

/* A type of which 100 buffers of 1.5 KiB are kept, and then 200, and 20 of 4 KiB each time. */
struct two_sizes {
	struct heap_size sizes[2][2];
	struct heap_holder holders[2][2];
	struct heap_type types[2];
	struct heapmap maps[2];
	struct heap_view view;
};

static void two_sizes(struct two_sizes *t)
{
	for (uint64_t i = 0; i < 2; i++) {
		const uint64_t n = 100 + 100 * i, bytes = n * 1536 + 20 * 4096;

		t->sizes[i][0] = (struct heap_size){ 1536, n };
		t->sizes[i][1] = (struct heap_size){ 4096, 20 };
		t->holders[i][0] = (struct heap_holder){
			.key = 1, .root = HEAP_ROOT_VARIABLE, .name = "main.kept",
			.objects = { n, n }, .bytes = { n * 1536, n * 1536 } };
		t->holders[i][1] = (struct heap_holder){
			.key = 2, .root = HEAP_ROOT_STACK, .name = "main.garbage",
			.objects = { 20, 20 }, .bytes = { 20 * 4096, 20 * 4096 } };
		t->types[i] = (struct heap_type){
			.key = 1, .name = "[]uint8", .objects = { n + 20, n + 20 },
			.bytes = { bytes, bytes }, .sizes = t->sizes[i], .n_sizes = 2,
			.holders = t->holders[i], .n_holders = 2 };
		t->maps[i] = (struct heapmap){
			.from_ns = 60000000000 * (int64_t)i, .to_ns = 60000000000 * (int64_t)i,
			.types = &t->types[i], .n_types = 1 };
	}
	heapview_make(&t->maps[1], &t->maps[0], &t->view);
}

/* What grows in other sizes than a finding's is none of its growth, whatever its type is. */
static void test_sizes_of_finding(void **state)
{
	struct site_part parts[] = { { .type = "[]uint8", .how = "make", .size = 4096 },
				     { .type = "[]uint8", .how = "make", .size = 1536 },
				     { .type = "[]uint8", .how = "append", .size = 4096 } };
	struct heap_site sites[3];
	struct finding findings[3];
	struct two_sizes t;
	struct findings f = { .sites = sites, .n_sites = 3, .growth = &t.view,
			      .verdicts = { .findings = findings, .n_findings = 3 } };
	const struct heap_row *row;

	two_sizes(&t);
	for (size_t i = 0; i < 3; i++) {
		sites[i] = (struct heap_site){ .parts = &parts[i], .n_parts = 1, .finding = i };
		findings[i] = (struct finding){ .site = i, .gsite = NO_INDEX };
	}
	for (size_t i = 0; i < 3; i++)
		typegrowth_of_finding(&f, i);
	assert_int_equal(findings[0].n_types, 0);
	assert_int_equal(findings[1].n_types, 1);
	row = findings[1].types[0];
	assert_int_equal(row->amount.objects.low, 200);
	assert_int_equal(row->amount.bytes.high, 200 * 1536);
	assert_true(fabs(row->amount.objects_per_s.low * 60 - 100) < 0.1);
	assert_int_equal(row->n_held, 1);
	assert_string_equal(row->held[0].holder->name, "main.kept");
	assert_int_equal(findings[2].n_types, 1);	/* its arrays have had every size */
	assert_int_equal(findings[2].types[0]->amount.objects.low, 220);
	assert_int_equal(findings[2].types[0]->n_held, 2);
	for (size_t i = 0; i < 3; i++)
		free(findings[i].types);
	heapview_fini(&t.view);
}

/* What new([2]string) has made is a []string to a look that finds it by a slice of it. */
static void test_array_of_finding(void **state)
{
	struct site_part part = { .type = "[96]uint8", .how = "new", .size = 1536 };
	struct heap_site site = { .parts = &part, .n_parts = 1 };
	struct finding finding = { .gsite = NO_INDEX };
	struct two_sizes t;
	struct findings f = { .sites = &site, .n_sites = 1, .growth = &t.view,
			      .verdicts = { .findings = &finding, .n_findings = 1 } };
	static const char *const others[] = { "[96]uint16", "[]uint8", "*[96]uint8", "uint8" };

	two_sizes(&t);
	typegrowth_of_finding(&f, 0);
	assert_int_equal(finding.n_types, 1);
	assert_int_equal(finding.types[0]->amount.objects.low, 200);
	assert_true(fabs(finding.types[0]->amount.objects_per_s.low * 60 - 100) < 0.1);
	assert_int_equal(finding.types[0]->type->n_sizes, 1);	/* that is told */
	assert_int_equal(finding.types[0]->type->sizes[0].size, 1536);
	free(finding.types);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		part.type = others[i];
		typegrowth_of_finding(&f, 0);
		assert_int_equal(finding.n_types, !strcmp(others[i], "[]uint8"));
		free(finding.types);
	}
	heapview_fini(&t.view);
}

/* One object that has most of the bytes stands before many small ones, with its bytes, of one look
 * and of what grew. */
static void test_bytes_of_holders(void **state)
{
	struct heap_holder v[2][2];
	struct heap_size sizes[2][2];
	struct heap_type types[2];
	char *text;

	for (uint64_t i = 0; i < 2; i++) {
		const uint64_t n = 1000 + 100 * i, large = 1 << (20 + i), bytes = n * 64 + large;

		v[i][0] = (struct heap_holder){
			.key = 1, .root = HEAP_ROOT_VARIABLE, .name = "main.small",
			.objects = { n, n }, .bytes = { n * 64, n * 64 } };
		v[i][1] = (struct heap_holder){
			.key = 2, .root = HEAP_ROOT_VARIABLE, .name = "main.large",
			.objects = { 1, 1 }, .bytes = { large, large } };
		sizes[i][0] = (struct heap_size){ large, 1 };
		sizes[i][1] = (struct heap_size){ 64, n };
		types[i] = (struct heap_type){
			.key = 1, .name = "[]uint8", .objects = { n + 1, n + 1 },
			.bytes = { bytes, bytes }, .sizes = sizes[i], .n_sizes = 2,
			.holders = v[i], .n_holders = 2 };
	}
	text = text_of_looks(NULL, &types[1], 1, 1);
	assert_holds(text, "\n   1 of 1,101 (2MiB) in var main.large\n"
			   "   1,100 of 1,101 (68.8KiB) in var main.small\n");
	free(text);
	text = text_of_looks(&types[0], &types[1], 1, 1);
	assert_holds(text, "\n   +1MiB/min, 1 now (2MiB) in var main.large\n"
			   "   +6.25KiB/min, 1,100 now (68.8KiB) in var main.small\n");
	free(text);
}

/* An earlier list that was cut: what is not in it had no more bytes than its last, and so no more
 * objects than fit in these. */
static void test_cut_by_bytes(void **state)
{
	struct two_sizes t;
	const struct heap_held *held;

	two_sizes(&t);
	heapview_fini(&t.view);
	t.types[0].n_holders = 1;
	t.types[0].holders[0] = t.holders[0][1];
	t.types[0].holders_cut = true;
	heapview_make(&t.maps[1], &t.maps[0], &t.view);
	held = &t.view.rows[0].held[0];
	assert_string_equal(held->holder->name, "main.kept");
	/* 80 KiB: of the smaller size 53 of the 100 that there were */
	assert_true(fabs(held->amount.objects_per_s.low * 60 - (200 - 53)) < 0.1);
	assert_true(fabs(held->amount.bytes_per_s.low * 60 - (200 * 1536 - 20 * 4096)) < 1);
	heapview_fini(&t.view);
}

/* What has no type: most bytes first, however sure it is that it lives. */
static void test_order_of_untyped(void **state)
{
	struct heap_size sizes[] = { { 8192, 1 }, { 64, 2 }, { 128, 1 } };
	struct heap_type types[] = {
		{ .key = 1, .objects = { 1, 1 }, .bytes = { 128, 128 }, .sizes = &sizes[2] },
		{ .key = 2, .objects = { 0, 1 }, .bytes = { 0, 8192 }, .sizes = &sizes[0] },
		{ .key = 3, .objects = { 0, 1 }, .bytes = { 0, 64 }, .sizes = &sizes[1] },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		types[i].n_sizes = 1;
	text = text_of_looks(NULL, types, ARRAY_SIZE(types), 1);
	assert_holds(text, ": 0 to 1 x 8KiB, 1 x 128B,\n         0 to 1 x 64B\n");
	free(text);
}

/* What may not live may be of either size, and so may what was counted under none. */
static void test_doubtful_sizes(void **state)
{
	const struct heap_sizes sizes = { 4096, 4096 };
	struct heap_held held[2];
	struct heap_type type;
	struct heap_row row;
	struct two_sizes t;

	two_sizes(&t);
	heapview_fini(&t.view);
	t.types[1].objects = (struct heap_range){ 215, 223 };
	t.types[1].bytes.low -= 5 * 4096;
	heapview_make(&t.maps[1], &t.maps[0], &t.view);
	heapview_of_sizes(&t.view, &t.view.rows[0], &sizes, &type, held, &row);
	assert_int_equal(row.amount.objects.low, 15);
	assert_int_equal(row.amount.objects.high, 23);
	assert_int_equal(row.amount.bytes.low, 15 * 4096);
	assert_false(heapview_grew(&row.amount));
	assert_int_equal(row.n_held, 1);
	heapview_fini(&t.view);
}

/* ---- one piece of memory --------------------------------------------------------------------- */

static char *one_look_as_json(const struct heapmap *m)
{
	struct heap_view view;
	struct findings f;
	size_t size;
	char *data;
	FILE *out = open_memstream(&data, &size);

	heapview_make(m, NULL, &view);
	f = (struct findings){ .version = "0.1", .types = &view };
	assert_int_equal(report_find("json")->write(out, &f, &(struct report_options){ 0 }), 0);
	fclose(out);
	heapview_fini(&view);
	return data;
}

static void test_pack(void **state)
{
	static uint64_t memory[8192];
	const struct heapmap m = later_look();
	struct heapmap *packed = heapmap_pack(&m, memory, sizeof(memory));
	char *want = one_look_as_json(&m), *got;

	assert_ptr_equal(packed, memory);
	got = one_look_as_json(packed);
	assert_string_equal(got, want);
	free(got);
	for (size_t size = 0; size < 20000; size += 8) {	/* with what finds room */
		memset(memory, 0xff, sizeof(memory));
		packed = heapmap_pack(&m, memory, size);
		assert_int_equal(memory[size / 8], UINT64_MAX);
		if (!packed)
			continue;
		assert_int_equal(packed->n_types, m.n_types);
		assert_string_equal(packed->types[0].name, m.types[0].name);
		free(one_look_as_json(packed));
	}
	free(want);
}

/* However many types there are, and however many lines each takes. */
static void test_fits_a_screen(void **state)
{
	static struct heap_type many[200];
	const struct report_options opt = { .top = REPORT_FIT };
	struct heapmap now = later_look();
	struct heap_view view;
	struct look l;
	size_t size, lines = 0;
	char *text;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = later_types[i % 2 ? 0 : 5];
		many[i].key = i + 1;
	}
	now.types = many;
	now.n_types = ARRAY_SIZE(many);
	heapview_make(&now, NULL, &view);
	look(&l, false);
	l.f.types = &view;
	report_find("text")->write(out, &l.f, &opt);
	fclose(out);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 36, 40);
	assert_holds(text, "\n#13  ");
	assert_holds(text, "... and 18");
	free(text);
	heapview_fini(&view);
	heapview_fini(&l.view);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

/* Where as many are asked for the first ones are in full; with all of them each is. */
static void test_many_rows(void **state)
{
	static struct heap_type many[40];
	struct heapmap now = later_look();
	struct heap_view view;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = later_types[0];
		many[i].key = i + 1;
	}
	now.types = many;
	now.n_types = ARRAY_SIZE(many);
	heapview_make(&now, NULL, &view);
	text = rows_text(&view, 30, 0, 100);
	assert_int_equal(count(text, "\n   allocated by"), 10);
	assert_holds(text, "\n#30  ");
	assert_holds(text, "\n... and 10 more types");
	assert_int_equal(count(text, "\n"), 10 * 4 + 20 + 1);
	free(text);
	text = rows_text(&view, 0, 0, 100);
	assert_int_equal(count(text, "\n   allocated by"), ARRAY_SIZE(many));
	free(text);
	heapview_fini(&view);
}

/* ---- growth ---------------------------------------------------------------------------------- */

static const struct heap_row *row_of(const struct heap_view *v, uint64_t key)
{
	for (size_t i = 0; i < v->n_rows; i++)
		if (v->rows[i].type->key == key)
			return &v->rows[i];
	fail_msg("no row %llu", (unsigned long long)key);
	return NULL;
}

static const struct heap_held *held_of(const struct heap_row *row, uint64_t key)
{
	for (size_t i = 0; i < row->n_held; i++)
		if (row->held[i].holder->key == key)
			return &row->held[i];
	fail_msg("no holder %llu", (unsigned long long)key);
	return NULL;
}

static void assert_rate(const struct estimate *e, double value, double low, double high)
{
	assert_true(fabs(e->value - value) < 1e-6 && fabs(e->low - low) < 1e-6 &&
		    fabs(e->high - high) < 1e-6);
}

static void test_one_look(void **state)
{
	struct look l;

	look(&l, false);
	assert_int_equal(l.view.n_rows, ARRAY_SIZE(later_types));
	assert_int_equal(l.view.rows[0].type->key, KEY_BUCKET);
	assert_true(isnan(l.view.rows[0].amount.bytes_per_s.value));
	assert_true(isnan(l.view.rows[0].held[0].amount.objects_per_s.low));
	for (size_t i = 1; i < l.view.n_rows; i++)
		assert_true(l.view.rows[i - 1].amount.bytes.high >=
			    l.view.rows[i].amount.bytes.high);
	heapview_fini(&l.view);
}

static void test_two_looks(void **state)
{
	const struct heap_row *row;
	struct look l;

	look(&l, true);
	assert_int_equal(l.view.n_rows, ARRAY_SIZE(later_types) + 1);
	row = row_of(&l.view, KEY_BUCKET);
	assert_ptr_equal(row, &l.view.rows[0]);
	assert_rate(&row->amount.objects_per_s, 1994 / 60.0, 1994 / 60.0, 1994 / 60.0);
	assert_rate(&row->amount.bytes_per_s, 1994 * 160 / 60.0, 1994 * 160 / 60.0,
		    1994 * 160 / 60.0);
	assert_int_equal(row->held[0].holder->key, KEY_IN_MAP);
	assert_rate(&row->held[0].amount.objects_per_s, 2000 / 60.0, 2000 / 60.0, 2000 / 60.0);
	row = row_of(&l.view, KEY_SESSION);	/* new, and not known to the object */
	assert_rate(&row->amount.objects_per_s, 295 / 60.0, 290 / 60.0, 300 / 60.0);
	row = row_of(&l.view, KEY_GONE);
	assert_ptr_equal(row, &l.view.rows[l.view.n_rows - 1]);
	assert_int_equal(row->amount.objects.high, 0);
	assert_int_equal(row->objects_before, 16);
	assert_rate(&row->amount.objects_per_s, -16 / 60.0, -16 / 60.0, -16 / 60.0);
	heapview_fini(&l.view);
}

/* Of a list of holders that left some out, the interval reaches to what may have been there. */
static void test_cut_holders(void **state)
{
	const struct heap_row *row;
	struct look l;

	look(&l, true);
	row = row_of(&l.view, KEY_BUCKET);
	/* the earlier list is 4 short: any other may have held as many as the last of it */
	assert_rate(&held_of(row, KEY_ON_STACK)->amount.objects_per_s, 0, -2 / 60.0, 2 / 60.0);
	/* the later list is whole: this one is gone */
	assert_rate(&held_of(row, KEY_BY_RUNTIME)->amount.objects_per_s, -4 / 60.0, -4 / 60.0,
		    -4 / 60.0);
	/* nothing was listed of the groups */
	assert_int_equal(row_of(&l.view, KEY_GROUPS)->n_held, 0);
	heapview_fini(&l.view);
}

static void test_losses(void **state)
{
	struct look l;
	uint64_t sum = 0;

	look(&l, true);
	for (size_t i = 0; i < N_HEAP_LOSSES; i++) {
		assert_non_null(l.view.losses[i].name);
		sum += l.view.losses[i].value;
	}
	assert_int_equal(sum, 12);
	assert_int_equal(sizeof(struct heap_losses), N_HEAP_LOSSES * sizeof(uint64_t));
	heapview_fini(&l.view);
}

static void test_typed(void **state)
{
	const struct heap_sums half = { .exact_bytes = 30, .guessed_bytes = 20, .untyped_bytes = 50 };
	const struct heap_sums none = { 0 };

	assert_true(heapview_typed(&half) == 0.5);
	assert_true(isnan(heapview_typed(&none)));
}

/* ---- profiles -------------------------------------------------------------------------------- */

static const struct output profile = { "types.pb.gz", "pprof", { .value = "holders" }, false };

/* Strings of a protocol buffer stand in it as they are. */
static bool holds(const uint8_t *data, size_t size, const char *word)
{
	return memmem(data, size, word, strlen(word));
}

static void test_profile(void **state)
{
	static const char *const words[] = {
		"inuse_objects", "inuse_space", "mw.Bucket", "var mw.limiter.buckets",
		"groups of map[mw.Key]*mw.Bucket", "[held in other ways]", "/src/mw/limiter.go",
		"[untyped 48B with pointers]", "stack of mw.(*Limiter).get", "main.node.next ...",
	};
	static uint8_t plain[1 << 16];
	size_t size;
	char *data = render(&profile, &size);
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = (uInt)size, .next_out = plain,
		       .avail_out = sizeof(plain) };

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!holds(plain, z.total_out, words[i]))
			fail_msg("no %s", words[i]);
	assert_false(holds(plain, z.total_out, "attached"));
	inflateEnd(&z);
	free(data);
}

static int write_profile(const char *dir)
{
	char *path = xasprintf("%s/%s", dir, profile.file);
	FILE *file = fopen(path, "w");
	size_t size;
	char *data = render(&profile, &size);
	bool good = file && fwrite(data, 1, size, file) == size && !fclose(file);

	free(data);
	free(path);
	return good ? 0 : 1;
}

static bool is_of_main(void *ctx, const struct heap_type *type)
{
	++*(unsigned *)ctx;
	return type->name && !strncmp(type->name, "main.", 5);
}

/* What of types without a row is in doubt is told as an interval, which has no more than all has. */
static void test_more_types(void **state)
{
	struct look l;
	char *text;
	size_t size;
	FILE *out;

	look(&l, false);
	for (size_t i = 1; i < l.view.n_rows; i++)
		l.view.rows[i].amount.bytes = (struct heap_range){ 1 << 10, 1 << 30 };
	out = open_memstream(&text, &size);
	assert_int_equal(report_text(out, &l.f, &(struct report_options){ .top = 1 }), 0);
	fclose(out);
	assert_non_null(strstr(text, "... and 5 more types, 5KiB to 1.18MiB (-T 0 shows all)\n"));
	free(text);
	heapview_fini(&l.view);
}

/* Rows that are left out keep their order, and what they hold; sums have them. */
static void test_suppressed(void **state)
{
	unsigned n_asked = 0;
	struct look l;
	char *text;
	size_t size, n;
	FILE *out;

	look(&l, true);
	n = l.view.n_rows;
	heapview_leave_out(&l.view, is_of_main, &n_asked);
	assert_int_equal(n_asked, n);
	assert_int_equal(l.view.n_rows + l.view.n_suppressed, n);
	assert_int_equal(l.view.n_suppressed, 3);
	assert_string_equal(l.view.rows[l.view.n_rows].type->name, "main.session");
	assert_string_equal(l.view.rows[l.view.n_rows + 1].type->name, "main.node");
	for (size_t i = 0; i < l.view.n_rows; i++)
		assert_false(is_of_main(&n_asked, l.view.rows[i].type));
	l.f.suppressed_by = "accepted.txt";
	out = open_memstream(&text, &size);
	assert_int_equal(report_text(out, &l.f, &(struct report_options){ .top = 0 }), 0);
	fclose(out);
	assert_non_null(strstr(text, "SUPPRESSED 3 types by accepted.txt: +26.9KiB/min "
				     "[+26.4, +27.4],\n         58.4KiB to 59.4KiB in 1,290 to 1,300 objects\n"));
	assert_null(strstr(text, "main.session (a"));
	free(text);
	out = open_memstream(&text, &size);
	assert_int_equal(report_json(out, &l.f, &(struct report_options){ .top = 0 }), 0);
	fclose(out);
	assert_non_null(strstr(text, "\"suppressed\":{\"file\":\"accepted.txt\",\"types\":"
				     "{\"types\":3,\"objects\":1300,\"objects_range\":[1290,1300],"
				     "\"bytes\":60800,\"bytes_range\":[59840,60800],"));
	free(text);
	heapview_fini(&l.view);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_fits_a_screen), cmocka_unit_test(test_types_left_out),
		cmocka_unit_test(test_no_types),
		cmocka_unit_test(test_one_look),
		cmocka_unit_test(test_two_looks),
		cmocka_unit_test(test_cut_holders),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_other_way),
		cmocka_unit_test(test_order_of_growth), cmocka_unit_test(test_none_grew),
		cmocka_unit_test(test_time_of_counts), cmocka_unit_test(test_words_of_span),
		cmocka_unit_test(test_order_of_size),
		cmocka_unit_test(test_small_holder_first), cmocka_unit_test(test_places),
		cmocka_unit_test(test_finalized),
		cmocka_unit_test(test_rows_fit), cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_bytes_in_doubt),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_seen), cmocka_unit_test(test_more_stacks),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_not_more),
		cmocka_unit_test(test_queued),
		cmocka_unit_test(test_sizes_of_finding), cmocka_unit_test(test_doubtful_sizes),
		cmocka_unit_test(test_array_of_finding), cmocka_unit_test(test_bytes_of_holders),
		cmocka_unit_test(test_cut_by_bytes), cmocka_unit_test(test_order_of_untyped),
		cmocka_unit_test(test_type_of_class), cmocka_unit_test(test_worn),
		cmocka_unit_test(test_of_runtime),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_more_types), cmocka_unit_test(test_suppressed),
		cmocka_unit_test(test_profile),
	};

	if (argc == 2 && !strcmp(argv[1], "--regenerate"))
		return regenerate();
	if (argc == 3 && !strcmp(argv[1], "--write"))
		return write_profile(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
