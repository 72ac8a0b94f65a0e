// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_report.c - the formats: wording, escaping, golden files, and profiles read back.
 *
 * test_report --regenerate	writes the golden files anew
 * test_report --write DIR	writes every report to DIR, profiles too, for other tools to read
 */
#include "user/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/golden/heapmaps.h"
#include "tests/golden/observations.h"
#include "tests/unit/golden.h"
#include "user/base/text.h"
#include "user/findings.h"
#include "user/heapview.h"
#include "user/report/protobuf.h"

/* One report that is compared with, or written to, a file. */
struct output {
	const char *file, *format;
	struct report_options opt;
	struct observation (*observe)(void);
	size_t room;		/* for the names of its stacks; 0: enough */
};

static const struct output golden[] = {
	{ "full.txt", "text", { .top = 0 }, full_observation, 0 },
	{ "top.txt", "text", { .top = 2 }, full_observation, 0 },
	{ "fit.txt", "text", { .top = REPORT_FIT }, full_observation, 0 },
	{ "early.txt", "text", { .top = 1 }, early_observation, 0 },
	{ "bare.txt", "text", { .top = 3 }, bare_observation, 0 },
	{ "sampled.txt", "text", { .top = 1 }, sampled_observation, 0 },
	{ "unheard.txt", "text", { .top = 1 }, unheard_observation, 0 },
	{ "leaking.txt", "text", { .top = REPORT_FIT }, leaking_observation, 0 },
	{ "leaking-file.txt", "text", { .top = REPORT_FIT, .file = true }, leaking_observation, 0 },
	{ "leaking.json", "json", { .top = 1 }, leaking_observation, 0 },
	{ "healthy.txt", "text", { .top = REPORT_FIT }, healthy_observation, 0 },
	{ "full.json", "json", { .top = 1 }, full_observation, 0 },
	{ "early.json", "json", { 0 }, early_observation, 0 },
	{ "bare.json", "json", { 0 }, bare_observation, 0 },
	{ "sampled.json", "json", { 0 }, sampled_observation, 0 },
	{ "unheard.json", "json", { 0 }, unheard_observation, 0 },
	{ "live.folded", "folded", { 0 }, full_observation, 0 },
	{ "live-objects.folded", "folded", { .value = "live-objects" }, full_observation, 0 },
	{ "alloc.folded", "folded", { .value = "alloc" }, full_observation, 0 },
	{ "growth.folded", "folded", { .value = "growth" }, full_observation, 0 },
	{ "goroutine.folded", "folded", { .value = "goroutine" }, full_observation, 0 },
	{ "ended.txt", "text", { .top = 1 }, ended_observation, 0 },
	{ "ended.json", "json", { 0 }, ended_observation, 0 },
	{ "look.txt", "text", { .top = 2 }, look_observation, 0 },
	{ "look.json", "json", { .top = 1 }, look_observation, 0 },
	{ "look.folded", "folded", { .value = "live-objects" }, look_observation, 0 },
	{ "off.txt", "text", { .top = 1 }, off_observation, 0 },
	{ "crowded.txt", "text", { .top = 2 }, full_observation, 1 << 14 },
};

static const struct output profiles[] = {
	{ "heap.pb.gz", "pprof", { 0 }, full_observation, 0 },
	{ "early.pb.gz", "pprof", { .value = "heap" }, early_observation, 0 },
	{ "goroutine.pb.gz", "pprof", { .value = "goroutine" }, full_observation, 0 },
	{ "goroutine-creation.pb.gz", "pprof", { .value = "goroutine-creation" },
	  full_observation, 0 },
	{ "look.pb.gz", "pprof", { .value = "heap" }, look_observation, 0 },
	{ "bare.pb.gz", "pprof", { 0 }, bare_observation, 0 },
};

/* To be freed. */
static struct findings *find(const struct output *o)
{
	struct observation seen = o->observe();
	struct findings *f;
	struct sites *sites;

	sites_new(&sites, &golden_names, o->room ? o->room : 1 << 20);
	f = findings_make(&seen, sites);
	sites_free(sites);
	return f;
}

/* To be freed. */
static char *render(const char *format, const struct report_options *opt, const struct findings *f,
		    size_t *size)
{
	char *data = NULL;
	FILE *out = open_memstream(&data, size);

	assert_non_null(out);
	assert_int_equal(report_find(format)->write(out, f, opt), 0);
	assert_int_equal(fclose(out), 0);
	return data;
}

static char *render_output(const struct output *o, size_t *size)
{
	struct findings *f = find(o);
	char *data = render(o->format, &o->opt, f, size);

	findings_free(f);
	return data;
}

static char *render_findings(const char *format, const struct findings *f, size_t top)
{
	struct report_options opt = { .top = top };
	size_t size;

	return render(format, &opt, f, &size);
}

/* ---- findings filled by hand, for tests that look at one thing in them ----------------------- */

#define FRAMES(a) { .v = (a), .n = ARRAY_SIZE(a) }
#define EXACT(n) { (n), (n), (n), (n) }
#define PART(type_, how_, size_, live_, young_, shared_, alloc_) \
	{ .type = (type_), .how = (how_), .size = (size_), .live = EXACT(live_), \
	  .young = (young_), .shared = (shared_), .allocs = (alloc_) }
#define PARTS(a) .parts = (a), .n_parts = ARRAY_SIZE(a)

static struct findings plain_findings(void)
{
	return (struct findings){
		.version = "0.1", .target = { .pid = 4711 }, .gc_cycles = 1, .live_known = true, .heap = true,
		.goroutines = true, .memory = { .rss = 12 }, .followed_one_in = 1,
		.cost = { NAN, NAN, NAN, NAN, NAN, NAN, UNKNOWN_U64 },
	};
}

/* ---- golden files ---------------------------------------------------------------------------- */

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *got = render_output(&golden[i], &size);

		golden_check(golden[i].file, got, size);
	}
}

static void expect_width(const char *name, char *text, size_t most)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (report_columns(line) > most)
			fail_msg("%s: %zu columns, not %zu: %s", name, report_columns(line), most,
				 line);
}

/* Every line fits that is not longer by a name alone; none of the golden ones is. */
static void test_text_fits(void **state)
{
	static const size_t widths[] = { 80, 100, 137, 200 };
	size_t n_lines = SIZE_MAX;

	for (size_t k = 0; k < ARRAY_SIZE(widths); k++) {
		size_t all = 0;

		for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
			struct output o = golden[i];
			size_t size;
			char *text;

			if (strcmp(o.format, "text") != 0)
				continue;
			o.opt.columns = widths[k];
			text = render_output(&o, &size);
			for (const char *c = text; *c; c++)
				all += *c == '\n';
			expect_width(o.file, text, widths[k]);
			free(text);
		}
		assert_true(all < n_lines);	/* the room is used */
		n_lines = all;
	}
}

/* Of verdicts, and of nothing else: without them a report in colours is one without. */
static void test_colours(void **state)
{
	struct heap_site sites[] = {
		{ .live = EXACT(1), .live_bytes = EXACT(16), .is = { .verdict = VERDICT_LEAK } },
		{ .live = EXACT(2), .live_bytes = EXACT(48), .is = { .verdict = VERDICT_STEADY } },
	};
	struct finding findings[] = { { .verdict = VERDICT_LEAK, .n_sites = 1, .gsite = NO_INDEX } };
	struct findings f = plain_findings();
	struct report_options opt = { .top = 10, .colour = true };
	char *colours, *plain, *to;
	size_t size;

	f.sites = sites;
	f.n_sites = ARRAY_SIZE(sites);
	f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_LEAK,
					.findings = findings, .n_findings = 1 };
	colours = render("text", &opt, &f, &size);
	opt.colour = false;
	plain = render("text", &opt, &f, &size);
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(colours, "VERDICT  \033[1;31m1 leak\033[0m"));
	assert_non_null(strstr(colours, "\n\033[1;31mLEAK\033[0m "));
	assert_non_null(strstr(colours, "\033[32mSTEADY\033[0m\n"));
	to = colours;
	for (const char *from = colours; *from; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(colours, plain);
	free(colours);
	free(plain);
}

/* The folder goes only where the file lies beside main.main's, whatever the function is called. */
static void test_folders(void **state)
{
	static const struct { const char *function, *file, *main_file, *want; } rows[] = {
		{ "main.serve", "/a/api/serve.go", "/a/api/main.go", "  serve.go:7\n" },
		{ "main.main.func1", "/a/api/main.go", "/a/api/main.go", "  main.go:7\n" },
		{ "main.main.RateLimit.func3.1.1", "/a/api/mw/mw.go", "/a/api/main.go",
		  "  mw/mw.go:7\n" },
		{ "main.main.RateLimit.func3.1.1", "/a/mw/mw.go", "/a/api/main.go",
		  "  mw/mw.go:7\n" },
		{ "main.main.Up.func1", "/a/up.go", "/a/api/main.go", "  a/up.go:7\n" },
		{ "main.serve", "/a/api/serve.go", NULL, "  api/serve.go:7\n" },
		{ "main.serve", "_cgo_gotypes.go", "/a/api/main.go", "  _cgo_gotypes.go:7\n" },
		{ "main.serve", "./serve.go", "./main.go", "  serve.go:7\n" },
		{ "main.serve", "/serve.go", "main.go", "  serve.go:7\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct frame frame = FRAME(rows[i].function, rows[i].file, 7, false, 1);
		const struct frame *stack[] = { &frame };
		struct heap_site site = { .stack = FRAMES(stack), .live = EXACT(1) };
		struct findings f = plain_findings();
		char *text;

		f.sites = &site;
		f.n_sites = 1;
		f.target.main_file = rows[i].main_file;
		text = render_findings("text", &f, 1);
		if (!strstr(text, rows[i].want))
			fail_msg("no %s in %s", rows[i].want, text);
		free(text);
	}
}

/* What holds nothing does not stand in a place that something else could have. */
static void test_no_weight(void **state)
{
	struct site_part freed[] = {
		PART("a", NULL, 64, 0, 0, 0, 9), PART("b", NULL, 8, 2, 0, 0, 2),
	};
	struct heap_site sites[] = {
		{ .allocs = 5, .alloc_bytes = 50, .growth_bytes = 0, .rate = { NAN, NAN, NAN, 0 } },
		{ PARTS(freed), .live = EXACT(2), .live_bytes = EXACT(16), .rate = EXACT(1),
		  .rate_span_s = 61 },
		{ .young = 1, .young_bytes = 8, .growth_bytes = -8, .rate = { NAN, NAN, NAN, 0 } },
	};
	struct goroutine_site gsites[] = {
		{ .started = 4, .ended = 4, .rate_per_s = NAN, .oldest_s = -1 },
		{ .live = 1, .started = 1, .rate_per_s = NAN, .oldest_s = -1 },
	};
	struct findings f = plain_findings();
	char *text;

	f.sites = sites;
	f.n_sites = ARRAY_SIZE(sites);
	f.live = (struct estimate)EXACT(2);
	f.live_bytes = (struct estimate)EXACT(16);
	f.gsites = gsites;
	f.n_gsites = ARRAY_SIZE(gsites);
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "#1  16B live in 2 objects  +60B/min over the last 1m01s"));
	assert_null(strstr(text, "0 x 64B"));
	assert_non_null(strstr(text, "#2  0B live in 0 objects  rate: too early"));
	assert_non_null(strstr(text, "16B live in 2 objects at 1 site;"));
	assert_non_null(strstr(text, "#1  1 goroutine  rate: too early"));
	assert_non_null(strstr(text, "1 live at 1 site, 5 started and 4 ended"));
	assert_null(strstr(text, " more site"));
	free(text);

	text = render_findings("text", &f, 0);
	assert_non_null(strstr(text, "16B live in 2 objects at 1 site;"));
	assert_non_null(strstr(text, "0 x 64B"));
	assert_non_null(strstr(text, "#3 "));
	assert_non_null(strstr(text, "1 live at 1 site, 5 started and 4 ended"));
	assert_null(strstr(text, "... and"));
	free(text);
}

/* Where no start is seen there is nothing to wait for. */
static void test_goroutine_rates(void **state)
{
	struct goroutine_site gsites[] = {
		{ .live = 9, .before_attach = true, .rate_per_s = NAN, .oldest_s = 5 },
		{ .live = 8, .started = 9000, .rate_per_s = 31, .rate_span_s = 61, .oldest_s = -1 },
		{ .live = 7, .started = 7, .rate_per_s = -0.5, .rate_span_s = 61, .oldest_s = -1 },
		{ .live = 6, .started = 6, .rate_per_s = NAN, .oldest_s = -1 },
	};
	struct findings f = plain_findings();
	char *text;

	f.goroutines = true;
	f.gsites = gsites;
	f.n_gsites = ARRAY_SIZE(gsites);
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "#1  9 goroutines  0 started, 0 ended  oldest >= 5"));
	assert_non_null(strstr(text, "#2  8 goroutines  +1,860/min over the last 1m01s"));
	assert_non_null(strstr(text, "#3  7 goroutines  -30.0/min over the last 1m01s"));
	assert_non_null(strstr(text, "#4  6 goroutines  rate: too early"));
	free(text);
}

/* Those older than the attach have a row of their own, and the same id: states are told of all, and
 * sites once. */
static void test_goroutine_finding(void **state)
{
	struct goroutine_place old[] = { { .state = "chan receive", .live = 90 },
					 { .state = "select", .live = 7 } };
	struct goroutine_place young[] = { { .state = "chan receive", .live = 50 },
					   { .state = "running", .live = 2 },
					   { .state = "runnable", .live = 1 } };
	struct goroutine_site gsites[] = {
		{ .id = 5, .live = 97, .before_attach = true, .oldest_s = 5, .places = old,
		  .stack_bytes = 97 * 2048, .n_places = ARRAY_SIZE(old), .finding = 0 },
		{ .id = 6, .live = 53, .oldest_s = 4, .places = young, .stack_bytes = 53 * 8192,
		  .n_places = ARRAY_SIZE(young), .finding = 0 },
		{ .id = 5, .start_unseen = true, .oldest_s = -1, .finding = 0 },
	};
	struct finding findings[] = { { .verdict = VERDICT_LEAK, .site = NO_INDEX, .n_gsites = 3,
					.is = { .verdict = VERDICT_LEAK, .lifetime_s = NAN } } };
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200 };
	char *text, ids[64];
	size_t size;

	f.gsites = gsites;
	f.n_gsites = ARRAY_SIZE(gsites);
	f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_LEAK,
					.findings = findings, .n_findings = 1 };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "  150 live, 140 [chan receive], 7 [select], 2 [running], "
				     "1 in other states, their stacks 618KiB, 2 sites\n"));
	free(text);
	text = render("json", &opt, &f, &size);
	snprintf(ids, sizeof(ids), "\"sites\":[\"%016" PRIx64 "\",\"%016" PRIx64 "\"]",
		 report_goroutine_id(&gsites[0]), report_goroutine_id(&gsites[1]));
	assert_non_null(strstr(text, ids));
	free(text);
	gsites[1].stack_bytes = UNKNOWN_U64;
	text = render("text", &opt, &f, &size);
	assert_null(strstr(text, "their stacks"));
	free(text);
}

/* Where goroutines start, their descriptors are allocated: a site of each, of one stack. */
static void test_goroutine_id(void **state)
{
	const struct goroutine_site a = { .id = 5 }, b = { .id = 6 }, unknown = { .id = 0 };

	assert_int_not_equal(report_goroutine_id(&a), a.id);
	assert_int_not_equal(report_goroutine_id(&a), report_goroutine_id(&b));
	assert_int_equal(report_goroutine_id(&unknown), 0);
}

/* What is not judged lacks what it says, and the remedy is one that helps. */
static void test_lacks(void **state)
{
	static const struct {
		unsigned missing;
		const char *source, *word, *count, *remedy;
	} cases[] = {
		{ 0, "profile", "  too few samples\n", ", 1 with too few samples; ",
		  "; --source burst may see more (Linux 6.6)\n" },
		{ 0, "burst", "  too few samples\n", ", 1 with too few samples; ",
		  "; a longer trace or a larger --budget sees more\n" },
		{ 0, "every", "  too few objects\n", ", 1 with too few objects; ", "shows\n" },
		{ MISSING_CYCLES, "every", "  too few collections\n",
		  ", 1 with too few collections; ", "shows\n" },
		{ MISSING_CYCLES, "profile", "  too few collections\n",
		  ", 1 with too few collections; ", "shows\n" },
	};
	struct heap_site site = { .live = EXACT(3), .live_bytes = EXACT(48),
				  .rate = { NAN, NAN, NAN, 0 }, .oldest_s = 5,
				  .finding = NO_INDEX };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct listened how = { .source = cases[i].source };
		struct findings f = plain_findings();
		struct report_options opt = { .columns = 200 };
		size_t size;
		char *text;

		site.is = (struct judgement){ .missing = cases[i].missing };
		f.sites = &site;
		f.n_sites = 1;
		f.listened = &how;
		f.n_listened = 1;
		f.cost.budget_percent = 1;
		f.gc_cycles = 100;
		f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_STEADY,
						.unseen = { 9000, 8000, 10000, 0 } };
		text = render("text", &opt, &f, &size);
		assert_non_null(strstr(text, cases[i].word));
		assert_non_null(strstr(text, cases[i].count));
		assert_non_null(strstr(text, cases[i].remedy));
		free(text);
	}
}

/* What lives and may be kept for nothing is named from a tenth of all on. */
static void test_keepers(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.memory.known = true;
	f.live_bytes = (struct estimate)EXACT(1000 << 10);
	f.map_bytes = 100 << 10;
	f.pool_bytes = 99 << 10;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "100KiB live are maps and their buckets, which"));
	assert_null(strstr(text, "sync.Pool"));
	free(text);
	f.map_bytes = 0;
	f.pool_bytes = 200 << 10;
	text = render_findings("text", &f, 10);
	assert_null(strstr(text, "buckets"));
	assert_non_null(strstr(text, "200KiB live were made for sync.Pools"));
	free(text);
	f.memory.live_heap = 3000 << 10;	/* most of it older than the attach */
	text = render_findings("text", &f, 10);
	assert_null(strstr(text, "sync.Pool"));
	free(text);
}

/* What lives is told by collections, and there was none. */
static void test_no_collection(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.look = f.memory.known = true;
	f.memory.gc_headroom = 300 << 10;
	f.process.cause = MEMORY_GARBAGE;
	f.process.cause_bytes = 200 << 10;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, " = heap 300KiB (what of it lives is not known yet)"));
	assert_non_null(strstr(text, "PROCESS  most is 200KiB of objects that no collection has"));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "\"live_heap\":null,\"gc_headroom\":null,\"stacks\":0"));
	free(text);
	f.memory.num_gc = 1;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "PROCESS  beyond the live heap most is 200KiB of garbage"));
	assert_non_null(strstr(text, " = live heap 0B + GC headroom 300KiB + "));
	free(text);
}

/* A collection of later than the report, by a clock that was set back, has no age. */
static void test_collection_age(void **state)
{
	struct gc_cycle gc[] = {
		{ .number = 7, .end_unix_ns = 1699999999000000000, .live = UNKNOWN_U64,
		  .goal = UNKNOWN_U64, .end_ns = UNKNOWN_U64 },
		{ .number = 8, .end_unix_ns = 1700000001000000000, .live = UNKNOWN_U64,
		  .goal = UNKNOWN_U64, .end_ns = UNKNOWN_U64 },
	};
	struct findings f = plain_findings();
	char *text;

	f.look = f.gc_known = true;
	f.time_unix_ns = 1700000000000000000;
	f.gc = gc;
	f.n_gc = ARRAY_SIZE(gc);
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "\n   #8  pause 0.000ms\n   #7  1.0s ago  pause 0.000ms\n"));
	free(text);
}

/* Growth of resident memory that no part has half of is nobody's. */
static void test_cause(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.memory.known = f.process.known = true;
	f.process.rss_grows = true;
	f.process.rss_rate = (struct estimate)EXACT(1024);
	f.process.cause_rate = (struct estimate){ NAN, NAN, NAN, 0 };
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "rss grows +60KiB/min, no single part has most of that\n"));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "\"cause\":null,\"cause_bytes\":null,"));
	free(text);
	f.process.cause = MEMORY_STACKS;
	f.process.cause_rate = (struct estimate)EXACT(1000);
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "+58.6KiB/min of it\n         stacks of goroutines\n"));
	free(text);
	f.process.cause_rate = (struct estimate){ 1400, 900, 2000, 9 };	/* more than the whole */
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "+60KiB/min, most of it stacks of goroutines\n"));
	free(text);
	f.process.cause = MEMORY_HEAP;
	f.process.cause_rate = (struct estimate){ 1000, 900, 1020, 9 };
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "/min of it\n         live heap and GC headroom\n"));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "\"cause\":\"heap\""));
	assert_non_null(strstr(text, "\"outside\":null"));
	free(text);
}

/* What may as well not have grown is told by its interval alone: the middle of that would read as
 * growth. */
static void test_may_not_grow(void **state)
{
	struct heap_site site = { .live = EXACT(2), .live_bytes = EXACT(2048),
				  .rate = { 1024, 0, 3072, 9 }, .rate_span_s = 61,
				  .finding = NO_INDEX };
	struct goroutine_site gsite = { .live = 3, .started = 9, .ended = 6, .rate_per_s = 0.1,
					.rate_span_s = 40, .oldest_s = -1, .finding = 1 };
	struct finding findings[] = {
		{ .verdict = VERDICT_GROWING, .is = { .missing = MISSING_RATE },
		  .rate = { 0, 0, 2133, 9 }, .site = NO_INDEX, .gsite = NO_INDEX,
		  .class_alone = true, .class_size = 64 },
		{ .verdict = VERDICT_GROWING,
		  .is = { .rate = { 0.05, -0.05, 0.15, 9 } }, .site = NO_INDEX, .n_gsites = 1 },
	};
	struct findings f = plain_findings();
	char *text;

	f.sites = &site;
	f.gsites = &gsite;
	f.n_sites = f.n_gsites = 1;
	f.go_events_lost = 8;
	f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_GROWING,
					.findings = findings, .n_findings = 2 };
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "\nGROWING up to +125KiB/min  in objects of 64B, "));
	assert_non_null(strstr(text, "\nGROWING goroutines between -3.0/min and +9.0/min  3 live"));
	assert_non_null(strstr(text, "objects  up to +180KiB/min over the last 1m01s"));
	assert_non_null(strstr(text, "goroutines  between -6.0/min and +18.0/min over the last 40s"));
	free(text);
	site.rate.low = 512;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "objects  +60KiB/min [+30, +180] over the last 1m01s"));
	free(text);
	f.n_sites = 0;
	f.n_sites_suppressed = 1;
	f.suppressed_by = "accepted.txt";
	site.rate.low = -1024;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "accepted.txt: between -60KiB/min and +180KiB/min, 2KiB\n"));
	free(text);
}

/* A forecast that is too wide to tell anything says how soon it may be, and one that is farther than
 * that nothing. */
static void test_limit(void **state)
{
	static const struct { struct estimate left_s; const char *words; } rows[] = {
		{ { 7200, 3600, 10800, 9 }, "(cgroup) in ~2h00m [1h00m, 3h00m]\n" },
		{ { 7200, 3600, 36000, 9 }, "(cgroup) in 1h00m at the earliest\n" },
		{ { 7200, 180, 1e9, 9 }, "(cgroup) in 3m00s at the earliest\n" },
		{ { 7200, 180, INFINITY, 9 }, "(cgroup) in 3m00s at the earliest\n" },
		{ { 7200, 0, 1e9, 9 }, NULL },
		{ { 4e7, 3e7, 5e7, 9 }, NULL },
		{ { NAN, NAN, NAN, 9 }, NULL },
	};
	struct findings f = plain_findings();

	f.room = (struct memory_room){ "cgroup", 1 << 30, 1 << 20 };
	f.census = (struct heap_census){ .n_cycles = 9, .rate = EXACT(1) };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text;

		f.process.left_s = rows[i].left_s;
		text = render_findings("text", &f, 10);
		if (rows[i].words)
			assert_non_null(strstr(text, rows[i].words));
		else
			assert_null(strstr(text, "limit"));
		free(text);
	}
}

/* Started and ended do not make up what lives where events were lost: they are intervals then. */
static void test_goroutines_lost(void **state)
{
	struct goroutine_site s = { .live = 30, .started = 40, .ended = 25, .rate_per_s = 0.5,
				    .rate_span_s = 40, .stack_bytes = UNKNOWN_U64, .oldest_s = -1,
				    .finding = NO_INDEX };
	struct findings f = plain_findings();
	char *text;

	f.gsites = &s;
	f.n_gsites = 1;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "30 live at 1 site, 40 started and 25 ended since the attach"));
	assert_non_null(strstr(text, "+30.0/min over the last 40s  40 started, 25 ended"));
	free(text);
	f.go_events_lost = 10;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, " 40 to 50 started and 25 to 35 ended since the attach"));
	assert_non_null(strstr(text, "+30.0/min [+15.0, +45.0] over the last 40s  40 to 50"));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "\"goroutine_events_lost\":10"));
	assert_non_null(strstr(text, "{\"estimate\":0.5,\"low\":0.25,\"high\":0.75}"));
	free(text);
}

/* That Go has no leak is not all there is to say of a process that grows. */
static void test_outside(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.memory.known = f.process.known = f.memory.mapped_known = true;
	f.verdicts.known = true;
	f.process.does = BEHAVIOUR_STEADY;
	f.process.rss_grows = true;
	f.process.rss_rate = f.process.cause_rate = (struct estimate)EXACT(1 << 20);
	f.process.cause = MEMORY_NOT_GO;
	f.process.outside = OUTSIDE_ANONYMOUS;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, " memory outside Go grows (PROCESS)\n"));
	assert_non_null(strstr(text, "PROCESS  live heap steady; rss grows +60MiB/min, +60MiB"));
	assert_non_null(strstr(text, "outside Go: C, mmap;\n         memleak -p PID of bcc "));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "\"outside\":\"anonymous\""));
	free(text);
	f.process.outside = OUTSIDE_FILES;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "memory outside Go: mapped files,"));
	free(text);
	f.process.cause = MEMORY_STACKS;
	text = render_findings("text", &f, 10);
	assert_null(strstr(text, "outside"));
	free(text);
}

/* Of mappings that were not read files are known all the same; the sum comes out even. */
static void test_unmapped(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.memory = (struct memory_account){
		.known = true, .rss = 100 << 20, .rss_files = 12 << 20, .live_heap = 30 << 20,
		.gc_headroom = 25 << 20, .stacks = 2 << 20, .runtime = 3 << 20, .not_go = 40 << 20,
		.num_gc = 3 };
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "MEMORY   rss 100MiB = live heap 30MiB + GC headroom 25MiB + "
			       "stacks 2MiB + runtime 3MiB\n         + program and files 12MiB + "
			       "C, mmap, variables 28MiB (less what of Go's is not in RAM)\n"));
	free(text);
	f.memory.rss -= 35 << 20;
	f.memory.not_go -= 35 << 20;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "+ program and files 12MiB - 7MiB not in RAM (less C, mmap, "
			       "variables)\n"));
	free(text);
	text = render_findings("json", &f, 10);
	assert_non_null(strstr(text, "{\"rss\":68157440,\"rss_files\":12582912,"));
	free(text);
}

/* "no leak" is the word of a trace that was long enough to say so. */
static void test_so_far(void **state)
{
	struct findings f = plain_findings();
	char *text;

	f.verdicts.known = true;
	f.verdicts.verdict = VERDICT_STEADY;
	f.verdicts.min_cycles = 12;
	f.verdicts.min_s = 180;
	f.gc_cycles = 24;
	f.attached_s = 30;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "no leak so far; 30s of 3m00s"));
	free(text);
	f.attached_s = 180;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "VERDICT  no leak"));
	assert_null(strstr(text, "so far"));
	free(text);
}

/* A sample of a large object that was drawn by chance may count for less than one. */
static void test_less_than_one(void **state)
{
	struct heap_site sites[] = {
		{ .live = { 0.4, 0.1, 2, 1 }, .live_bytes = { 300 << 10, 1 << 10, 2 << 20, 1 },
		  .rate = { NAN, NAN, NAN, 0 } },
	};
	struct findings f = plain_findings();
	char *text;

	f.sites = sites;
	f.n_sites = 1;
	f.live = sites[0].live;
	f.live_bytes = sites[0].live_bytes;
	text = render_findings("text", &f, 10);
	assert_non_null(strstr(text, "live in 1 object at 1 site, 1 sample"));
	assert_non_null(strstr(text, "live in 1 object, 1 sample"));
	free(text);
}

/* Shares of the growth come to all of it. */
static void test_shares(void **state)
{
	struct finding findings[] = { { .verdict = VERDICT_LEAK, .site = NO_INDEX, .gsite = NO_INDEX,
					 .is.over_s = NAN } };
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200 };
	size_t size;
	char *text;

	f.verdicts = (struct verdicts){
		.known = true, .verdict = VERDICT_LEAK, .findings = findings, .n_findings = 1,
		.explained = { 0.84, 0.8, 0.9, 0 }, .growing = { 0.052, 0, 0.1, 0 },
		.detectable = NAN };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "the leak explains 84% of the growth, what is growing 5%, "
				     "no finding the other 11%\n"));
	free(text);
	f.verdicts.explained.value = 1.02;
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "the leak explains 100% of the growth\n"));
	free(text);
}

/* A leak that is told and slower than what would show is no contradiction. */
static void test_would_show(void **state)
{
	struct finding findings[] = { { .verdict = VERDICT_LEAK, .site = NO_INDEX, .gsite = NO_INDEX,
					 .is.over_s = NAN } };
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200 };
	size_t size;
	char *text;

	f.verdicts = (struct verdicts){
		.known = true, .verdict = VERDICT_LEAK, .findings = findings, .n_findings = 1,
		.explained = { NAN, NAN, NAN, 0 }, .detectable = 1 << 20,
		.detectable_mostly = 700 << 10 };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "; another leak of 60MiB/min would show\n"));
	free(text);
	f.verdicts.verdict = VERDICT_STEADY;
	f.verdicts.n_findings = 0;
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "; a leak of 60MiB/min would show\n"));
	free(text);
	f.verdicts.detectable_mostly = 512;
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "; a leak of 60MiB/min would show whatever the size of its "
				     "objects, of 30KiB/min in 9 of 10 sizes\n"));
	free(text);
}

/* What grows and lacks something to be called a leak may be one: that is no "no leak". */
static void test_growing_so_far(void **state)
{
	struct finding findings[] = { { .verdict = VERDICT_GROWING, .site = NO_INDEX,
					.gsite = NO_INDEX, .is.over_s = NAN } };
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200 };
	size_t size;
	char *text;

	f.gc_cycles = 12;
	f.attached_s = 300;
	f.verdicts = (struct verdicts){
		.known = true, .verdict = VERDICT_GROWING, .min_cycles = 12, .min_s = 180,
		.findings = findings, .n_findings = 1, .explained = { NAN, NAN, NAN, 0 },
		.needed_s = NAN, .detectable = NAN };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "VERDICT  no leak so far, 1 growing"));
	free(text);
	f.verdicts.n_findings = 0;	/* of a size class, by no stack */
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "VERDICT  no leak so far"));
	free(text);
	f.verdicts.verdict = VERDICT_STEADY;
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "VERDICT  no leak\n"));
	free(text);
}

/* A collection begins somewhat below its goal; what is told is the runtime's own number, as MEMSTATS
 * has it. */
static void test_goal(void **state)
{
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200 };
	size_t size;
	char *text;

	f.memory.known = true;
	f.memory.next_gc = 4 << 20;
	f.memory.pacing = (struct gc_pacing){ .known = true, .gc_percent = 100, .next_s = NAN,
					      .every_s = NAN, .memory_limit = UNKNOWN_U64,
					      .trigger = 3998208 };
	f.process.cause = MEMORY_GARBAGE;
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, ", GOGC=100, the next by a heap of 4MiB\n"));
	free(text);
}

/* Numbers of sites are written as all others are. */
static void test_many_sites(void **state)
{
	struct finding *findings = xcalloc(1200, sizeof(*findings));
	struct heap_site *sites = xcalloc(3491, sizeof(*sites));
	struct findings f = plain_findings();
	struct report_options opt = { .columns = 200, .top = 1 };
	size_t size;
	char *text;

	for (size_t i = 0; i < 1200; i++)
		findings[i] = (struct finding){ .verdict = VERDICT_GROWING, .site = NO_INDEX,
						.gsite = NO_INDEX, .is.over_s = NAN };
	for (size_t i = 0; i < 3491; i++)
		sites[i].finding = NO_INDEX;
	f.sites = sites;
	f.n_sites = 3491;
	f.verdicts = (struct verdicts){
		.known = true, .findings = findings, .n_findings = 1200,
		.explained = { NAN, NAN, NAN, 0 }, .needed_s = NAN, .detectable = NAN };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, ", 1,200 growing, 3,491 with too few "));
	free(text);
	free(sites);
	free(findings);
}

/* Of one collection what lives is known, but not what grows. */
static void test_missing(void **state)
{
	const struct report_format *folded = report_find("folded");
	const unsigned growth = folded->values[report_value(folded, "growth")].needs;
	const unsigned live = folded->values[report_value(folded, "live")].needs;
	struct findings f = plain_findings();

	assert_true(growth & report_missing(&f));
	assert_false(live & report_missing(&f));
	f.growth_known = true;
	assert_false(growth & report_missing(&f));
	f.live_known = false;
	assert_true(live & report_missing(&f));
}

/* Two looks at the heap are shown where it is too early for a verdict, as what they are; not beside
 * findings that tell of them, nor where there is no leak. */
static void test_evidence(void **state)
{
	struct heapmap now = later_look(), before = earlier_look();
	struct heap_view view;
	struct finding finding = { .verdict = VERDICT_GROWING, .site = NO_INDEX, .gsite = NO_INDEX,
				   .is.over_s = NAN };
	struct findings f = plain_findings();
	const struct heap_row *grown[2];
	struct report_options opt = { .columns = 300, .top = REPORT_FIT };
	size_t size;
	char *text;

	heapview_make(&now, &before, &view);
	grown[0] = &view.rows[0];
	grown[1] = &view.rows[1];
	f.growth = &view;
	f.grown = grown;
	f.n_grown = 2;
	f.attached_s = 300;
	f.gc_cycles = 5;
	f.verdicts = (struct verdicts){
		.known = true, .verdict = VERDICT_TOO_FEW, .min_cycles = 12, .min_s = 180,
		.needed_s = 700, .detectable = NAN };
	text = render("text", &opt, &f, &size);
	assert_non_null(strstr(text, "5 of 12 collections; a trace needs about 11m40s; "
				     "GROWTH tells by type what grew meanwhile"));
	assert_non_null(strstr(text, "\nGROWTH   +"));
	assert_non_null(strstr(text, "between two looks 1m00s apart, 5 collections; evidence and no "
				     "verdict, since it may be freed again;"));
	assert_non_null(strstr(text, "\n#1  +312KiB/min"));
	assert_non_null(strstr(text, "mw.Bucket\n   +2,000/min, 7,890 now in map["));
	assert_non_null(strstr(text, "allocated by mw.(*Limiter).get limiter.go:42"));
	free(text);
	opt.top = 1;
	text = render("text", &opt, &f, &size);
	assert_null(strstr(text, "\n#2  "));
	assert_non_null(strstr(text, "\n... and 1 more type that grew, or may have (-T 0 shows all)"));
	free(text);
	finding.types = grown;
	finding.n_types = 1;
	f.verdicts.findings = &finding;
	f.verdicts.n_findings = 1;
	text = render("text", &opt, &f, &size);
	assert_null(strstr(text, "GROWTH"));
	free(text);
	f.verdicts.n_findings = 0;
	f.verdicts.verdict = VERDICT_STEADY;
	f.gc_cycles = 12;
	text = render("text", &opt, &f, &size);
	assert_null(strstr(text, "GROWTH"));
	free(text);
	opt = (struct report_options){ .top = 1 };
	text = render("json", &opt, &f, &size);
	assert_non_null(strstr(text, "\"types\":[{\"type\":\"mw.Bucket\""));
	free(text);
	heapview_fini(&view);
}

/* What cannot matter has no row, less than a hundredth of all that grew, and what comes to next to
 * nothing; but where all is asked for. */
static void test_little_evidence(void **state)
{
	static const struct { double total, bytes_per_min[3]; const char *rows, *rest; } cases[] = {
		{ 2e6, { 1e6, 9e5, 9e3 }, "#2", "\n... and 1 more type that grew" },
		{ 2e6, { 1e6, 9e5, 2e4 }, "#3", NULL },
		{ 9e8, { 5e4, 4e4, 2e3 }, "#3", NULL },		/* what all may have grown by */
		{ -1e6, { 5e4, 600, 500 }, "#1", "\n... and 2 more types that grew" },
		{ 147, { 56, 35, 8 }, NULL, "\n... and 3 types that grew, or may have" },
	};
	struct heapmap now = later_look(), before = earlier_look();
	struct findings f = plain_findings();
	const struct heap_row *grown[3];
	struct heap_row rows[3];
	struct heap_view view;
	char *text, next[4];
	size_t size;

	heapview_make(&now, &before, &view);
	f.growth = &view;
	f.grown = grown;
	f.n_grown = 3;
	f.verdicts = (struct verdicts){ .known = true, .verdict = VERDICT_TOO_FEW,
					.min_cycles = 12, .needed_s = NAN, .detectable = NAN };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const double total = cases[i].total / 60;

		for (size_t k = 0; k < 3; k++) {
			const double rate = cases[i].bytes_per_min[k] / 60;

			rows[k] = view.rows[0];
			rows[k].amount.bytes_per_s = (struct estimate){ rate, rate, rate, 0 };
			grown[k] = &rows[k];
		}
		view.held_per_s = (struct estimate){ total, total, total, 0 };
		text = render("text", &(struct report_options){ .columns = 300, .top = REPORT_FIT }, &f,
			      &size);
		snprintf(next, sizeof(next), "#%c", cases[i].rows ? cases[i].rows[1] + 1 : '1');
		assert_true(!cases[i].rows || strstr(text, cases[i].rows));
		assert_null(strstr(text, next));
		assert_true(cases[i].rest ? !!strstr(text, cases[i].rest) : !strstr(text, "that grew,"));
		free(text);
		text = render("text", &(struct report_options){ .columns = 300 }, &f, &size);
		assert_non_null(strstr(text, "\n#3  "));
		free(text);
	}
	heapview_fini(&view);
}

/* What is suppressed has no row, and is in the sums. */
static void test_suppressed(void **state)
{
	struct heap_site sites[] = {
		{ .live = EXACT(1), .live_bytes = EXACT(16), .rate = { NAN, NAN, NAN, 0 } },
		{ .live = EXACT(2), .live_bytes = EXACT(2048), .rate = { 1024, 512, 1536, 2 } },
		{ .live = EXACT(1), .live_bytes = EXACT(1024), .rate = { NAN, NAN, NAN, 0 } },
	};
	struct goroutine_site gsites[] = {
		{ .live = 9, .rate_per_s = 1, .rate_span_s = 60, .oldest_s = -1 },
		{ .live = 8, .rate_per_s = 2, .rate_span_s = 60, .oldest_s = -1 },
	};
	struct findings f = plain_findings();
	char *text;

	f.sites = sites;
	f.n_sites = 1;
	f.n_sites_suppressed = 2;
	f.gsites = gsites;
	f.n_gsites = f.n_gsites_suppressed = 1;
	f.suppressed_by = "accepted.txt";
	f.live = (struct estimate)EXACT(4);
	f.live_bytes = (struct estimate)EXACT(3088);
	text = render_findings("text", &f, 0);
	assert_non_null(strstr(text, "SUPPRESSED 2 sites by accepted.txt: "
				     "+60KiB/min [+30, +90], 3KiB; 8 goroutines at 1 site, "
				     "+120.0/min\n"));
	assert_non_null(strstr(text, "3.02KiB live in 4 objects at 3 sites"));
	assert_non_null(strstr(text, "17 live at 2 sites"));
	assert_non_null(strstr(text, "#1 "));
	assert_null(strstr(text, "#2 "));
	free(text);
	text = render_findings("folded", &f, 0);
	assert_string_equal(text, "[unknown] 16\n");
	free(text);
	f.n_sites_suppressed = f.n_gsites_suppressed = 0;
	text = render_findings("text", &f, 0);
	assert_null(strstr(text, "SUPPRESSED"));
	free(text);
}

/* What is shown, what is not, and that the verdict knows better. */
static void test_filter_line(void **state)
{
	struct heap_site sites[] = {
		{ .live = EXACT(1), .live_bytes = EXACT(1024), .rate = { NAN, NAN, NAN, 0 } },
		{ .live = EXACT(2), .live_bytes = EXACT(2048), .rate = EXACT(1) },
	};
	struct findings f = plain_findings();
	char *text;

	f.sites = sites;
	f.n_sites = f.n_sites_slow = 1;
	f.filter = (struct filter){ .set = true, .min_object = 1024, .older_cycles = 5,
				    .min_rate = 1024, .min_goroutine_rate = 0.5 };
	f.filtered.heap = (struct heap_sum){ .sites = 3, .live = 40, .live_bytes = 4096 };
	f.filtered.n_findings = 2;
	f.filtered.n_leaks = 1;
	text = render_findings("text", &f, 0);
	assert_non_null(strstr(text, "FILTER   objects of 1KiB or more, older than 5 collections; "));
	assert_non_null(strstr(text, "left out: 4KiB"));
	assert_non_null(strstr(text, "3 sites that have nothing else;"));
	assert_non_null(strstr(text, "heap from +60KiB/min on;"));
	assert_non_null(strstr(text, "1 site of 2KiB;"));
	assert_non_null(strstr(text, "goroutines from +30/min on;"));
	assert_non_null(strstr(text, "2 findings left out, 1 of them a leak\n"));
	assert_non_null(strstr(text, "at 2 sites"));
	free(text);
	f.filter = (struct filter){ .set = true, .min_object = 16, .max_object = 64 };
	f.filtered = (struct filtered){ .heap = { 0 } };
	text = render_findings("text", &f, 0);
	assert_non_null(strstr(text, "FILTER   objects of 16B to 64B; left out: 0B "));
	free(text);
}

static void test_numbers(void **state)
{
	static const struct { uint64_t v; const char *bytes; } bytes[] = {
		{ 0, "0B" }, { 12, "12B" }, { 1023, "1023B" }, { 1024, "1KiB" }, { 1536, "1.5KiB" },
		{ 604160, "590KiB" }, { 641728512, "612MiB" }, { 1524713390, "1.42GiB" },
		{ 1048575, "1MiB" }, { 1047552, "1023KiB" }, { 10480, "10.2KiB" },
		{ 102348, "99.9KiB" }, { 102390, "100KiB" },
		{ UINT64_MAX - 1, "16EiB" }, { UNKNOWN_U64, "?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		assert_string_equal(report_bytes(bytes[i].v).s, bytes[i].bytes);
	assert_string_equal(report_change(12582912).s, "+12MiB");
	assert_string_equal(report_change(-0.4).s, "+0B");
	assert_string_equal(report_change(-2048).s, "-2KiB");
	assert_string_equal(report_change(NAN).s, "?");
	assert_int_equal(report_change(1e300).s[0], '+');	/* cut, not overrun */
	assert_string_equal(report_count(0).s, "0");
	assert_string_equal(report_count(999).s, "999");
	assert_string_equal(report_count(1431).s, "1,431");
	assert_string_equal(report_count(UINT64_MAX - 1).s, "18,446,744,073,709,551,614");
	assert_string_equal(report_count(UNKNOWN_U64).s, "?");
	assert_string_equal(report_rough(0.364).s, "0.36");
	assert_string_equal(report_rough(11000).s, "11k");
	assert_string_equal(report_rough(1234567).s, "1.23M");
	assert_string_equal(report_rough(NAN).s, "?");
}

static void test_durations(void **state)
{
	static const struct { double s; const char *words; } rows[] = {
		{ 0, "0.0s" }, { 0.0004, "<1ms" }, { 0.3, "300ms" }, { 0.9994, "999ms" },
		{ 0.9996, "1.0s" }, { 3.25, "3.2s" }, { 9.96, "10s" }, { 45.4, "45s" },
		{ 59.6, "1m00s" }, { 3599.7, "1h00m" },
		{ 60, "1m00s" }, { 580, "9m40s" }, { 7380, "2h03m" }, { 446400, "5d04h" },
		{ -1, "?" }, { NAN, "?" }, { INFINITY, "?" }, { 1e18, "?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(report_duration(rows[i].s).s, rows[i].words);
}

static void test_utf8(void **state)
{
	static const struct { const char *in; uint32_t rune; size_t taken; } rows[] = {
		{ "", 1, 0 }, { "a", 'a', 1 }, { "\xc3\xa9x", 0xe9, 2 },
		{ "\xe2\x82\xac", 0x20ac, 3 }, { "\xf0\x9f\x90\xb9", 0x1f439, 4 },
		{ "\x80", 0xfffd, 1 }, { "\xc3", 0xfffd, 1 }, { "\xc0\x80", 0xfffd, 1 },
		{ "\xe0\x80\x80", 0xfffd, 1 }, { "\xed\xa0\x80", 0xfffd, 1 },
		{ "\xe2\x82", 0xfffd, 1 }, { "\xf4\x90\x80\x80", 0xfffd, 1 },
		{ "\xf8\x88\x80\x80\x80", 0xfffd, 1 }, { "\xff", 0xfffd, 1 },
	};
	char *clean;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t rune = 1;

		assert_int_equal(text_rune(rows[i].in, &rune), rows[i].taken);
		assert_int_equal(rune, rows[i].rune);
	}
	clean = text_clean("a\x1b[1m\xff\xc2\x9b\xe2\x80\xae\xc3\xa9");
	assert_string_equal(clean, "a\xef\xbf\xbd[1m\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9");
	assert_int_equal(report_columns(clean), 9);
	free(clean);
}

static void test_json_strings(void **state)
{
	struct findings f = plain_findings();
	char *json;

	f.target.exe = "/tmp/\"a\\b\"\n\t\x01\x7f\xc2\x85\xff\xc3\xa9\xf0\x9f\x90\xb9";
	f.target.comm = "a\xe2\x80\xae" "b";	/* what follows runs from right to left: escaped */
	json = render_findings("json", &f, 0);
	assert_non_null(strstr(json, "\"comm\":\"a\\u202eb\""));
	assert_non_null(strstr(json, "\"exe\":\"/tmp/\\\"a\\\\b\\\""
				     "\\u000a\\u0009\\u0001\\u007f\\u0085"
				     "\xef\xbf\xbd\xc3\xa9\xf0\x9f\x90\xb9\","));
	assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1);	/* one line */
	free(json);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* At most 1,000 sites of a kind, fewer types and places, the rest in sums; all for top 0. */
static void test_json_bounds(void **state)
{
	enum { N = 1003, N_PARTS = 30 };
	struct heap_site *sites = xcalloc(N, sizeof(*sites));
	struct goroutine_site *gsites = xcalloc(N, sizeof(*gsites));
	struct site_part parts[N_PARTS] = { PART("t", NULL, 8, 1, 0, 0, 1) };
	struct goroutine_place places[N_PARTS] = { { .state = "running", .live = 1 } };
	struct findings f = plain_findings();
	char *json;

	f.sites = sites;
	f.gsites = gsites;
	f.n_sites = f.n_gsites = N;
	for (size_t i = 0; i < N; i++) {
		sites[i] = (struct heap_site){ .live = EXACT(1), .live_bytes = EXACT(8),
					       .allocs = 2, .alloc_bytes = 16 };
		gsites[i] = (struct goroutine_site){ .live = 3, .started = 4, .ended = 1 };
	}
	sites[0].parts = parts;
	gsites[0].places = places;
	sites[0].n_parts = gsites[0].n_places = N_PARTS;

	json = render_findings("json", &f, 10);
	assert_int_equal(count(json, "\"kind\":\"heap\""), 1000);
	assert_int_equal(count(json, "\"kind\":\"goroutine\""), 1000);
	assert_int_equal(count(json, "\"types_left_out\":10,"), 1);
	assert_int_equal(count(json, "\"places_left_out\":10,"), 1);
	assert_non_null(strstr(json, "\"sites_left_out\":{\"heap\":{\"sites\":3,"
				     "\"live_objects\":3,\"live_bytes\":24,"
				     "\"alloc_objects\":6,\"alloc_bytes\":48},"
				     "\"goroutine\":{\"sites\":3,\"live\":9,"
				     "\"started\":12,\"ended\":3}}"));
	free(json);
	json = render_findings("json", &f, 1002);	/* rows that were asked for are there */
	assert_int_equal(count(json, "\"kind\":\"heap\""), 1002);
	free(json);
	json = render_findings("json", &f, 0);
	assert_int_equal(count(json, "\"kind\":\"goroutine\""), N);
	assert_int_equal(count(json, "\"types_left_out\":0,"), N);
	assert_non_null(strstr(json, "\"sites_left_out\":{\"heap\":{\"sites\":0,"));
	free(json);
	free(sites);
	free(gsites);
}

static void test_table(void **state)
{
	size_t n;
	const struct report_format *f = report_formats(&n);

	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(report_find(f[i].name), &f[i]);
	assert_null(report_find("xml"));
	assert_int_equal(report_value(report_find("folded"), NULL), 0);
	assert_int_equal(report_value(report_find("folded"), "goroutine"), 4);
	assert_int_equal(report_value(report_find("folded"), "heap"), -EINVAL);
	assert_int_equal(report_value(report_find("text"), "live"), -EINVAL);
}

/* A stream that has no room, and one that counts something unheard of. */
static void test_failures(void **state)
{
	size_t n;
	const struct report_format *formats = report_formats(&n);
	struct findings *f = find(&golden[0]);

	for (size_t i = 0; i < n; i++) {
		struct report_options opt = { .value = NULL };
		FILE *full = fopen("/dev/full", "w"), *null = fopen("/dev/null", "w");

		assert_non_null(full);
		assert_int_equal(formats[i].write(full, f, &opt), -ENOSPC);
		fclose(full);
		opt.value = "unheard-of";
		if (formats[i].values[0].name)
			assert_int_equal(formats[i].write(null, f, &opt), -EINVAL);
		fclose(null);
	}
	findings_free(f);
}

static void test_varints(void **state)
{
	static const struct { uint64_t v; const char *bytes; size_t n; } rows[] = {
		{ 0, "\x00", 1 }, { 1, "\x01", 1 }, { 127, "\x7f", 1 }, { 128, "\x80\x01", 2 },
		{ 300, "\xac\x02", 2 },
		{ UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
	};
	struct protobuf b = { 0 }, msg = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		b.len = 0;
		protobuf_varint(&b, rows[i].v);
		assert_int_equal(b.len, rows[i].n);
		assert_memory_equal(b.data, rows[i].bytes, rows[i].n);
	}
	b.len = 0;
	protobuf_u64(&b, 1, 0);
	assert_int_equal(b.len, 0);
	protobuf_u64(&msg, 1, 150);
	protobuf_message(&b, 16, &msg);
	assert_int_equal(msg.len, 0);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.data, "\x82\x01\x03\x08\x96\x01", 6);
	protobuf_fini(&b);
	protobuf_fini(&msg);
}

/* A profile read back, field by field. */

struct bytes {
	const uint8_t *p, *end;
};

struct field {
	unsigned int number;
	uint64_t value;		/* of a varint */
	struct bytes bytes;	/* of a byte string */
};

static uint64_t read_varint(struct bytes *b)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t byte;

		assert_true(b->p < b->end && shift < 64);
		byte = *b->p++;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
}

static bool next_field(struct bytes *b, struct field *f)
{
	uint64_t key, len;

	if (b->p == b->end)
		return false;
	key = read_varint(b);
	*f = (struct field){ .number = (unsigned int)(key >> 3) };
	if ((key & 7) == 0) {
		f->value = read_varint(b);
		return true;
	}
	assert_int_equal(key & 7, 2);
	len = read_varint(b);
	assert_true(len <= (uint64_t)(b->end - b->p));
	f->bytes = (struct bytes){ b->p, b->p + len };
	b->p += len;
	return true;
}

/* The nth field of that number. */
static struct field get_field(struct bytes b, unsigned int number, size_t nth)
{
	struct field f;

	while (next_field(&b, &f))
		if (f.number == number && nth-- == 0)
			return f;
	fail_msg("field %u is missing", number);
	return f;
}

static size_t count_fields(struct bytes b, unsigned int number)
{
	struct field f;
	size_t n = 0;

	while (next_field(&b, &f))
		n += f.number == number;
	return n;
}

/* 0 where the field is not written. */
static uint64_t get_number(struct bytes b, unsigned int number)
{
	return count_fields(b, number) ? get_field(b, number, 0).value : 0;
}

static bool string_is(struct bytes profile, uint64_t index, const char *want)
{
	struct bytes s = get_field(profile, 6, index).bytes;

	return (size_t)(s.end - s.p) == strlen(want) && memcmp(s.p, want, strlen(want)) == 0;
}

static void assert_value_type(struct bytes profile, unsigned int field, size_t nth,
			      const char *type, const char *unit)
{
	struct bytes v = get_field(profile, field, nth).bytes;

	assert_true(string_is(profile, get_number(v, 1), type));
	assert_true(string_is(profile, get_number(v, 2), unit));
}

static void assert_values(struct bytes sample, const uint64_t *want, size_t n)
{
	struct bytes values = get_field(sample, 2, 0).bytes;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(read_varint(&values), want[i]);
	assert_ptr_equal(values.p, values.end);
}

/* Name of line `line` of the location `place` of a sample; checks the location's address. */
static void assert_function(struct bytes profile, struct bytes sample, size_t place, size_t line,
			    uint64_t address, const char *function)
{
	struct bytes ids = get_field(sample, 1, 0).bytes, location, l, fn;
	uint64_t id = 0;

	for (size_t i = 0; i <= place; i++)
		id = read_varint(&ids);
	location = get_field(profile, 4, id - 1).bytes;	/* ids count from 1, in order */
	assert_int_equal(get_number(location, 1), id);
	assert_int_equal(get_number(location, 3), address);
	l = get_field(location, 4, line).bytes;
	fn = get_field(profile, 5, get_number(l, 1) - 1).bytes;
	assert_int_equal(get_number(fn, 1), get_number(l, 1));
	assert_true(string_is(profile, get_number(fn, 2), function));
}

/* The label's string index or number. */
static uint64_t get_label(struct bytes profile, struct bytes sample, const char *key,
			  unsigned int field)
{
	for (size_t i = 0; i < count_fields(sample, 3); i++) {
		struct bytes label = get_field(sample, 3, i).bytes;

		if (string_is(profile, get_number(label, 1), key))
			return get_number(label, field);
	}
	return 0;
}

static uint8_t *inflate_all(const char *data, size_t size, struct bytes *out)
{
	size_t cap = 1 << 20;
	uint8_t *p = xcalloc(1, cap);
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)size, .next_out = p,
		       .avail_out = (uInt)cap };

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	*out = (struct bytes){ p, z.next_out };
	inflateEnd(&z);
	return p;
}

/* To be freed. */
static uint8_t *read_profile(const struct output *o, struct bytes *profile)
{
	size_t size;
	char *gz = render_output(o, &size);
	uint8_t *data = inflate_all(gz, size, profile);

	free(gz);
	assert_true(string_is(*profile, 0, ""));
	return data;
}

static void test_pprof_heap_head(void **state)
{
	struct bytes p, mapping;
	uint8_t *data = read_profile(&profiles[0], &p);

	assert_int_equal(count_fields(p, 1), 4);
	assert_value_type(p, 1, 0, "alloc_objects", "count");
	assert_value_type(p, 1, 1, "alloc_space", "bytes");
	assert_value_type(p, 1, 2, "inuse_objects", "count");
	assert_value_type(p, 1, 3, "inuse_space", "bytes");
	assert_value_type(p, 11, 0, "space", "bytes");
	assert_int_equal(get_number(p, 12), 1);
	assert_int_equal(get_number(p, 9), 1700000000123456789);
	assert_int_equal(get_number(p, 10), 600000000000);
	assert_true(string_is(p, get_number(p, 14), "inuse_space"));
	assert_true(string_is(p, get_field(p, 13, 0).value,
			      "gobpfleak 0.1, pid 4242 api-server, go1.22.12 (stripped)"));
	assert_int_equal(count_fields(p, 13), 3 + 4);	/* and the four losses that are not 0 */

	assert_int_equal(count_fields(p, 3), 1);
	mapping = get_field(p, 3, 0).bytes;
	assert_int_equal(get_number(mapping, 1), 1);
	assert_int_equal(get_number(mapping, 2), 0x401000);
	assert_int_equal(get_number(mapping, 3), 0x600000);
	assert_int_equal(get_number(mapping, 4), 0x1000);
	assert_true(string_is(p, get_number(mapping, 5), "/srv/api-server"));
	assert_true(string_is(p, get_number(mapping, 6), full_observation().target.build_id));
	for (unsigned int field = 7; field <= 10; field++)
		assert_int_equal(get_number(mapping, field), 1);
	free(data);
}

static void test_pprof_heap_samples(void **state)
{
	static const uint64_t put[] = { 14950, 30617600, 14848, 30408704 };
	static const uint64_t shared[] = { 2200, 0, 2100, 0 };
	struct bytes p, sample, ids, again, cut, location;
	uint8_t *data = read_profile(&profiles[0], &p);

	assert_int_equal(count_fields(p, 2), 12);
	sample = get_field(p, 2, 0).bytes;
	assert_values(sample, put, 4);
	assert_function(p, sample, 0, 0, 0x4a1005, "bytes.growSlice");
	assert_function(p, sample, 0, 2, 0x4a1005, "bytes.(*Buffer).Write");
	assert_function(p, sample, 1, 0, 0x4b2010, "main.(*cache).put");
	assert_function(p, sample, 3, 0, 0x4b4030, "main.main");
	assert_int_equal(get_label(p, sample, "bytes", 3), 2048);
	assert_true(string_is(p, get_label(p, sample, "type", 2), "[]uint8"));

	/* The name that the process's own profile has. */
	assert_function(p, get_field(p, 2, 1).bytes, 0, 0, 0x4c1111,
			"example.com/api/session.(*Store[go.shape.string,go.shape.struct "
			"{ User string; Age int }]).Insert");

	/* Objects in blocks that others opened have no size, so no label. */
	sample = get_field(p, 2, 6).bytes;
	assert_values(sample, shared, 4);
	assert_int_equal(get_label(p, sample, "bytes", 3), 0);

	/* Equal locations are written once: the same stack but for one line. */
	ids = get_field(get_field(p, 2, 0).bytes, 1, 0).bytes;
	again = get_field(get_field(p, 2, 9).bytes, 1, 0).bytes;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(read_varint(&ids) == read_varint(&again), i != 2);

	/* Unknown function: an address outside the mapping, no lines; a cut root says so. */
	cut = get_field(p, 2, 8).bytes;
	ids = get_field(cut, 1, 0).bytes;
	read_varint(&ids);
	location = get_field(p, 4, read_varint(&ids) - 1).bytes;
	assert_int_equal(get_number(location, 3), 0x7f0000001234);
	assert_int_equal(get_number(location, 2), 0);
	assert_int_equal(count_fields(location, 4), 0);
	assert_function(p, cut, 3, 0, 0, "[truncated]");
	assert_int_equal(get_label(p, cut, "type", 2), 0);
	free(data);
}

/* Before the first collection nothing is known to be in use. */
static void test_pprof_early(void **state)
{
	static const uint64_t session[] = { 4000, 768000, 0, 0 };
	struct bytes p;
	uint8_t *data = read_profile(&profiles[1], &p);

	assert_values(get_field(p, 2, 0).bytes, session, 4);
	assert_true(string_is(p, get_field(p, 13, 1).value,
			      "attached 4.0s, 0 GC cycles: what is in use is not known yet"));
	free(data);
}

static void test_pprof_goroutines(void **state)
{
	static const uint64_t counts[] = { 1398, 31, 2, 12, 1, 3, 1 };
	struct bytes p, sample;
	uint8_t *data = read_profile(&profiles[2], &p);

	assert_int_equal(count_fields(p, 1), 1);
	assert_value_type(p, 1, 0, "goroutine", "count");
	assert_value_type(p, 11, 0, "goroutine", "count");
	assert_int_equal(get_number(p, 12), 1);
	assert_int_equal(count_fields(p, 2), ARRAY_SIZE(counts));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		assert_values(get_field(p, 2, i).bytes, &counts[i], 1);

	sample = get_field(p, 2, 0).bytes;
	assert_function(p, sample, 0, 0, 0x401001, "runtime.gopark");
	assert_true(string_is(p, get_label(p, sample, "state", 2), "chan send"));
	assert_true(string_is(p, get_label(p, sample, "longest_wait", 2), "1m..10m"));
	assert_true(string_is(p, get_label(p, sample, "created_by", 2), "main.fanout"));
	assert_function(p, get_field(p, 2, 2).bytes, 0, 0, 0, "[running]");
	free(data);
}

static void test_pprof_creation(void **state)
{
	struct bytes p;
	uint8_t *data = read_profile(&profiles[3], &p);

	assert_value_type(p, 1, 0, "goroutine", "count");
	assert_value_type(p, 11, 0, "goroutine_creation", "count");
	for (size_t i = 0; i < 3; i++)
		assert_function(p, get_field(p, 2, i).bytes, 0, 0, 0x4f1001, "main.fanout");
	assert_true(string_is(p, get_label(p, get_field(p, 2, 1).bytes, "state", 2), "runnable"));
	free(data);
}

static void test_pprof_build_id(void **state)
{
	struct findings f = plain_findings();
	struct report_options opt = { 0 };
	struct bytes p;
	uint8_t *data;
	char *gz = NULL;
	size_t size;
	FILE *out = open_memstream(&gz, &size);

	f.target.map_start = 0x400000;
	f.target.map_limit = 0x500000;
	f.target.build_id = "Zl3/abc/def";	/* Go's, which Go's own profile does not write */
	assert_int_equal(report_pprof(out, &f, &opt), 0);
	fclose(out);
	data = inflate_all(gz, size, &p);
	assert_int_equal(count_fields(get_field(p, 3, 0).bytes, 6), 0);
	free(data);
	free(gz);
}

/* More locations, functions and strings than the first tables hold. */
/* Parts that made room for others are in the sums of their site, and so in the profile. */
static void test_pprof_other_parts(void **state)
{
	static const uint64_t known[] = { 2, 96, 1, 48 }, others[] = { 5, 604, 0, 0 };
	static const uint64_t all[] = { 3, 24, 0, 0 };
	const struct frame leaf = { .function = "main.f", .pc = 0x401000 };
	const struct frame *const stack[] = { &leaf };
	struct site_part parts[] = { PART("main.T", "new", 48, 1, 0, 0, 2) };
	struct heap_site sites[] = {
		{ .stack = FRAMES(stack), PARTS(parts), .live = EXACT(1), .live_bytes = EXACT(48),
		  .allocs = 7, .alloc_bytes = 700 },
		{ .stack = FRAMES(stack), .allocs = 3, .alloc_bytes = 24 },
	};
	struct findings f = plain_findings();
	struct report_options opt = { 0 };
	struct bytes p;
	uint8_t *data;
	size_t size;
	char *gz;

	f.sites = sites;
	f.n_sites = ARRAY_SIZE(sites);
	gz = render("pprof", &opt, &f, &size);
	data = inflate_all(gz, size, &p);
	assert_int_equal(count_fields(p, 2), 3);
	assert_values(get_field(p, 2, 0).bytes, known, 4);
	assert_values(get_field(p, 2, 1).bytes, others, 4);
	assert_values(get_field(p, 2, 2).bytes, all, 4);
	assert_function(p, get_field(p, 2, 1).bytes, 0, 0, 0x401000, "main.f");
	assert_int_equal(count_fields(get_field(p, 2, 1).bytes, 3), 0);
	free(data);
	free(gz);
}

static void test_pprof_many(void **state)
{
	enum { N = 2000 };
	struct findings f = plain_findings();
	struct heap_site *sites = xcalloc(N, sizeof(*sites));
	struct frame *frames = xcalloc(N, sizeof(*frames));
	const struct frame **stacks = xcalloc(N, sizeof(const struct frame *));
	struct site_part part = PART("t", NULL, 8, 1, 0, 0, 1);
	struct report_options opt = { 0 };
	struct bytes p;
	uint8_t *data;
	char *gz = NULL;
	size_t size;
	FILE *out = open_memstream(&gz, &size);

	for (size_t i = 0; i < N; i++) {
		frames[i] = (struct frame){ .function = xasprintf("main.f%zu", i), .file = "f.go",
					    .line = 1, .pc = 0x401000 + i };
		stacks[i] = &frames[i];
		sites[i] = (struct heap_site){ .stack = { &stacks[i], 1, false }, .parts = &part,
					       .n_parts = 1 };
	}
	f.sites = sites;
	f.n_sites = N;
	assert_int_equal(report_pprof(out, &f, &opt), 0);
	fclose(out);
	data = inflate_all(gz, size, &p);
	assert_int_equal(count_fields(p, 4), N);
	assert_int_equal(count_fields(p, 5), N);
	for (size_t i = 0; i < N; i += 333)
		assert_function(p, get_field(p, 2, i).bytes, 0, 0, 0x401000 + i,
				frames[i].function);
	for (size_t i = 0; i < N; i++)
		free((char *)(uintptr_t)frames[i].function);
	free(data);
	free(gz);
	free(sites);
	free(stacks);
	free(frames);
}

/*
 * Every format on many sites with stacks of their own, and on one site with all types, all places:
 * what is quadratic in any of them does not come to an end.  `make check` runs the build without
 * sanitizers under valgrind, which is slow enough with a tenth.
 */
#ifdef __SANITIZE_ADDRESS__
enum { SCALE = 10 };
#else
enum { SCALE = 1 };
#endif
enum { N_SITES = SCALE * 10000, N_PARTS = SCALE * 1000, N_PLACES = SCALE * 4000,
       DEPTH = 4, N_FRAMES = 32 };

struct many {
	struct frame frames[N_FRAMES];
	const struct frame *stacks[N_SITES][DEPTH];
	struct site_part parts[N_PARTS];
	struct goroutine_place places[N_PLACES];
	struct heap_site sites[N_SITES];
	struct goroutine_site gsites[N_SITES];
};

static void fill_many(struct many *m)
{
	static const char *const names[] = { "main.a", "main.b", "main.c", "main.d" };

	for (size_t i = 0; i < N_FRAMES; i++)
		m->frames[i] = (struct frame){ .function = names[i % ARRAY_SIZE(names)],
			.file = "/a/b.go", .line = (uint32_t)i + 1, .pc = 0x401000 + i };
	for (size_t i = 0; i < N_SITES; i++) {
		for (size_t k = 0, rest = i; k < DEPTH; k++, rest /= N_FRAMES)
			m->stacks[i][k] = &m->frames[rest % N_FRAMES];
		m->sites[i] = (struct heap_site){ .stack = { m->stacks[i], DEPTH, false },
			.parts = m->parts + i % N_PARTS, .n_parts = 1, .live = EXACT(1) };
		m->gsites[i] = (struct goroutine_site){ .stack = m->sites[i].stack, .live = 1,
			.places = m->places + i % N_PLACES, .n_places = 1 };
	}
	for (size_t i = 0; i < N_PARTS; i++)
		m->parts[i] = (struct site_part)PART("main.T", "new", 8 * (i + 1), i, 0, 0, i);
	for (size_t i = 0; i < N_PLACES; i++)
		m->places[i] = (struct goroutine_place){ .state = "chan receive", .live = 1,
			.stack = { m->stacks[i], DEPTH, false } };
	m->sites[0].parts = m->parts;
	m->sites[0].n_parts = N_PARTS;
	m->gsites[0].places = m->places;
	m->gsites[0].n_places = N_PLACES;
}

static void test_many(void **state)
{
	static const struct report_options all = { .top = 0 }, some = { .top = 10 };
	static const struct { const char *format, *value; } outputs[] = {
		{ "text", NULL }, { "json", NULL }, { "folded", "live-objects" },
		{ "folded", "goroutine" }, { "pprof", "heap" }, { "pprof", "goroutine" },
	};
	struct many *m = xcalloc(1, sizeof(*m));
	struct findings f = plain_findings();
	FILE *null = fopen("/dev/null", "w");

	fill_many(m);
	f.sites = m->sites;
	f.gsites = m->gsites;
	f.n_sites = f.n_gsites = N_SITES;
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		const struct report_format *format = report_find(outputs[i].format);
		struct report_options opt = format->values ? all : some;

		opt.value = outputs[i].value;
		assert_int_equal(format->write(null, &f, &opt), 0);
	}
	fclose(null);
	free(m);
}

#define HOSTILE_NAME "x\x1b[2J\r\n#1  forged\xc2\x9b\xe2\x80\xae\xff"

/* Everything that comes from the target is one string. */
static struct findings foreign_findings(const char *name)
{
	static struct frame frame;
	static const struct frame *const stack[] = { &frame };
	static struct site_part part;
	static struct heap_site site;
	static struct goroutine_place place;
	static struct goroutine_site gsite;
	struct findings f = plain_findings();

	frame = (struct frame){ name, name, name, 1, false, 0x401001 };
	part = (struct site_part)PART(name, name, 8, 1, 0, 0, 1);
	site = (struct heap_site){ .stack = FRAMES(stack), .parts = &part, .n_parts = 1,
				   .live = EXACT(1), .live_bytes = EXACT(8) };
	place = (struct goroutine_place){ .state = name, .stack = FRAMES(stack), .live = 1 };
	gsite = (struct goroutine_site){ .stack = FRAMES(stack), .live = 1, .places = &place,
					 .n_places = 1 };
	f.target = (struct target_info){ .pid = 1, .exe = name, .comm = name, .go_version = name,
		.build_id = name, .main_file = name, .map_start = 0x401000, .map_limit = 0x402000 };
	f.gone = name;
	f.sites = &site;
	f.gsites = &gsite;
	f.n_sites = f.n_gsites = 1;
	return f;
}

/* Nothing that the target chose moves the cursor, begins a line, or turns the writing around. */
static void test_foreign_names(void **state)
{
	static const struct { const char *format, *value; } outputs[] = {
		{ "text", NULL }, { "json", NULL }, { "folded", NULL }, { "folded", "goroutine" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		const struct report_options opt = { .value = outputs[i].value };
		struct findings f = foreign_findings(HOSTILE_NAME);
		size_t size;
		char *text = render(outputs[i].format, &opt, &f, &size), *harmless;

		f = foreign_findings("harmless");
		harmless = render(outputs[i].format, &opt, &f, &size);
		assert_null(strpbrk(text, "\x1b\r"));
		assert_null(strstr(text, "\xc2\x9b"));
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strchr(text, '\xff'));
		if (strcmp(outputs[i].format, "text") != 0)	/* its lines break where full */
			assert_int_equal(count(text, "\n"), count(harmless, "\n"));
		assert_null(strstr(text, "\n#1  forged"));
		free(text);
		free(harmless);
	}
}

static void test_foreign_names_in_profile(void **state)
{
	const struct report_options opt = { .value = "goroutine" };
	struct findings f = foreign_findings(HOSTILE_NAME);
	size_t size;
	char *gz = render("pprof", &opt, &f, &size);
	struct bytes p;
	uint8_t *data = inflate_all(gz, size, &p);

	for (size_t i = 0; i < count_fields(p, 6); i++) {
		struct bytes string = get_field(p, 6, i).bytes;

		assert_null(memchr(string.p, 0x1b, (size_t)(string.end - string.p)));
		assert_null(memchr(string.p, '\n', (size_t)(string.end - string.p)));
	}
	free(data);
	free(gz);
}

static int write_output(FILE *file, const struct output *o)
{
	struct findings *f = find(o);
	int err = file ? report_find(o->format)->write(file, f, &o->opt) : -errno;

	if (file)
		fclose(file);
	findings_free(f);
	return err;
}

static int regenerate(void)
{
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *data = render_output(&golden[i], &size);

		good &= golden_write(golden[i].file, data, size);
	}
	return !good;
}

static int write_all(const char *dir)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(golden) + ARRAY_SIZE(profiles); i++) {
		const struct output *o = i < ARRAY_SIZE(golden) ? &golden[i] :
					 &profiles[i - ARRAY_SIZE(golden)];
		char *path = xasprintf("%s/%s", dir, o->file);

		err |= write_output(fopen(path, "w"), o);
		free(path);
	}
	return err != 0;
}

/* Which reports make sense is decided before: of what was allocated nothing means that nothing
 * was. */
static void test_folded_is_silent(void **state)
{
	const struct findings f = { .heap = true };
	const struct report_options opt = { .value = "alloc" };
	FILE *said = tmpfile(), *out = tmpfile();
	int before = dup(STDERR_FILENO);

	fflush(stderr);
	dup2(fileno(said), STDERR_FILENO);
	assert_int_equal(report_find("folded")->write(out, &f, &opt), 0);
	dup2(before, STDERR_FILENO);
	assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
	assert_int_equal(lseek(fileno(out), 0, SEEK_END), 0);
	close(before);
	fclose(said);
	fclose(out);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folded_is_silent),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_durations),
		cmocka_unit_test(test_utf8), cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_json_bounds),
		cmocka_unit_test(test_table), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_golden), cmocka_unit_test(test_text_fits),
		cmocka_unit_test(test_colours), cmocka_unit_test(test_keepers),
		cmocka_unit_test(test_cause), cmocka_unit_test(test_outside),
		cmocka_unit_test(test_unmapped), cmocka_unit_test(test_may_not_grow),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_goroutines_lost),
		cmocka_unit_test(test_no_collection),
		cmocka_unit_test(test_collection_age),
		cmocka_unit_test(test_so_far), cmocka_unit_test(test_less_than_one),
		cmocka_unit_test(test_folders), cmocka_unit_test(test_no_weight),
		cmocka_unit_test(test_folders), cmocka_unit_test(test_goroutine_finding),
		cmocka_unit_test(test_goroutine_id), cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_would_show),
		cmocka_unit_test(test_growing_so_far), cmocka_unit_test(test_goal),
		cmocka_unit_test(test_many_sites), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_evidence), cmocka_unit_test(test_little_evidence),
		cmocka_unit_test(test_suppressed),
		cmocka_unit_test(test_filter_line), cmocka_unit_test(test_goroutine_rates),
		cmocka_unit_test(test_varints), cmocka_unit_test(test_pprof_heap_head),
		cmocka_unit_test(test_pprof_heap_samples), cmocka_unit_test(test_pprof_early),
		cmocka_unit_test(test_pprof_goroutines), cmocka_unit_test(test_pprof_creation),
		cmocka_unit_test(test_pprof_build_id), cmocka_unit_test(test_pprof_many),
		cmocka_unit_test(test_pprof_other_parts),
		cmocka_unit_test(test_many), cmocka_unit_test(test_foreign_names),
		cmocka_unit_test(test_foreign_names_in_profile),
	};

	setenv("TZ", "UTC", true);
	if (argc == 2 && strcmp(argv[1], "--regenerate") == 0)
		return regenerate();
	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_all(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
