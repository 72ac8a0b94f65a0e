// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_leftout.c - leftout.h: sites and findings that are not shown stand behind the others, and
 * all indices lead to what they led to before.
 */
#include "user/leftout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "user/model.h"

#define RATE(v) { (v), (v), (v), 1 }

/* By id: what is suppressed, slow, part of a slow finding, of a fast one, not known to be slow. */
static void test_sites(void **state)
{
	struct heap_site sites[] = {
		{ .id = 1, .rate = RATE(50), .finding = NO_INDEX, .suppressed = true },
		{ .id = 2, .rate = RATE(5), .finding = NO_INDEX },
		{ .id = 3, .rate = RATE(6), .finding = 0 },
		{ .id = 4, .rate = RATE(7), .finding = 1 },
		{ .id = 5, .rate = { NAN, NAN, NAN, 0 }, .finding = NO_INDEX },
		{ .id = 6, .rate = RATE(60), .finding = 1 },
		{ .id = 7, .rate = RATE(8), .finding = NO_INDEX, .suppressed = true },
	};
	struct finding findings[] = {
		{ .rate = RATE(6), .site = 2, .gsite = NO_INDEX, .verdict = VERDICT_LEAK },
		{ .rate = RATE(67), .site = 5, .gsite = NO_INDEX, .verdict = VERDICT_GROWING },
	};
	struct findings f = {
		.sites = sites, .n_sites = 7, .filter = { .set = true, .min_rate = 10 },
		.verdicts = { .known = true, .findings = findings, .n_findings = 2 },
	};
	static const uint64_t order[] = { 4, 5, 6, 1, 7, 2, 3 };

	left_out(&f);
	assert_int_equal(f.n_sites, 3);
	assert_int_equal(f.n_sites_suppressed, 2);
	assert_int_equal(f.n_sites_slow, 2);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(sites[i].id, order[i]);
	assert_int_equal(f.verdicts.n_findings, 1);
	assert_int_equal(f.filtered.n_findings, 1);
	assert_int_equal(f.filtered.n_leaks, 1);
	assert_true(findings[0].rate.value == 67 && sites[findings[0].site].id == 6);
	assert_true(findings[1].rate.value == 6 && sites[findings[1].site].id == 3);
	assert_true(sites[0].finding == 0 && sites[2].finding == 0 && sites[6].finding == 1);
	assert_true(sites[1].finding == NO_INDEX);
}

static void test_goroutines(void **state)
{
	struct goroutine_site gsites[] = {
		{ .id = 1, .rate_per_s = 1, .finding = NO_INDEX },
		{ .id = 2, .rate_per_s = 9, .finding = NO_INDEX, .suppressed = true },
		{ .id = 3, .rate_per_s = 3, .finding = 0 },
	};
	struct finding found = {
		.rate = RATE(1), .is.rate = RATE(3), .site = NO_INDEX, .gsite = 2,
	};
	struct findings f = {
		.gsites = gsites, .n_gsites = 3,
		.filter = { .set = true, .min_rate = 100, .min_goroutine_rate = 2 },
		.verdicts = { .known = true, .findings = &found, .n_findings = 1 },
	};

	left_out(&f);
	assert_int_equal(f.verdicts.n_findings, 1);	/* goroutines decide, not their bytes */
	assert_int_equal(found.gsite, 0);
	assert_int_equal(f.n_gsites, 1);
	assert_int_equal(gsites[0].id, 3);
	assert_int_equal(f.n_gsites_suppressed, 1);
	assert_int_equal(gsites[1].id, 2);
	assert_int_equal(f.n_gsites_slow, 1);
	assert_int_equal(gsites[2].id, 1);
}

/* A finding that is a size class, without sites, goes by that size; one whose sites are all of
 * another size has nothing left. */
static void test_sizes(void **state)
{
	struct heap_site sites[] = {
		{ .id = 1, .finding = 2, .is.rate = RATE(1) },
		{ .id = 2, .finding = 2, .is.rate = RATE(2) },
	};
	struct finding findings[] = {
		{ .class_alone = true, .class_size = 64, .site = NO_INDEX, .gsite = NO_INDEX },
		{ .class_alone = true, .class_size = 0, .site = NO_INDEX, .gsite = NO_INDEX },
		{ .rate = RATE(3), .site = 0, .gsite = NO_INDEX },
		{ .rate = RATE(2), .site = 1, .gsite = NO_INDEX },
		{ .class_alone = true, .class_size = 2048, .site = NO_INDEX, .gsite = NO_INDEX },
	};
	struct findings f = {
		.sites = sites, .n_sites = 2, .filter = { .set = true, .min_object = 1024 },
		.verdicts = { .known = true, .findings = findings, .n_findings = 5 },
	};

	left_out_find_sites(&f);
	assert_int_equal(findings[2].site, 1);		/* of those that are left the fastest */
	assert_int_equal(findings[3].site, NO_INDEX);
	left_out(&f);
	assert_int_equal(f.verdicts.n_findings, 3);
	assert_int_equal(findings[0].class_size, 0);	/* large ones: of many sizes */
	assert_true(findings[1].rate.value == 3);
	assert_int_equal(findings[2].class_size, 2048);
	assert_int_equal(f.filtered.n_findings, 2);
	assert_true(sites[0].finding == 1 && sites[1].finding == 1);
}

static void test_nothing(void **state)
{
	struct findings f = { 0 };

	left_out(&f);
	assert_int_equal(f.n_sites + f.n_gsites + f.verdicts.n_findings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites), cmocka_unit_test(test_goroutines),
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
