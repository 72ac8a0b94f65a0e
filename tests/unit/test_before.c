// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_before.c - before.h on a profile whose buckets this test counts up.
 */
#include "user/before.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/baseline.h"
#include "user/gomem/profile.h"
#include "user/observation.h"
#include "user/process.h"

enum { N_BUCKETS = 4 };

static struct world {
	struct profile_bucket v[N_BUCKETS];
	struct profile profile;
	int err, check;
	const char *gone;
} w;

int process_check(struct process *p) { return w.check; }
const char *process_gone(struct process *p) { return w.gone; }
struct gomem *process_gomem(const struct process *p) { return NULL; }
void profile_close(struct profile_reader *r) {}
double profile_chance(uint64_t rate, uint64_t size) { return (double)size / (double)rate; }

struct profile_reader *profile_open(struct gomem *gm, const struct profile_limits *limits)
{
	return NULL;
}

int profile_look(struct profile_reader *r, const struct profile **out)
{
	*out = &w.profile;
	return w.err;
}

/* As the real one: one stack for each bucket that has published anything. */
void baseline_make(struct process *p, const struct profile *profile, struct baseline *out)
{
	*out = (struct baseline){ .stacks = xcalloc(profile->n, sizeof(*out->stacks)),
				  .accounts = xcalloc(profile->n, sizeof(*out->accounts)),
				  .pcs = xcalloc(profile->n, sizeof(*out->pcs)) };
	for (size_t i = 0; i < profile->n; i++) {
		if (!profile->v[i].allocs)
			continue;
		out->pcs[out->n] = 0x1000 + i;
		out->stacks[out->n] = (struct obs_stack){ .first_pc = out->n, .n_pcs = 1 };
		out->accounts[out->n++].size = profile->v[i].size;
	}
	out->n_pcs = out->n;
}

void baseline_fini(struct baseline *b)
{
	free(b->stacks);
	free(b->accounts);
	free(b->pcs);
}

static int setup(void **state)
{
	w = (struct world){ .profile = { .rate = 1024, .v = w.v, .n = 3 } };
	w.v[0] = (struct profile_bucket){ .size = 256, .allocs = 10, .frees = 10 };
	w.v[1] = (struct profile_bucket){ .size = 512, .allocs = 10, .frees = 4, .new_allocs = 2,
					  .new_frees = 1 };
	w.v[2] = (struct profile_bucket){ .size = 64, .new_allocs = 5 };
	return 0;
}

static struct before *begin(void)
{
	struct before *b;

	before_new(&b, NULL, 1 << 20, NULL, NULL);
	return b;
}

static void assert_older(const struct before *b, size_t i, unsigned least, unsigned samples,
			 unsigned most)
{
	struct observation *o = xcalloc(1, sizeof(*o));

	before_fill(b, o);
	assert_true(i < o->before.n);
	assert_int_equal(o->before.v[i].least, least);
	assert_int_equal(o->before.v[i].samples, samples);
	assert_int_equal(o->before.v[i].most, most);
	observation_free(o);
}

static uint64_t samples(const struct before *b, size_t i)
{
	struct observation *o = xcalloc(1, sizeof(*o));
	uint64_t n;

	before_fill(b, o);
	n = o->before.v[i].samples;
	observation_free(o);
	return n;
}

static void test_at_the_attach(void **state)
{
	struct observation *o = xcalloc(1, sizeof(*o));
	struct before *b = begin();

	before_fill(b, o);
	assert_int_equal(o->before.rate, 1024);
	assert_int_equal(o->before.n, 2);	/* the first bucket holds nothing */
	assert_int_equal(o->before.pcs[o->before.v[0].first_pc], 0x1001);
	assert_int_equal(o->before.v[0].size, 512);
	assert_true(o->before.v[0].chance == 0.5);
	assert_int_equal(o->before.pcs[o->before.v[1].first_pc], 0x1002);
	observation_free(o);
	/* 7 live or are young; 6 had been found alive, of which one has died since */
	assert_older(b, 0, 5, 6, 7);
	assert_older(b, 1, 0, 0, 5);
	before_free(b);
}

/* Nothing is born, nothing dies: exact as soon as a collection has told. */
static void test_calm(void **state)
{
	struct before *b = begin();

	w.v[1] = (struct profile_bucket){ .size = 512, .allocs = 12, .frees = 5 };
	w.v[2] = (struct profile_bucket){ .size = 64, .allocs = 5, .frees = 2 };
	before_look(b);
	assert_older(b, 0, 7, 7, 7);
	assert_older(b, 1, 3, 3, 3);
	before_free(b);
}

/* 20 more, and 4 more deaths, of whichever. */
static void test_mixed(void **state)
{
	struct before *b = begin();

	w.v[1] = (struct profile_bucket){ .size = 512, .allocs = 32, .frees = 9 };
	before_look(b);
	assert_older(b, 0, 3, 7, 7);
	w.v[1].frees = 30;		/* only two live */
	before_look(b);
	assert_older(b, 0, 0, 2, 2);
	before_free(b);
}

/* Collections that follow each other at once are not all worth a look, but the last one is. */
static void test_turns(void **state)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct before *b = begin();

	w.v[1] = (struct profile_bucket){ .size = 512, .allocs = 12, .frees = 9 };
	before_turn(b, 6);
	assert_older(b, 0, 3, 3, 3);
	w.v[1].frees = 10;
	before_turn(b, 6);
	assert_older(b, 0, 3, 3, 3);
	before_turn(b, 8);
	for (int i = 0; i < 60000 && samples(b, 0) != 2; i++) {
		nanosleep(&ms, NULL);
		before_turn(b, 8);
	}
	assert_older(b, 0, 2, 2, 2);
	before_free(b);
}

/* It ends before the last collection has been looked at: what died in that is not known. */
static void test_late(void **state)
{
	struct before *b = begin();
	struct observation *o = xcalloc(1, sizeof(*o));

	w.v[1] = (struct profile_bucket){ .size = 512, .allocs = 12, .frees = 9 };
	before_turn(b, 6);
	w.gone = "exited";
	before_turn(b, 8);
	before_look(b);
	before_fill(b, o);
	assert_int_equal(o->before.v[0].least, 0);
	assert_int_equal(o->before.v[0].most, 3);
	observation_free(o);
	before_free(b);
}

static void test_new_buckets(void **state)
{
	struct before *b = begin();
	struct observation *o = xcalloc(1, sizeof(*o));

	w.v[3] = (struct profile_bucket){ .size = 64, .allocs = 100 };
	w.profile.n = 4;
	before_look(b);
	before_fill(b, o);
	assert_int_equal(o->before.n, 2);
	observation_free(o);
	before_free(b);
}

/* Another program's numbers, and no numbers, change nothing. */
static void test_gone(void **state)
{
	struct before *b = begin();

	w.v[1].frees = 12;
	w.gone = "exited";
	before_look(b);
	assert_older(b, 0, 5, 6, 7);
	w.gone = NULL;
	w.err = -EFAULT;
	before_look(b);
	assert_older(b, 0, 5, 6, 7);
	w.err = 0;
	w.check = -EBADMSG;
	before_look(b);
	assert_older(b, 0, 5, 6, 7);
	before_free(b);
}

static void test_no_profile(void **state)
{
	struct observation *o = xcalloc(1, sizeof(*o));
	struct before *b;

	w.err = -ENOENT;
	b = begin();
	assert_null(b);
	before_look(b);
	before_fill(b, o);
	assert_int_equal(o->before.rate, 0);
	observation_free(o);
	before_free(b);
}

/* Counters that no runtime would write: nothing is below 0, nor less at most than at least. */
static void test_hostile(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 12, UINT64_MAX / 2, UINT64_MAX };
	enum { N = ARRAY_SIZE(numbers) };
	struct before *b = begin();

	for (size_t i = 0; i < N * N; i++) {
		struct observation *o = xcalloc(1, sizeof(*o));

		w.v[1].allocs = numbers[i / N];
		w.v[1].frees = numbers[i % N];
		before_look(b);
		before_fill(b, o);
		for (size_t k = 0; k < o->before.n; k++) {
			const struct obs_older *v = &o->before.v[k];

			assert_true(v->least <= v->samples && v->samples <= v->most);
			assert_true(v->most <= 7);
		}
		observation_free(o);
	}
	before_free(b);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_the_attach), TEST(test_calm), TEST(test_mixed), TEST(test_turns),
		TEST(test_late),
		TEST(test_new_buckets), TEST(test_gone), TEST(test_no_profile), TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
