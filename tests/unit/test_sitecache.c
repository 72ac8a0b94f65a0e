// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_sitecache.c - answers are found again, and take no more memory than they may.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/go/sitecache.h"
#include "user/go/sitetype.h"

enum { MANY = 200000, LIMIT = 1 << 20 };

static const struct site_type answer = { .name = "main.T", .how = "new" };

static size_t n_found(const struct sitecache *sc)
{
	size_t n = 0;

	for (uint64_t pc = 1; pc <= MANY; pc++)
		n += sitecache_find(sc, 0, &pc, 1) != NULL;
	return n;
}

static void keep_many(struct sitecache *sc)
{
	for (uint64_t pc = 1; pc <= MANY; pc++)
		sitecache_keep(sc, 0, &pc, 1, 1, &answer);
}

/* 0 where the allocator does not say, as that of the sanitizers. */
static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void test_limit(void **state)
{
	struct sitecache *sc = sitecache_new();
	size_t before = allocated(), n;

	sitecache_limit(sc, LIMIT);
	keep_many(sc);
	assert_true(allocated() <= before + LIMIT);
	n = n_found(sc);
	assert_in_range(n, LIMIT / 256, LIMIT / 64);	/* 24 bytes of a node, 24 of an answer */
	keep_many(sc);
	assert_int_equal(n_found(sc), n);
	sitecache_free(sc);
}

static void test_room_for_programs(void **state)
{
	struct sitecache *sc = sitecache_new();

	keep_many(sc);
	assert_in_range(n_found(sc), 100000, MANY);
	sitecache_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_room_for_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
