// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_stat.c - intervals of counts against tabulated ones.
 */
#include "user/judge/stat.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double got, double want, double by)
{
	if (!(fabs(got - want) <= by))
		fail_msg("%g is not %g +- %g", got, want, by);
}

/* Exact limits: half the quantiles of chi squared with 2n and 2n + 2 degrees of freedom. */
static void test_poisson(void **state)
{
	static const struct { double n, low, high; } exact[] = {
		{ 0, 0, 3.689 }, { 1, 0.0253, 5.572 }, { 3, 0.6187, 8.767 }, { 10, 4.795, 18.39 },
		{ 40, 28.58, 54.47 }, { 100, 81.36, 121.63 },
	};

	for (size_t i = 0; i < sizeof(exact) / sizeof(*exact); i++) {
		assert_near(poisson_low(exact[i].n, 1.959964), exact[i].low, 0.03);
		assert_near(poisson_high(exact[i].n, 1.959964), exact[i].high, 0.05);
	}
	assert_near(poisson_high(0, 1.645), 3.0, 0.05);
}

/* 12 objects of weight 3 born, 3 of them dead: the limits are three times those of the counts. */
static void test_net(void **state)
{
	const struct window_change c = { .born = { 36, 108 }, .died = { 9, 27 } };
	struct net net = net_of(&c);
	struct estimate e = net_rate(&c, 2);

	assert_near(net.sum, 27, 1e-9);
	assert_near(net.variance, 135, 1e-9);
	assert_near(net.z, 27 / sqrt(135), 1e-9);
	assert_near(net.samples, 9, 1e-9);
	assert_near(e.value, 13.5, 1e-9);
	assert_near(e.low, (27 - 3 * hypot(12 - 6.2, 8.767 - 3)) / 2, 0.1);
	assert_near(e.high, (27 + 3 * hypot(20.96 - 12, 3 - 0.62)) / 2, 0.1);
	assert_int_equal(e.samples, 15);
}

static void test_nothing(void **state)
{
	const struct window_change c = { .born = { 0 } }, birth = { .born = { 4, 16 } };
	struct estimate e = net_rate(&c, 2);

	assert_true(e.value == 0 && e.low == 0 && e.high == 0);
	assert_true(net_of(&c).z == 0 && net_of(&c).samples == 0);
	assert_true(isnan(net_rate(&c, 0).value));
	e = net_rate(&birth, 1);	/* one of weight 4; none has died, but three may */
	assert_near(e.value, 4, 1e-9);
	assert_true(e.low < 0 && e.high > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_poisson),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
