// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_trend.c - slopes of numbers whose growth is known.
 */
#include "user/judge/trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S 1000000000ull
#define START (5 * S)

static uint64_t seed;

/* About normal, with a deviation of 1. */
static double noise(void)
{
	double sum = -6;

	for (int i = 0; i < 12; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(seed >> 40) / (1 << 24);
	}
	return sum;
}

static void assert_near(double got, double want, double by)
{
	if (!(fabs(got - want) <= by))
		fail_msg("%g is not %g +- %g", got, want, by);
}

/* Exact growth is found exactly, however often it was counted and however irregularly. */
static void test_line(void **state)
{
	static const size_t counts[] = { TREND_MIN_CUT, 100, 127, 128, 129, 1000, 100000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct trend *t;
		struct estimate up, down, flat;
		uint64_t s = 0;

		trend_new(&t, 3);
		for (size_t k = 0; k < counts[i]; k++, s += 1 + k % 3)
			trend_add(t, START + s * S,
				  (uint64_t[]){ 7 + 50 * s, 100000000 - 3 * s, 9 }, NULL, NULL);
		up = trend_late(t, 0, START);
		down = trend_late(t, 1, START);
		flat = trend_late(t, 2, START);
		trend_free(t);
		assert_near(up.value, 50, 1e-6);
		assert_near(up.low, 50, 1e-6);
		assert_near(up.high, 50, 1e-6);
		assert_near(down.value, -3, 1e-6);
		assert_true(flat.value == 0 && flat.low == 0 && flat.high == 0);
		assert_in_range(up.samples, TREND_MIN_SAMPLES, 128);
	}
}

static void test_too_few(void **state)
{
	struct estimate e;
	struct trend *t;

	trend_new(&t, 1);
	e = trend_late(t, 0, START);
	assert_true(isnan(e.value) && !e.samples);
	for (uint64_t i = 0; i < TREND_MIN_CUT - 1; i++)
		trend_add(t, START + i * S, &i, NULL, NULL);
	e = trend_late(t, 0, START);		/* 7 in the last two thirds */
	assert_true(isnan(e.value) && isnan(e.low) && isnan(e.high));
	assert_true(e.samples < TREND_MIN_SAMPLES);
	trend_add(t, START + 10 * S, (uint64_t[]){ 10 }, NULL, NULL);
	e = trend_late(t, 0, START);
	assert_near(e.value, 1, 1e-9);
	trend_free(t);
}

/* Moments that come ever more rarely: the later parts have enough of them, and are as long
 * as that takes. */
static void test_rare(void **state)
{
	static const double factors[] = { 1, 1.4, 2 };

	for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
		double at = 0, step = 10;
		struct growth g;
		struct trend *t;

		trend_new(&t, 1);
		for (unsigned k = 0; k < 14; k++, step *= factors[i]) {
			at += step;
			trend_add(t, START + (uint64_t)(at * 1e9), (uint64_t[]){
				  (uint64_t)(1e6 + 500 * at) }, NULL, NULL);
		}
		trend_growth(t, 0, START, &g);
		trend_free(t);
		assert_true(g.late.samples >= TREND_MIN_SAMPLES && g.late.samples < 14);
		assert_near(g.late.value, 500, 1);
		assert_near(g.part_s[0] + g.part_s[1] + g.part_s[2], g.seconds, 1e-6);
		assert_near(g.part_s[1] + g.part_s[2], g.late_s, 1e-6);
		for (int k = 0; k < 3; k++)
			assert_near(g.part[k], 500, 2);
	}
}

/* What was before part 2 does not count: here a warm-up. */
static void test_since(void **state)
{
	struct trend *t;

	trend_new(&t, 1);
	for (uint64_t i = 0; i < 90; i++)
		trend_add(t, START + i * S,
			  (uint64_t[]){ i < 30 ? 1000 * i : 30000 + 2 * (i - 30) }, NULL, NULL);
	assert_near(trend_late(t, 0, START).value, 2, 1e-9);
	trend_free(t);
}

/* A fifth of the cycles are wrong by far. */
static void test_outliers(void **state)
{
	struct estimate e;
	struct trend *t;

	trend_new(&t, 1);
	for (uint64_t i = 0; i < 100; i++)
		trend_add(t, START + i * S, (uint64_t[]){ 10 * i + (i % 5 ? i % 7 : 5000) }, NULL,
			  NULL);
	e = trend_late(t, 0, START);
	trend_free(t);
	assert_near(e.value, 10, 0.2);
	assert_true(e.low <= 10 && 10 <= e.high && e.high - e.low < 1);
}

/* In how many of 1000 the truth lies in the interval; r: correlation of neighbours. */
static unsigned coverage(uint64_t n, double r, double *width)
{
	const double slope = 3;
	unsigned n_held = 0;

	*width = 0;
	for (seed = 1; seed <= 1000; seed++) {
		uint64_t run = seed;
		struct estimate e;
		struct trend *t;
		double x = 0;

		trend_new(&t, 1);
		for (uint64_t i = 0; i < n; i++) {
			x = r * x + noise();
			trend_add(t, START + i * S, (uint64_t[]){
				  (uint64_t)(1000000 + slope * (double)i * 100 + 100 * x) }, NULL,
				  NULL);
		}
		e = trend_late(t, 0, START);
		trend_free(t);
		n_held += e.low <= 100 * slope && 100 * slope <= e.high;
		*width += (e.high - e.low) / 1000;
		seed = run;
	}
	return n_held;
}

static void test_coverage(void **state)
{
	double few, many;

	assert_in_range(coverage(12, 0, &few), 930, 999);
	assert_in_range(coverage(60, 0, &many), 930, 999);
	assert_true(many < few / 8);	/* by 60^1.5 against 12^1.5 */
	assert_in_range(coverage(400, 0, &many), 930, 999);	/* joined by fours */
	assert_in_range(coverage(100, 0.6, &many), 900, 999);
}

/* A batch that comes and goes is not growth. */
static void test_sway(void **state)
{
	for (uint64_t shift = 0; shift < 20; shift++) {
		struct estimate e;
		struct trend *t;

		trend_new(&t, 1);
		for (uint64_t i = 0; i < 70; i++)
			trend_add(t, START + i * S, (uint64_t[]){
				  (i + shift) % 20 < 10 ? 100000 : 0 }, NULL, NULL);
		e = trend_late(t, 0, START);
		trend_free(t);
		assert_true(e.low <= 0 && 0 <= e.high);
	}
}

/* A leak that begins in the middle: slopes and means of the three parts. */
static void test_growth(void **state)
{
	struct growth g;
	struct trend *t;
	double part[3];

	trend_new(&t, 1);
	trend_growth(t, 0, START, &g);
	assert_true(!g.n && isnan(g.late.value) && isnan(g.part[0]) && isnan(g.change));
	for (uint64_t i = 0; i <= 90; i++)
		trend_add(t, START + i * S, (uint64_t[]){ i < 60 ? 500 : 500 + 4 * (i - 60) },
			  NULL, NULL);
	trend_growth(t, 0, START, &g);
	trend_parts(t, 0, START, part);
	trend_free(t);
	for (int i = 0; i < 3; i++)
		assert_near(part[i], g.part[i], 0);
	assert_int_equal(g.n, 91);
	assert_near(g.seconds, 90, 1e-9);
	assert_near(g.late_s, 60, 1e-9);
	assert_near(g.part[0], 0, 1e-9);
	assert_near(g.part[1], 0, 1e-9);
	assert_near(g.part[2], 4, 1e-9);
	assert_near(g.level[1], 500, 1e-9);
	assert_near(g.level[2], 560, 1e-9);
	assert_near(g.change, 102.0 / 51, 0.05);
	assert_true(g.late.low <= g.late.value && g.late.value <= g.late.high);
}

/* Known between bounds of very different width, and told from somewhere in between: the interval
 * holds, and is as wide as it must be. */
static void test_bounds(void **state)
{
	unsigned n_held = 0;
	double widest = 0;

	for (uint64_t run = 1; run <= 300; run++) {
		struct estimate e;
		struct trend *t;

		seed = run;
		trend_new(&t, 1);
		for (uint64_t i = 0; i < 40; i++) {
			uint64_t truth = 100000 + 50 * i, width = i % 4 ? 200 : 20000;
			uint64_t off = (uint64_t)fabs(noise() * 1e6) % width;

			trend_add(t, START + i * S, &(uint64_t){ truth + off }, &off,
				  &(uint64_t){ width - off });
		}
		e = trend_late(t, 0, START);
		trend_free(t);
		n_held += e.low <= 50 && 50 <= e.high;
		widest = fmax(widest, e.high - e.low);
		assert_true(e.low <= e.value && e.value <= e.high);
	}
	assert_int_equal(n_held, 300);
	assert_true(widest < 1000);
}

/* What stands still within its bounds may have moved within them. */
static void test_flat_bounds(void **state)
{
	struct estimate e;
	struct growth g;
	struct trend *t;

	trend_new(&t, 1);
	for (uint64_t i = 0; i < 1000; i++)	/* joined, too */
		trend_add(t, START + i * S, &(uint64_t){ 7000 }, &(uint64_t){ 10 },
			  &(uint64_t){ 30 });
	e = trend_late(t, 0, START);
	trend_growth(t, 0, START, &g);
	trend_free(t);
	assert_true(g.late.low < 0 && g.values.low == 0 && g.values.high == 0);
	assert_true(e.value == 0 && e.low < 0 && e.high > 0);
	assert_near(e.high, -e.low, 1e-9);
}

/* A wave of amplitude 20 about a line, in step with another one. */
static void test_sway_size(void **state)
{
	struct growth g;
	struct trend *t;

	trend_new(&t, 3);
	for (uint64_t i = 0; i <= 90; i++) {
		double wave = 20 * sin((double)i);

		trend_add(t, START + i * S, (uint64_t[]){
			  (uint64_t)(1000 + wave), (uint64_t)(50 + wave / 4), 7 },
			  NULL, NULL);
	}
	trend_growth(t, 0, START, &g);
	assert_near(g.sway, 20 / sqrt(2), 1);
	assert_near(trend_correlation(t, 0, 1, START), 1, 0.05);
	assert_near(trend_correlation(t, 0, 2, START), 0, 0);
	trend_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_rare),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_flat_bounds),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_sway),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_sway_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
