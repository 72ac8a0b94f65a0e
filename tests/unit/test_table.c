// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_table.c - the hash table: against an array, within its memory, and against chosen keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/table.h"
#include "user/base/util.h"

/* Against a plain array, with entries that come and go in a table that is nearly full. */
static void test_model(void **state)
{
	struct entry { uint64_t key, value; };
	uint64_t model[512] = { 0 };
	unsigned seed = 1, n = 0;
	struct table t;

	table_init(&t, sizeof(struct entry), 800 * sizeof(struct entry));
	assert_int_equal(t.max_slots, 532);
	for (int step = 1; step < 200000; step++) {
		unsigned k = (seed = seed * 1103515245 + 12345) >> 16 & 511;
		uint64_t key = (uint64_t)(k + 1) << 33;
		struct entry *e;
		bool is_new;

		if (seed >> 8 & 1) {
			e = table_put(&t, key, &is_new);
			assert_int_equal(is_new, !model[k]);
			assert_true(e || n == 399);
			if (e) {
				n += is_new;
				e->value = model[k] = step;
			}
		} else {
			table_delete(&t, key);
			n -= model[k] != 0;
			model[k] = 0;
		}
		assert_int_equal(t.n, n);
	}
	for (unsigned k = 0; k < 512; k++) {
		struct entry *e = table_find(&t, (uint64_t)(k + 1) << 33);

		assert_int_equal(e ? e->value : 0, model[k]);
	}
	for (struct entry *e = table_next(&t, NULL); e; e = table_next(&t, e))
		n--;
	assert_int_equal(n, 0);
	table_fini(&t);
}

static void test_memory(void **state)
{
	const size_t sizes[] = { 0, 100, 24 * 1000, 24 * 5000, 1 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct table t;
		bool is_new;
		size_t was, peak;

		table_init(&t, 24, sizes[i]);
		peak = was = t.n_slots;
		for (uint64_t key = 1; table_put(&t, key, &is_new); key++) {
			if (t.n_slots != was)
				peak = t.n_slots + was;	/* both are there while it grows */
			was = t.n_slots;
		}
		assert_true(table_full(&t));
		assert_int_equal(t.n, 3 * t.n_slots / 4);
		if (sizes[i] > 1000) {
			assert_in_range(peak * 24, 0, sizes[i]);
			assert_in_range(t.n_slots * 24, sizes[i] * 6 / 10, sizes[i] * 2 / 3);
		}
		table_clear(&t);
		assert_int_equal(t.n, 0);
		assert_null(table_find(&t, 1));
		assert_non_null(table_put(&t, 1, &is_new));
		table_fini(&t);
	}
}

/* A large one fills its memory, and nothing is lost while it grows. */
static void test_large(void **state)
{
	enum { BYTES = 24 << 20 };
	struct entry { uint64_t key, value, more; };
	struct table t;
	uint64_t n = 0;
	bool is_new;

	table_init(&t, sizeof(struct entry), BYTES);
	for (;; n++) {
		struct entry *e = table_put(&t, (n + 1) << 4, &is_new);
		size_t slots = t.n_slots;

		if (!e)
			break;
		assert_true(is_new);
		e->value = n;
		e->more = ~n;
		if (slots == t.n_slots && n % 1000)
			continue;
		e = table_find(&t, (n / 2 + 1) << 4);
		assert_int_equal(e->value, n / 2);
	}
	assert_int_equal(t.n, n);
	assert_in_range(t.n_slots * sizeof(struct entry), BYTES * 9l / 10, BYTES);
	assert_int_equal(n, 3 * t.n_slots / 4);
	for (uint64_t i = 0; i < n; i++) {
		const struct entry *e = table_find(&t, (i + 1) << 4);

		assert_non_null(e);
		assert_true(e->value == i && e->more == ~i);
	}
	table_clear(&t);
	assert_int_equal(t.n, 0);
	assert_non_null(table_put(&t, 16, &is_new));
	table_fini(&t);
}

static bool keep_odd(void *ctx, void *entry)
{
	return *(uint64_t *)entry & 1;
}

static void test_filter(void **state)
{
	struct table t;
	bool is_new;

	for (uint64_t seed = 0; seed < 50; seed++) {
		table_init(&t, 16, 16 * 100);
		t.seed = seed;
		for (uint64_t key = 1; table_put(&t, key * 7, &is_new); key++)
			;
		table_filter(&t, keep_odd, NULL);
		for (uint64_t key = 1; key <= 49; key++)
			assert_int_equal(table_find(&t, key * 7) != NULL, key & 1);
		assert_int_equal(t.n, 25);
		table_fini(&t);
	}
}

/* The longest run of used slots. */
static size_t longest_run(const struct table *t)
{
	size_t run = 0, longest = 0;

	for (size_t i = 0; i < t->n_slots; i++) {
		run = *(uint64_t *)(t->entries + i * t->size) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* The inverse of a multiplier known from the source makes keys that all land in one slot, unless
 * where they land has a secret in it. */
static void test_hostile_keys(void **state)
{
	const uint64_t inverse = 0xf1de83e19937733d;	/* of 0x9e3779b97f4a7c15 */
	struct table t;
	bool is_new;

	assert_int_equal(inverse * 0x9e3779b97f4a7c15, 1);
	table_init(&t, 16, 1 << 20);
	for (uint64_t i = 1; i < 4000; i++)
		table_put(&t, i * inverse, &is_new);
	assert_in_range(longest_run(&t), 1, 200);
	table_fini(&t);
	assert_int_not_equal(table_seed(), table_seed());
}

/* Two pairs of values that differ in their top bits, chosen so that an unkeyed mix meets. */
static void test_hostile_mix(void **state)
{
	const uint64_t top = 1ull << 63;

	for (uint64_t seed = 1; seed < 1000; seed++)
		assert_int_not_equal(table_mix(table_mix(seed, 5), 9),
				     table_mix(table_mix(seed, 5 ^ top), 9 ^ top ^ 1ull << 32));
}

static void test_text(void **state)
{
	static const char *const texts[] = {
		NULL, "", "a", "b", "main.f", "main.ff", "12345678", "123456781", "12345678abcdefgh",
		"abcdefgh12345678",
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			assert_int_equal(table_mix_text(5, texts[i]) == table_mix_text(5, texts[k]),
					 i == k);
	assert_int_not_equal(table_mix_text(5, "a"), table_mix_text(6, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_filter), cmocka_unit_test(test_hostile_keys),
		cmocka_unit_test(test_hostile_mix), cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
