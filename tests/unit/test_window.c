// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_window.c - births and deaths against sums over all objects, one by one.
 */
#include "user/judge/window.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ull

enum { MEMORY = 4 << 20, MAX_OBJECTS = 20000, KEY = 77 };

static uint64_t seed = 1;

static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 9007199254740992.0;
}

struct one {
	uint64_t birth_ns, death_ns;	/* death: the look that found it dead; 0: alive */
	double weight;
};

struct world {
	struct window *w;
	uint64_t now, start;
	struct one v[MAX_OBJECTS];
	size_t n;
};

static void world_look(struct world *x, double step_s, size_t n_births, double death_rate)
{
	uint64_t before = x->now;

	x->now += (uint64_t)(step_s * 1e9);
	window_look(x->w, x->now);
	for (size_t i = 0; i < x->n; i++) {
		if (x->v[i].death_ns || uniform() > death_rate)
			continue;
		x->v[i].death_ns = x->now;
		window_death(x->w, KEY, x->v[i].birth_ns, x->v[i].weight);
	}
	for (size_t i = 0; i < n_births && x->n < MAX_OBJECTS; i++) {
		struct one o = { .birth_ns = before + 1 + (uint64_t)(uniform() * step_s * 9e8),
				 .weight = uniform() < 0.5 ? 1 : 4 };

		window_birth(x->w, KEY, o.birth_ns, o.weight);
		x->v[x->n++] = o;
	}
}

static void expect_change(const struct world *x, double from_s, double to_s,
			  const struct window_change *got)
{
	uint64_t from = x->start + (uint64_t)llround(from_s * 1e9);
	uint64_t to = x->start + (uint64_t)llround(to_s * 1e9);
	struct window_change want = { 0 };

	for (size_t i = 0; i < x->n; i++) {
		const struct one *o = &x->v[i];
		bool at_begin = o->birth_ns <= from && (!o->death_ns || o->death_ns > from);
		bool at_end = o->birth_ns <= to && (!o->death_ns || o->death_ns > to);
		struct weights *add = at_end && !at_begin ? &want.born :
				      at_begin && !at_end ? &want.died : NULL;

		if (!add)
			continue;
		add->sum += o->weight;
		add->squares += o->weight * o->weight;
	}
	assert_true(got->born.sum == want.born.sum);
	assert_true(got->born.squares == want.born.squares);
	assert_true(got->died.sum == want.died.sum);
	assert_true(got->died.squares == want.died.squares);
}

static void expect_world(const struct world *x)
{
	struct window_span span;
	struct window_flow flow;
	double t = 0;

	window_span(x->w, &span);
	window_flow(x->w, KEY, &flow);
	assert_true(fabs(span.seconds - (double)(x->now - x->start) / 1e9) < 1e-9);
	for (size_t i = 0; i < span.n_steps; t += span.step_s[i++])
		expect_change(x, t, t + span.step_s[i], &flow.step[i]);
	if (span.n_steps < 3)
		return;
	t = span.part_s[0];
	expect_change(x, 0, t, &flow.part[0]);
	expect_change(x, t, t + span.part_s[1], &flow.part[1]);
	expect_change(x, t + span.part_s[1], span.seconds, &flow.part[2]);
	expect_change(x, t, span.seconds, &flow.late);
}

static struct world *world_new(void)
{
	struct world *x = calloc(1, sizeof(*x));

	x->start = x->now = 5 * S;
	window_new(&x->w, x->start, MEMORY);
	return x;
}

static void world_free(struct world *x)
{
	window_free(x->w);
	free(x);
}

/* Every part and step at every look, at regular and irregular looks, through several halvings. */
static void test_exact(void **state)
{
	for (int run = 0; run < 4; run++) {
		struct world *x = world_new();

		window_birth(x->w, KEY, 6 * S, 1);	/* before any look: not kept */
		assert_int_equal(window_lost(x->w), 1);
		for (int i = 0; i < 20 && run == 3; i++) {	/* older than the window */
			x->v[x->n++] = (struct one){ .birth_ns = x->start - 1, .weight = 1 };
			if (!i)
				window_look(x->w, ++x->now);
			window_birth(x->w, KEY, 0, 1);
		}
		for (int i = 0; i < 150; i++) {
			world_look(x, run ? 0.2 + 3 * uniform() : 1, (size_t)(40 * uniform()),
				   0.15 * uniform());
			expect_world(x);
		}
		world_free(x);
	}
}

/* A window as long as a day of looks every second has parts that are thirds. */
static void test_thirds(void **state)
{
	struct window_span span;
	struct window *w;

	window_new(&w, 0, MEMORY);
	for (uint64_t s = 1; s < 86400; s++) {
		window_look(w, s * S);
		if (s < 12)
			continue;
		window_span(w, &span);
		assert_int_equal(span.n_looks, s);
		assert_in_range(span.n_steps, 6, WINDOW_STEPS);
		for (int i = 0; i < WINDOW_PARTS; i++) {
			assert_true(span.part_s[i] > 0.24 * span.seconds);
			assert_true(span.part_s[i] < 0.45 * span.seconds);
		}
	}
	window_free(w);
}

/* Objects that die at a constant rate: deaths of old ones over the time they lived as old ones. */
static void test_old(void **state)
{
	struct world *x = world_new();
	struct window_flow flow;

	for (int i = 0; i < 120; i++)
		world_look(x, 1, 60, 0.01);
	window_flow(x->w, KEY, &flow);
	assert_true(fabs(flow.old_died.sum / flow.old_seconds - 0.01) < 0.002);
	world_free(x);

	x = world_new();		/* nobody dies: the exposure is that of all */
	for (int i = 0; i < 120; i++)
		world_look(x, 1, i ? 0 : 100, 0);
	window_flow(x->w, KEY, &flow);
	assert_true(flow.old_died.sum == 0);
	assert_true(fabs(flow.old_seconds / flow.old.sum - 120.0 * 5 / 6) < 10);
	world_free(x);
}

/* Objects of 16 bytes and others of 48, in bytes. */
static void test_sum(void **state)
{
	struct window_flow a, b, sum = { 0 };
	struct window *w;

	window_new(&w, 0, MEMORY);
	for (uint64_t s = 1; s <= 6; s++) {
		window_look(w, s * S);
		window_birth(w, 1, s * S, 2);
		window_birth(w, 2, s * S, 1);
	}
	window_flow(w, 1, &a);
	window_flow(w, 2, &b);
	window_flow_add(&sum, &a, 16);
	window_flow_add(&sum, &b, 48);
	assert_true(sum.live.sum == 6 * (2 * 16 + 48));
	assert_true(sum.live.squares == 6 * (32 * 32 + 48 * 48));
	assert_true(sum.late.born.sum == 4 * (2 * 16 + 48));
	assert_true(sum.step[3].born.sum == 2 * 16 + 48);
	window_free(w);
}

/* Keys that hold nothing make room; then births are lost, and counted. */
static void test_room(void **state)
{
	struct window_flow flow;
	uint64_t n = 0;
	struct window *w;

	window_new(&w, 0, MEMORY);
	window_look(w, S);
	for (; !window_lost(w); n++)
		window_birth(w, n, S, 1);
	assert_true(n > 1000);
	window_flow(w, 0, &flow);
	assert_true(flow.live.sum == 1);
	window_look(w, 2 * S);
	for (uint64_t i = 0; i < n / 2; i++)
		window_death(w, i, S, 1);
	for (uint64_t i = 0; i < n / 3; i++)
		window_birth(w, n + i, 2 * S, 1);
	assert_int_equal(window_lost(w), 1);
	window_flow(w, n - 2, &flow);
	assert_true(flow.live.sum == 1);
	window_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_thirds),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
