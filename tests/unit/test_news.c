// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_news.c - news.h: what is told of a process that is watched.
 *
 * test_news --regenerate	writes the golden files anew
 */
#include "user/report/news.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/golden/heapmaps.h"
#include "tests/unit/golden.h"
#include "user/base/util.h"
#include "user/heapview.h"
#include "user/report/report.h"
#include "user/watched.h"

#define UNKNOWN { NAN, NAN, NAN, 0 }

static struct watched_class classes[] = {
	{ 48, 30 << 20, { .verdict = VERDICT_LEAK, .rate = { 40000, 38000, 42000, 80 } } },
	{ 1024, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 9000, 8000, 10000, 80 } } },
	{ 96, 1 << 20, { .verdict = VERDICT_STEADY, .rate = { 10, -20, 40, 80 } } },
	{ 0, 5 << 20, { .verdict = VERDICT_GROWING, .rate = { 900, 100, 1700, 80 },
			.missing = MISSING_SHARE, .watch_s = 200 } },
};

static struct watched_class of_goroutines[] = {
	{ 96, 1 << 20, { .verdict = VERDICT_LEAK, .rate = { 40, 36, 44, 80 } } },
	{ 480, 2 << 20, { .verdict = VERDICT_LEAK, .rate = { 96, 90, 102, 80 } } },
};

static struct watched_go gos[] = {
	{ 0x4a1000, 0x4a0000, 1431, "chan send", 1398, 3600, 5000,
	  { .verdict = VERDICT_LEAK, .rate = { .2, .19, .21, 40 }, .over_s = 2400 }, false },
	{ 0x4b1000, 0x4b0000, 16, "chan receive", 16, 30, 5000,
	  { .verdict = VERDICT_STEADY, .rate = { 0, 0, 0, 40 } }, false },
};

static const struct watched leaking = {
	.target = { .pid = 4242, .exe = "/srv/api-server", .go_version = "go1.26.11",
		    .stripped = true, .build_id = "c768" },
	.seconds = 36000, .age_s = NAN, .n_cycles = 2400, .n_missed = 3, .min_cycles = 12, .min_s = 180,
	.census_known = true,
	.live_bytes = 45 << 20, .verdict = VERDICT_LEAK,
	.heap = { .verdict = VERDICT_LEAK, .rate = { 49000, 46000, 52000, 80 }, .over_s = 24000 },
	.classes = classes, .n_classes = ARRAY_SIZE(classes),
	.gos = gos, .n_gos = ARRAY_SIZE(gos), .n_goroutines = 1447, .n_tables = 300,
	.n_tables_lost = 2,
	.table_age_s = 58,
	.memory = { .known = true, .rss = 120 << 20, .live_heap = 45 << 20,
		    .gc_headroom = 50 << 20, .stacks = 8 << 20, .runtime = 12 << 20,
		    .not_go = 5 << 20, .rss_files = 3 << 20, .num_gc = 2403 },
	.does = { .does = BEHAVIOUR_LEAKS, .rss_grows = true, .cause = MEMORY_LIVE,
		  .cause_bytes = 45 << 20, .cause_rate = { 49000, 46000, 52000, 80 },
		  .rss_rate = { 98000, 90000, 105000, 80 },
		  .left_s = { 9600, 9000, 10500, 80 } },
	.limit_bytes = 1 << 30, .limit_used = 130 << 20, .limit_of = "cgroup",
};

/* It has just begun to be watched, its collector cannot be seen. */
static const struct watched dark = {
	.target = { .pid = 77, .exe = "/bin/\x1b[2Jx", .go_version = "go1.18.8" },
	.min_cycles = 12, .min_s = 180,
	.n_goroutines = UNKNOWN_U64, .table_age_s = NAN, .memory = { .rss = 9 << 20 },
	.heap = { .rate = UNKNOWN },
	.does = { .rss_rate = UNKNOWN, .cause_rate = UNKNOWN, .left_s = UNKNOWN },
};

static const struct frame frames[] = {
	{ .function = "main.fanout.func1", .file = "/src/fanout.go", .line = 44 },
	{ .function = "main.fanout", .file = "/src/fanout.go", .line = 31 },
};
static const struct frame *const stack[] = { &frames[0], &frames[1] };
static const struct watched_places places = {
	.created = { stack + 1, 1, false }, .blocked = { stack, 2, false },
	.n_blocked = 1390, .n_read = 1431,
};
static struct watched_stack stacks[] = {
	{ { stack, 2, false }, "main.Session", "new", 48, 39000, 14 },
};

static bool is_bucket(void *ctx, const struct heap_type *type)
{
	return type->name && !strcmp(type->name, "mw.Bucket");
}

/* What is watched in each line, one of each kind and more. */
static void put_all(FILE *out, int (*put)(FILE *out, const struct news *n))
{
	struct heapmap now = later_look(), before = earlier_look();
	struct watched calm = leaking, grows = leaking, rss = leaking, young = dark;
	struct watched spread = leaking, old = leaking, soon, rare, rarer, long_table, in_c;
	struct watched waiting = leaking, stuck, unmapped;
	struct watched_go in_vain[] = { gos[1], gos[1] };	/* no more have come */
	struct watched_class class = classes[2], alone = classes[3];
	struct heap_view view, some;
	struct watched_growth known = { .types = &some, .age_s = 660, .cpu_s = .21 };
	struct watched_growth growth = { .types = &view, .stacks = stacks, .n_stacks = 1,
					 .profiled = true, .age_s = 660, .cpu_s = .21 };
	const struct news lines[] = {
		{ .kind = NEWS_BEGIN, .w = &leaking }, { .kind = NEWS_BEGIN, .w = &dark },
		{ .kind = NEWS_REFUSED, .why = "a 32-bit program" },
		{ .kind = NEWS_HEAP, .w = &leaking }, { .kind = NEWS_HEAP, .w = &grows, .waits = true },
		{ .kind = NEWS_HEAP, .w = &old }, { .kind = NEWS_HEAP, .w = &calm },
		{ .kind = NEWS_GOROUTINES, .w = &leaking, .go = &gos[0], .places = &places },
		{ .kind = NEWS_GOROUTINES, .w = &calm, .go = &gos[1] },
		{ .kind = NEWS_MEMORY, .w = &rss }, { .kind = NEWS_MEMORY, .w = &calm },
		{ .kind = NEWS_MEMORY, .w = &spread },
		{ .kind = NEWS_GROWTH, .w = &leaking, .growth = &growth },
		{ .kind = NEWS_GROWTH, .w = &leaking, .growth = &known },
		{ .kind = NEWS_END, .w = &leaking, .why = "exited" },
		{ .kind = NEWS_END, .w = &dark, .why = "exited" },
		{ .kind = NEWS_REPORT, .w = &leaking, .growth = &growth, .n_watched = 1,
		  .own_cpu_percent = .04, .own_rss = 20 << 20 },
		{ .kind = NEWS_REPORT, .w = &grows, .waits = true, .brief = true },
		{ .kind = NEWS_REPORT, .w = &calm, .brief = true },
		{ .kind = NEWS_REPORT, .w = &calm, .n_watched = 24, .own_cpu_percent = .7,
		  .own_rss = 60 << 20 },
		{ .kind = NEWS_REPORT, .w = &young, .n_watched = 1, .own_rss = 9 << 20 },
		{ .kind = NEWS_REPORT, .w = &soon, .brief = true },
		{ .kind = NEWS_END, .w = &rare, .why = "exited" },
		{ .kind = NEWS_REPORT, .w = &rare },
		{ .kind = NEWS_REPORT, .w = &rarer },
		{ .kind = NEWS_REPORT, .w = &long_table, .n_watched = 2, .own_rss = 9 << 20 },
		{ .kind = NEWS_END, .w = &soon, .why = "exited", .brief = true },
		{ .kind = NEWS_END, .w = &grows, .why = "exited", .brief = true },
		{ .kind = NEWS_MEMORY, .w = &in_c },
		{ .kind = NEWS_REPORT, .w = &in_c, .brief = true },
		{ .kind = NEWS_REPORT, .w = &unmapped },
		{ .kind = NEWS_GOROUTINES, .w = &waiting, .go = &gos[0], .places = &places },
		{ .kind = NEWS_REPORT, .w = &waiting },
		{ .kind = NEWS_REPORT, .w = &stuck },
		{ .kind = NEWS_HEAP, .w = &grows, .taken_back = true },
	};

	young.census_known = true;		/* and there was no collection */
	old.age_s = 93600;
	young.memory = (struct memory_account){ .known = true, .rss = 9 << 20, .stacks = 1 << 20,
						.gc_headroom = 3 << 20, .runtime = 4 << 20,
						.not_go = 1 << 20, .rss_files = 1 << 19 };
	calm.verdict = calm.heap.verdict = VERDICT_STEADY;
	calm.heap.rate = (struct estimate){ 10, -20, 40, 80 };
	calm.classes = &class;
	calm.n_classes = 1;
	calm.gos = NULL;
	calm.n_gos = 0;
	calm.does.rss_grows = false;
	calm.does.rss_rate = (struct estimate){ -3, -900, 800, 80 };
	calm.limit_bytes = 0;
	grows = calm;
	grows.verdict = VERDICT_GROWING;
	grows.classes = &alone;
	grows.limit_bytes = 24ull << 30;
	grows.limit_of = "machine";
	soon = rare = calm;			/* neither is enough for "no leak" */
	soon.seconds = 22;
	soon.n_cycles = 13;
	rare.seconds = 420;
	rare.n_cycles = 3;
	rarer = rare;				/* as many as was asked for, which tell nothing */
	rarer.seconds = 1245;
	rarer.n_cycles = 8;
	rarer.min_cycles = 6;
	rarer.growth_cycles = 11;
	rarer.verdict = VERDICT_TOO_FEW;
	long_table = calm;
	long_table.n_tables = 3;
	rss = calm;
	rss.does = leaking.does;
	rss.does.cause = MEMORY_IDLE;
	spread.does.cause_rate = (struct estimate)UNKNOWN;
	rss.does.no_collection = true;
	in_c = rss;				/* what C allocates */
	in_c.does.cause = MEMORY_NOT_GO;
	in_c.does.cause_bytes = 20 << 20;
	in_c.does.outside = OUTSIDE_ANONYMOUS;
	in_c.does.no_collection = false;
	in_c.memory.mapped_known = true;
	in_c.memory.files = 7 << 20;
	in_c.memory.anonymous = 20 << 20;
	in_c.memory.not_resident = 22 << 20;
	unmapped = in_c;			/* since */
	unmapped.memory.mapped_known = false;
	unmapped.memory.rss_files = 5 << 20;
	unmapped.does.cause_bytes = 22 << 20;
	stuck = calm;
	stuck.gos = in_vain;
	stuck.n_gos = ARRAY_SIZE(in_vain);
	in_vain[0].is.certain = true;
	in_vain[0].state = "select (no cases)";
	waiting.heap = of_goroutines[0].is;	/* for each some objects */
	waiting.classes = of_goroutines;
	waiting.n_classes = ARRAY_SIZE(of_goroutines);
	heapview_make(&now, &before, &view);
	heapview_make(&now, &before, &some);
	heapview_leave_out(&some, is_bucket, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct news n = lines[i];

		n.time_unix_ns = 1700000000250000000 + (int64_t)i * 1000000000;
		n.pid = n.w ? n.w->target.pid : 99;
		n.comm = n.w == &dark ? "x\x1b[2J" : "api-server";
		assert_int_equal(put(out, &n), 0);
	}
	heapview_fini(&view);
	heapview_fini(&some);
}

static const struct golden {
	const char *file;
	int (*put)(FILE *out, const struct news *n);
} golden[] = { { "watch.txt", news_text }, { "watch.jsonl", news_json } };

static char *render(const struct golden *g, size_t *size)
{
	char *data;
	FILE *out = open_memstream(&data, size);

	put_all(out, g->put);
	assert_int_equal(fclose(out), 0);
	return data;
}

/* What is told of sizes that grow, and what is not, is set apart; together it is the same. */
static void test_split(void **state)
{
	struct heapmap now = later_look(), before = earlier_look();
	struct heap_view view;
	struct watched_growth growth = { .types = &view };
	struct watched_class bucket = { 160, 9 << 20, { .verdict = VERDICT_LEAK } };
	struct watched w = { .classes = &bucket, .n_classes = 1 };
	const struct heap_row *rows[NEWS_TYPES];
	double all, none, told, suppressed;
	struct estimate rate;

	heapview_make(&now, &before, &view);
	news_growth_split(&w, &growth, &all, &none);
	assert_int_equal(news_types(&w, &growth, rows), 1);
	assert_true(all > 0 && none == 0);
	assert_int_equal(news_suppressed(&growth, &rate), 0);
	heapview_leave_out(&view, is_bucket, NULL);
	news_growth_split(&w, &growth, &told, &suppressed);
	assert_true(suppressed > 0 && fabs(told + suppressed - all) < 1e-6 * all);
	assert_int_equal(news_suppressed(&growth, &rate), 1);
	assert_true(rate.value == suppressed);
	assert_int_equal(news_types(&w, &growth, rows), 0);	/* nor others instead */
	heapview_fini(&view);
}

/* What may as well have become less says so. */
static void test_not_certain(void **state)
{
	struct heapmap now = later_look(), before = earlier_look();
	struct heap_view view;
	struct watched_growth growth = { .types = &view };
	const struct news n = { .kind = NEWS_GROWTH, .w = &leaking, .growth = &growth };
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	heapview_make(&now, &before, &view);
	view.rows[0].amount.bytes_per_s.low = -1024;
	view.rows[0].held[0].amount.bytes_per_s.low = -512;
	assert_int_equal(news_text(out, &n), 0);
	fclose(out);
	assert_non_null(strstr(text, "  mw.Bucket  7,892 x 160B, 1.2MiB (not certain to have grown)\n"
				     "        between -30KiB/min and +312KiB/min in map[mw.Key]*mw.Bucket in "));
	free(text);
	heapview_fini(&view);
}

/* The same as long as the same classes leak, whatever else the others do, and how fast. */
static void test_leaking(void **state)
{
	struct watched_class v[] = {
		{ 48, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 1000, 900, 1100, 9 } } },
		{ 160, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 300, 200, 400, 9 } } },
		{ 0, 9 << 20, { .verdict = VERDICT_GROWING, .rate = { 9000, 1000, 9900, 9 } } },
		{ 512, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 99, 90, 110, 9 } } },
	};
	struct watched w = { .classes = v, .n_classes = ARRAY_SIZE(v) };
	uint64_t two = news_leaking(&w);

	assert_true(two != 0 && news_leaks(&w, &v[1]));
	assert_false(news_leaks(&w, &v[2]) || news_leaks(&w, &v[3]));
	v[0].is.rate.value = 1100;
	v[2].is.verdict = v[3].is.verdict = VERDICT_STEADY;
	assert_int_equal(news_leaking(&w), two);
	v[2].is.verdict = VERDICT_LEAK;
	assert_true(news_leaking(&w) != two);
	w.n_classes = 0;
	assert_int_equal(news_leaking(&w), 0);
}

/* The heap sways: what all classes that leak grow by is told, not what one of them does. */
static void test_rate_of_several(void **state)
{
	struct watched_class v[] = {
		{ 48, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 480, 400, 560, 9 } } },
		{ 80, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 800, 700, 900, 9 } } },
		{ 96, 9 << 20, { .verdict = VERDICT_GROWING, .rate = { 99, 90, 110, 9 } } },
		{ 32, 9 << 20, { .verdict = VERDICT_LEAK, .rate = { 320, 300, 340, 9 } } },
	};
	struct watched w = { .classes = v, .n_classes = ARRAY_SIZE(v),
			     .heap = { .rate = { 1600, -200, 3400, 9 } } };
	struct estimate rate = news_heap_rate(&w);

	assert_true(rate.value == 1600 && rate.low == 1400 && rate.high == 1800);
	w.heap.rate.low = 100;
	rate = news_heap_rate(&w);
	assert_true(rate.low == 100);
}

/* Two classes grow as the goroutines do. */
static void grow_beside(struct watched *w, struct watched_go *go, struct watched_class *v)
{
	memcpy(v, of_goroutines, sizeof(of_goroutines));
	w->gos = go;
	w->n_gos = 1;
	w->classes = v;
	w->n_classes = 2;
	w->heap.rate = (struct estimate){ 140, 126, 154, 80 };
}

/* The heap is told with goroutines if it grows by some objects for each of them, and only then. */
static void test_of_goroutines(void **state)
{
	struct watched_class v[3];
	struct watched_go go = gos[0];
	struct watched w = leaking;
	enum verdict worst;

	assert_false(news_heap_of_goroutines(&w, &worst));
	grow_beside(&w, &go, v);
	v[2] = classes[3];				/* large ones, and no leak */
	assert_true(news_heap_of_goroutines(&w, &worst));
	assert_int_equal(worst, VERDICT_LEAK);
	go.is.verdict = VERDICT_TOO_FEW;		/* nothing is told before it is known */
	assert_true(news_heap_of_goroutines(&w, &worst));
	assert_true(worst < VERDICT_GROWING);
	go.is.verdict = VERDICT_STEADY;
	assert_false(news_heap_of_goroutines(&w, &worst));
	go.is.verdict = VERDICT_LEAK;
	v[1].is.rate = (struct estimate){ 960, 900, 1020, 80 };	/* ten for each of them */
	assert_false(news_heap_of_goroutines(&w, &worst));
	v[1].is.rate = of_goroutines[1].is.rate;
	w.n_classes = 3;
	w.heap.rate = (struct estimate){ 1040, 226, 1854, 80 };	/* most in large ones */
	assert_false(news_heap_of_goroutines(&w, &worst));
	v[2].is.verdict = VERDICT_LEAK;
	w.heap.rate = (struct estimate){ 140, 126, 154, 80 };
	assert_false(news_heap_of_goroutines(&w, &worst));
}

/* What the heap grows by with the goroutines of two statements is told of both, and is one growth. */
static void test_together(void **state)
{
	struct watched_class v[2];
	struct watched_go both[] = { gos[0], gos[0] };
	struct watched w = leaking;
	const struct news n = { .kind = NEWS_GOROUTINES, .w = &w, .go = &both[1],
				.comm = "server" };
	char *text[2];

	grow_beside(&w, both, v);
	w.n_gos = 2;
	for (size_t i = 0; i < 2; i++) {
		size_t size;
		FILE *out = open_memstream(&text[i], &size);

		assert_int_equal(news_text(out, &n), 0);
		fclose(out);
		both[0].suppressed = true;
	}
	assert_int_equal(news_growing_gos(&w), 1);
	assert_non_null(strstr(text[0], "; with them and those of 1 more go statement, all "
					"together, the heap +"));
	assert_null(strstr(text[1], "together"));
	assert_non_null(strstr(text[1], "; with them the heap +"));
	free(text[0]);
	free(text[1]);
}

/* However many of them there may be, they do not explain what is not made of what they cost; nor a
 * leak if they only grow; nor anything if nobody is told of them. */
static void test_beside_goroutines(void **state)
{
	struct watched_class v[2];
	struct watched_go go = gos[0];
	struct watched w = leaking;
	enum verdict worst;

	grow_beside(&w, &go, v);
	assert_true(news_heap_of_goroutines(&w, &worst));
	go.is.verdict = VERDICT_GROWING;
	assert_false(news_heap_of_goroutines(&w, &worst));
	w.heap.verdict = v[0].is.verdict = v[1].is.verdict = VERDICT_GROWING;
	assert_true(news_heap_of_goroutines(&w, &worst));
	go.is.verdict = VERDICT_LEAK;
	assert_true(news_heap_of_goroutines(&w, &worst));
	go.suppressed = true;
	assert_false(news_heap_of_goroutines(&w, &worst));
	go.suppressed = false;
	v[0].size = 512;				/* not each too much, but together */
	v[0].is.rate = v[1].is.rate = (struct estimate){ 190, 180, 200, 80 };
	assert_false(news_heap_of_goroutines(&w, &worst));
	w.n_classes = 1;
	w.heap.rate = v[0].is.rate;
	assert_true(news_heap_of_goroutines(&w, &worst));
	v[0].size = 576;				/* one for each of them, and less */
	v[0].is.rate = (struct estimate){ 100, 90, 110, 80 };
	assert_false(news_heap_of_goroutines(&w, &worst));
}

/* Growth of the heap is told as memory where no collection is seen that could tell it. */
static void test_unseen(void **state)
{
	struct watched w = leaking;
	const struct news n = { .kind = NEWS_MEMORY, .w = &w, .comm = "server" };
	char *text;
	size_t size;
	FILE *out;

	w.verdict = w.heap.verdict = VERDICT_STEADY;
	assert_false(news_memory_grows(&w));		/* that is known better */
	w.does.cause = MEMORY_NOT_GO;
	assert_true(news_memory_grows(&w));
	w.does.cause = MEMORY_HEAP;
	w.verdict = w.heap.verdict = VERDICT_TOO_FEW;
	assert_false(news_memory_grows(&w));		/* not yet */
	w.n_cycles = 4;
	w.n_missed = 5000;
	assert_true(news_memory_grows(&w));
	w.does.no_collection = true;
	assert_false(news_memory_grows(&w));		/* garbage that waits */
	w.does.no_collection = false;
	w.verdict = VERDICT_LEAK;			/* of goroutines */
	assert_false(news_memory_grows(&w));
	w.verdict = VERDICT_TOO_FEW;
	out = open_memstream(&text, &size);
	assert_int_equal(news_text(out, &n), 0);
	fclose(out);
	assert_non_null(strstr(text, "most of that: live heap and GC headroom, now 45MiB; "
				     "collections come too fast to tell growth by size: "
				     "gobpfleak heap --diff 60s tells it by type; rss 120MiB"));
	free(text);
	w.n_missed = 0;
	w.census_known = false;
	assert_true(news_memory_grows(&w));
	w.does.rss_grows = false;
	assert_false(news_memory_grows(&w));
}

static char *text_of(const struct news *n)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(news_text(out, n), 0);
	fclose(out);
	return text;
}

static void assert_told(const struct news *n, const char *words, bool told)
{
	char *text = text_of(n);

	if (!strstr(text, words) == told)
		fail_msg("%s: %s", told ? "lacks" : "has", text);
	free(text);
}

/* That rss does not grow, or by what garbage does, is no word on the heap before it has one. */
static void test_heap_unknown(void **state)
{
	struct watched w = leaking;
	const struct news n = { .kind = NEWS_MEMORY, .w = &w, .comm = "server" };
	const char *unknown = "; whether the heap leaks is not known yet";

	w.verdict = w.heap.verdict = VERDICT_TOO_FEW;
	w.n_classes = 0;
	w.n_cycles = 5;
	w.n_missed = 0;
	w.does.rss_grows = false;
	w.does.rss_rate = (struct estimate){ -3, -900, 800, 80 };
	assert_told(&n, "MEMORY  rss does not grow any more; whether the heap leaks is not known "
			"yet: 5 of 12 collections; rss 120MiB", true);
	w.does.rss_rate.value = 3;
	assert_told(&n, "MEMORY  growth of rss is not certain any more, between ", true);
	w.does.rss_rate.low = 2;
	assert_told(&n, "MEMORY  rss grows by little +", true);
	w.does.rss_grows = true;
	w.does.cause = MEMORY_GARBAGE;
	assert_told(&n, "now 45MiB; whether the heap leaks is not known yet: 5 of 12 coll", true);
	w.does.cause = MEMORY_NOT_GO;
	assert_told(&n, unknown, false);
	w.does.rss_grows = false;
	w.n_cycles = 12;				/* as many, and no word yet */
	assert_told(&n, "; whether the heap leaks is not known yet; rss", true);
	w.heap.verdict = VERDICT_STEADY;
	assert_told(&n, unknown, false);
	w.census_known = false;
	assert_told(&n, "; whether the heap leaks is not known of this binary; rss", true);
}

/* When memory comes to its limit stands beside what that is made from, and not beside "no leak" of
 * a heap that may as well not grow. */
static void test_forecast(void **state)
{
	struct watched w = leaking;
	struct news n = { .kind = NEWS_REPORT, .w = &w, .comm = "server", .brief = true };
	const char *limit = ", limit in ~2h40m [2h30m, 2h55m]";

	assert_told(&n, ", limit in ~2h40m [2h30m, 2h55m] at rss +5.61MiB/min\n", true);
	w.n_classes = w.n_gos = 0;
	w.verdict = w.heap.verdict = VERDICT_STEADY;
	w.heap.rate = (struct estimate){ 10, -20, 40, 80 };
	assert_told(&n, limit, false);
	w.does.cause = MEMORY_NOT_GO;
	assert_told(&n, ", limit in ~2h40m [2h30m, 2h55m] at rss +5.61MiB/min\n", true);
	w.does.cause = MEMORY_LIVE;
	n.kind = NEWS_MEMORY;
	assert_told(&n, ", limit in ~2h40m [2h30m, 2h55m]\n", true);
}

/* A row of next to nothing is left out; that the others are little of the heap's growth is told. */
static void test_rows_that_matter(void **state)
{
	struct heap_type session = { .name = "main.Session" }, directory = { .name = "directory" };
	struct heap_row v[] = {
		{ .type = &session, .amount.bytes_per_s = { 4000, 3900, 4100, 9 } },
		{ .type = &directory, .amount.bytes_per_s = { .4, .3, .5, 9 } },
	};
	struct heap_view view = { .rows = v, .n_rows = ARRAY_SIZE(v) };
	struct watched_growth growth = { .types = &view };
	const struct heap_row *rows[NEWS_TYPES];
	struct watched w = leaking;
	double explained;

	w.n_gos = 0;
	assert_int_equal(news_types(&w, &growth, rows), 1);
	assert_ptr_equal(rows[0], &v[0]);
	assert_true(news_unexplained(&w, &growth, &explained));
	assert_true(explained == 4100);
	w.heap.rate = (struct estimate){ 30000, -9000, 69000, 80 };	/* it sways: its classes tell */
	assert_true(news_unexplained(&w, &growth, &explained));
	w.heap.rate = (struct estimate){ 9000, 8100, 9900, 80 };
	assert_false(news_unexplained(&w, &growth, &explained));
	v[1].amount.bytes_per_s.value = 50;
	assert_int_equal(news_types(&w, &growth, rows), 2);
}

/* The first look was not sure of all of them: it is told that a map has more of them for certain,
 * unless it has them from another. */
static void test_sure_of_a_holder(void **state)
{
	struct heap_type bytes = { .name = "[]uint8" };
	struct heap_held held[] = {
		{ .amount.bytes_per_s = { 4000, 3900, 4100, 9 } },
		{ .amount.bytes_per_s = { -4500, -9000, 0, 9 } },
	};
	struct heap_row row = { .type = &bytes, .amount.bytes_per_s = { -500, -5100, 4100, 9 },
				.held = held, .n_held = ARRAY_SIZE(held) };
	struct heap_view view = { .rows = &row, .n_rows = 1 };
	struct watched_growth growth = { .types = &view };
	const struct heap_row *rows[NEWS_TYPES];
	struct watched w = leaking;

	w.n_gos = 0;
	assert_int_equal(news_types(&w, &growth, rows), 1);
	held[1].amount.bytes_per_s = (struct estimate){ -4000, -4100, -3900, 9 };
	assert_int_equal(news_types(&w, &growth, rows), 0);
}

/* What the runtime keeps for goroutines is not told beside these. */
static void test_not_of_runtime(void **state)
{
	struct heap_type of_runtime = { .name = "g", .package = "runtime" };
	struct heap_type own = { .name = "main.conn", .package = "main" };
	struct heap_row v[] = {
		{ .type = &of_runtime, .amount.bytes_per_s = { 96, 90, 99, 9 } },
		{ .type = &own, .amount.bytes_per_s = { 40, 39, 41, 9 } },
	};
	struct heap_view view = { .rows = v, .n_rows = ARRAY_SIZE(v) };
	struct watched_growth growth = { .types = &view };
	const struct heap_row *rows[NEWS_TYPES];
	struct watched w = leaking;

	assert_int_equal(news_types(&w, &growth, rows), 1);
	assert_ptr_equal(rows[0], &v[1]);
	w.n_gos = 0;
	assert_int_equal(news_types(&w, &growth, rows), 2);
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *got = render(&golden[i], &size);

		golden_check(golden[i].file, got, size);
	}
}

/* Nobody reads any more, or the disk is full. */
static void test_lost(void **state)
{
	const struct news n = { .kind = NEWS_REFUSED, .why = "?", .comm = "x" };
	FILE *full = fopen("/dev/full", "w");

	assert_int_equal(news_text(full, &n), -ENOSPC);
	assert_int_equal(news_json(full, &n), -ENOSPC);
	fclose(full);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split), cmocka_unit_test(test_not_certain),
		cmocka_unit_test(test_golden), cmocka_unit_test(test_lost),
		cmocka_unit_test(test_leaking), cmocka_unit_test(test_of_goroutines),
		cmocka_unit_test(test_together), cmocka_unit_test(test_rate_of_several),
		cmocka_unit_test(test_beside_goroutines),
		cmocka_unit_test(test_not_of_runtime), cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_heap_unknown), cmocka_unit_test(test_forecast),
		cmocka_unit_test(test_rows_that_matter),
		cmocka_unit_test(test_sure_of_a_holder),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	if (argc == 2 && !strcmp(argv[1], "--regenerate"))
		return regenerate();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
