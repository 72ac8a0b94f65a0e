// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_heapview.c - heapview.h, and what the formats make of it.
 *
 * test_heapview --regenerate	writes the golden files anew
 * test_heapview --write DIR	writes a profile to DIR, for other tools to read
 */
#include "user/heapview.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/golden/heapmaps.h"
#include "user/report/report.h"

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
			    .not_go = 2 << 20, .heap_alloc = 5 << 20 },
		.followed_one_in = 1, .types = &l->view,
		.coverage = l->view.losses, .n_coverage = N_HEAP_LOSSES,
		.cost = { NAN, NAN, 0, NAN, NAN, NAN, 9 << 20 },
	};
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

static FILE *open_golden(const char *name, const char *mode)
{
	char *self = xstrdup(__FILE__);
	char *path = xasprintf("%s/../golden/%s", dirname(self), name);
	FILE *file = fopen(path, mode);

	if (!file)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(path);
	free(self);
	return file;
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		char want[1 << 16];
		size_t size, want_size;
		char *got = render(&golden[i], &size);
		FILE *file = open_golden(golden[i].file, "r");

		assert_non_null(file);
		want_size = fread(want, 1, sizeof(want), file);
		fclose(file);
		if (size != want_size || memcmp(got, want, size) != 0)
			fail_msg("%s differs; if that is meant, --regenerate. Now:\n%s",
				 golden[i].file, got);
		free(got);
	}
}

static int regenerate(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		size_t size;
		char *data = render(&golden[i], &size);
		FILE *file = open_golden(golden[i].file, "w");

		if (!file || fwrite(data, 1, size, file) != size || fclose(file))
			return 1;
		free(data);
	}
	return 0;
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
	assert_non_null(strstr(text, "... and 19"));
	free(text);
	heapview_fini(&view);
	heapview_fini(&l.view);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_fits_a_screen),
		cmocka_unit_test(test_one_look),
		cmocka_unit_test(test_two_looks),
		cmocka_unit_test(test_cut_holders),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_profile),
	};

	if (argc == 2 && !strcmp(argv[1], "--regenerate"))
		return regenerate();
	if (argc == 3 && !strcmp(argv[1], "--write"))
		return write_profile(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
